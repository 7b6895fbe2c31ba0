"""Rows that are sent: the envelope, whose accounts they may touch, and what became of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from accounts.access import changeable_by, creates_accounts, may_assign
from accounts.api.errors import Refused, fault
from accounts.api.idempotency import Answer
from accounts.ingest.columns import KEY
from accounts.ingest.errors import RowError, shown
from accounts.ingest.feeds import Feed
from accounts.ingest.rows import load_rows
from csm.lib.dates import parse_day

MAX_ROWS: Final = 1_000
STATUSES: Final = ("created", "updated", "unchanged", "held", "rejected")
# Columns of accounts that decide who may see them, or that they are others too.
ADMINS: Final = ("team", "parent_id", "merged_ids")
_LEAVE: Final = "Leave it out."
ENVELOPE: Final = ("source", "rows", "account_source", "as_of", "dry_run")


def write(feed: Feed, body: Any, *, by: Any) -> Answer:
    """Load the rows of `body` as `by` may: (status, answer).

    200 when every row was taken (created, updated, unchanged or held), 207 when at least one was rejected.
    Raises Refused when the envelope is at fault; no row is looked at then.
    """
    sent = _envelope(body)
    refused = _reserved(feed, sent["rows"], by)
    places = [place for place in range(len(sent["rows"])) if place not in refused]
    results = load_rows(
        feed.key,
        [sent["rows"][place] for place in places],
        source=sent["source"],
        by=by,
        as_of=sent["as_of"],
        account_source=sent["account_source"],
        accounts=None if creates_accounts(by) else changeable_by(by),
        dry_run=sent["dry_run"],
    )
    told = {
        place: _told(place, str(result.status), result.id, result.errors)
        for place, result in zip(places, results, strict=True)
    }
    told |= {place: _told(place, "rejected", None, faults) for place, faults in refused.items()}
    counts = Counter(result["status"] for result in told.values())
    answer = {
        "counts": {status: counts[status] for status in STATUSES},
        "dry_run": sent["dry_run"],
        "results": [told[place] for place in sorted(told)],
    }
    return (207 if counts["rejected"] else 200), answer


def _reserved(feed: Feed, rows: Sequence[Mapping[str, Any]], by: Any) -> dict[int, list[RowError]]:
    """Rows of accounts that say who may see them or what else they are: an admin's to say (by place).

    A manager may give an account another owner. Otherwise a CSM could hand accounts on, or have another
    team's ids mean an account of their own.
    """
    if feed.key != "accounts" or creates_accounts(by):
        return {}
    admins = ADMINS if may_assign(by) else (*ADMINS, "owner")
    found: dict[int, list[RowError]] = {}
    for place, row in enumerate(rows):
        faults = [
            RowError(place + 1, name, shown(str(row[name])), "Only an admin changes it.", _LEAVE)
            for name in admins
            if row.get(name) not in (None, "", [])
        ]
        if ";" in str(row.get(KEY, "")):
            text = shown(str(row[KEY]))
            faults.append(RowError(place + 1, KEY, text, "Only an admin joins ids.", "Send one."))
        if faults:
            found[place] = faults
    return found


def _told(place: int, status: str, pk: int | None, errors: Iterable[RowError]) -> dict[str, Any]:
    return {
        "index": place,
        "status": status,
        "id": pk,
        "errors": [
            fault(error.column, error.value, error.reason, error.remedy) for error in errors
        ],
    }


def _envelope(body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise Refused('The body must be an object: {"source": "…", "rows": […]}.')
    faults = [
        fault(str(key), None, "There is no such key.", f"There are: {', '.join(ENVELOPE)}.")
        for key in body
        if key not in ENVELOPE
    ]
    source = body.get("source")
    if not _is_source(source):
        remedy = "Name the system the ids come from, such as salesforce."
        faults.append(fault("source", source, "It is not text of 1 to 40 characters.", remedy))
    account_source = body.get("account_source")
    if account_source is not None and not _is_source(account_source):
        remedy = "Name the system the account ids come from, or leave it out."
        faults.append(
            fault("account_source", account_source, "It is not text of 1 to 40 characters.", remedy)
        )
    rows = body.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        reason = f"It is not a list of 1 to {MAX_ROWS:,} rows."
        faults.append(fault("rows", None, reason, "Send more rows in further requests."))
    else:
        faults += [
            fault(f"rows[{place}]", row, "It is no object.", "Send each row as {column: value}.")
            for place, row in enumerate(rows)
            if not isinstance(row, Mapping)
        ][:20]
    as_of: date | None = None
    if (day := body.get("as_of")) is not None:
        try:
            as_of = parse_day(day if isinstance(day, str) else "")
        except ValueError as error:
            faults.append(fault("as_of", day, str(error), "Leave it out for today."))
    dry_run = body.get("dry_run")
    if dry_run not in (None, True, False) or isinstance(dry_run, int | float) is not isinstance(
        dry_run, bool
    ):
        faults.append(fault("dry_run", dry_run, "It is neither true nor false.", "Leave it out."))
    if faults:
        raise Refused("The request cannot be used; no row was loaded.", faults=faults)
    return {
        "source": source,
        "rows": rows,
        "account_source": account_source or None,
        "as_of": as_of,
        "dry_run": bool(dry_run),
    }


def _is_source(value: Any) -> bool:
    return (
        isinstance(value, str) and bool(value.strip()) and len(value) <= 40 and value.isprintable()
    )
