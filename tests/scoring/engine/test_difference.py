"""Each cause alone, then all of them, with the arithmetic in the docstring."""

import dataclasses
import math

import pytest

from scoring.engine.difference import State, difference
from scoring.engine.spec import Cap, Component, Measure

NAN = math.nan
SCALE = {"zero_at": 0, "full_at": 100}


def linear(key, weight):
    return Measure(key, key.upper(), key, "linear", SCALE, weight)


@pytest.fixture
def spec(make_spec):
    return make_spec(
        Component("one", "One", 60, (linear("a", 0.5), linear("b", 0.5))),
        Component("two", "Two", 40, (Measure("c", "C", "c", "min_max", {}, 1),)),
        caps=(Cap("cap", "Cap", "open", ">=", 1, 50),),
    )


def state(run, spec, row, others=((0, 0, 0, 0), (0, 0, 100, 0))):
    """The first account of a small book whose others set the population's limits."""
    rows = [row, *others]
    frame = dict(zip(("a", "b", "c", "open"), zip(*rows, strict=True), strict=True))
    result = run(spec, frame)
    return State(spec, result.packed[0], result.stats)


def parts(found):
    return {cause: round(points, 9) for cause, points in found.parts.items() if abs(points) > 1e-9}


def test_an_input_changed(spec, run):
    """30 points of weight: a from 40 to 60 is 30 x 20 % = 6; c from 50 to 40 is 40 x -10 %."""
    found = difference(state(run, spec, (40, 50, 50, 0)), state(run, spec, (60, 50, 40, 0)))
    assert parts(found) == {"inputs": 2.0}
    assert {(c.key, round(c.points, 9)) for c in found.changes} == {("a", 6.0), ("c", -4.0)}


def test_the_population_moved(spec, run):
    """The largest c grows from 100 to 200: 50 is 25 % instead of 50 %, 40 x -25 % = -10."""
    before = state(run, spec, (40, 50, 50, 0))
    after = state(run, spec, (40, 50, 50, 0), ((0, 0, 0, 0), (0, 0, 200, 0)))
    found = difference(before, after)
    assert parts(found) == {"population": -10.0}
    assert [(c.cause, c.key) for c in found.changes] == [("population", "c")]


def test_data_went_missing(spec, run):
    """Before 30·40 + 30·80 + 40·50 = 56. Without b: 60·40 + 40·50 = 44."""
    found = difference(state(run, spec, (40, 80, 50, 0)), state(run, spec, (40, NAN, 50, 0)))
    assert parts(found) == {"data": -12.0}
    assert (found.went_missing, found.appeared) == (("b",), ())


def test_data_appeared_with_its_value(spec, run):
    found = difference(state(run, spec, (40, NAN, 50, 0)), state(run, spec, (40, 80, 50, 0)))
    assert parts(found) == {"data": 12.0}
    assert found.appeared == ("b",)


def test_the_first_value_of_a_measure_is_data_and_not_population(spec, run):
    """Nobody had c: 30·40 + 30·80 over 60 is 60. Then 30·40 + 30·80 + 40·100 = 76."""
    before = state(run, spec, (40, 80, NAN, 0), ((0, 0, NAN, 0),))
    after = state(run, spec, (40, 80, 90, 0), ((0, 0, 10, 0),))
    found = difference(before, after)
    assert parts(found) == {"data": 16.0}
    assert found.appeared == ("c",)


def test_the_weights_changed(spec, run):
    """60/40 to 50/50: A 60 and C 50 give 56 before, 55 after."""
    first, second = spec.components
    other = dataclasses.replace(
        spec,
        components=(
            dataclasses.replace(first, weight=50),
            dataclasses.replace(second, weight=50),
        ),
    )
    row = (40, 80, 50, 0)
    found = difference(state(run, spec, row), state(run, other, row))
    assert parts(found) == {"version": -1.0}


def test_a_cap_came(spec, run):
    """56 becomes 50."""
    found = difference(state(run, spec, (40, 80, 50, 0)), state(run, spec, (40, 80, 50, 1)))
    assert parts(found) == {"cap": -6.0}


def test_all_at_once(spec, run):
    """Before: 30·40 + 30·80 + 40·50 = 56.

    b goes: 60·40 + 40·50 = 44, data -12. a to 60: 60·60 + 40·50 = 56, inputs +12.
    c's limit to 200: 36 + 10 = 46, population -10. 50/50: 30 + 12.5 = 42.5, version -3.5.
    """
    first, second = spec.components
    other = dataclasses.replace(
        spec,
        components=(
            dataclasses.replace(first, weight=50),
            dataclasses.replace(second, weight=50),
        ),
    )
    before = state(run, spec, (40, 80, 50, 0))
    after = state(run, other, (60, NAN, 50, 0), ((0, 0, 0, 0), (0, 0, 200, 0)))
    found = difference(before, after)
    assert parts(found) == {"data": -12.0, "inputs": 12.0, "population": -10.0, "version": -3.5}
    assert found.total == pytest.approx(-13.5)


def test_a_measure_only_one_version_has_is_a_change_of_version(spec, run):
    other = dataclasses.replace(
        spec, components=(dataclasses.replace(spec.components[0], weight=100),)
    )
    row = (40, 80, 50, 0)
    assert parts(difference(state(run, spec, row), state(run, other, row))) == {"version": 4.0}
    assert parts(difference(state(run, other, row), state(run, spec, row))) == {"version": -4.0}


def test_a_new_category_does_not_shift_the_stored_ones(make_spec, run):
    """'Large' is the first of two categories, then the second of three; nothing changed."""

    def mapping(points):
        return make_spec(Measure("size", "Size", "size", "mapping", {"points": points}))

    old, new = mapping({"Large": 60, "Small": 20}), mapping({"Giant": 90, "Large": 60, "Small": 20})
    before, after = run(old, {"size": ["Large"]}), run(new, {"size": ["Large"]})
    found = difference(
        State(old, before.packed[0], before.stats), State(new, after.packed[0], after.stats)
    )
    assert parts(found) == {}
    assert found.total == 0


def test_without_a_score_on_one_side_there_is_no_difference(spec, run):
    gone = (NAN, NAN, NAN, 0)
    found = difference(state(run, spec, (40, 80, 50, 0)), state(run, spec, gone))
    assert found.total is None
    assert found.went_missing == ("a", "b", "c")


def test_a_vector_of_another_version_is_refused(spec, run):
    before = state(run, spec, (40, 80, 50, 0))
    with pytest.raises(ValueError, match="The vector has 2 entries, 'test' stores 4"):
        difference(before, State(spec, [1, 2], before.stats))
