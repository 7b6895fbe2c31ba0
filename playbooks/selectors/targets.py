"""The targets the house has set itself, and how far it is; what is not known is said to be unknown."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

import pandas as pd
from django.db.models import Avg, Count, F, Q, Sum
from django.db.models.functions import Abs

from playbooks.models import Alert, Intervention
from playbooks.selectors.measures import TOLD
from scoring.models import AccountHealth, DailyRollup, ScoreRun, Snapshot
from scoring.services.versions import published_spec

BACK_DAYS: Final = 90
_SLACK_DAYS: Final = 3
_NO_NIGHT = f"There is no night {BACK_DAYS} days ago to compare with."
_OTHER_SCORECARD = f"The scorecards in use have changed within {BACK_DAYS} days."


def targets(as_of: date, treated: pd.DataFrame) -> list[dict[str, Any]]:
    """{"key", "label", "target", "unit", "value", "n", "of", "met", "definition", "why"} each.

    `unit` is "share" (0–1), "change" (relative, signed) or "points"; `value` and `met` are None where it is
    not known, `why` then says the reason; `n` counts what `of` names. `treated` as
    `selectors.treatments` gives it. Nine queries at most.
    """
    now = _night(as_of, as_of)
    before = _night(as_of - timedelta(days=BACK_DAYS), as_of)
    return [
        _success(treated),
        {
            "key": "prediction",
            "label": "Churn prediction accuracy",
            "target": "above 85%",
            "unit": "share",
            "value": None,
            "n": 0,
            "of": "predictions",
            "met": None,
            "definition": "Share of churn predictions that came true.",
            "why": "There is no prediction model yet.",
        },
        _false_positives(as_of),
        _variance(as_of),
        _retention(as_of, before),
        _high_risk(now, before),
        _tier_c(as_of, before),
    ]


def _night(on: date, as_of: date) -> ScoreRun | None:
    """The newest finished night of the whole book up to a day, at most some days before it."""
    done = ScoreRun.objects.filter(
        state=ScoreRun.State.DONE,
        scorecard=None,
        as_of__gte=on - timedelta(days=_SLACK_DAYS),
        as_of__lte=min(on, as_of),
    )
    return done.defer("statistics").order_by("-as_of", "-id").first()


def _told(
    key: str,
    label: str,
    target: str,
    met: bool | None,
    value: float | None,
    n: int,
    of: str,
    definition: str,
    *,
    unit: str = "share",
    why: str = "",
) -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "target": target,
        "unit": unit,
        "value": None if value is None else round(value, 4),
        "n": n,
        "of": of,
        "met": None if value is None else met,
        "definition": definition,
        "why": why if value is None else "",
    }


def _success(treated: pd.DataFrame) -> dict[str, Any]:
    done = treated[treated["closed"] & (treated["outcome"] != Intervention.Outcome.CANCELLED)]
    n = len(done)
    value = float((done["outcome"] == Intervention.Outcome.RECOVERED).mean()) if n else None
    return _told(
        "success",
        "Intervention success",
        "above 70%",
        value is not None and value > 0.7,
        value,
        n,
        "plans closed",
        "Plans that closed because their exit test held, of those begun within a year and closed; "
        "cancelled ones left out.",
        why="No plan has been closed yet.",
    )


def _false_positives(as_of: date) -> dict[str, Any]:
    since = as_of - timedelta(days=BACK_DAYS)
    told = Alert.objects.filter(
        TOLD, opened_on__gt=since, opened_on__lte=as_of, acted_at__isnull=False
    )
    found = told.order_by().aggregate(
        n=Count("pk"), no=Count("pk", filter=Q(state=Alert.State.DISMISSED))
    )
    value = found["no"] / found["n"] if found["n"] else None
    return _told(
        "false_positives",
        "False positives",
        "below 15%",
        value is not None and value < 0.15,
        value,
        found["n"],
        "alerts acted on",
        f"Alerts of the last {BACK_DAYS} days called “not a risk”, of those somebody acted on.",
        why="Nobody has acted on an alert yet.",
    )


def _variance(as_of: date) -> dict[str, Any]:
    moved = AccountHealth.objects.filter(
        as_of=as_of, change_7d__isnull=False, score__isnull=False
    ).order_by()
    found = moved.aggregate(n=Count("pk"), moved=Avg(Abs("change_7d")), score=Avg("score"))
    value = found["moved"] / found["score"] if found["score"] else None
    return _told(
        "variance",
        "Weekly score variance",
        "below 5%",
        value is not None and value < 0.05,
        value,
        found["n"],
        "accounts",
        "Mean change of an account's score within 7 days, up or down, as a share of the mean score.",
        why="No account has a score of a week ago.",
    )


def _retention(as_of: date, before: ScoreRun | None) -> dict[str, Any]:
    n = lost = 0
    if before is not None:
        rows = (
            Snapshot.objects.filter(as_of=before.as_of, version_id__in=before.plan)
            .order_by()
            .values_list("version_id", "band")
            .annotate(
                n=Count("account_id"),
                lost=Count(
                    "account_id",
                    filter=Q(account__churned_on__gt=before.as_of, account__churned_on__lte=as_of),
                ),
            )
        )
        for version, band, count, gone in rows:
            if _tone(version, band) == "poor":
                n, lost = n + count, lost + gone
    value = 1 - lost / n if n else None
    return _told(
        "retention",
        "Retention of at-risk accounts",
        "70%",
        value is not None and value >= 0.7,
        value,
        n,
        "accounts at risk then",
        f"Accounts in the lowest band {BACK_DAYS} days ago that are still customers.",
        why=_NO_NIGHT if before is None else f"No account was at risk {BACK_DAYS} days ago.",
    )


def _high_risk(now: ScoreRun | None, before: ScoreRun | None) -> dict[str, Any]:
    value, n, why = None, 0, _NO_NIGHT
    if now is not None and before is not None:
        if now.plan != before.plan:
            why = _OTHER_SCORECARD
        else:
            (poor, n), (poor_then, n_then) = _poor(now), _poor(before)
            why = f"No account was at risk {BACK_DAYS} days ago."
            if n and n_then and poor_then:
                value = (poor / n) / (poor_then / n_then) - 1
    return _told(
        "high_risk",
        "High-risk rate in 90 days",
        "−15% to −20%",
        value is not None and value <= -0.15,
        value,
        n,
        "accounts scored",
        "Change of the share of accounts in the lowest band, of all with a known band, "
        f"against {BACK_DAYS} days ago.",
        why=why,
        unit="change",
    )


def _poor(run: ScoreRun) -> tuple[int, int]:
    """(accounts in a poor band, accounts with a known band) of a night."""
    known = DailyRollup.objects.filter(run=run, band__gte=0).order_by()
    found = known.aggregate(n=Sum("accounts"), poor=Sum("accounts", filter=Q(tone="poor")))
    return found["poor"] or 0, found["n"] or 0


def _tier_c(as_of: date, before: ScoreRun | None) -> dict[str, Any]:
    n, change, why = 0, 0.0, _NO_NIGHT
    if before is not None:
        why = "The night then divided no tiers by quarters of predicted revenue."
        for version, cut in _lower_cuts(before):
            found = (
                Snapshot.objects.filter(
                    as_of=before.as_of,
                    version_id=version,
                    predicted_6m_amount__lt=cut,
                    score__isnull=False,
                    account__health__as_of=as_of,
                    account__health__version_id=version,
                    account__health__score__isnull=False,
                )
                .order_by()
                .aggregate(
                    n=Count("account_id"), change=Avg(F("account__health__score") - F("score"))
                )
            )
            n += found["n"]
            change += found["n"] * (found["change"] or 0.0)
            why = _OTHER_SCORECARD
    value = change / n if n else None
    return _told(
        "tier_c",
        "Tier C average health",
        "+5 to +10 points",
        value is not None and value >= 5,
        value,
        n,
        "accounts of tier C then",
        f"Mean change of health of the accounts that were in tier C {BACK_DAYS} days ago "
        "(the quarter with the lowest predicted revenue) and are scored by the same scorecard today.",
        why=why,
        unit="points",
    )


def _lower_cuts(run: ScoreRun) -> Iterable[tuple[int, float]]:
    for version in run.plan:
        cuts = (run.report.get(str(version)) or {}).get("cuts")
        if cuts and cuts[0] is not None and published_spec(version).revenue.tiers != "amount":
            yield version, cuts[0]


def _tone(version: int, band: int) -> str:
    return published_spec(version).band_words[band][1]
