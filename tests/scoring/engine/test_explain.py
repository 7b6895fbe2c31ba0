import json
import math

import pytest

from scoring.engine.explain import as_json, display_points, explain
from scoring.engine.spec import Measure


@pytest.mark.parametrize(
    ("values", "total", "decimals", "expected"),
    [
        # 33.3 three times is 99.9: one of them takes the tenth that is left
        ([100 / 3] * 3, 100, 1, [33.4, 33.3, 33.3]),
        ([7.5, 30, 30], 67.5, 0, [8, 30, 30]),
        ([0.25, 0.25, 0.25, 0.25], 1, 1, [0.3, 0.3, 0.2, 0.2]),
        ([90, -30], 60, 0, [90, -30]),
        ([90.4, -30.4], 60, 0, [90, -30]),
        ([0.1 + 0.2, 0.7], 1, 1, [0.3, 0.7]),
        ([0.15], 0.15, 1, [0.1]),
        ([], 0, 1, []),
    ],
)
def test_display_points(values, total, decimals, expected):
    assert display_points(values, total, decimals) == expected


def test_figures_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"add up to 3\.0, not to 10"):
        display_points([1, 2], 10, 0)


def test_inputs_are_told_as_people_know_them(make_spec, run):
    """A category by name, a share with both sides, an unknown category as missing."""
    spec = make_spec(
        Measure("size", "Size", "size", "mapping", {"points": {"Large": 70, "Small": 20}}),
        Measure("mail", "Mail", "with", "share", denominator="all"),
    )
    result = run(spec, {"size": ["Large", "Huge"], "with": [3, 1], "all": [4, 0]})
    size, mail = explain(spec, result.packed[0], result.stats).lines
    assert [entry.value for entry in size.inputs] == ["Large"]
    assert [(entry.role, entry.value) for entry in mail.inputs] == [
        ("numerator", 3.0),
        ("denominator", 4.0),
    ]
    size, mail = explain(spec, result.packed[1], result.stats).lines
    assert [entry.value for entry in size.inputs] == [None]
    assert [entry.value for entry in mail.inputs] == [1.0, 0.0]
    assert mail.missing


@pytest.mark.parametrize(
    ("policy", "note"),
    [
        ("redistribute", "No data: its weight went to the others."),
        ("neutral", "No data: counted as 50."),
        ("worst", "No data: counted as 0."),
    ],
)
def test_a_missing_input_says_what_was_done_about_it(make_spec, run, policy, note):
    scale = {"zero_at": 0, "full_at": 10}
    spec = make_spec(
        Measure("a", "A", "a", "linear", scale, missing=policy),
        Measure("b", "B", "b", "linear", scale),
    )
    result = run(spec, {"a": [math.nan], "b": [5]})
    line = explain(spec, result.packed[0], result.stats).lines[0]
    assert (line.note, line.normalised, line.missing) == (note, None, True)


def test_constant_columns_and_small_peer_groups_are_noted(make_spec, run):
    spec = make_spec(
        Measure("a", "A", "a", "min_max"),
        Measure("b", "B", "b", "percentile_rank", {"peer_group": "industry"}),
    )
    result = run(spec, {"a": [3, 3], "b": [1, 2], "industry": ["Tech", "Tech"]})
    constant, peers = explain(spec, result.packed[0], result.stats).lines
    assert constant.note == "Every account has the same value: counted as 50."
    assert peers.note == "Too few peers: ranked among all 2 accounts with a value."


def test_an_account_without_data_is_explained_as_such(make_spec, run):
    spec = make_spec(Measure("a", "A", "a", "min_max", missing="neutral"))
    result = run(spec, {"a": [math.nan, 1, 2]})
    told = explain(spec, result.packed[0], result.stats)
    assert (told.score, told.computed, told.coverage, told.band_name) == (None, None, 0, "Unknown")
    assert told.lines[0].points == 0
    assert told.lines[0].note == "No data for this account at all: no score."


def test_an_explanation_is_plain_json(preset, run, crm_accounts):
    spec = preset("crm-engagement")
    result = run(spec, crm_accounts.head(20))
    data = json.loads(json.dumps(as_json(explain(spec, result.packed[0], result.stats))))
    assert math.isclose(sum(line["points"] for line in data["lines"]), data["score"])
