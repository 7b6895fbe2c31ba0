"""A generated book for the night's measurements: accounts and what was reported of them, in bounded memory.

Every account is a customer with two readings: one before the first night, one on a day of its own during the
nights, so that about one account in sixty is told something new from a day to the next. Two in a hundred lack a
metric altogether. All metrics a scorecard needs are in the reading.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Account, LifecycleStage, Reading, SizeSegment, Team
from csm.bench.databases import require_own
from csm.demo.people import ensure_people
from csm.lib.copy import bulk_insert
from csm.models import Role, User
from scoring.engine.spec import ScorecardSpec, required_metrics
from scoring.metrics.catalogue import metrics_of
from scoring.metrics.read import ATTRIBUTES
from scoring.models import Scorecard, ScorecardVersion
from scoring.services import versions

SOURCE = "bench"
SCORECARD = "crm-engagement"
SEED = 7
# Days from the first night to the newest.
SPAN = 120
SMALL_BOOK = 300
_CHUNK = 20_000
_SPREAD = 60
_LACKING = 0.02
_INDUSTRIES = (
    "Software",
    "Manufacturing",
    "Retail",
    "Healthcare",
    "Finance",
    "Energy",
    "Education",
    "Logistics",
    "Media",
    "Public sector",
    "Telecommunications",
    "Construction",
)
_SIZES = [size for size in SizeSegment.values if size]
_STAGES = (LifecycleStage.ADOPTION, LifecycleStage.GROWTH, LifecycleStage.RENEWAL)
_ACCOUNT = (
    "source",
    "external_id",
    "name",
    "industry",
    "size_segment",
    "account_type",
    "country",
    "lifecycle_stage",
    "customer_since",
    "churn_reason",
    "renewal_on",
    "tags",
    "custom",
    "arr_amount",
    "currency",
    "owner",
    "team",
    "created_at",
    "updated_at",
)


@dataclass(frozen=True)
class Nights:
    """The dates a book can be scored on: day 0 is the first, `SPAN` the newest."""

    newest: dt.date

    def on(self, day: int) -> dt.date:
        return self.newest - dt.timedelta(days=SPAN - day)


def fill(accounts: int, newest: dt.date, scorecard: str = SCORECARD) -> ScorecardVersion:
    """Write the book into the bench's own empty database; returns the version that scores it.

    Raises RuntimeError where there are accounts already.
    """
    require_own()
    if Account.objects.exists():
        raise RuntimeError("There are accounts in this database: the bench fills empty ones only.")
    version = _only(scorecard)
    spec = versions.spec_of(version)
    random = np.random.default_rng(SEED)
    owners, small = _owners(), _owner_of_few()
    between = max(accounts // SMALL_BOOK, 10)
    nights = Nights(newest)
    for start in range(0, accounts, _CHUNK):
        size = min(_CHUNK, accounts - start)
        with transaction.atomic():
            bulk_insert(
                Account, _ACCOUNT, _accounts(random, start, size, nights, owners, small, between)
            )
            ids = list(
                Account.objects.order_by("-pk").values_list("pk", flat=True)[:size].iterator()
            )[::-1]
            bulk_insert(
                Reading,
                ("account", "on", "source", "metrics"),
                _readings(random, ids, spec, nights),
            )
    tidy()
    return version


def tidy() -> None:
    """Statistics for the planner and, on PostgreSQL, no dead rows and nothing left to write to disk."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("ANALYZE")


def _only(key: str) -> ScorecardVersion:
    """The published version of the shipped scorecard `key`, which scores every account."""
    versions.load_presets()
    Scorecard.objects.update(is_active=False, is_default=False)
    version = ScorecardVersion.objects.select_related("scorecard").get(
        scorecard__key=key, state=ScorecardVersion.State.ACTIVE
    )
    versions.activate(version.scorecard, by=None, default=True)
    return version


def _owners() -> list[tuple[int, int | None]]:
    users, teams = ensure_people()
    return [
        (user.pk, teams[name].pk)
        for number, user in enumerate(users.values())
        if user.role == Role.CSM
        for name in [sorted(teams)[number % len(teams)]]
    ]


def _owner_of_few() -> tuple[int, int]:
    """A colleague with a book of some hundreds and a team of their own, as most lists are."""
    user, _ = User.objects.get_or_create(
        username="few.csm",
        defaults={"first_name": "Few", "last_name": "Accounts", "role": Role.CSM},
    )
    team, _ = Team.objects.get_or_create(name="Team of few")
    team.members.add(user)
    return user.pk, team.pk


def _accounts(
    random: np.random.Generator,
    start: int,
    size: int,
    nights: Nights,
    owners: Sequence[tuple[int, int | None]],
    small: tuple[int, int],
    between: int,
) -> Iterator[tuple[Any, ...]]:
    """Rows of `_ACCOUNT`; one in `between` belongs to the owner and team `small`."""
    now = timezone.now()
    since = nights.on(0) - dt.timedelta(days=400)
    renewals = [nights.newest + dt.timedelta(days=days) for days in range(365)]

    def pick(items: Sequence[Any]) -> Iterator[Any]:
        return (items[place] for place in random.integers(0, len(items), size).tolist())

    arr = np.exp(random.normal(15.5, 1.2, size)).round().astype(np.int64).tolist()
    unknown = (random.random(size) < _LACKING).tolist()
    columns = zip(
        pick(_INDUSTRIES),
        pick(_SIZES),
        pick(_STAGES),
        pick(renewals),
        pick(owners),
        arr,
        unknown,
        random.integers(0, 10**6, size).tolist(),
        strict=True,
    )
    for number, (industry, sized, stage, renewal, owner, amount, hidden, word) in enumerate(
        columns, start
    ):
        yield (
            SOURCE,
            f"bench-{number:08d}",
            f"{industry} {word:06d} {number}",
            industry,
            sized,
            "Customer",
            "Germany",
            stage,
            since,
            "",
            renewal,
            "[]",
            "{}",
            None if hidden else amount,
            "USD",
            *(owner if number % between else small),
            now,
            now,
        )


def _readings(
    random: np.random.Generator, ids: Sequence[int], spec: ScorecardSpec, nights: Nights
) -> Iterator[tuple[Any, ...]]:
    keys = [key for key in required_metrics(spec) if key not in ATTRIBUTES]
    kinds = metrics_of(keys)
    size = len(ids)
    lacking = np.where(
        random.random(size) < _LACKING, random.integers(0, len(keys), size), len(keys)
    ).tolist()
    days = random.integers(0, _SPREAD, size).tolist()
    for first in (True, False):
        columns = [_column(random, kinds[key].kind, kinds[key].signed, size) for key in keys]
        for account, lacks, day, *values in zip(ids, lacking, days, *columns, strict=True):
            said = dict(zip(keys, values, strict=True))
            if lacks < len(keys):
                del said[keys[lacks]]
            on = nights.on(-10) if first else nights.on(day)
            yield account, on, SOURCE, orjson.dumps(said).decode()


_DRAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "count": lambda random, size: np.exp(random.normal(2.5, 0.9, size)).round(),
    "days": lambda random, size: random.integers(0, 120, size).astype(np.float64),
    "number": lambda random, size: random.gamma(2.0, 5.0, size).round(1),
    "ratio": lambda random, size: random.beta(3.0, 2.0, size).round(3),
    "score": lambda random, size: random.uniform(1.0, 5.0, size).round(1),
    "money": lambda random, size: np.exp(random.normal(12.0, 1.3, size)).round(),
}


def _column(random: np.random.Generator, kind: str, signed: bool, size: int) -> list[Any]:
    if kind == "category":
        raise RuntimeError("The bench generates no categories but those of the account itself.")
    values = _DRAWS[kind](random, size)
    if signed:
        values = values - float(np.median(values))
    whole = kind in ("count", "days", "money")
    found: list[Any] = values.astype(np.int64).tolist() if whole else values.tolist()
    return found
