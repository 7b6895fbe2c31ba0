"""What holds for every scorecard and every book, searched by hypothesis."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.engine.difference import CAUSES, State, difference
from scoring.engine.explain import display_points, explain
from scoring.engine.pack import pack
from scoring.engine.score import score
from scoring.engine.spec import Band, Cap, Component, Measure, ScorecardSpec, find_faults
from scoring.engine.statistics import merge, partial

CATEGORIES = ("a", "b", "c")
BANDS = (Band("low", "Low", 0, 50, "poor"), Band("high", "High", 50, 100, "good"))
METRICS = ("m0", "m1", "m2", "m3")
# A busy machine is no fault of the engine, so slowness is not judged here.
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

numbers = st.one_of(
    st.none(),
    st.integers(0, 5).map(float),
    st.floats(-1e6, 1e6, width=32),
    st.floats(allow_nan=True, allow_infinity=True),
)
invert = st.booleans()
points = st.floats(0, 100)


@st.composite
def definitions(draw):
    """(normaliser, params, denominator, direction) with direction +1, -1 or None."""
    kind = draw(
        st.sampled_from(
            ["min_max", "percentile_rank", "linear", "steps", "share", "mapping", "own_baseline"]
        )
    )
    if kind in ("min_max", "percentile_rank"):
        params = {"invert": draw(invert)}
        if kind == "min_max":
            params["transform"] = draw(st.sampled_from(["none", "sqrt", "log1p"]))
        elif draw(st.booleans()):
            params["peer_group"] = "industry"
        return kind, params, None, -1 if params["invert"] else 1
    if kind == "linear":
        zero, full = draw(
            st.tuples(*[st.integers(-50, 50)] * 2).filter(lambda pair: len({*pair}) > 1)
        )
        return kind, {"zero_at": zero, "full_at": full}, None, 1 if full > zero else -1
    if kind == "steps":
        thresholds = sorted(draw(st.sets(st.integers(-9, 9), min_size=2, max_size=4)))
        earned = sorted(draw(st.lists(points, min_size=4, max_size=4)))[: len(thresholds)]
        rising = draw(st.booleans())
        order = thresholds if rising else thresholds[::-1]
        pairs = [list(pair) for pair in zip(order, earned, strict=True)]
        return kind, {"steps": pairs}, None, 1 if rising else -1
    if kind == "share":
        return kind, {}, draw(st.sampled_from(METRICS)), 1
    if kind == "mapping":
        return kind, {"points": {name: draw(points) for name in CATEGORIES}}, None, None
    return kind, {"window": 30}, None, 1


@st.composite
def specs(draw):
    components, number = [], 0
    cuts = draw(st.sampled_from([(100,), (60, 40), (40, 35, 25), (99, 1)]))
    for place, weight in enumerate(cuts):
        shares = draw(st.sampled_from([(1,), (0.5, 0.5), (0.3, 0.3, 0.4), (0.999999, 0.000001)]))
        measures = []
        for share in shares:
            kind, params, denominator, _ = draw(definitions())
            metric = "group" if kind == "mapping" else draw(st.sampled_from(METRICS))
            policy = draw(st.sampled_from(["redistribute", "neutral", "worst"]))
            key = f"k{number}"
            measures.append(Measure(key, key, metric, kind, params, share, policy, denominator))
            number += 1
        components.append(Component(f"c{place}", f"C{place}", weight, tuple(measures)))
    caps = tuple(
        Cap(f"cap{i}", f"Cap {i}", draw(st.sampled_from(METRICS)), ">=", 2, draw(points))
        for i in range(draw(st.integers(0, 2)))
    )
    return ScorecardSpec("s", "S", "", tuple(components), BANDS, caps=caps)


@st.composite
def frames(draw, min_size=1, max_size=30):
    size = draw(st.integers(min_size, max_size))
    columns = {name: draw(st.lists(numbers, min_size=size, max_size=size)) for name in METRICS}
    frame = pd.DataFrame(columns, dtype=np.float64)
    for name in METRICS:
        frame[f"{name}@baseline30"] = frame[name].to_numpy()[::-1]
    texts = st.lists(st.sampled_from([*CATEGORIES, "?", None]), min_size=size, max_size=size)
    frame["group"] = pd.Series(draw(texts), dtype=object)
    frame["industry"] = pd.Series(draw(texts), dtype=object)
    return frame


def scored_whole(spec, frame):
    packed = pack(spec, frame)
    stats = merge([partial(spec, packed)])
    return packed, stats, score(spec, packed, stats)


def within(values, low, high):
    known = values[~np.isnan(values)]
    return bool(((known >= low) & (known <= high)).all())


@FEW
@given(specs(), frames())
def test_everything_stays_in_its_bounds(spec, frame):
    assert find_faults(spec) == []
    _, _, scored = scored_whole(spec, frame)
    for values in (scored.normalised, scored.component_scores, scored.computed, scored.score):
        assert within(values, 0, 100)
    assert within(scored.points, 0, 100 + 1e-9)
    assert within(scored.coverage, 0, 1)
    assert not np.isnan(scored.coverage).any()
    has_data = scored.coverage > 0
    assert np.isfinite(scored.score[has_data]).all()
    assert np.isnan(scored.score[~has_data]).all()
    assert (scored.band[scored.coverage < spec.min_coverage] == -1).all()


@FEW
@given(specs(), frames())
def test_points_add_up_to_the_score(spec, frame):
    _, _, scored = scored_whole(spec, frame)
    known = ~np.isnan(scored.computed)
    np.testing.assert_allclose(
        scored.points[known].sum(axis=1), scored.computed[known], atol=1e-6, rtol=0
    )
    np.testing.assert_allclose(scored.weights[known].sum(axis=1), 100, atol=1e-6)
    limits = np.array([*(cap.limit for cap in spec.caps), 100])[scored.cap_index]
    expected = np.where(scored.cap_index >= 0, limits, scored.computed)
    np.testing.assert_array_equal(scored.score, np.where(known, expected, np.nan))


@FEW
@given(specs(), frames(max_size=60), st.randoms(use_true_random=False))
def test_shards_and_order_change_no_bit(spec, frame, random):
    packed, stats, whole = scored_whole(spec, frame)
    pieces = np.array_split(packed, 50)
    parts = [partial(spec, piece) for piece in pieces]
    random.shuffle(parts)
    sharded = merge(parts)
    assert sharded.to_json() == stats.to_json()
    scored = [score(spec, piece, sharded) for piece in pieces]
    for name in ("normalised", "points", "weights", "component_scores", "computed", "score"):
        joined = np.concatenate([getattr(piece, name) for piece in scored])
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)
    np.testing.assert_array_equal(sum(piece.clipped for piece in scored), whole.clipped)

    order = list(range(len(packed)))
    random.shuffle(order)
    shuffled = packed[order]
    again = score(spec, shuffled, merge([partial(spec, shuffled)]))
    np.testing.assert_array_equal(again.score, whole.score[order])
    np.testing.assert_array_equal(again.points, whole.points[order])


@pytest.mark.parametrize("shards", [1, 50])
def test_a_large_book_in_1_or_50_shards_has_the_same_bits(shards):
    """Long enough for numpy's vector loops and their tails; log1p and sqrt included."""
    random = np.random.default_rng(1)
    measures = (
        Measure("a", "A", "m0", "min_max", {"transform": "log1p"}, 0.3),
        Measure("b", "B", "m1", "min_max", {"transform": "sqrt", "invert": True}, 0.3, "neutral"),
        Measure("c", "C", "m2", "percentile_rank", {}, 0.4),
    )
    spec = ScorecardSpec("s", "S", "", (Component("c", "C", 100, measures),), BANDS)
    frame = pd.DataFrame({name: random.lognormal(3, 2, 10_007) for name in METRICS})
    frame.loc[::13, "m0"] = np.nan
    frame.loc[::17, "m2"] = np.nan
    packed, stats, whole = scored_whole(spec, frame)
    pieces = np.array_split(packed, shards)
    sharded = merge([partial(spec, piece) for piece in pieces])
    joined = np.concatenate([score(spec, piece, sharded).score for piece in pieces])
    assert joined.tobytes() == whole.score.tobytes()
    single = [score(spec, packed[i : i + 1], stats).score[0] for i in range(0, 10_007, 101)]
    np.testing.assert_array_equal(single, whole.score[::101])


@FEW
@given(definitions().filter(lambda d: d[3] is not None), frames(), st.data())
def test_a_better_input_never_lowers_the_score(definition, frame, data):
    """With fixed statistics, moving one account's input in the measure's direction."""
    kind, params, denominator, direction = definition
    measures = (
        Measure("moved", "Moved", "m0", kind, params, 0.5, "redistribute", denominator and "m1"),
        Measure("other", "Other", "m2", "linear", {"zero_at": 0, "full_at": 9}, 0.5),
    )
    spec = ScorecardSpec("s", "S", "", (Component("c", "C", 100, measures),), BANDS)
    packed, stats, before = scored_whole(spec, frame)
    better = packed.copy()
    step = data.draw(st.floats(0, 1e6, width=32))
    better[:, 0] += np.float32(direction * step)
    after = score(spec, better, stats)
    both = ~np.isnan(before.normalised[:, 0]) & ~np.isnan(after.normalised[:, 0])
    assert (after.normalised[both, 0] >= before.normalised[both, 0]).all()
    assert (after.score[both] >= before.score[both]).all()


@FEW
@given(specs(), frames())
def test_an_explained_row_is_the_row_of_the_night(spec, frame):
    packed, stats, scored = scored_whole(spec, frame)
    for place in range(min(len(packed), 4)):
        told = explain(spec, packed[place], stats)
        assert told.coverage == scored.coverage[place]
        if told.score is None:
            assert np.isnan(scored.score[place])
            continue
        assert told.score == scored.score[place]
        taken = told.cap.points if told.cap else 0.0
        values = [line.points for line in told.lines]
        assert math.isclose(math.fsum([*values, taken]), told.score, abs_tol=1e-6)
        for line in told.lines:
            assert math.isclose(line.points + line.points_lost, line.weight, abs_tol=1e-9)
        for decimals in (0, 1, 2):
            shown = display_points([*values, taken], told.score, decimals)
            assert round(math.fsum(shown), decimals) == round(told.score, decimals)


@FEW
@given(st.lists(st.floats(-50, 100), max_size=40), st.integers(0, 3))
def test_displayed_figures_add_up_and_move_less_than_one_unit(values, decimals):
    total = math.fsum(values)
    shown = display_points(values, total, decimals)
    unit = 10.0**-decimals
    assert math.isclose(math.fsum(shown), round(total, decimals), abs_tol=unit * 1e-3)
    for value, rounded in zip(values, shown, strict=True):
        assert abs(value - rounded) <= unit * (1 + 1e-6)


@FEW
@given(specs(), specs(), frames(min_size=2), frames(min_size=2), st.booleans())
def test_the_parts_of_a_difference_add_up(old, new, frame, later, same):
    new = old if same else new
    before_packed, before_stats, first = scored_whole(old, frame)
    after_packed, after_stats, last = scored_whole(new, later)
    for place in (0, 1):
        found = difference(
            State(old, before_packed[place], before_stats),
            State(new, after_packed[place], after_stats),
        )
        change = last.score[place] - first.score[place]
        if math.isnan(change):
            assert found.total is None
            continue
        assert math.isclose(found.total, change, abs_tol=1e-9)
        assert math.isclose(math.fsum(found.parts.values()), change, abs_tol=1e-9)
        assert tuple(found.parts) == CAUSES
        for cause in ("data", "inputs", "population"):
            detail = math.fsum(part.points for part in found.changes if part.cause == cause)
            assert math.isclose(detail, found.parts[cause], abs_tol=1e-9)
        if same:
            assert abs(found.parts["version"]) < 1e-9
