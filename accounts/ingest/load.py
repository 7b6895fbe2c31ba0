"""Which part of this package reads and loads the rows of which feed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol

from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.ingest import load_accounts, load_facts, load_held, load_metrics, usage
from accounts.ingest.cells import Conventions
from accounts.ingest.columns import METRICS
from accounts.ingest.errors import RowError
from accounts.ingest.feeds import Feed, by_header
from accounts.ingest.feeds.further import defined_metrics
from accounts.ingest.mappings import Layout
from accounts.ingest.parsers import Record
from accounts.ingest.plans import BasePlan, Context
from accounts.ingest.row import Row
from accounts.ingest.validate import Validator
from accounts.models import ImportRun, Team
from accounts.services import changes

_PLANS: Final[dict[str, Any]] = {
    "accounts": load_accounts.plan,
    "account_metrics": load_accounts.plan,
    "metrics": load_metrics.plan,
    "usage": usage.plan,
}


class Reader(Protocol):
    """What makes rows of records. `notes` counts what is odd and no error."""

    notes: Any

    def check(self, records: Iterable[Record]) -> tuple[list[Row], list[RowError]]: ...

    def header(self, target: str) -> str: ...

    def cells_of(self, row: Row) -> dict[str, str]: ...


def reader_for(
    feed: Feed,
    layout: Layout,
    values: Mapping[str, Mapping[str, str]],
    conventions: Conventions,
    as_of: date,
) -> Reader:
    """What reads files of `feed` laid out as `layout`; rows without a day are of `as_of`."""
    if feed.key == "usage":
        return usage.UsageReader(layout, values, conventions, as_of)
    metrics = by_header((*defined_metrics(), *METRICS)) if feed.key == "metrics" else {}
    return Validator(feed, layout, values, conventions, as_of, metrics)


def plan(rows: Sequence[Row], context: Context, sample_size: int = 0) -> BasePlan:
    """What loading `rows` would do. The caller holds a transaction."""
    made: BasePlan = _PLANS.get(context.feed.key, load_facts.plan)(rows, context, sample_size)
    return made


def write(planned: BasePlan, run: ImportRun) -> None:
    """Write `planned` and what undoes it; its accounts are to be scored. The caller holds the transaction."""
    now = timezone.now()
    there = planned.touched()
    # Before the change: the daily sums have the accounts as they still stand.
    changes.mark_import(there, run, at=now)
    planned.apply(run)
    changes.mark_import(planned.touched() - there, run, at=now)


def apply(planned: BasePlan, run: ImportRun) -> None:
    """`write`, and keep the rows that wait."""
    write(planned, run)
    cells_of = planned.context.cells_of
    load_held.hold([(row.number, row.account_id, cells_of(row)) for row in planned.held], run)


def context_for(
    feed: Feed,
    reader: Reader,
    *,
    source: str,
    account_source: str,
    currency: str,
    as_of: date,
    allowed: Any = None,
) -> Context:
    """Loading's context for rows `reader` makes. `allowed` is a queryset of accounts, or None for all."""
    return Context(
        feed,
        source,
        account_source,
        currency,
        as_of,
        reader.header,
        reader.cells_of,
        allowed=allowed,
        hold=allowed is None,
    )


def people() -> dict[str, int | None]:
    """Users by case-folded username and e-mail address; None where several share one."""
    found: dict[str, int | None] = {}
    users = get_user_model().objects.values_list("pk", "username", "email")
    for pk, _, email in users:
        if email:
            found[email.casefold()] = None if email.casefold() in found else pk
    # A username names one person whatever the e-mail addresses say.
    return found | {username.casefold(): pk for pk, username, _ in users}


def conventions(
    currency: str, latest: date, *, date_order: str | None = None, decimal_comma: bool = False
) -> Conventions:
    """How a file writes things, and whom it may name."""
    return Conventions(
        currency=currency,
        zone=timezone.get_default_timezone(),
        latest=latest,
        date_order=date_order,
        decimal_comma=decimal_comma,
        people=people(),
        teams={name.casefold(): pk for pk, name in Team.objects.values_list("pk", "name")},
    )
