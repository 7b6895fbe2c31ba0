"""Plans as treatments: how the account stood when each began, and where it stood 30, 60 and 90 days later."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from django.db.models import F, Q

from accounts.models import Account, LifecycleEvent
from accounts.models.account import LifecycleStage
from playbooks.models import Intervention
from scoring.models import ScoreRun
from scoring.selectors import snapshots_of

# Plans that began so many days ago at most.
LOOKBACK_DAYS: Final = 365
HORIZONS: Final = (30, 60, 90)
# A plan cancelled within so many days was never worked on.
MISTAKE_DAYS: Final = 7
# A night may be missing: the newest one up to so many days before stands for it.
_SLACK_DAYS: Final = 3
_IDS: Final = 5_000


class Nights:
    """Finished nights of the whole book from a day on, back-filled ones included. One query."""

    def __init__(self, since: date, until: date) -> None:
        done = ScoreRun.objects.filter(
            state=ScoreRun.State.DONE, scorecard=None, as_of__gte=since, as_of__lte=until
        )
        days = done.order_by("as_of").values_list("as_of", flat=True).distinct()
        self._days = np.array([day.toordinal() for day in days], dtype=np.int64)

    def near(self, ordinal: int) -> date | None:
        """The newest night up to a day, None when that is too long before."""
        place = int(np.searchsorted(self._days, ordinal, side="right")) - 1
        if place < 0 or ordinal - self._days[place] > _SLACK_DAYS:
            return None
        return date.fromordinal(int(self._days[place]))


def treatments(as_of: date, nights: Nights) -> pd.DataFrame:
    """One row per plan begun in the `LOOKBACK_DAYS` days up to `as_of`, oldest first.

    Columns: plan, account, playbook (0 for plans written by hand), started (ordinal day), bucket (ordinal of
    its Monday), version, tone, size, industry, score, trend (points), arr (minor units, NaN unknown), closed,
    outcome, days (until it closed, NaN while open), and per horizon `change_H` (points against the same
    version, NaN unknown or not yet), `kept_H` (1, 0, NaN not yet) and `due_H` (whether H days have passed).
    """
    rows = (
        Intervention.objects.filter(
            started_on__gt=as_of - timedelta(days=LOOKBACK_DAYS), started_on__lte=as_of
        )
        .exclude(
            outcome=Intervention.Outcome.CANCELLED,
            closed_on__lte=F("started_on") + timedelta(days=MISTAKE_DAYS),
        )
        .order_by("started_on", "id")
        .values_list(
            "id",
            "account_id",
            "playbook_version__playbook_id",
            "started_on",
            "version_start_id",
            "tone_start",
            "size_start",
            "industry_start",
            "score_start",
            "change_30d_start",
            "arr_start",
            "closed_on",
            "outcome",
        )
    )
    frame = pd.DataFrame(
        list(rows),
        columns=[
            *("plan", "account", "playbook", "started_on", "version", "tone", "size", "industry"),
            *("score", "trend", "arr", "closed_on", "outcome"),
        ],
    )
    frame["playbook"] = frame["playbook"].fillna(0).astype(np.int64)
    frame["version"] = frame["version"].fillna(0).astype(np.int64)
    for name in ("score", "trend", "arr"):
        frame[name] = frame[name].astype(np.float64)
    started = np.array([day.toordinal() for day in frame["started_on"]], dtype=np.int64)
    ended = np.array(
        [day.toordinal() if isinstance(day, date) else np.nan for day in frame["closed_on"]],
        dtype=np.float64,
    )
    frame["started"], frame["days"] = started, ended - started
    frame["closed"] = np.isfinite(ended)
    # Day 1 was a Monday.
    frame["bucket"] = started - (started - 1) % 7
    frame = frame.drop(columns=["started_on", "closed_on"])
    for days in HORIZONS:
        frame[f"due_{days}"] = started + days <= as_of.toordinal()
        frame[f"change_{days}"] = np.nan
    for _, week in frame.groupby("bucket", sort=False):
        changes = changes_of(week, nights, as_of)
        for name in changes:
            frame.loc[week.index, name] = changes[name]
    add_kept(frame, as_of)
    return frame


def changes_of(rows: pd.DataFrame, nights: Nights, as_of: date) -> dict[str, np.ndarray]:
    """`change_H` of rows with `account`, `version`, `started` and `score`; one query for all of them."""
    wanted = {
        days: [
            nights.near(start + days) if start + days <= as_of.toordinal() else None
            for start in rows["started"].tolist()
        ]
        for days in HORIZONS
    }
    needed = {night for several in wanted.values() for night in several if night is not None}
    scores = scores_on(rows["account"].unique().tolist(), needed)
    found = {}
    for days, several in wanted.items():
        then = [
            np.nan if night is None else scores.get((account, version, night), np.nan)
            for account, version, night in zip(
                rows["account"].tolist(), rows["version"].tolist(), several, strict=True
            )
        ]
        found[f"change_{days}"] = np.array(then, dtype=np.float64) - rows["score"].to_numpy()
    return found


def scores_on(
    account_ids: Collection[int], nights: Collection[date]
) -> dict[tuple[int, int, date], float]:
    """Known scores by (account, version, night)."""
    found: dict[tuple[int, int, date], float] = {}
    if not nights:
        return found
    for chunk in chunks(sorted(account_ids)):
        rows = snapshots_of(chunk, days=nights).order_by()
        for account, version, night, score in rows.values_list(
            "account_id", "version_id", "as_of", "score"
        ):
            if score is not None:
                found[account, version, night] = score
    return found


def add_kept(frame: pd.DataFrame, as_of: date) -> None:
    """Add `kept_H`: whether the account was still a customer H days after it `started`."""
    gone = _churn(frame["account"].unique().tolist())
    for days in HORIZONS:
        kept = np.full(len(frame), np.nan)
        for place, (account, start) in enumerate(
            zip(frame["account"].tolist(), frame["started"].tolist(), strict=True)
        ):
            if start + days <= as_of.toordinal():
                kept[place] = not any(start < day <= start + days for day in gone.get(account, ()))
        frame[f"kept_{days}"] = kept


def _churn(account_ids: Collection[int]) -> dict[int, set[int]]:
    """Days (ordinals) on which accounts churned, by account."""
    found: dict[int, set[int]] = defaultdict(set)
    for chunk in chunks(sorted(account_ids)):
        current = Account.objects.filter(pk__in=chunk).exclude(churned_on=None).order_by()
        events = LifecycleEvent.objects.filter(account__in=chunk, stage=LifecycleStage.CHURNED)
        for rows in (
            current.values_list("pk", "churned_on"),
            events.order_by().values_list("account_id", "on"),
        ):
            for account, day in rows:
                if day is not None:
                    found[account].add(day.toordinal())
    return found


def busy_since(since: date) -> pd.DataFrame:
    """Every plan that was open on or after a day: account, first and last day (ordinals; inf while open)."""
    rows = Intervention.objects.filter(Q(closed_on=None) | Q(closed_on__gte=since)).order_by()
    frame = pd.DataFrame(
        list(rows.values_list("account_id", "started_on", "closed_on")),
        columns=["account", "first", "last"],
    )
    frame["first"] = [day.toordinal() for day in frame["first"]]
    frame["last"] = np.array(
        [day.toordinal() if isinstance(day, date) else np.inf for day in frame["last"]]
    )
    return frame


def chunks(ids: list[int]) -> Iterable[list[int]]:
    """Ids in pieces a database takes as parameters."""
    return (ids[first : first + _IDS] for first in range(0, len(ids), _IDS))
