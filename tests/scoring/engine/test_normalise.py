"""Every normaliser as a table: input, parameters, expected value."""

import math

import numpy as np
import pytest

from scoring.engine.pack import pack
from scoring.engine.score import score
from scoring.engine.spec import Measure
from scoring.engine.statistics import Stats, merge, partial

NAN = math.nan


def column(make_spec, run, measure, **columns):
    return run(make_spec(measure), columns).scored


@pytest.mark.parametrize(
    ("params", "values", "expected"),
    [
        pytest.param({}, [0, 5, 10], [0, 50, 100], id="straight"),
        pytest.param({"invert": True}, [0, 5, 10], [100, 50, 0], id="inverted"),
        pytest.param({"transform": "sqrt"}, [0, 25, 100], [0, 50, 100], id="sqrt after scaling"),
        pytest.param(
            {"transform": "sqrt", "invert": True}, [0, 75, 100], [100, 50, 0], id="sqrt inverted"
        ),
        # log(1+x): 0, log 10, log 100
        pytest.param({"transform": "log1p"}, [0, 9, 99], [0, 50, 100], id="log1p before scaling"),
        pytest.param({"transform": "log1p"}, [-2, 0, 9, 99], [NAN, 0, 50, 100], id="log1p of -2"),
        pytest.param({}, [-5, 0, 5], [0, 50, 100], id="negative"),
        pytest.param({}, [7, 7, 7], [50, 50, 50], id="constant"),
        pytest.param({}, [0, 0], [50, 50], id="all zero"),
        pytest.param({"transform": "sqrt"}, [7, 7], [50, 50], id="constant, sqrt"),
        pytest.param({}, [7], [50], id="one account"),
        pytest.param({}, [0, NAN, 10], [0, NAN, 100], id="a gap"),
        pytest.param({}, [0, math.inf, 10, -math.inf], [0, NAN, 100, NAN], id="infinity"),
        pytest.param({}, [1e300, 0, 10], [NAN, 0, 100], id="beyond float32"),
        pytest.param({}, [-3e38, 0, 3e38], [0, 50, 100], id="widest range"),
        pytest.param({}, [NAN, NAN], [NAN, NAN], id="no data"),
    ],
)
def test_min_max(make_spec, run, params, values, expected):
    scored = column(make_spec, run, Measure("x", "X", "x", "min_max", params), x=values)
    np.testing.assert_allclose(scored.normalised[:, 0], expected, atol=1e-9)
    assert scored.clipped[0] == 0


@pytest.mark.parametrize(
    ("params", "values", "expected"),
    [
        # below + half of equal, of 4: 0.5, 1.5, 2.5, 3.5
        pytest.param({}, [10, 20, 30, 40], [12.5, 37.5, 62.5, 87.5], id="distinct"),
        pytest.param({"invert": True}, [10, 20, 30, 40], [87.5, 62.5, 37.5, 12.5], id="inverted"),
        # the two 20s: 1 below + half of 2 = 2 of 4
        pytest.param({}, [10, 20, 20, 40], [12.5, 50, 50, 87.5], id="ties"),
        pytest.param({}, [5, 5, 5], [50, 50, 50], id="constant"),
        pytest.param({}, [5], [50], id="one account"),
        pytest.param({}, [NAN, 1, 2], [NAN, 25, 75], id="a gap"),
        pytest.param({}, [NAN], [NAN], id="no data"),
    ],
)
def test_percentile_rank(make_spec, run, params, values, expected):
    measure = Measure("x", "X", "x", "percentile_rank", params)
    scored = column(make_spec, run, measure, x=values)
    np.testing.assert_allclose(scored.normalised[:, 0], expected)


@pytest.mark.parametrize(
    ("params", "values", "expected", "clipped"),
    [
        ({"zero_at": 0, "full_at": 4}, [0, 1, 4, 5, -1], [0, 25, 100, 100, 0], 2),
        ({"zero_at": 30, "full_at": 0}, [0, 15, 30, 60], [100, 50, 0, 0], 1),
        ({"zero_at": -1, "full_at": 1}, [-1, 0, 1, NAN], [0, 50, 100, NAN], 0),
        # 0.35 in float32 is not 0.35, and still is exactly full and not clipped
        ({"zero_at": 0, "full_at": 0.35}, [0.35], [100], 0),
        ({"zero_at": 1.0, "full_at": 1.0 + 1e-12}, [0.9, 1.1, NAN], [0, 100, NAN], 0),
    ],
)
def test_linear(make_spec, run, params, values, expected, clipped):
    scored = column(make_spec, run, Measure("x", "X", "x", "linear", params), x=values)
    np.testing.assert_allclose(scored.normalised[:, 0], expected)
    assert scored.clipped[0] == clipped


@pytest.mark.parametrize(
    ("steps", "values", "expected"),
    [
        ([[1, 25], [3, 60], [8, 100]], [0.9, 1, 2.9, 3, 7, 8, 99], [0, 25, 25, 60, 60, 100, 100]),
        ([[6, 20], [3, 60], [1, 100]], [7, 6, 3.1, 3, 1, 0], [0, 20, 20, 60, 100, 100]),
        ([[0.18, 60], [0.12, 80]], [0.18, 0.12, NAN], [60, 80, NAN]),
        ([[5, 70]], [4, 5], [0, 70]),
    ],
    ids=["rising", "falling", "exactly at float32 thresholds", "one step"],
)
def test_steps(make_spec, run, steps, values, expected):
    scored = column(make_spec, run, Measure("x", "X", "x", "steps", {"steps": steps}), x=values)
    np.testing.assert_array_equal(scored.normalised[:, 0], expected)


def test_share(make_spec, run):
    """3/4, more than all, none of some, none of none, unknown parts, a negative count."""
    scored = column(
        make_spec,
        run,
        Measure("x", "X", "n", "share", denominator="d"),
        n=[3, 5, 0, 0, NAN, 1, -1],
        d=[4, 4, 4, 0, 4, NAN, 4],
    )
    np.testing.assert_array_equal(scored.normalised[:, 0], [75, 100, 0, NAN, NAN, NAN, 0])
    assert scored.clipped[0] == 2


def test_mapping(make_spec, run):
    measure = Measure("x", "X", "x", "mapping", {"points": {"Large": 75, "Enterprise": 100}})
    scored = column(make_spec, run, measure, x=["Large", " Enterprise ", "Huge", None, "", NAN])
    np.testing.assert_array_equal(scored.normalised[:, 0], [75, 100, NAN, NAN, NAN, NAN])


def test_mapping_of_the_three_column_types(make_spec, run):
    import pandas as pd

    measure = Measure("x", "X", "x", "mapping", {"points": {"a": 10, "b": 20}})
    for kind in ("object", "str", "category"):
        scored = column(make_spec, run, measure, x=pd.Series(["b", None, "a"], dtype=kind))
        np.testing.assert_array_equal(scored.normalised[:, 0], [20, NAN, 10])


def test_own_baseline(make_spec, run):
    """Half of the usual, as usual, more than usual, no usual, an unknown one."""
    measure = Measure("x", "X", "x", "own_baseline", {"window": 30})
    frame = {"x": [5, 10, 15, 5, NAN], "x@baseline30": [10, 10, 10, 0, 10]}
    scored = run(make_spec(measure), frame).scored
    np.testing.assert_array_equal(scored.normalised[:, 0], [50, 100, 100, NAN, NAN])
    assert scored.clipped[0] == 1


def test_peers_rank_among_peers_and_few_peers_among_all(make_spec, run):
    """Five in Tech rank 10, 30, 50, 70, 90; the one in Retail is 6th of 6: 5.5/6."""
    measure = Measure("x", "X", "x", "percentile_rank", {"peer_group": "industry"})
    frame = {"x": [1, 2, 3, 4, 5, 6, 7], "industry": [*["Tech"] * 5, "Retail", None]}
    scored = run(make_spec(measure), frame).scored
    np.testing.assert_allclose(
        scored.normalised[:, 0], [10, 30, 50, 70, 90, 100 * 5.5 / 7, 100 * 6.5 / 7]
    )


def test_many_distinct_values_are_interpolated_closely(make_spec, run):
    """20,000 distinct values: the exact mid-rank of the i-th is (i + 0.5) / 200."""
    values = np.arange(20_000.0)
    result = run(make_spec(Measure("x", "X", "x", "percentile_rank")), {"x": values})
    exact = (values + 0.5) / 200
    np.testing.assert_allclose(result.scored.normalised[:, 0], exact, atol=0.005)
    assert len(result.stats.measures["x"].ranks[0].values) == 4097


def test_a_value_outside_the_statistics_is_clipped_and_not_counted(make_spec):
    spec = make_spec(Measure("x", "X", "x", "min_max"), Measure("y", "Y", "y", "percentile_rank"))
    night = pack(spec, _frame(x=[10, 20], y=[10, 20]))
    later = pack(spec, _frame(x=[0, 99, 15], y=[0, 99, 15]))
    scored = score(spec, later, merge([partial(spec, night)]))
    np.testing.assert_array_equal(scored.normalised, [[0, 0], [100, 100], [50, 50]])
    assert scored.clipped.tolist() == [0, 0]


def test_without_a_population_there_is_nothing_to_compare_with(make_spec):
    spec = make_spec(Measure("x", "X", "x", "min_max"), Measure("y", "Y", "y", "percentile_rank"))
    scored = score(spec, pack(spec, _frame(x=[1], y=[1])), Stats(0, {}))
    assert np.isnan(scored.normalised).all()
    assert len(scored.warnings) == 2


def test_a_constant_column_warns(make_spec, run):
    scored = run(make_spec(Measure("x", "Calls", "x", "min_max")), {"x": [3, 3, NAN]}).scored
    assert scored.warnings == (
        "Calls: all 2 accounts with a value have the same one, so each gets 50 and it tells nobody apart.",
    )


def test_pack_names_the_columns_it_lacks(make_spec):
    spec = make_spec(Measure("x", "X", "n", "share", denominator="d"))
    with pytest.raises(ValueError, match=r"The frame lacks the columns d, n\."):
        pack(spec, _frame(other=[1]))


def test_pack_refuses_text_in_a_number_column(make_spec):
    with pytest.raises(ValueError, match="abc"):
        pack(make_spec(Measure("x", "X", "x", "min_max")), _frame(x=["abc", "1"]))


def _frame(**columns):
    import pandas as pd

    return pd.DataFrame(columns)
