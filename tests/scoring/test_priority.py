"""Attention in points: health 40, trend 15, renewal 15, ARR 10."""

import numpy as np
import pytest

from scoring.priority import priority

NAN = float("nan")


@pytest.mark.parametrize(
    ("score", "change", "days", "arr", "expected"),
    [
        (0.0, -20.0, 0.0, 1e7, (40, 15, 15, 10)),
        (100.0, 5.0, 400.0, 500.0, (0, 0, 0, 0)),
        (50.0, -10.0, 90.0, 1e5, (20, 7.5, 7.5, 5)),
        (40.0, -60.0, -12.0, 1e9, (24, 15, 15, 10)),  # an overdue renewal counts as due today
        (NAN, NAN, NAN, NAN, (0, 0, 0, 0)),  # not knowing is no risk found
        (30.0, NAN, NAN, 0.0, (28, 0, 0, 0)),
    ],
)
def test_points_per_reason(score, change, days, arr, expected):
    parts = priority(*(np.array([value]) for value in (score, change, days, arr)))
    found = (parts.health[0], parts.trend[0], parts.renewal[0], parts.arr[0])
    assert found == pytest.approx(expected)
    assert parts.total[0] == pytest.approx(sum(expected))
