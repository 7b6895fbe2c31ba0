"""Reads of health: which night is shown, and querysets of accounts decorated with it."""

from collections.abc import Collection
from datetime import date

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
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE)
    done = done.filter(history_only=False) if as_of is None else done.filter(as_of=as_of)
    if defer:
        done = done.defer("statistics", "report")
    return done.order_by("-as_of", "-id").first()


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
