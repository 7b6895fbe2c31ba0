"""Missing policies, coverage, bands and caps as tables."""

import math

import numpy as np
import pandas as pd
import pytest

from scoring.engine.explain import explain
from scoring.engine.pack import pack
from scoring.engine.score import band_index, score
from scoring.engine.spec import Cap, Component, Measure
from scoring.engine.statistics import Partial, Stats, merge, partial

NAN = math.nan
SCALE = {"zero_at": 0, "full_at": 100}


def measure(key, weight, missing="redistribute"):
    return Measure(key, key, key, "linear", SCALE, weight, missing)


def two_components(make_spec, policy="redistribute", **fields):
    """A (60): a 0.75, b 0.25 with the policy; B (40): c."""
    first = Component("A", "A", 60, (measure("a", 0.75), measure("b", 0.25, policy)))
    return make_spec(first, Component("B", "B", 40, (measure("c", 1),)), **fields)


@pytest.mark.parametrize(
    ("policy", "row", "weights", "expected", "coverage"),
    [
        # 45·80 + 15·40 + 40·50
        pytest.param("redistribute", (80, 40, 50), [45, 15, 40], 62.0, 1.0, id="complete"),
        # 60·80 + 40·50
        pytest.param("redistribute", (80, NAN, 50), [60, 0, 40], 68.0, 0.85, id="shared inside"),
        # a and b keep 3:1 of everything: 75·80 + 25·40
        pytest.param("redistribute", (80, 40, NAN), [75, 25, 0], 70.0, 0.6, id="component gone"),
        pytest.param("redistribute", (NAN, NAN, 50), [0, 0, 100], 50.0, 0.4, id="only c"),
        pytest.param("redistribute", (NAN, 40, NAN), [0, 100, 0], 40.0, 0.15, id="only b"),
        # 45·80 + 15·50 + 40·50
        pytest.param("neutral", (80, NAN, 50), [45, 15, 40], 63.5, 0.85, id="neutral"),
        # 45·80 + 15·0 + 40·50
        pytest.param("worst", (80, NAN, 50), [45, 15, 40], 56.0, 0.85, id="worst"),
        # b stands for A: 60·50 + 40·50
        pytest.param("neutral", (NAN, NAN, 50), [0, 60, 40], 50.0, 0.4, id="neutral stands in"),
        pytest.param("redistribute", (NAN, NAN, NAN), [0, 0, 0], NAN, 0.0, id="nothing"),
        pytest.param("neutral", (NAN, NAN, NAN), [0, 0, 0], NAN, 0.0, id="nothing, neutral"),
        pytest.param("worst", (NAN, NAN, NAN), [0, 0, 0], NAN, 0.0, id="nothing, worst"),
        pytest.param("redistribute", (0, 0, 0), [45, 15, 40], 0.0, 1.0, id="zeros are data"),
    ],
)
def test_missing_policies(make_spec, run, policy, row, weights, expected, coverage):
    frame = {key: [value] for key, value in zip("abc", row, strict=True)}
    scored = run(two_components(make_spec, policy), frame).scored
    np.testing.assert_allclose(scored.weights[0], weights, atol=1e-12)
    np.testing.assert_allclose(scored.score, [expected], atol=1e-12)
    assert scored.coverage[0] == pytest.approx(coverage)
    if math.isnan(expected):
        assert scored.band[0] == -1
        assert np.isnan(scored.points).all()
        assert np.isnan(scored.component_scores).all()


def test_coverage_below_the_minimum_is_unknown_and_at_it_is_known(make_spec, run):
    spec = two_components(make_spec, min_coverage=0.6)
    scored = run(spec, {"a": [90, NAN], "b": [90, 90], "c": [NAN, 90]}).scored
    np.testing.assert_allclose(scored.coverage, [0.6, 0.55])
    assert scored.band.tolist() == [2, -1]
    assert scored.score.tolist() == [90, 90]


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (0, 0),
        (49.9, 0),
        (49.99996, 1),
        (50, 1),
        (79.99, 1),
        (79.9999995, 2),
        (80, 2),
        (100, 2),
        (NAN, -1),
    ],
)
def test_bands_are_half_open_and_the_top_is_closed(make_spec, value, band):
    spec = make_spec(measure("a", 1))
    assert band_index(spec, [value]).tolist() == [band]


@pytest.mark.parametrize(
    ("caps", "expected", "index"),
    [
        pytest.param([(">=", 1, 60)], 60, 0, id="holds"),
        pytest.param([(">", 1, 60)], 90, -1, id="does not hold"),
        pytest.param([(">=", 1, 95)], 90, -1, id="above the score"),
        pytest.param([(">=", 1, 60), (">=", 1, 40)], 40, 1, id="the lowest wins"),
        pytest.param([(">=", 1, 40), (">=", 1, 40)], 40, 0, id="the first of equals"),
        pytest.param([("==", 1, 60), ("<", 1, 10), ("<=", 0, 5)], 60, 0, id="operators"),
    ],
)
def test_caps(make_spec, run, caps, expected, index):
    rules = tuple(
        Cap(f"cap{i}", f"Cap {i}", "escalations", op, value, limit)
        for i, (op, value, limit) in enumerate(caps)
    )
    spec = make_spec(measure("a", 1), caps=rules)
    scored = run(spec, {"a": [90], "escalations": [1]}).scored
    assert (scored.computed[0], scored.score[0], scored.cap_index[0]) == (90, expected, index)


def test_a_cap_without_data_does_not_hold(make_spec, run):
    spec = make_spec(measure("a", 1), caps=(Cap("c", "C", "open", ">=", 0, 10),))
    scored = run(spec, {"a": [90, NAN], "open": [NAN, 1]}).scored
    np.testing.assert_array_equal(scored.score, [90, NAN])
    assert scored.cap_index.tolist() == [-1, -1]


def test_the_cap_is_a_line_of_its_own(make_spec, run):
    spec = make_spec(measure("a", 1), caps=(Cap("c", "Escalation", "open", ">=", 1, 60),))
    result = run(spec, {"a": [90], "open": [1]})
    told = explain(spec, result.packed[0], result.stats)
    assert (told.cap.label, told.cap.limit, told.cap.points) == ("Escalation", 60, -30)
    assert math.fsum([*(line.points for line in told.lines), told.cap.points]) == told.score


def test_infinity_in_a_decoded_row_is_missing_too(make_spec):
    spec = make_spec(measure("a", 1), measure("b", 1))
    packed = np.array([[np.inf, 40], [-np.inf, np.nan]], dtype=np.float32)
    scored = score(spec, packed, merge([partial(spec, packed)]))
    np.testing.assert_array_equal(scored.score, [40, NAN])


def test_no_accounts_at_all(make_spec):
    spec = two_components(make_spec)
    packed = pack(spec, pd.DataFrame({"a": [], "b": [], "c": []}))
    scored = score(spec, packed, merge([partial(spec, packed)]))
    assert scored.score.shape == (0,)
    assert scored.points.shape == (0, 3)


def test_statistics_survive_json(make_spec, run):
    peers = Measure("p", "P", "p", "percentile_rank", {"peer_group": "industry"})
    spec = make_spec(peers, Measure("m", "M", "m", "min_max"))
    frame = pd.DataFrame(
        {"p": [0.1, 2, 3, 4, 5, NAN], "m": [0.1, 0.7, 3, 4, NAN, 6], "industry": ["A"] * 6}
    )
    packed = pack(spec, frame)
    part = partial(spec, packed, {"industry": {5: "A"}})
    again = Partial.from_json(part.to_json())
    assert again.to_json() == part.to_json()
    stats = merge([again])
    restored = Stats.from_json(stats.to_json())
    assert restored.to_json() == stats.to_json()
    assert restored.measures["p"].names == {5: "A"}
    expected = score(spec, packed, stats)
    assert (score(spec, packed, restored).score == expected.score).all()
    assert stats.measures["p"].count == 5
    assert stats.measures["p"].missing == 1
