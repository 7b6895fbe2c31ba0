from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from scoring.engine.pack import pack
from scoring.engine.score import Scored, score
from scoring.engine.spec import Band, Component, Measure, ScorecardSpec, from_dict
from scoring.engine.statistics import Stats, merge, partial

ROOT = Path(__file__).parents[3]

BANDS = (
    Band("low", "Low", 0, 50, "poor"),
    Band("medium", "Medium", 50, 80, "fair"),
    Band("high", "High", 80, 100, "good"),
)


class Run(NamedTuple):
    packed: np.ndarray
    stats: Stats
    scored: Scored


@pytest.fixture(scope="session")
def make_spec():
    """`make_spec(measure, ...)` is one component of equal shares; or pass components."""

    def build(*parts, **fields):
        if parts and isinstance(parts[0], Measure):
            share = 1 / len(parts)
            measures = tuple(
                Measure(
                    m.key,
                    m.label,
                    m.metric,
                    m.normaliser,
                    m.params,
                    share,
                    m.missing,
                    m.denominator,
                )
                for m in parts
            )
            parts = (Component("all", "All", 100, measures),)
        defaults = {"key": "test", "name": "Test", "description": "", "bands": BANDS}
        return ScorecardSpec(**{**defaults, "components": tuple(parts), **fields})

    return build


@pytest.fixture(scope="session")
def run():
    """Pack, collect statistics in `shards` pieces, score the whole at once."""

    def build(spec, frame, shards=1):
        frame = pd.DataFrame(frame)
        packed = pack(spec, frame)
        pieces = np.array_split(packed, shards)
        stats = merge([partial(spec, piece) for piece in pieces])
        return Run(packed, stats, score(spec, packed, stats))

    return build


@pytest.fixture(scope="session")
def preset():
    def load(key):
        text = (ROOT / "scoring" / "presets" / f"{key}.yaml").read_text(encoding="utf-8")
        return from_dict(yaml.safe_load(text))

    return load


@pytest.fixture(scope="session")
def crm_accounts():
    """The published 10,000 accounts, columns named as the metrics they are."""
    path = ROOT.parent / "shared" / "data" / "crm-accounts" / "accounts.csv"
    if not path.exists():
        pytest.skip(f"the published accounts are not at {path}")
    frame = pd.read_csv(path)
    return frame.rename(columns={"account_size_segment": "size_segment"})
