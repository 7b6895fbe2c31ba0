"""What the cells of a fact's row imply, and whether they make sense together. No database."""

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from accounts.ingest.columns import fold
from accounts.ingest.feeds import Feed
from accounts.ingest.feeds.opportunities import STATUSES
from accounts.ingest.row import Row

_STATUS_OF: Final = dict(STATUSES)
_SCORES: Final = {"nps": (0, 10), "csat": (1, 5), "effort": (1, 7)}
_FILL_IN: Final = "Fill it in: without it the row cannot be used."
# What a model row cannot be without, by feed: field and how it is called.
_NEEDED: Final = {
    "opportunities": (("opened_on", "opened_on"),),
    "activities": (("on", "on"),),
    "tickets": (("opened_on", "opened_on"),),
    "surveys": (("kind", "kind"), ("sent_on", "sent_on")),
    "invoices": (("issued_on", "issued_on"),),
    "payments": (("invoice_id", "invoice_id"), ("on", "on"), ("amount", "amount")),
    "subscriptions": (("started_on", "started_on"),),
    "subscription_events": (("kind", "kind"), ("on", "on")),
    "features": (("feature", "feature"), ("on", "on")),
    "lifecycle": (("stage", "stage"), ("on", "on")),
}
# A row that updates may leave these out: the row that is there has them.
_NEEDED_WHEN_NEW: Final = {"opportunities", "tickets", "surveys", "invoices", "subscriptions"}


class Nonsense(ValueError):
    """The cells of a row contradict each other: target, reason and remedy."""

    def __init__(self, target: str, reason: str, remedy: str) -> None:
        self.target = target
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)


def missing(feed: Feed, attributes: dict[str, Any], *, new: bool) -> str:
    """The first target a row of `feed` cannot be without and lacks, or nothing."""
    if not new and feed.key in _NEEDED_WHEN_NEW:
        return ""
    for name, target in _NEEDED.get(feed.key, ()):
        if attributes.get(name) in (None, ""):
            return target
    return ""


def complete(feed: Feed, row: Row) -> list[Row]:
    """`row` with what its cells imply, as one or more rows; Nonsense when they contradict each other."""
    row.attributes.pop("currency", None)
    handle = _BY_FEED.get(feed.key)
    rows = [row] if handle is None else handle(row)
    if feed.key not in _NEEDED_WHEN_NEW:
        for each in rows:
            if target := missing(feed, each.attributes | each.fill, new=True):
                raise Nonsense(target, "It is missing.", _FILL_IN)
    for each in rows:
        if not each.external_id:
            each.external_id = _natural_id(feed, each)
    return rows


def _natural_id(feed: Feed, row: Row) -> str:
    """The same for the same row in any file; no system's own id starts with a tilde."""
    parts = [row.account_id, *(str(row.attributes.get(name, "")) for name in feed.natural)]
    return "~" + hashlib.sha1("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def _contact(row: Row) -> list[Row]:
    values = row.attributes
    first, last = values.pop("first_name", ""), values.pop("last_name", "")
    if first or last:
        values.setdefault("name", f"{first} {last}".strip()[:255])
    # A contact has one id; what it was merged from is of no use here.
    values.pop("merged_ids", None)
    row.on = values.pop("updated_on", row.on)
    row.fill["known_on"] = row.on
    return [row]


def _opportunity(row: Row) -> list[Row]:
    values = row.attributes
    won, closed = values.pop("won", None), values.pop("closed", None)
    row.on = values.pop("updated_on", row.on)
    if "status" not in values or not values["status"]:
        values.pop("status", None)
        if won is not None or closed is not None:
            values["status"] = "won" if won else ("lost" if closed else "open")
        elif "stage" in values:
            values["status"] = _STATUS_OF.get(fold(values["stage"])) or "open"
    if values.get("status") in ("won", "lost") and "closed_on" not in values:
        expected: date | None = values.get("expected_close_on")
        row.fill["closed_on"] = expected if expected and expected <= row.on else row.on
    return [row]


def _activity(row: Row) -> list[Row]:
    if not row.attributes.get("kind"):
        row.attributes["kind"] = "other"
    return [row]


def _ticket(row: Row) -> list[Row]:
    values = row.attributes
    first: datetime | None = values.pop("first_response_at", None)
    opened: datetime | None = values.get("opened_at")
    if first and opened and "first_response_minutes" not in values and first >= opened:
        values["first_response_minutes"] = int((first - opened).total_seconds() // 60)
    for flag, name in (
        ("escalated", "escalated_on"),
        ("reopened", "reopened_on"),
        ("closed", "closed_on"),
    ):
        if values.pop(flag, None) and name not in values:
            row.fill[name] = row.on
    return [row]


def _feature(row: Row) -> list[Row]:
    values = row.attributes
    row.extra = {
        name: values.pop(source)
        for source, name in (("feature_label", "label"), ("is_core", "is_core"))
        if source in values
    }
    first, last = values.pop("first_used_on", None), values.pop("last_used_on", None)
    days = {"": values.get("on"), ":first": first, ":last": last}
    if first and last and last < first:
        raise Nonsense("last_used_on", "It is before the first use.", "Correct one of the two.")
    rows: list[Row] = []
    for suffix, day in days.items():
        if day is None or any(each.attributes["on"] == day for each in rows):
            continue
        own = f"{row.external_id}{suffix}" if row.external_id else ""
        # How often, is of the whole span where only its ends are told.
        kept = (
            values | {"on": day} if suffix == "" else {"feature": values.get("feature"), "on": day}
        )
        rows.append(
            Row(
                row.number,
                own,
                day,
                kept,
                account_id=row.account_id,
                extra=row.extra,
                cells=row.cells,
            )
        )
    return rows or [row]


def _survey(row: Row) -> list[Row]:
    values = row.attributes
    kind, score = values.get("kind"), values.get("score")
    if kind and score is not None:
        low, high = _SCORES[kind]
        if not low <= score <= high:
            raise Nonsense(
                "score",
                f"It is outside the scale of {kind.upper()}, {low} to {high}.",
                "Check its scale. Leave the cell blank if nobody answered.",
            )
    answered = values.get("answered_on")
    if "sent_on" not in values and answered:
        row.fill["sent_on"] = answered
    if score is not None and not answered and (sent := values.get("sent_on")):
        row.fill["answered_on"] = sent
    return [row]


def _invoice(row: Row) -> list[Row]:
    values = row.attributes
    if "issued_on" not in values and "due_on" in values:
        row.fill["issued_on"] = values["due_on"]
    if "due_on" not in values and "issued_on" in values:
        row.fill["due_on"] = values["issued_on"]
    return [row]


def _goal(row: Row) -> list[Row]:
    values = row.attributes
    row.fill["agreed_on"] = row.on
    row.fill["kind"] = "goal"
    if not values.get("kind"):
        values.pop("kind", None)
    day = values.pop("actual_on", row.on)
    if (actual := values.pop("actual", None)) is not None:
        row.extra["progress"] = (day, actual)
    return [row]


_BY_FEED: Final[dict[str, Callable[[Row], list[Row]]]] = {
    "contacts": _contact,
    "opportunities": _opportunity,
    "activities": _activity,
    "tickets": _ticket,
    "features": _feature,
    "surveys": _survey,
    "invoices": _invoice,
    "goals": _goal,
}
