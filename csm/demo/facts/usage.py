"""How the product is used and runs, measure by measure; and which features were used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accounts.measures import measure_ids
from accounts.models import Feature, FeatureUse, Usage
from csm.demo.facts.ledger import HELP_CENTRE, PRODUCT, Ledger
from csm.demo.facts.table import store
from csm.demo.facts.words import FEATURES
from csm.demo.facts.world import World, grade

# The help centre stopped sending so many days ago.
SILENT_DAYS = 24
# Days before as_of of the newest delivery, by how often there is one: each is of the whole book, so that
# its mean tells of the book and not of whose turn it was.
_NEWEST = {1: 0, 5: 3, 7: 5, 10: 3, 30: 12, 60: 12}


@dataclass(frozen=True)
class _Told:
    """How often a measure is told and how far back; `days` are days before as_of, newest first.

    Sums over a window of 30 days want a step that divides it, sums over weeks one that divides 7.
    """

    step: int
    count: int
    source: str = PRODUCT


_MEASURES = {
    "logins": _Told(1, 38),
    "executive_logins": _Told(7, 9),
    "sessions": _Told(7, 10),
    "core_actions": _Told(10, 13),
    "dashboards_created": _Told(30, 3),
    "kb_views": _Told(5, 14, HELP_CENTRE),
    "api_calls": _Told(10, 7),
    "requests": _Told(10, 5),
    "requests_on_time": _Told(10, 5),
    "integration_runs": _Told(10, 5),
    "integration_failures": _Told(10, 5),
    "daily_active_users": _Told(7, 9),
    "availability": _Told(10, 4),
    "error_rate": _Told(10, 4),
    "data_quality": _Told(10, 4),
    "active_users": _Told(10, 13),
    "seats_licensed": _Told(30, 4),
    "seats_active": _Told(10, 7),
    "dashboards": _Told(10, 7),
    "connections": _Told(30, 4),
    "departments_active": _Told(30, 4),
    "features_included": _Told(60, 3),
    "expected_daily_users": _Told(60, 3),
    "expected_api_calls": _Told(60, 3),
}
_WORKDAYS = 5


def help_centre_days() -> list[int]:
    """Days ago on which the help centre told of its views, newest first."""
    told = _MEASURES["kb_views"]
    days = [_NEWEST[told.step] + told.step * turn for turn in range(told.count)]
    return [day for day in days if day >= SILENT_DAYS]


@dataclass(frozen=True)
class Use:
    """What the use of an account is measured against, by row of the company frame."""

    seats: np.ndarray
    features: np.ndarray
    expected_daily: np.ndarray
    expected_api: np.ndarray
    connections: np.ndarray
    departments: np.ndarray


def use(world: World) -> Use:
    rng = world.rng(10)
    n = world.size
    arr = np.nan_to_num(world.companies["arr"].to_numpy(dtype=float), nan=15_000)
    seats = np.maximum(np.round(arr / rng.uniform(500, 1_100, n)), 3)
    return Use(
        seats=seats,
        features=rng.integers(8, len(FEATURES) + 1, n),
        expected_daily=np.maximum(np.round(seats * rng.uniform(0.4, 0.6, n)), 2),
        expected_api=np.round(arr * rng.uniform(0.5, 1.5, n), -2) + 500,
        connections=rng.uniform(0.8, 1.25, n),
        departments=np.minimum(1 + np.log2(seats) * rng.uniform(0.4, 0.9, n), 12),
    )


def write(ledger: Ledger) -> None:
    world = ledger.world
    rng = world.rng(11)
    rows = np.flatnonzero(world.fed & (world.since > 0))
    sizes = use(world)
    ids = measure_ids(_MEASURES)
    drop = _dropping(world, rng)
    for key, told in _MEASURES.items():
        ago = _NEWEST[told.step] + told.step * np.arange(told.count)
        account, days = np.repeat(rows, told.count), np.tile(ago, len(rows))
        keep = world.alive(account, days)
        if told.source == HELP_CENTRE:
            keep &= days >= SILENT_DAYS
        if told.step == 1:
            weekday = (world.on(days).astype(int) + 3) % 7
            keep &= weekday < _WORKDAYS
        account, days = account[keep], days[keep]
        values = _values(key, rng, world, sizes, account, days, drop)
        frame = np.unique(np.stack([account, -days]), axis=1, return_index=True)[1]
        store(
            Usage,
            {
                "account": ledger.ids[account[frame]],
                "measure": ids[key],
                "on": world.on(days[frame]),
                "source": told.source,
                "value": values[frame],
                "import_run": ledger.run(told.source, "usage"),
            },
        )
        ledger.count(told.source, "usage", len(frame))


def _dropping(world: World, rng: np.random.Generator) -> np.ndarray:
    """Accounts whose use fell away in the last ten days, for no reason anybody has told."""
    return rng.random(world.size) < 0.02


def _values(
    key: str,
    rng: np.random.Generator,
    world: World,
    sizes: Use,
    account: np.ndarray,
    ago: np.ndarray,
    drop: np.ndarray,
) -> np.ndarray:
    health = world.health(account, ago)
    noise = np.exp(0.05 * rng.standard_normal(len(ago)))
    recent = np.where(drop[account] & (ago <= 9), 0.5, 1.0)
    seats = sizes.seats[account]
    active = np.maximum(np.round(seats * grade(health, _ACTIVE)), 1)
    days = _MEASURES[key].step

    def by(values: Sequence[float]) -> np.ndarray:
        return grade(health, values)

    month: dict[str, Any] = {
        "logins": lambda: active * by([1, 2.8, 7.2, 16.8, 23.5]) * recent,
        "sessions": lambda: active * by([1.5, 4, 10, 22, 30]) * recent,
        "core_actions": lambda: active * by([12, 34, 58, 80, 95]) * recent,
        "dashboards_created": lambda: active * by([0.02, 0.06, 0.2, 0.5, 0.9]),
        "kb_views": lambda: by([6, 28, 60, 89, 145]),
        "api_calls": lambda: (
            sizes.expected_api[account]
            * by([0.15, 0.42, 0.66, 0.88, 1.06])
            * np.where(world.story[account] == "growing", 1.2 - 0.004 * ago, 1.0)
        ),
    }
    requests = sizes.expected_api[account] * by([0.15, 0.42, 0.66, 0.88, 1.06]) * 12
    runs = np.maximum(np.round(40 * sizes.connections[account] * by(_CONNECTIONS)), 5)
    if key in month:
        part = days / 30 * (1.4 if days == 1 else 1.0)
        return np.round(month[key]() * part * noise)
    if key == "executive_logins":
        often = by([0.02, 0.15, 0.9, 2.4, 4.0])
        return rng.poisson(often).astype(float)
    quiet = np.round(requests * days / 30)
    failing = 1 - by([0.9, 0.94, 0.97, 0.992, 0.9995])
    found: dict[str, Any] = {
        "requests": lambda: quiet,
        "requests_on_time": lambda: np.floor(quiet * by([0.9, 0.94, 0.968, 0.988, 0.997])),
        "integration_runs": lambda: runs,
        "integration_failures": lambda: rng.binomial(runs.astype(int), failing).astype(float),
        "daily_active_users": lambda: np.round(
            sizes.expected_daily[account] * by([0.15, 0.42, 0.68, 0.9, 1.06]) * noise * recent, 1
        ),
        "availability": lambda: np.minimum(by([0.975, 0.987, 0.995, 0.999, 0.9998]), 1.0).round(5),
        "error_rate": lambda: (by([0.08, 0.04, 0.015, 0.006, 0.002]) * noise).round(5),
        "data_quality": lambda: np.minimum(
            by([0.6, 0.76, 0.87, 0.95, 0.985]) * noise**0.2, 1
        ).round(4),
        "active_users": lambda: active,
        "seats_licensed": lambda: seats,
        "seats_active": lambda: active,
        "dashboards": lambda: np.round(active * by([0.5, 1.2, 3.4, 9.0, 15.6])),
        "connections": lambda: np.maximum(
            np.round(sizes.connections[account] * by(_CONNECTIONS)), 1
        ),
        "departments_active": lambda: np.maximum(
            np.round(sizes.departments[account] * by([0.3, 0.5, 0.7, 0.9, 1.0])), 1
        ),
        "features_included": lambda: sizes.features[account].astype(float),
        "expected_daily_users": lambda: sizes.expected_daily[account],
        "expected_api_calls": lambda: sizes.expected_api[account],
    }
    return np.asarray(found[key](), dtype=float)


_ACTIVE = (0.15, 0.38, 0.62, 0.84, 0.97)
_CONNECTIONS = (1.0, 1.4, 2.6, 5.4, 8.6)


def write_features(ledger: Ledger) -> None:
    """First use of each adopted feature, and one use a month of those still in use."""
    world = ledger.world
    rng = world.rng(12)
    Feature.objects.bulk_create(
        (Feature(key=key, label=label, is_core=core) for key, label, core in FEATURES),
        ignore_conflicts=True,
    )
    keys = dict(Feature.objects.values_list("key", "pk"))
    ids = np.array([keys[key] for key, _, _ in FEATURES])
    rows = np.flatnonzero(world.fed & (world.since > 0))
    included = use(world).features[rows]
    parts = []
    for turn in range(4):
        ago = 2 + 24 * turn + rng.integers(0, 5, len(rows))
        share = grade(world.health(rows, ago), [0.15, 0.34, 0.56, 0.84, 0.97])
        share = share + 0.06 * rng.standard_normal(len(rows))
        count = np.clip(np.round(share * included), 1, included).astype(int)
        parts.append((np.repeat(rows, count), _places(count), np.repeat(ago, count)))
    account, place, ago = (np.concatenate(part) for part in zip(*parts, strict=True))
    # The first use, long ago for most: the newest feature of some is from the last two months.
    top = np.zeros(world.size, dtype=int)
    np.maximum.at(top, account, place + 1)
    owner = np.repeat(np.arange(world.size), top)
    nth = _places(top)
    newest = (nth == top[owner] - 1) & (
        rng.random(len(owner))
        < grade(world.health(owner, np.full(len(owner), 30)), [0, 0.2, 0.5, 0.8, 0.95])
    )
    began = np.where(
        newest, rng.integers(3, 58, len(owner)), 110 + rng.integers(0, 300, len(owner))
    )
    began = np.minimum(began, world.since[owner])
    lookup = np.full((world.size, len(FEATURES)), 0)
    lookup[owner, nth] = began
    later = ago <= lookup[account, place]
    account = np.r_[owner, account[later]]
    place, ago = np.r_[nth, place[later]], np.r_[began, ago[later]]
    keep = world.alive(account, ago)
    account, place, ago = account[keep], place[keep], ago[keep]
    once = np.unique(np.stack([account, place, ago]), axis=1)
    account, place, ago = once
    health = world.health(account, ago)
    uses = np.round(use(world).seats[account] * grade(health, [1, 3, 8, 18, 25]) / (place + 1)) + 1
    store(
        FeatureUse,
        {
            **ledger.facts(PRODUCT, "features", account, "USE"),
            "feature": ids[place],
            "on": world.on(ago),
            "uses": uses,
        },
    )


def _places(count: np.ndarray) -> np.ndarray:
    """0 .. count−1 for each count, one after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)
