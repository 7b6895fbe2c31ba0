"""Daily sums: counted per shard while the frame is at hand, put together when the night ends."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scoring.engine.score import Scored
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE, ScorecardSpec
from scoring.models import DailyRollup, ScoreRun
from scoring.services.populations import Group

_KEYS = ["owner_id", "team_id", "industry", "size_segment", "band"]
_SUMS = ["accounts", "scored", "score_sum", "arr_amount", "arr_known"]

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
    found = [row for rows in shards for row in rows]
    if not found:
        return
    names = [band.name for band in spec.bands] + [UNKNOWN_NAME]  # -1 is the last
    tones = [str(band.tone) for band in spec.bands] + [UNKNOWN_TONE]
    merged = _sum(pd.DataFrame(found, columns=_KEYS + _SUMS))
    DailyRollup.objects.bulk_create(
        [
            DailyRollup(
                as_of=run.as_of,
                run=run,
                version_id=version_id,
                owner_id=_id(owner),
                team_id=_id(team),
                industry=_text(industry),
                size_segment=_text(size),
                band=band,
                band_name=names[int(band)],
                tone=tones[int(band)],
                accounts=int(accounts),
                scored=int(scored),
                score_sum=score_sum,
                arr_amount=int(arr),
                arr_known=int(known),
            )
            for owner, team, industry, size, band, accounts, scored, score_sum, arr, known in _plain(
                merged
            )
        ],
        batch_size=2000,
    )


def _plain(rows: pd.DataFrame) -> Sequence[Sequence[Any]]:
    return list(rows.itertuples(index=False, name=None))


def _id(value: float | None) -> int | None:
    return None if value is None or value != value else int(value)


def _text(value: str | float | None) -> str:
    return value if isinstance(value, str) else ""
