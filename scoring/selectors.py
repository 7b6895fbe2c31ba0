"""Reads of health: which night is shown, and querysets of accounts decorated with it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, QuerySet

from accounts.models import Account
from csm.lib.errors import WorkbenchError
from scoring.engine.spec import ScorecardSpec
from scoring.models import Scorecard, ScorecardVersion, ScoreRun, Snapshot
from scoring.services.versions import published_spec

# Aliases a page may sort and filter by once `with_health` has been applied.
_HEALTH = (
    "score",
    "band",
    "band_name",
    "tone",
    "coverage",
    "change_7d",
    "change_30d",
    "top_driver",
    "top_driver_lost",
    "priority",
    "predicted_6m_amount",
    "tier",
    "version_id",
)


def newest_run(as_of: date | None = None, *, defer: bool = False) -> ScoreRun | None:
    """The finished night the pages show, or the newest finished one of `as_of`.

    With `defer` its statistics and report are read when they are asked for: most pages never do.
    """
    return newest_runs(as_of, defer=defer).first()


def newest_runs(as_of: date | None = None, *, defer: bool = False) -> QuerySet[ScoreRun]:
    """The finished nights `newest_run` takes the first of."""
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE)
    done = done.filter(history_only=False) if as_of is None else done.filter(as_of=as_of)
    if defer:
        done = done.defer("statistics", "report")
    return done.order_by("-as_of", "-id")


def scorecard_called(key: str) -> Scorecard:
    """The scorecard of that key. Raises WorkbenchError naming those there are."""
    found = Scorecard.objects.filter(key=key).first()
    if found is None:
        known = ", ".join(Scorecard.objects.values_list("key", flat=True)) or "none yet"
        raise WorkbenchError(f"There is no scorecard {key!r}: there is {known}.")
    return found


def with_health(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Annotate `health_as_of`, `score`, `band_name`, `tone`, … of current health; null where there is none.

    One left join on a primary key: accounts that were never scored stay in the list.
    """
    return accounts.annotate(
        health_as_of=F("health__as_of"), **{name: F(f"health__{name}") for name in _HEALTH}
    )


def specs_of(run: ScoreRun | None) -> dict[int, ScorecardSpec]:
    """The scorecards of a night by version id: bands, display scale, measures. No query once remembered."""
    return {version_id: published_spec(version_id) for version_id in run.plan} if run else {}


def snapshots_of(
    account_ids: Collection[int],
    *,
    since: date | None = None,
    until: date | None = None,
    days: Collection[date] | None = None,
) -> QuerySet[Snapshot]:
    """Snapshots of finished nights of some accounts: of `days`, or from `since` to `until`, or all.

    The primary key starts with the night, so the nights and versions are named: the database then seeks
    one row per account, night and version instead of reading the nights through.
    """
    nights = ScoreRun.objects.filter(state=ScoreRun.State.DONE)
    if days is not None:
        nights = nights.filter(as_of__in=days)
    if since is not None:
        nights = nights.filter(as_of__gte=since)
    if until is not None:
        nights = nights.filter(as_of__lte=until)
    published = ScorecardVersion.objects.exclude(state=ScorecardVersion.State.DRAFT)
    return Snapshot.objects.filter(
        as_of__in=nights.order_by().values("as_of"),
        version_id__in=published.order_by().values("pk"),
        account_id__in=account_ids,
        run__state=ScoreRun.State.DONE,
    )


def night_up_to(on: date) -> ScoreRun | None:
    """The newest finished night of the whole book up to a day, back-filled ones included."""
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE, scorecard=None, as_of__lte=on)
    return done.defer("statistics", "report").order_by("-as_of", "-id").first()


@dataclass(frozen=True)
class Standing:
    """Where an account stood on a night; changes in points against the same version, None when unknown."""

    as_of: date
    version_id: int
    score: float | None
    band: int
    band_name: str
    tone: str
    change_7d: float | None
    change_30d: float | None


def standing_on(account_ids: Collection[int], on: date) -> dict[int, Standing]:
    """How accounts stood on the newest finished night up to `on`, back-filled ones included. Two queries.

    Accounts that night did not score are left out.
    """
    run = night_up_to(on)
    if run is None:
        return {}
    ago = {days: run.as_of - timedelta(days=days) for days in (0, 7, 30)}
    scores: dict[tuple[int, int, date], float | None] = {}
    found = []
    rows = snapshots_of(account_ids, days=list(ago.values()))
    for pk, version_id, day, score, band in rows.values_list(
        "account_id", "version_id", "as_of", "score", "band"
    ):
        scores[pk, version_id, day] = score
        if day == run.as_of:
            found.append((pk, version_id, score, band))

    def change(pk: int, version_id: int, score: float | None, days: int) -> float | None:
        before = scores.get((pk, version_id, ago[days]))
        return None if score is None or before is None else score - before

    return {
        pk: Standing(
            as_of=run.as_of,
            version_id=version_id,
            score=score,
            band=band,
            band_name=published_spec(version_id).band_words[band][0],
            tone=published_spec(version_id).band_words[band][1],
            change_7d=change(pk, version_id, score, 7),
            change_30d=change(pk, version_id, score, 30),
        )
        for pk, version_id, score, band in found
    }
