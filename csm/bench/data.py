"""A generated book for the night's measurements: accounts and what was reported of them, in bounded memory.

Every account is a customer with two readings: one before the first night, one on a day of its own during the
nights, so that about one account in sixty is told something new from a day to the next. All metrics a scorecard
needs are in the reading. They hang together: an account that does well does so in most of what is read of it,
and still does at the second reading. By `crm-engagement` about half of the accounts are in the lowest band and
one in 25 in the highest. Two in a hundred lack a metric altogether, three are told of by one metric only, and
of one in a hundred nothing is known, not even its size: four in a hundred have no band.
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
# Of so many accounts just one metric is known, and of so many nothing at all.
_SPARSE, _SILENT = 0.03, 0.01
# How much of a metric is the account's own, and how much of a reading stays until the next.
_OWN, _STAYS = 0.65, 0.9
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
# Names are made of three of these, an industry and a number: any few letters stand anywhere in the alphabet.
_SYLLABLES = (
    "al be bor ca cle da del dor en est fa fin fre ga gle gro ha hel hol in is ja jun ka kel kor la len lo ma "
    "mer mi na nor nu ol or pa per pro qua ra rel ro sa sen sol ta ter tri ul un va ver vi wa wel xan yor za "
    "zen zi"
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
        silent = random.random(size) < _SILENT
        with transaction.atomic():
            bulk_insert(
                Account, _ACCOUNT, _accounts(random, start, silent, nights, owners, small, between)
            )
            ids = list(
                Account.objects.order_by("-pk").values_list("pk", flat=True)[:size].iterator()
            )[::-1]
            bulk_insert(
                Reading,
                ("account", "on", "source", "metrics"),
                _readings(random, ids, spec, nights, silent),
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
    silent: np.ndarray,
    nights: Nights,
    owners: Sequence[tuple[int, int | None]],
    small: tuple[int, int],
    between: int,
) -> Iterator[tuple[Any, ...]]:
    """Rows of `_ACCOUNT`, one for each of `silent`; one in `between` belongs to the owner and team `small`."""
    now, size = timezone.now(), len(silent)
    since = nights.on(0) - dt.timedelta(days=400)
    renewals = [nights.newest + dt.timedelta(days=days) for days in range(365)]

    def pick(items: Sequence[Any]) -> Iterator[Any]:
        return (items[place] for place in random.integers(0, len(items), size).tolist())

    syllables = _SYLLABLES.split()
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
        random.integers(0, len(syllables), (size, 3)).tolist(),
        silent.tolist(),
        strict=True,
    )
    for number, (industry, sized, stage, renewal, owner, amount, hidden, word, unsaid) in enumerate(
        columns, start
    ):
        yield (
            SOURCE,
            f"bench-{number:08d}",
            f"{''.join(syllables[each] for each in word).capitalize()} {industry} {number}",
            industry,
            "" if unsaid else sized,
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
    random: np.random.Generator,
    ids: Sequence[int],
    spec: ScorecardSpec,
    nights: Nights,
    silent: np.ndarray,
) -> Iterator[tuple[Any, ...]]:
    keys = [key for key in required_metrics(spec) if key not in ATTRIBUTES]
    kinds = metrics_of(keys)
    size = len(ids)
    lacking = np.where(
        random.random(size) < _LACKING, random.integers(0, len(keys), size), len(keys)
    ).tolist()
    sparse = random.random(size) < _SPARSE
    told = np.where(silent, 0, np.where(sparse, 1, len(keys))).tolist()
    days = random.integers(0, _SPREAD, size).tolist()
    own = random.normal(size=size)
    standing = [_mixed(random, own, _OWN) for _ in keys]
    for first in (True, False):
        if not first:
            standing = [_mixed(random, each, _STAYS) for each in standing]
        columns = [
            _column(kinds[key].kind, kinds[key].signed, each)
            for key, each in zip(keys, standing, strict=True)
        ]
        for account, lacks, most, day, *values in zip(
            ids, lacking, told, days, *columns, strict=True
        ):
            said = dict(zip(keys[:most], values, strict=False))
            if lacks < len(keys):
                said.pop(keys[lacks], None)
            on = nights.on(-10) if first else nights.on(day)
            yield account, on, SOURCE, orjson.dumps(said).decode()


def _mixed(random: np.random.Generator, before: np.ndarray, share: float) -> np.ndarray:
    """Standard normal values that correlate with those of `before` by `share`."""
    found: np.ndarray = share * before + (1 - share**2) ** 0.5 * random.normal(size=len(before))
    return found


# Of shares between 0 (the worst account) and 1, in the units of each kind.
_DRAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "count": lambda share: (60 * share**1.5).round(),
    "days": lambda share: (120 * (1 - share) ** 1.3).round(),
    "number": lambda share: (30 * share).round(1),
    "ratio": lambda share: share.round(3),
    "score": lambda share: (1 + 4 * share).round(1),
    "money": lambda share: np.exp(9 + 6 * share).round(),
}


def _column(kind: str, signed: bool, standing: np.ndarray) -> list[Any]:
    """Values of a metric; `standing` is standard normal, more is better."""
    if kind == "category":
        raise RuntimeError("The bench generates no categories but those of the account itself.")
    # The logistic curve that is nearest to the normal one.
    values = _DRAWS[kind](1 / (1 + np.exp(-1.702 * standing)))
    if signed:
        values = values - float(np.median(values))
    whole = kind in ("count", "days", "money")
    found: list[Any] = values.astype(np.int64).tolist() if whole else values.tolist()
    return found
