"""What the scorecard pages show: the list, one version with its latest night, and what changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Sum
from django.http import Http404

from accounts.access import visible_to
from accounts.selectors import customers
from csm.lib import display
from scoring import wording
from scoring.engine.spec import UNKNOWN_BAND, Component, Measure, ScorecardSpec, SpecError
from scoring.engine.statistics import Stats
from scoring.models import Scorecard, ScorecardVersion, ScoreRun
from scoring.selectors import newest_run
from scoring.services.versions import check, spec_of

State = ScorecardVersion.State
# Runs looked through for the last one that used a version: a year of nights.
_RUNS = 400


@dataclass
class Scored:
    """Accounts a scorecard scores now, as far as somebody may see them."""

    accounts: int = 0
    known: int = 0
    total: float = 0.0
    # band index → [name, tone, accounts]
    bands: dict[int, list[Any]] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        return self.total / self.known if self.known else None

    @property
    def split(self) -> list[tuple[str, str, int]]:
        """(name, tone, accounts) from the lowest band up, Unknown last."""
        order = sorted(self.bands, key=lambda band: (band < 0, band))
        return [(name, tone, count) for name, tone, count in (self.bands[band] for band in order)]


@dataclass(frozen=True)
class Listed:
    """A scorecard in the list with its active version and its draft, if any."""

    scorecard: Scorecard
    active: ScorecardVersion | None
    draft: ScorecardVersion | None
    scored: Scored


def listed(user: Any) -> list[Listed]:
    """Every scorecard with what it scores now for `user`; three queries."""
    versions = ScorecardVersion.objects.exclude(state=State.RETIRED).select_related("published_by")
    by_card: dict[tuple[int, str], ScorecardVersion] = {
        (version.scorecard_id, version.state): version for version in versions
    }
    scored = scored_now(user)
    return [
        Listed(
            scorecard=card,
            active=by_card.get((card.pk, State.ACTIVE)),
            draft=by_card.get((card.pk, State.DRAFT)),
            scored=scored.get(card.pk, Scored()),
        )
        for card in Scorecard.objects.all()
    ]


def scored_now(user: Any) -> dict[int, Scored]:
    """Current health of the customers `user` may see, by scorecard id."""
    run = newest_run()
    if run is None:
        return {}
    rows = (
        customers(visible_to(user), run.as_of)
        .filter(health__isnull=False)
        .order_by()
        .values_list(
            "health__version__scorecard_id", "health__band", "health__band_name", "health__tone"
        )
        .annotate(accounts=Count("pk"), known=Count("health__score"), total=Sum("health__score"))
    )
    found: dict[int, Scored] = {}
    for card_id, band, name, tone, accounts, known, total in rows:
        entry = found.setdefault(card_id, Scored())
        entry.accounts += accounts
        # A score under Unknown rests on too little data; no mean of any page counts it.
        if band != UNKNOWN_BAND:
            entry.known += known
            entry.total += total or 0.0
        entry.bands.setdefault(band, [name, tone, 0])[2] += accounts
    return found


def get_scorecard(key: str) -> Scorecard:
    """The scorecard, or 404."""
    found = Scorecard.objects.filter(key=key).first()
    if found is None:
        raise Http404("No such scorecard.")
    return found


def versions_for(scorecard: Scorecard, user: Any) -> list[ScorecardVersion]:
    """Its versions, newest first; drafts are shown to those who may edit them."""
    found = scorecard.versions.select_related("published_by", "created_by").order_by("-number")
    return [version for version in found if user.is_admin or not version.is_draft]


def pick_version(versions: Sequence[ScorecardVersion], number: str) -> ScorecardVersion | None:
    """The version of that number, without one the active one, else the newest. 404 for a number unknown."""
    if number:
        for version in versions:
            if str(version.number) == number:
                return version
        raise Http404("No such version.")
    active = [version for version in versions if version.state == State.ACTIVE]
    return next(iter(active or versions), None)


def last_run_with(version_id: int) -> ScoreRun | None:
    """The newest finished night that scored with this version; two queries."""
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE).order_by("-as_of", "-id")
    for pk, plan in done.values_list("pk", "plan")[:_RUNS]:
        if version_id in plan:
            return ScoreRun.objects.get(pk=pk)
    return None


def statistics_of(run: ScoreRun | None, version_id: int) -> Stats | None:
    """The population of a night under one version; None when it scored nobody."""
    data = run.statistics.get(str(version_id)) if run else None
    return Stats.from_json(data) if data else None


def report_of(run: ScoreRun | None, version_id: int) -> dict[str, Any]:
    """Warnings and clipped counts of a night for one version."""
    found: dict[str, Any] = run.report.get(str(version_id), {}) if run else {}
    return found


def changes_between(old: ScorecardSpec, new: ScorecardSpec) -> list[str]:
    """What another version changes, one sentence each; empty when the two score alike."""
    return [*_components(old, new), *_measures(old, new), *_rest(old, new)]


def _components(old: ScorecardSpec, new: ScorecardSpec) -> Iterable[str]:
    before = {part.key: part for part in old.components}
    after = {part.key: part for part in new.components}
    for key, part in after.items():
        was = before.get(key)
        if was is None:
            yield f"Component {part.label} is new, with {wording.plain(part.weight)}%."
            continue
        if was.weight != part.weight:
            yield f"{part.label}: weight {wording.plain(was.weight)}% → {wording.plain(part.weight)}%."
        if was.label != part.label:
            yield f"{was.label} is now called {part.label}."
        if was.bands != part.bands:
            yield f"{part.label}: other lights."
    for key, part in before.items():
        if key not in after:
            yield f"Component {part.label} ({wording.plain(part.weight)}%) is gone."


def _placed(spec: ScorecardSpec) -> dict[str, tuple[Component, Measure]]:
    return {measure.key: (part, measure) for part in spec.components for measure in part.measures}


def _measures(old: ScorecardSpec, new: ScorecardSpec) -> Iterable[str]:
    before, after = _placed(old), _placed(new)
    for key, (part, measure) in after.items():
        if key not in before:
            yield f"{part.label}: {measure.label} is new, with {_share(measure)} of the component."
            continue
        home, was = before[key]
        if home.key != part.key:
            yield f"{measure.label} moved from {home.label} to {part.label}."
        if was.weight != measure.weight:
            yield f"{measure.label}: weight in {part.label} {_share(was)} → {_share(measure)}."
        if (was.metric, was.denominator) != (measure.metric, measure.denominator):
            yield f"{measure.label}: reads {_reads(was)} → {_reads(measure)}."
        if (was.normaliser, dict(was.params)) != (measure.normaliser, dict(measure.params)):
            yield f"{measure.label}: counts {wording.normaliser(was)} → {wording.normaliser(measure)}."
        if was.missing != measure.missing:
            yield f"{measure.label}: without data {wording.missing(was)} → {wording.missing(measure)}."
    for key, (home, was) in before.items():
        if key not in after:
            yield f"{home.label}: {was.label} is gone."


def _share(measure: Measure) -> str:
    return display.percent(measure.weight, 0 if round(measure.weight, 4) * 100 % 1 == 0 else 1)


def _reads(measure: Measure) -> str:
    label = wording.metric_label(measure.metric)
    return (
        f"{label} / {wording.metric_label(measure.denominator)}" if measure.denominator else label
    )


def _rest(old: ScorecardSpec, new: ScorecardSpec) -> Iterable[str]:
    if old.bands != new.bands:
        yield f"Bands: {_bands(old)} → {_bands(new)}."
    before, after = ({rule.key: rule for rule in spec.caps} for spec in (old, new))
    for key, rule in after.items():
        if key not in before:
            yield f"New cap: {wording.cap(rule)}."
    for key, rule in before.items():
        if key not in after:
            yield f"Cap gone: {wording.cap(rule)}."
        elif rule != after[key]:
            yield f"Cap: {wording.cap(rule)} → {wording.cap(after[key])}."
    if old.min_coverage != new.min_coverage:
        yield (
            f"Minimum coverage {display.percent(old.min_coverage)} → {display.percent(new.min_coverage)}."
        )
    if old.scope != new.scope:
        yield f"Scores: {wording.scope(old.scope)} → {wording.scope(new.scope)}."
    if old.revenue != new.revenue:
        yield f"Revenue rule: {wording.revenue(old.revenue)} → {wording.revenue(new.revenue)}."
        if old.revenue.tiers != new.revenue.tiers:
            yield f"Tiers: {wording.tiers(new.revenue)}"
    if old.display != new.display:
        yield (
            f"Shown out of {wording.plain(old.display.scale_max)} → "
            f"{wording.plain(new.display.scale_max)}, decimals {old.display.decimals} → "
            f"{new.display.decimals}."
        )


def _bands(spec: ScorecardSpec) -> str:
    return ", ".join(f"{band.name} from {wording.plain(band.low)}" for band in spec.bands)


def read(version: ScorecardVersion) -> tuple[ScorecardSpec | None, list[str]]:
    """A version as the engine sees it and, for a draft, every reason it cannot be published yet.

    The spec is None when the rows of a draft cannot even be read as a scorecard.
    """
    try:
        spec = spec_of(version)
    except SpecError as error:
        return None, error.faults
    if not version.is_draft:
        return spec, []
    try:
        check(spec)
    except SpecError as error:
        return spec, error.faults
    return spec, []
