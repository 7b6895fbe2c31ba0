import math

import numpy as np
import pytest

from scoring.engine.codec import decode_inputs, decode_points, encode_inputs, encode_points
from scoring.engine.revenue import predict, quantile_cuts, tier_by_amount, tier_by_quantile
from scoring.engine.spec import Revenue

NAN = math.nan


@pytest.mark.parametrize(
    ("health", "pipeline", "won", "expected"),
    [
        # 100·1 + 0.5·100·0.30
        (100, 100, 100, 115.0),
        # 0 + 0.5·100·0.05
        (0, 100, 100, 2.5),
        (50, 0, 0, 0.0),
        (NAN, 1, 1, NAN),
        (50, NAN, 1, NAN),
        (50, 1, NAN, NAN),
        (50, math.inf, 1, NAN),
    ],
)
def test_predicted_revenue(health, pipeline, won, expected):
    np.testing.assert_allclose(predict(Revenue(), [health], [pipeline], [won]), [expected])


def test_quantile_tiers_interpolate_and_put_the_limits_in_b():
    """Of 0, 10, 20, 30, 40 the quartiles are 10 and 30; NaN has no tier."""
    values = [0.0, 10.0, 20.0, 30.0, 40.0, NAN]
    cuts = quantile_cuts(values)
    assert cuts == (10.0, 30.0)
    assert tier_by_quantile(values, cuts).tolist() == ["C", "B", "B", "B", "A", ""]


def test_quantiles_of_nothing():
    assert all(math.isnan(cut) for cut in quantile_cuts([NAN]))
    assert tier_by_quantile([NAN], quantile_cuts([NAN])).tolist() == [""]


def test_amount_tiers_at_their_limits():
    values = [10_000_001, 10_000_000, 1_000_000, 999_999, 100_000, 99_999, 0, NAN]
    assert tier_by_amount(values).tolist() == ["1", "2", "2", "3", "3", "4", "4", ""]


def test_inputs_are_stored_without_loss():
    packed = np.array([[1.1, NAN, -3e38], [0, 1e-30, 7]], dtype=np.float32)
    rows = encode_inputs(packed)
    assert [len(row) for row in rows] == [12, 12]
    np.testing.assert_array_equal(decode_inputs(rows, 3), packed)
    np.testing.assert_array_equal(decode_inputs([memoryview(row) for row in rows], 3), packed)


def test_points_are_stored_to_a_two_hundredth():
    points = np.array([[0, 100, 33.3333, NAN], [7.0024, 50, 0.0026, 99.999]])
    rows = encode_points(points)
    assert [len(row) for row in rows] == [8, 8]
    found = decode_points(rows, 4)
    assert found[0].tolist()[:3] == [0, 100, 33.335]
    assert math.isnan(found[0, 3])
    np.testing.assert_allclose(found, points, atol=0.0025 + 1e-12)


def test_a_row_of_another_version_is_refused():
    with pytest.raises(ValueError, match="3 entries"):
        decode_inputs(encode_inputs(np.zeros((1, 2), dtype=np.float32)), 3)


def test_nothing_to_store():
    assert encode_inputs(np.empty((0, 3), dtype=np.float32)) == []
    assert decode_points([], 3).shape == (0, 3)
