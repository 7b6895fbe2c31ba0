"""The demo book in the database: accounts of source "demo" and what hangs on them, nothing else."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from django.conf import settings
from django.db import router, transaction
from django.db.models import CASCADE, ForeignObjectRel, Model, QuerySet
from django.utils import timezone

from accounts.models import Account, ImportChange, ImportRun, Reading
from csm.demo.book import LABEL, SOURCE, Book, Plan, generate
from csm.demo.facts import imports, stream
from csm.demo.facts.history import own_columns
from csm.demo.facts.write import are_there, write_facts
from csm.demo.people import ensure_people
from csm.demo.work.forget import forget
from csm.lib.copy import bulk_insert
from csm.lib.money import per_unit
from scoring.models import DailyRollup, ScoreRun, Snapshot

_COPIED = (
    "external_id",
    "name",
    "industry",
    "size_segment",
    "account_type",
    "country",
    "lifecycle_stage",
    "customer_since",
    "churned_on",
    "last_touch_on",
    "renewal_on",
    "tags",
)


def existing() -> Plan | None:
    """The plan of the book that is there, or None."""
    run = ImportRun.objects.filter(
        source=SOURCE, file_name=LABEL, state=ImportRun.State.DONE
    ).first()
    if run is None:
        return None
    chosen = dict(part.split("=") for part in run.mapping.split())
    return Plan(int(chosen["accounts"]), int(chosen["days"]), int(chosen["seed"]), run.as_of)


def other_accounts() -> int:
    """How many accounts are not the demo's."""
    return Account.objects.exclude(source=SOURCE).count()


@transaction.atomic
def write(book: Book) -> ImportRun:
    """Store people, accounts and readings, all or nothing; the accounts must not be there yet."""
    users, teams = ensure_people()
    run = ImportRun.objects.create(
        feed="account_metrics",
        source=SOURCE,
        mapping=book.plan.key,
        file_name=LABEL,
        as_of=book.plan.as_of,
        state=ImportRun.State.DONE,
        rows_read=len(book.readings.account),
        created_count=len(book.companies),
        finished_at=timezone.now(),
    )
    own = own_columns(book.world)
    accounts = Account.objects.bulk_create(
        (
            Account(
                source=SOURCE,
                currency=settings.DEFAULT_CURRENCY,
                arr_amount=None if np.isnan(row["arr"]) else round(row["arr"] * per_unit()),
                owner=users.get(row["owner"]),
                team=teams.get(row["team"]),
                **{field: row[field] for field in _COPIED},
                **{field: values[place] for field, values in own.items()},
            )
            for place, row in enumerate(book.companies.to_dict("records"))
        ),
        batch_size=2_000,
    )
    bulk_insert(
        Reading, ("account", "on", "source", "import_run", "metrics"), _rows(book, accounts, run)
    )
    return run


def connect(plan: Plan, book: Book | None = None) -> int:
    """Back-fill the facts of the book that is there, unless they are; returns how many rows.

    `book` is what `generate(plan)` gave, if the caller has it.
    """
    if are_there():
        return 0
    book = book or generate(plan)
    users, _ = ensure_people()
    ids = np.array(
        Account.objects.filter(source=SOURCE).order_by("pk").values_list("pk", flat=True)
    )
    return write_facts(book.world, book.touches, ids=ids, users=users, source=SOURCE)


def _rows(book: Book, accounts: list[Account], run: ImportRun) -> Iterator[tuple[Any, ...]]:
    ids = [account.pk for account in accounts]
    # As text and whole numbers: what both databases and the JSON take without another look.
    days = np.datetime_as_string(book.readings.on, unit="D").tolist()
    metrics = book.readings.metrics
    keys = list(metrics)
    columns: list[list[Any]] = [_whole(values) for values in metrics.values()]
    keys.append("renewal_likelihood")
    columns.append(book.likelihood.tolist())
    for row, day, *values in zip(book.readings.account.tolist(), days, *columns, strict=True):
        said = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        yield ids[row], day, SOURCE, run.pk, orjson.dumps(said).decode()


def _whole(values: np.ndarray) -> list[int | None]:
    return [
        None if unknown else int(value)
        for value, unknown in zip(values.tolist(), np.isnan(values).tolist(), strict=True)
    ]


@transaction.atomic
def remove() -> None:
    """Take the demo's accounts out again, with readings and scores, and nights left without any.

    People stay: they may have become somebody's log-in.
    """
    demo = Account.objects.filter(source=SOURCE)
    readings = Reading.objects.filter(account__source=SOURCE)
    for table, rows in (("account", demo), ("reading", readings)):
        ids: Any = rows.order_by().values("pk")
        ImportChange.objects.filter(table=table, row_id__in=ids).delete()
    stream.forget()
    forget(demo)
    _delete_rows_of(demo)
    demo.delete()
    imports.forget()
    ImportRun.objects.filter(source=SOURCE, file_name=LABEL).delete()
    empty = ScoreRun.objects.exclude(pk__in=Snapshot.objects.order_by().values("run").distinct())
    DailyRollup.objects.filter(run__in=empty).delete()
    empty.delete()


def _delete_rows_of(accounts: QuerySet[Account]) -> None:
    """Delete what hangs on accounts, tables others refer to last.

    Deleted in the database: collecting millions of rows in Python first takes minutes.
    """
    found: dict[type[Model], set[str]] = {}
    for relation in Account._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is CASCADE:
            found.setdefault(relation.related_model, set()).add(relation.field.name)
    while found:
        referred = {
            field.related_model
            for model in found
            for field in model._meta.concrete_fields
            if field.is_relation and field.related_model is not model
        }
        free = [model for model in found if model not in referred] or list(found)
        for model in free:
            for name in found.pop(model):
                rows = model._default_manager.filter(**{f"{name}__in": accounts})
                rows._raw_delete(router.db_for_write(model))
