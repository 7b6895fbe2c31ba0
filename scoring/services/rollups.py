"""Daily sums: counted per shard while the frame is at hand, put together when the night ends."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from django.db import connection

from csm.lib.copy import bulk_insert
from scoring.engine.score import Scored
from scoring.engine.spec import ScorecardSpec
from scoring.models import DailyRollup, NightTotal, ScoreRun
from scoring.services.populations import Group

_KEYS = ["owner_id", "team_id", "industry", "size_segment", "band"]
_SUMS = ["accounts", "scored", "score_sum", "arr_amount", "arr_known"]
_FIELDS = (
    "as_of",
    "run",
    "version",
    "owner",
    "team",
    "industry",
    "size_segment",
    "band",
    "band_name",
    "tone",
    *_SUMS,
)

# Rows of shards that are held before they are added up.
_AT_ONCE = 20_000

# The same rows added up twice: for the whole book, and for every owner and team.
_TOTAL = """
INSERT INTO scoring_nighttotal (as_of, run_id, scorecard_id, version_id, is_whole, owner_id, team_id, band,
    band_name, tone, accounts, scored, score_sum, arr_amount, arr_known)
SELECT d.as_of, d.run_id, r.scorecard_id, d.version_id, {whole}, {owner}, {team}, d.band, d.band_name, d.tone,
    SUM(d.accounts), SUM(d.scored), SUM(d.score_sum), SUM(d.arr_amount), SUM(d.arr_known)
FROM scoring_dailyrollup d JOIN scoring_scorerun r ON r.id = d.run_id WHERE d.as_of = %s
GROUP BY d.as_of, d.run_id, r.scorecard_id, d.version_id, d.band, d.band_name, d.tone{more}
"""
_NOBODY = "CAST(NULL AS bigint)"
_TOTALS = (
    _TOTAL.format(whole="true", owner=_NOBODY, team=_NOBODY, more=""),
    _TOTAL.format(
        whole="false", owner="d.owner_id", team="d.team_id", more=", d.owner_id, d.team_id"
    ),
)

Sums = list[list[Any]]


def count(group: Group, scored: Scored) -> Sums:
    """Rows of `_KEYS` then `_SUMS` for the accounts of a group, as JSON; None is "nobody" or unknown."""
    rows = group.attributes.assign(
        band=scored.band,
        accounts=1,
        scored=np.isfinite(scored.score).astype(int),
        score_sum=np.nan_to_num(scored.score),
        arr_known=group.attributes["arr_amount"].notna().astype(int),
    ).fillna({"arr_amount": 0})
    return [
        [None if pd.isna(value) else value for value in row[:5]] + list(row[5:])
        for row in _sum(rows).itertuples(index=False, name=None)
    ]


def _sum(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby(_KEYS, dropna=False, sort=False)[_SUMS].sum().reset_index()


def store(run: ScoreRun, version_id: int, spec: ScorecardSpec, shards: Iterable[Sums]) -> None:
    """Write the sums of all shards under one version. The caller has removed the night's older rows."""
    merged = _merged(shards)
    if merged is None:
        return
    words = spec.band_words
    bulk_insert(
        DailyRollup,
        _FIELDS,
        [
            (
                run.as_of,
                run.pk,
                version_id,
                _id(owner),
                _id(team),
                _text(industry),
                _text(size),
                int(band),
                *words[int(band)],
                int(accounts),
                int(scored),
                float(score_sum),
                int(arr),
                int(known),
            )
            for owner, team, industry, size, band, accounts, scored, score_sum, arr, known in _plain(
                merged
            )
        ],
    )


def _merged(shards: Iterable[Sums]) -> pd.DataFrame | None:
    """All shards' sums added up as they come; None without any. Memory is bounded by twice the result."""
    parts: list[pd.DataFrame] = []
    bound = _AT_ONCE
    for rows in shards:
        frame = pd.DataFrame(rows, columns=_KEYS + _SUMS)
        # Where a shard has nobody and another somebody, the columns are still of one kind.
        parts.append(
            frame.astype(
                {"owner_id": float, "team_id": float, "industry": object, "size_segment": object}
            )
        )
        if sum(map(len, parts)) > bound:
            parts = [_sum(pd.concat(parts))]
            bound = max(_AT_ONCE, 2 * len(parts[0]))
    return _sum(pd.concat(parts)) if parts else None


def total(as_of: date) -> None:
    """Add the sums of a night up anew, after any of them changed. The caller holds the transaction.

    Three statements, whatever changed: a night's sums are some thousand rows, and what is made from them
    whole cannot drift from them.
    """
    NightTotal.objects.filter(as_of=as_of).delete()
    with connection.cursor() as cursor:
        for sql in _TOTALS:
            cursor.execute(sql, [as_of])


def _plain(rows: pd.DataFrame) -> Sequence[Sequence[Any]]:
    return list(rows.itertuples(index=False, name=None))


def _id(value: float | None) -> int | None:
    return None if value is None or value != value else int(value)


def _text(value: str | float | None) -> str:
    return value if isinstance(value, str) else ""
