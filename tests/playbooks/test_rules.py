"""The grammar of rules: read, judged with three values, told in English."""

import numpy as np
import pandas as pd
import pytest

from playbooks.rules import Label, Rule, RuleError, Scope, columns, evidence, judge, sentence
from playbooks.rules.components import Components, judge_components
from playbooks.rules.conditions import ComponentIs, ComponentLight, ComponentsFalling

NAN = np.nan
LABELS = {
    "logins": Label("Log-ins in 7 days", "count", window_days=7),
    "rate": Label("Log-ins week over week", "ratio", signed=True),
    "idle": Label("Days since last activity", "days"),
    "arr": Label("Recurring contract value", "money", prefix="$"),
    "nps": Label("NPS", "score", "-100..100"),
    "component:usage": Label("Usage", "score"),
}


def rule(*conditions, match="all"):
    return Rule.parse({"match": match, "conditions": list(conditions)})


def truths(parsed, **columns_):
    return judge(parsed, pd.DataFrame(columns_)).tolist()


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "rule: an object"),
        ({"conditions": []}, "rule.conditions: list at least one"),
        ({"conditions": [{"metric": "a", "op": "=>", "value": 1}]}, "rule.conditions[1].op"),
        ({"conditions": [{"metric": "a", "op": ">", "value": "1"}]}, "rule.conditions[1].value"),
        ({"conditions": [{"metric": "a", "op": ">", "value": True}]}, "rule.conditions[1].value"),
        ({"conditions": [{"metric": "a", "op": ">"}]}, "rule.conditions[1].value"),
        ({"conditions": [{"metric": "a", "op": ">", "value": float("nan")}]}, ".value"),
        ({"conditions": [{"wish": 1}]}, "rule.conditions[1]: a condition names one of metric"),
        (
            {"conditions": [{"score": "value", "op": "<", "value": 1, "day": 7}]},
            "rule.conditions[1]: day does not belong here",
        ),
        (
            {"match": "any", "conditions": [{"match": "all", "conditions": [{"band": "x"}]}]},
            "rule.conditions[1].conditions[1].op",
        ),
        (
            {"match": {"at_least": 2}, "conditions": [{"band": "x", "op": "is"}]},
            "2 of 1 conditions can never hold",
        ),
        ({"match": "most", "conditions": [{"band": "x", "op": "is"}]}, "rule.match"),
        ({"conditions": [{"score": "change", "days": 0, "op": "<", "value": 1}]}, ".days"),
        ({"conditions": [{"score": "change", "days": 4000, "op": "<", "value": 1}]}, ".days"),
        ({"conditions": [{"metric": "a", "op": "in", "values": []}]}, ".values"),
        ({"conditions": [{"component": "any", "op": "==", "value": 1}]}, ".op"),
    ],
)
def test_a_fault_names_its_place(document, told):
    with pytest.raises(RuleError) as caught:
        Rule.parse(document)
    assert told in str(caught.value)


def test_nesting_ends_somewhere():
    document = {"conditions": [{"band": "x", "op": "is"}]}
    for _ in range(10):
        document = {"conditions": [document]}
    with pytest.raises(RuleError, match="deep"):
        Rule.parse(document)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("<", [1, 0, 0, -1]),
        ("<=", [1, 1, 0, -1]),
        (">", [0, 0, 1, -1]),
        (">=", [0, 1, 1, -1]),
        ("==", [0, 1, 0, -1]),
        ("!=", [1, 0, 1, -1]),
    ],
)
def test_comparisons_around_the_threshold(op, expected):
    assert truths(rule({"metric": "a", "op": op, "value": 3}), a=[2, 3, 4, NAN]) == expected


def test_eight_of_ten_is_a_fall_of_a_fifth():
    parsed = rule({"metric": "rate", "op": "<=", "value": -0.2})
    assert truths(parsed, rate=[8 / 10 - 1]) == [1]
    assert truths(rule({"metric": "rate", "op": "<", "value": -0.2}), rate=[8 / 10 - 1]) == [0]


T, F, U = ({"metric": key, "op": "==", "value": 1} for key in "tfu")


@pytest.mark.parametrize(
    ("match", "conditions", "expected"),
    [
        ("all", (T, T), 1),
        ("all", (T, F), 0),
        ("all", (T, U), -1),
        ("all", (F, U), 0),
        ("any", (T, U), 1),
        ("any", (F, U), -1),
        ("any", (F, F), 0),
        ({"at_least": 2}, (T, T, U), 1),
        ({"at_least": 2}, (T, F, U), -1),
        ({"at_least": 2}, (F, F, U), 0),
        ("all", (T, {"match": "any", "conditions": [F, U]}), -1),
        ("any", (F, {"match": "all", "conditions": [F, U]}), 0),
    ],
)
def test_unknown_decides_nothing_it_need_not(match, conditions, expected):
    assert truths(rule(*conditions, match=match), t=[1.0], f=[0.0], u=[NAN]) == [expected]


def test_change_of_a_metric():
    rate = rule({"metric": "a", "change": "rate", "days": 7, "op": "<=", "value": -0.5})
    by = rule({"metric": "a", "change": "absolute", "days": 7, "op": "<=", "value": -5})
    past = columns.ago("a", 7)
    now, then = [5.0, 6.0, 0.0, NAN, 5.0], [10.0, 10.0, 0.0, 10.0, NAN]
    assert truths(rate, **{"a": now, past: then}) == [1, 0, -1, -1, -1]
    assert truths(by, **{"a": now, past: then}) == [1, 0, 0, -1, -1]
    assert rate.needs.past == {("a", 7)}


def test_against_another_metric_and_categories():
    spike = rule({"metric": "a", "times": 2, "of": "b", "op": ">"})
    assert truths(spike, a=[5, 4, 1, NAN], b=[2, 2, NAN, 1]) == [1, 0, -1, -1]
    among = rule({"metric": "c", "op": "in", "values": ["Lost", "Unlikely"]})
    assert truths(among, c=["lost", "Likely", None]) == [1, 0, -1]
    assert truths(rule({"metric": "a", "op": "unknown"}), a=[NAN, 0.0]) == [1, 0]
    assert truths(rule({"metric": "a", "op": "known"}), a=[NAN, 0.0]) == [0, 1]


def test_bands():
    frame = {
        columns.BAND: [0, 2, -1, NAN],
        columns.BANDS: [3, 3, 3, NAN],
        columns.BAND_NAME: ["Low", "High", "Unknown", ""],
    }
    assert truths(rule({"band": "lowest", "op": "is"}), **frame) == [1, 0, -1, -1]
    assert truths(rule({"band": "lowest", "op": "is_not"}), **frame) == [0, 1, -1, -1]
    assert truths(rule({"band": "highest", "op": "is"}), **frame) == [0, 1, -1, -1]
    assert truths(rule({"band": "unknown", "op": "is"}), **frame) == [0, 0, 1, -1]
    assert truths(rule({"band": "high", "op": "is"}), **frame) == [0, 1, -1, -1]
    moved = {columns.BAND: [0, 2, 1, -1], columns.ago(columns.BAND, 7): [1, 1, 1, 1]}
    assert truths(rule({"band_moved": "down", "days": 7}), **moved) == [1, 0, 0, -1]
    assert truths(rule({"band_moved": "up", "days": 7}), **moved) == [0, 1, 0, -1]


def components(now, before):
    return Components(
        keys=("usage", "support"),
        labels=("Usage", "Support"),
        low=np.array([40.0, 30.0]),
        now=np.array(now, dtype=float),
        past={7: np.array(before, dtype=float)},
    )


@pytest.mark.parametrize(
    ("condition", "expected", "which"),
    [
        (ComponentIs("any", "<", 35), [1, 0, -1, 1], ["Support", "", "", "Usage"]),
        (ComponentIs("usage", "<", 40), [0, 0, -1, 1], ["", "", "", "Usage"]),
        (ComponentIs("there is none", "<", 40), [-1, -1, -1, -1], [""] * 4),
        (ComponentLight("any", "is", None), [1, 0, -1, 1], ["Support", "", "", "Usage"]),
        (ComponentLight("any", "is_not", None), [0, 1, -1, 0], ["Support", "", "", "Usage"]),
        # The fourth was in its lowest light a week ago already.
        (ComponentLight("any", "is", 7), [1, 0, -1, 0], ["Support", "", "", ""]),
        (ComponentsFalling(7, 5, ">=", 2), [0, 0, 0, 1], ["Support", "", "", "Usage, Support"]),
        (ComponentsFalling(7, 5, ">=", 1), [1, 0, -1, 1], ["Support", "", "", "Usage, Support"]),
        (ComponentsFalling(7, 5, "<=", 1), [1, 1, 1, 0], ["Support", "", "", "Usage, Support"]),
    ],
)
def test_components(condition, expected, which):
    now = [[60, 20], [60, 60], [NAN, 60], [10, 60]]
    before = [[60, 50], [62, 60], [60, 60], [20, 65]]
    truth, _, names = judge_components(condition, components(now, before))
    assert truth.tolist() == expected
    assert names == which


def test_a_scope_matches_what_is_told():
    frame = pd.DataFrame(
        {
            "industry": ["Retail", "Health", None],
            "size_segment": ["Large", "Large", "Large"],
            "lifecycle_stage": [None, None, None],
            "tags": [["pilot"], ["pilot", "vip"], []],
        }
    )
    assert Scope.parse({}).matches(frame).tolist() == [True, True, True]
    assert Scope.parse({"industry": ["Retail"]}).matches(frame).tolist() == [True, False, False]
    both = Scope.parse({"tags": ["vip"], "size_segment": ["Large"]})
    assert both.matches(frame).tolist() == [False, True, False]
    with pytest.raises(RuleError, match="colour"):
        Scope.parse({"colour": ["red"]})
    with pytest.raises(RuleError, match="tags"):
        Scope.parse({"tags": "vip"})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            [{"metric": "logins", "change": "rate", "days": 7, "op": "<=", "value": -0.2}],
            "Log-ins in 7 days fell by 20 % or more against the week before",
        ),
        (
            [{"metric": "rate", "op": "<=", "value": -0.2}],
            "Log-ins week over week fell by 20 % or more",
        ),
        ([{"metric": "rate", "op": ">", "value": 0}], "Log-ins week over week rose"),
        ([{"metric": "idle", "op": ">", "value": 14}], "Days since last activity above 14"),
        (
            [{"metric": "arr", "op": ">=", "value": 1500}],
            "Recurring contract value at least $1,500",
        ),
        (
            [{"metric": "logins", "times": 2, "of": "nps", "op": ">"}],
            "Log-ins in 7 days above 2 × NPS",
        ),
        (
            [{"score": "change", "days": 7, "op": "<", "value": -10}],
            "Score fell by more than 10 points within 7 days",
        ),
        (
            [{"score": "change", "days": 7, "op": ">=", "value": -5}],
            "Score did not fall by more than 5 points within 7 days",
        ),
        ([{"component": "usage", "op": "<", "value": 40}], "Usage below 40"),
        (
            [{"component": "any", "light": "lowest", "entered_days": 7}],
            "Any component entered its lowest light within 7 days",
        ),
        (
            [{"open_triggers": "leading", "op": ">=", "value": 3}],
            "3 or more leading triggers open at once",
        ),
        ([{"band": "lowest", "op": "is_not"}], "Band is not the lowest"),
    ],
)
def test_a_rule_reads_as_a_sentence(document, told):
    assert sentence(rule(*document), LABELS) == told


def test_groups_read_as_sentences():
    low = {"metric": "nps", "op": "<", "value": 0}
    calm = {"metric": "idle", "op": ">", "value": 14}
    red = {"band": "lowest", "op": "is"}
    assert sentence(rule(calm, low, match="any"), LABELS) == (
        "Days since last activity above 14, or NPS below 0"
    )
    assert sentence(rule(red, {"match": "any", "conditions": [calm, low]}), LABELS) == (
        "Band is the lowest, and (days since last activity above 14, or NPS below 0)"
    )
    assert sentence(rule(red, calm, low, match={"at_least": 2}), LABELS) == (
        "At least 2 of these 3 hold: band is the lowest; days since last activity above 14; NPS below 0"
    )


def test_evidence_tells_value_threshold_and_what_is_unknown():
    parsed = rule(
        {"metric": "rate", "op": "<=", "value": -0.2},
        {"metric": "idle", "op": ">", "value": 14},
        match="any",
    )
    first, second = evidence(parsed, {"rate": -0.25, "idle": NAN}, LABELS)
    assert first == {
        "label": "Log-ins week over week",
        "key": "rate",
        "value": -0.25,
        "text": "−25 %",
        "op": "<=",
        "threshold": -0.2,
        "limit": "at most −20 %",
        "holds": True,
        "unit": "%",
        "window": None,
    }
    assert (second["value"], second["text"], second["holds"]) == (None, "—", None)
