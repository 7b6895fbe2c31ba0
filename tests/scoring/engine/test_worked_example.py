"""The example of scoring/README.md, number by number."""

import numpy as np
import pytest

from scoring.engine.explain import explain
from scoring.engine.revenue import predict
from scoring.engine.spec import Component, Measure

FRAME = {
    "calls": [10.0, 0.0, 40.0],
    "days": [5.0, 25.0, np.nan],
    "with_email": [6.0, 1.0, 0.0],
    "contacts": [8.0, 4.0, 0.0],
}


@pytest.fixture
def spec(make_spec):
    activity = (
        Measure("calls", "Calls", "calls", "min_max", {}, 0.5),
        Measure("days", "Days", "days", "min_max", {"invert": True}, 0.5),
    )
    contacts = (
        Measure("email", "With e-mail", "with_email", "share", {}, 1, denominator="contacts"),
    )
    return make_spec(
        Component("activity", "Activity", 60, activity),
        Component("contacts", "Contacts", 40, contacts),
    )


@pytest.fixture
def result(spec, run):
    return run(spec, FRAME)


def test_ada_has_67_5_from_three_measures(result):
    """30 x 25 % + 30 x 100 % + 40 x 75 % = 7.5 + 30 + 30."""
    scored = result.scored
    np.testing.assert_allclose(scored.weights[0], [30, 30, 40])
    np.testing.assert_allclose(scored.points[0], [7.5, 30, 30])
    np.testing.assert_allclose(scored.component_scores[0], [62.5, 75])
    assert (scored.score[0], scored.coverage[0], scored.band[0]) == (67.5, 1.0, 1)


def test_bo_is_low(result):
    """30 x 0 % + 30 x 0 % + 40 x 25 % = 10."""
    assert (result.scored.score[1], result.scored.band[1]) == (10.0, 0)


def test_cy_scores_100_but_is_unknown(result):
    """Calls carry everything: 100 x 100 %, on 30 of 100 points of weight."""
    scored = result.scored
    np.testing.assert_allclose(scored.weights[2], [100, 0, 0])
    assert (scored.score[2], scored.coverage[2], scored.band[2]) == (100.0, 0.3, -1)
    assert np.isnan(scored.component_scores[2, 1])


def test_revenue_of_ada(spec, result):
    """1,000 x 0.675 + 0.5 x 2,000 x (0.05 + 0.25 x 0.675) = 893.75."""
    assert predict(spec.revenue, [result.scored.score[0]], [1000.0], [2000.0])[0] == 893.75


def test_the_explanation_says_the_same(spec, result):
    told = explain(spec, result.packed[2], result.stats)
    assert [line.points for line in told.lines] == [100.0, 0.0, 0.0]
    assert [line.missing for line in told.lines] == [False, True, True]
    assert [line.original_weight for line in told.lines] == [30, 30, 40]
    assert (told.band_key, told.score, told.coverage) == ("unknown", 100.0, 0.3)
    assert told.component_scores == {"activity": 100.0, "contacts": None}
