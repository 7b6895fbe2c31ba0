"""What identify and group messages tell of people and accounts, through the validation files go through.

Traits are recognised by the names and aliases of the feeds `contacts` and `accounts`. Whoever has a write
key can send them, so they never say who owns an account, which account it belongs to or which others it is.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db import OperationalError

from accounts.ingest.errors import RowError
from accounts.ingest.feeds import FEEDS
from accounts.ingest.rows import RowResult, load_rows
from accounts.models import Account, Event

log = logging.getLogger("csm.events")

_FILE_NAME: Final = "Events"
_NOT_OF_TRAITS: Final = {
    "contacts": {"external_id", "account_id", "merged_ids", "updated_on"},
    # A write key may sit in a browser: what decides over money, churn and who looks after whom comes from
    # files and the API only.
    "accounts": {
        "external_id",
        "owner",
        "team",
        "parent_id",
        "merged_ids",
        "as_of",
        "arr",
        "renewal_on",
        "lifecycle_stage",
        "churned_on",
        "churn_flag",
        "churn_reason",
    },
}
_IDS: Final = {"external_id", "account_id"}
_CHANGES: Final = {"created", "updated"}


@dataclass
class _Row:
    """What is to be loaded of one person or account, the messages that said it, what is wrong with it."""

    values: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def tells(event: Event) -> bool:
    """Whether an identify or group message has anything to load: an e-mail address, known traits."""
    if event.kind == "identify":
        return bool(_traits(event).get("email"))
    return bool(_columns("accounts", _traits(event)))


def load(events: Sequence[Event], *, as_of: date) -> None:
    """Load the traits of `events`, given in the order of their time, whose accounts are known.

    Sets their `state` and `note`. A trait that is refused does not lose the others. Only what changes
    something is loaded: senders repeat themselves, and every load is in the list of imports.
    """
    accounts = Account.objects.in_bulk({event.account_id for event in events})
    people: dict[tuple[str, str], dict[str, _Row]] = defaultdict(dict)
    firms: dict[str, dict[str, _Row]] = defaultdict(dict)
    for event in events:
        account = accounts[event.account_id]
        if event.kind == "identify":
            rows, key = people[event.source, account.source], event.user_id
            ids = {"external_id": event.user_id, "account_id": account.external_id}
            feed = "contacts"
        else:
            rows, key = firms[account.source], account.external_id
            ids = {"external_id": account.external_id}
            feed = "accounts"
        row = rows.setdefault(key, _Row({}))
        row.values |= _columns(feed, _traits(event)) | ids
        row.events.append(event)
    for (source, account_source), by_id in sorted(people.items()):
        _load("contacts", list(by_id.values()), source, account_source, as_of)
    for source, by_id in sorted(firms.items()):
        _load("accounts", list(by_id.values()), source, source, as_of)


def _load(feed: str, rows: list[_Row], source: str, account_source: str, as_of: date) -> None:
    def run(some: list[_Row], *, dry_run: bool) -> list[RowResult]:
        return load_rows(
            feed,
            [row.values for row in some],
            source=source,
            account_source=account_source,
            by=None,
            as_of=as_of,
            dry_run=dry_run,
            file_name=_FILE_NAME,
        )

    changing: list[_Row] = []
    left = rows
    try:
        # Again without what was refused, for as long as something can be left out.
        while left:
            results = run(left, dry_run=True)
            tried, left = left, []
            for row, result in zip(tried, results, strict=True):
                if result.status in _CHANGES:
                    changing.append(row)
                elif result.errors:
                    row.errors += result.errors
                    if _without(row, {error.column for error in result.errors}):
                        left.append(row)
        if changing:
            run(changing, dry_run=False)
    except OperationalError:
        raise
    except Exception as error:
        # These messages must not hold up all that come after them.
        log.exception("%s told by events could not be loaded", feed)
        for row in rows:
            _settle(row, f"Could not be loaded: {type(error).__name__}; the server's log has more.")
        return
    for row in rows:
        _settle(row, "; ".join(_sentence(error) for error in row.errors))


def _without(row: _Row, refused: set[str]) -> bool:
    """Leave out what was refused; whether it was anything, and something is left."""
    out = (refused - _IDS) & row.values.keys()
    for target in out:
        del row.values[target]
    return bool(out) and bool(row.values.keys() - _IDS)


def _settle(row: _Row, refused: str) -> None:
    for event in row.events:
        event.state = Event.State.REFUSED if refused else Event.State.APPLIED
        event.note = refused[:255]


def _sentence(error: RowError) -> str:
    value = f" {error.value!r}" if error.value else ""
    return f"{error.column}{value}: {error.reason} {error.remedy}".strip()


def _traits(event: Event) -> dict[str, Any]:
    return event.payload.get("traits") or {}


def _columns(feed: str, traits: Mapping[str, Any]) -> dict[str, Any]:
    """Traits by column target; those no column is called like, and lists and objects, are left out."""
    excluded: Collection[str] = _NOT_OF_TRAITS[feed]
    found: dict[str, Any] = {}
    for name, value in traits.items():
        column = FEEDS[feed].column_for(name)
        if column is None or column.target in excluded or value is None:
            continue
        if isinstance(value, dict | list) and column.target != "tags":
            continue
        found.setdefault(column.target, value)
    return found
