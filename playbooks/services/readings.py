"""The frame rules are judged on: metrics, score, components, bands and open alerts of a range of accounts.

The queries do not grow with the accounts, only with what the rules ask for: one frame of metrics per day
they look back to, one read of snapshots per day, one of alerts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from django.conf import settings
from django.db.models import Count, Q

from accounts.models import Reading
from accounts.trust import frozen_on
from csm.lib import display
from playbooks.models import Alert
from playbooks.rules import Label, Needs, Rule, columns, needs_of
from playbooks.rules.components import Components, judge_components
from scoring.engine import codec
from scoring.engine.spec import UNKNOWN_BAND, ScorecardSpec
from scoring.metrics.catalogue import catalogue, offered
from scoring.metrics.derive import parts_of
from scoring.metrics.facts import Clock, newest
from scoring.metrics.metric import REPORTED
from scoring.metrics.read import frame
from scoring.models import ScoreRun, Snapshot
from scoring.selectors import specs_of

# A night that was missed is stood in for by one up to so many days older.
_SLACK_DAYS: Final = 3
# Single accounts are read range by range: so many at most, split at gaps wider than this.
_RANGES: Final = 16
_GAP: Final = 200
# What a source reports is learned from so many of its readings.
_SAMPLE: Final = 500

# (source, feed)
Feed = tuple[str, str]


def read(
    rules: Iterable[Rule],
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    run: ScoreRun | None,
    now_open: bool = True,
) -> pd.DataFrame:
    """One row per customer of the range on `as_of`, indexed by account id, with all columns `rules` need.

    Metrics, owner, value and attributes as `scoring.metrics.read.frame` has them; `score` (0–100), `band`,
    `band_name`, `tone` and components are those of the night `run`, NaN or blank without one. With
    `now_open` the open alerts per family that the rules ask for, as of the day.
    """
    needs = needs_of(rules)
    found = _metrics(needs, as_of, first_id, last_id)
    health = _health(needs, found.index.to_numpy(), run, first_id, last_id)
    opened = _open_alerts(needs, found.index, as_of, first_id, last_id) if now_open else {}
    return found.assign(**health, **opened)


def read_accounts(
    rules: Sequence[Rule],
    *,
    as_of: date,
    account_ids: Collection[int],
    run: ScoreRun | None,
    now_open: bool = True,
) -> pd.DataFrame:
    """The rows of `read` for some accounts, those that are no customers on the day left out."""
    wanted = np.array(sorted(account_ids), dtype=np.int64)
    parts = [
        read(rules, as_of=as_of, first_id=first, last_id=last, run=run, now_open=now_open)
        for first, last in ranges_of(wanted.tolist())
    ]
    if not parts:
        return read(rules, as_of=as_of, first_id=0, last_id=-1, run=run, now_open=now_open)
    whole = pd.concat(parts) if len(parts) > 1 else parts[0]
    return whole[whole.index.isin(wanted)]


def ranges_of(ids: Sequence[int]) -> list[tuple[int, int]]:
    """At most 16 ranges (first, last) that cover ascending `ids`, split at the widest gaps."""
    if not ids:
        return []
    gaps = [(after - before, after) for before, after in pairwise(ids) if after - before > _GAP]
    starts = {start for _, start in sorted(gaps, reverse=True)[: _RANGES - 1]}
    found: list[tuple[int, int]] = []
    first = last = ids[0]
    for each in ids[1:]:
        if each in starts:
            found.append((first, last))
            first = each
        last = each
    return [*found, (first, last)]


def labels(run: ScoreRun | None = None) -> dict[str, Label]:
    """How every metric is called and written, and the components of a night's scorecards."""
    currency = settings.DEFAULT_CURRENCY
    prefix = display.SYMBOLS.get(currency, f"{currency} ")
    found = {
        key: Label(
            metric.label, metric.kind, metric.unit, prefix, metric.signed, metric.window_days
        )
        for key, metric in offered().items()
    }
    for spec in specs_of(run).values():
        for component in spec.components:
            found.setdefault(f"component:{component.key}", Label(component.label, "score"))
    return found


def frozen_metrics(as_of: date) -> dict[str, Feed]:
    """Metrics that stand still because a source is frozen on the day: key → (source, feed).

    A reported metric counts when the frozen source reports it and no feed of dated facts has gone on since.
    """
    frozen = frozen_on(as_of)
    if not frozen:
        return {}
    known = catalogue()
    clock = Clock.of_night(as_of, frozen)
    by_feed = {feed: (source, feed) for source, feed in sorted(frozen, reverse=True)}
    found: dict[str, Feed] = {}
    for key, metric in known.items():
        for part in metric.parts:
            feed = part.table.feed
            if feed in by_feed and clock.of(feed, part.measure) < as_of:
                found[key] = by_feed[feed]
    for source, feed in frozen:
        if feed == REPORTED:
            reported = _reported_by(source) & known.keys() - found.keys()
            latest = newest(parts_of(known[key] for key in reported), clock)
            for key in reported:
                places = [(part.table.name, part.measure) for part in known[key].parts]
                days = [latest[place] for place in places if place in latest]
                if not days or max(days) <= frozen[source, feed]:
                    found[key] = (source, feed)
    return found


def _reported_by(source: str) -> set[str]:
    recent = Reading.objects.filter(source=source).order_by("-id")
    return set().union(*recent.values_list("metrics", flat=True)[:_SAMPLE])


# --- Metrics --------------------------------------------------------------------------------------


def _metrics(needs: Needs, as_of: date, first_id: int, last_id: int) -> pd.DataFrame:
    frozen = frozen_on(as_of)
    here = {"first_id": first_id, "last_id": last_id, "frozen": frozen}
    now = frame(sorted(needs.metrics), as_of=as_of, **here)  # type: ignore[arg-type]
    by_days: dict[int, list[str]] = defaultdict(list)
    for metric, days in sorted(needs.past):
        by_days[days].append(metric)
    past: dict[str, Any] = {}
    for days, metrics in by_days.items():
        then = frame(metrics, as_of=as_of - timedelta(days=days), **here)  # type: ignore[arg-type]
        for metric in metrics:
            column = then[metric].reindex(now.index)
            past[columns.ago(metric, days)] = column
    return now.assign(**past)


# --- Health ---------------------------------------------------------------------------------------


def _health(
    needs: Needs, ids: np.ndarray, run: ScoreRun | None, first_id: int, last_id: int
) -> dict[str, Any]:
    """Columns of the night's snapshots, and of the nights before that are compared with."""
    table = _Table(needs, ids)
    if run is None or not len(ids):
        return table.columns
    days = _nights(run, needs.days)
    asked = ["account_id", "version_id", "score", "band"]
    asked += ["components"] if needs.components else []
    nights = Snapshot.objects.filter(
        version_id__in=run.plan, account_id__gte=first_id, account_id__lte=last_id
    ).order_by()
    now = list(nights.filter(as_of=run.as_of, run_id=run.pk).values_list(*asked))
    before = {
        back: list(nights.filter(as_of=day).values_list(*asked)) for back, day in days.items()
    }
    for version_id, spec in specs_of(run).items():
        table.fill(version_id, spec, now, before)
    return table.columns


def _nights(run: ScoreRun, days: Collection[int]) -> dict[int, date]:
    """For each number of days before the run the finished night it is compared with."""
    if not days:
        return {}
    oldest = run.as_of - timedelta(days=max(days) + _SLACK_DAYS)
    done = ScoreRun.objects.filter(
        state=ScoreRun.State.DONE, as_of__gte=oldest, as_of__lt=run.as_of, scorecard=run.scorecard
    )
    there = set(done.order_by().values_list("as_of", flat=True).distinct())
    found = {}
    for back in days:
        wanted = [run.as_of - timedelta(days=back + slack) for slack in range(_SLACK_DAYS + 1)]
        if day := next((day for day in wanted if day in there), None):
            found[back] = day
    return found


_Rows = Sequence[tuple[Any, ...]]


def _judged(scores: Sequence[float | None], bands: Sequence[int]) -> np.ndarray:
    """Scores as rules read them: one too thin for a band is unknown, whatever it says."""
    known = np.array(bands) > UNKNOWN_BAND
    return np.where(known, np.array(scores, dtype=np.float64), np.nan)


class _Table:
    """Health columns by account, filled version by version."""

    def __init__(self, needs: Needs, ids: np.ndarray) -> None:
        n = len(ids)
        self._needs, self._ids = needs, ids
        self.columns: dict[str, Any] = {
            name: np.full(n, np.nan)
            for name in (columns.SCORE, columns.BAND, columns.BANDS, "version_id")
        }
        self.columns |= {name: np.full(n, "", dtype=object) for name in (columns.BAND_NAME, "tone")}
        for back in needs.days:
            for name in (columns.SCORE, columns.BAND):
                self.columns[columns.ago(name, back)] = np.full(n, np.nan)
        for condition in needs.components:
            self.columns |= {
                columns.component(condition): np.full(n, -1, dtype=np.int8),
                columns.figure(condition): np.full(n, np.nan),
                columns.which(condition): np.full(n, "", dtype=object),
            }

    def fill(
        self, version_id: int, spec: ScorecardSpec, now: _Rows, before: Mapping[int, _Rows]
    ) -> None:
        """Put in the accounts a version scored."""
        mine, place = self._placed(version_id, now)
        if not mine:
            return
        _, _, scores, bands, *rest = zip(*mine, strict=True)
        put = self.columns
        put[columns.SCORE][place] = _judged(scores, bands)
        put[columns.BAND][place] = bands
        put[columns.BANDS][place] = len(spec.bands)
        put["version_id"][place] = version_id
        words = np.array(spec.band_words, dtype=object)[np.array(bands)]
        put[columns.BAND_NAME][place], put["tone"][place] = words[:, 0], words[:, 1]
        width = len(spec.components)
        past = {
            back: self._fill_past(version_id, back, before.get(back, ()), place, width)
            for back in self._needs.days
        }
        if self._needs.components:
            parts = Components(
                keys=[part.key for part in spec.components],
                labels=[part.label for part in spec.components],
                low=np.array([(part.bands or spec.bands)[0].high for part in spec.components]),
                now=codec.decode_points(rest[0], width),
                past=past,
            )
            for condition in self._needs.components:
                truth, figure, which = judge_components(condition, parts)
                put[columns.component(condition)][place] = truth
                put[columns.figure(condition)][place] = figure
                put[columns.which(condition)][place] = np.array(which, dtype=object)

    def _fill_past(
        self, version_id: int, back: int, rows: _Rows, now: np.ndarray, width: int
    ) -> np.ndarray:
        """Scores and bands of a night before; returns its components (n, k) for the places of `now`."""
        found = np.full((len(self._ids), width), np.nan)
        mine, place = self._placed(version_id, rows)
        # What another version said then is no past of the accounts this one scores now.
        here = np.isin(place, now)
        if here.any():
            mine, place = [row for row, its in zip(mine, here, strict=True) if its], place[here]
            _, _, scores, bands, *rest = zip(*mine, strict=True)
            self.columns[columns.ago(columns.SCORE, back)][place] = _judged(scores, bands)
            self.columns[columns.ago(columns.BAND, back)][place] = bands
            if rest:
                found[place] = codec.decode_points(rest[0], width)
        return found[now]

    def _placed(self, version_id: int, rows: _Rows) -> tuple[list[tuple[Any, ...]], np.ndarray]:
        """The rows of a version whose accounts are asked for, and their places."""
        mine = [row for row in rows if row[1] == version_id]
        accounts = np.array([row[0] for row in mine], dtype=np.int64)
        place = np.searchsorted(self._ids, accounts)
        inside = place < len(self._ids)
        inside[inside] = self._ids[place[inside]] == accounts[inside]
        if not inside.all():
            mine = [row for row, here in zip(mine, inside, strict=True) if here]
        return mine, place[inside]


# --- Alerts ---------------------------------------------------------------------------------------


def _open_alerts(
    needs: Needs, index: pd.Index, as_of: date, first_id: int, last_id: int
) -> dict[str, Any]:
    """Open alerts per family on the day, 0 where there are none."""
    found: dict[str, Any] = {
        family: pd.Series(0.0, index=index) for family in sorted(needs.families)
    }
    if found:
        on_the_day = Q(ended_on=None) | Q(ended_on__gt=as_of)
        rows = (
            Alert.objects.filter(
                on_the_day,
                account_id__gte=first_id,
                account_id__lte=last_id,
                opened_on__lte=as_of,
                trigger__is_active=True,
                trigger__family__in=list(found),
            )
            .exclude(state=Alert.State.WITHDRAWN)
            .order_by()
            .values_list("account_id", "trigger__family")
            .annotate(n=Count("id"))
        )
        for account_id, family, n in rows:
            if account_id in index:
                found[family][account_id] = n
    return {columns.open_of(family): counts for family, counts in found.items()}
