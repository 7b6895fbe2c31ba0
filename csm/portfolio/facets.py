"""The filter form as people see it: the values on offer, and chips for those that are on."""

from collections.abc import Iterable
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.access import in_scope, seen_by
from accounts.models import LifecycleStage, SizeSegment
from csm.lib import display
from csm.portfolio.filters import (
    ALERTS,
    CHANGES,
    CHURNED,
    CLOCKS,
    MOVED_DAYS,
    MOVES,
    NOBODY,
    NOT_KNOWN,
    OVERDUE,
    PLANS,
    TASKS,
    AccountFilter,
)
from csm.portfolio.links import without_value
from csm.portfolio.totals import COUNTED, by_band, hash_of
from playbooks.models import Severity
from playbooks.views.facets import Facet
from scoring.engine.revenue import AMOUNT_TIERS, QUANTILE_TIERS
from scoring.engine.spec import UNKNOWN_NAME
from scoring.models import DailyRollup, ScoreRun
from scoring.selectors import specs_of

Choice = tuple[str, str]

RENEWALS: list[Choice] = [
    ("30", "In 30 days"),
    ("60", "In 60 days"),
    ("90", "In 90 days"),
    ("180", "In 180 days"),
    (OVERDUE, "Overdue"),
]
_SEVERITIES: list[Choice] = [(str(value), label) for value, label in reversed(Severity.choices)]
# Filters of one value, with the values there are.
_FIXED = {
    "renewal": RENEWALS,
    "change": list(CHANGES.items()),
    "moved": list(MOVES.items()),
    "churned": list(CHURNED.items()),
    "alerts": list(ALERTS.items()),
    "plan": list(PLANS.items()),
    "clock": list(CLOCKS.items()),
    "tasks": list(TASKS.items()),
}
_STAGES = [
    (value or NOT_KNOWN, label if value else "Not known") for value, label in LifecycleStage.choices
]
_TIERS = {"quantile": QUANTILE_TIERS, "amount": AMOUNT_TIERS}
# Owners join or rename between nights: a few minutes old is new enough for a list of choices.
_CHOICES_SECONDS = 300


def choices(user: Any, scope: str, run: ScoreRun | None) -> dict[str, list[Choice]]:
    """Values on offer by filter, within what `user` sees in `scope`. One query when not remembered."""
    # Not whose they are but what they may see: a colleague who changes teams must not read the old names.
    sees = hash_of([user.pk, str(seen_by(user, scope))])
    key = f"choices:{sees}:{run.pk}:{run.finished_at}".replace(" ", "_") if run else ""
    found: dict[str, list[Choice]] | None = cache.get(key) if run else None
    if found is None:
        found = _of_book(user, scope, run) | _of_scorecards(run)
        if run:
            cache.set(key, found, _CHOICES_SECONDS)
    return found


def _of_book(user: Any, scope: str, run: ScoreRun | None) -> dict[str, list[Choice]]:
    """A large book's values are those its night summed; any other's are read from its accounts."""
    bands = by_band(user, scope, run, {})
    if run is None or bands is None or sum(bands.values()) <= COUNTED:
        return _offered(_seen(in_scope(user, scope), "lifecycle_stage"))
    sums = DailyRollup.objects.filter(seen_by(user, scope), run=run, as_of=run.as_of)
    # The sums do not know the stages: all there are.
    return _offered(_seen(sums, "band")) | {"lifecycle": list(_STAGES)}


def _seen(rows: QuerySet[Any], stage: str) -> list[tuple[Any, ...]]:
    """Industry, size, `stage`, and the owner with their names, as they occur."""
    return list(
        rows.order_by()
        .values_list(
            "industry",
            "size_segment",
            stage,
            "owner",
            "owner__first_name",
            "owner__last_name",
            "owner__username",
        )
        .distinct()
    )


def _offered(seen: list[tuple[Any, ...]]) -> dict[str, list[Choice]]:
    owners = {
        str(pk): f"{first} {last}".strip() or username
        for *_, pk, first, last, username in seen
        if pk is not None
    }
    named = sorted(owners.items(), key=lambda pair: pair[1].casefold())
    nobody = [(NOBODY, "Nobody")] if any(row[3] is None for row in seen) else []
    return {
        "industry": _sorted(row[0] for row in seen),
        "size": _in_order((row[1] for row in seen), SizeSegment.choices),
        "lifecycle": _in_order((row[2] for row in seen), LifecycleStage.choices),
        "owner": nobody + named,
    }


def _sorted(values: Iterable[str]) -> list[Choice]:
    there = set(values)
    empty = [(NOT_KNOWN, "Not known")] if "" in there else []
    return [(text, text) for text in sorted(there - {""}, key=str.casefold)] + empty


def _in_order(values: Iterable[str], order: Iterable[Choice]) -> list[Choice]:
    there = set(values)
    return [
        (value or NOT_KNOWN, label if value else "Not known")
        for value, label in order
        if value in there
    ]


def _of_scorecards(run: ScoreRun | None) -> dict[str, list[Choice]]:
    specs = specs_of(run).values()
    bands = list(dict.fromkeys(band.name for spec in specs for band in spec.bands))
    schemes = {spec.revenue.tiers for spec in specs}
    tiers = [tier for scheme, tiers in _TIERS.items() if scheme in schemes for tier in tiers]
    return {
        "band": [(name, name) for name in [*bands, UNKNOWN_NAME]] if bands else [],
        "tier": [(tier, f"Tier {tier}") for tier in tiers],
        "severity": _SEVERITIES,
    }


def facets(
    filter_: AccountFilter, offered: dict[str, list[Choice]], names: Iterable[str]
) -> list[Facet]:
    """The filters `names` with their values and which are on."""
    found = []
    for name in names:
        many = name in offered
        value = filter_.values.get(name, [])
        chosen = value if isinstance(value, list) else [str(value)]
        options = list(offered[name] if many else _FIXED[name])
        # A value from a link that is not on offer is on all the same: it must be seen to be removed.
        options += [(each, _label(name, each)) for each in chosen if each not in dict(options)]
        found.append(
            Facet(
                name=name,
                label=str(filter_.filters[name].label),
                options=tuple((each, label, each in chosen) for each, label in options),
                many=many,
                none="Current only" if name == "churned" else "Any",
                chosen=tuple(label for each, label in options if each in chosen),
            )
        )
    return [facet for facet in found if facet.options]


def _label(name: str, value: str) -> str:
    return f"In {value} days" if name == "renewal" else value


def chips(
    filter_: AccountFilter, offered: dict[str, list[Choice]], query: QueryDict
) -> list[dict[str, str]]:
    """Filters that are on, in words, each with the address that takes it off."""
    values = filter_.values
    found = []

    def add(label: str, *names: str, value: str | None = None) -> None:
        found.append({"label": label, "remove_url": without_value(query, names, value)})

    for name, value in values.items():
        label = filter_.filters[name].label
        if isinstance(value, list):
            words = dict(offered.get(name, []))
            for each in value:
                add(f"{label}: {words.get(each, each)}", name, value=each)
        elif name == "q":
            add(f"“{value}”", name)
        elif name == "renewal":
            add(f"Renewal: {dict(RENEWALS).get(value, _label(name, value)).lower()}", name)
        elif name == "change":
            least = (
                f" by {display.number(float(values['by']), 1)} points or more"
                if values.get("by")
                else ""
            )
            add(f"{CHANGES[value]}{least}", "change", "by")
        elif name == "moved":
            add(f"{MOVES[value]} in {int(values.get('days', MOVED_DAYS))} days", "moved", "days")
        elif name == "churned":
            add(CHURNED[value], name)
        elif name in ("alerts", "plan", "clock", "tasks"):
            add(f"{label}: {dict(_FIXED[name])[value].lower()}", name)
        elif name in ("score_min", "score_max"):
            add(f"{label} {display.number(float(value), 1)}", name)
    return found
