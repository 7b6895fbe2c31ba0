"""Rules in the editor: there and back, and what it says of mistakes."""

from typing import Any

import pytest
from django.http import QueryDict

from playbooks.forms import trigger_documents as documents
from playbooks.forms.trigger_conditions import Group, NotEditable, Part, Row, Words
from playbooks.rules import Rule
from playbooks.services.triggers import read_library
from scoring.metrics.catalogue import CATALOGUE

WORDS = Words(CATALOGUE)
RULES = [
    pytest.param(entry[part], id=f"{entry['key']} {part}")
    for entry in read_library()
    for part in ("rule", "exit_rule")
    if entry.get(part)
]


def ordered(document: dict[str, Any]) -> dict[str, Any]:
    """Groups after conditions, as the editor writes them: the order decides nothing."""
    rows = document["conditions"]
    return document | {
        "conditions": [row for row in rows if "conditions" not in row]
        + [row for row in rows if "conditions" in row]
    }


def without_default(document: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all"} | document


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_that_ships_is_edited_without_loss(rule: dict[str, Any]) -> None:
    part = documents.part_of(rule, WORDS)

    assert documents.document_of(part, WORDS) == ordered(without_default(rule))


@pytest.mark.parametrize(
    "condition",
    [
        {"metric": "login_change_week_rate", "op": "<", "value": -0.125},
        {"metric": "total_contacts", "change": "rate", "days": 14, "op": "<=", "value": -0.3},
        {"metric": "total_contacts", "change": "absolute", "days": 7, "op": ">", "value": 5},
        {"metric": "total_contacts", "change": "absolute", "days": 7, "op": "<", "value": 5},
        {"metric": "total_contacts", "times": 1.5, "of": "contacts_with_email", "op": ">"},
        {"metric": "total_contacts", "op": "unknown"},
        {"score": "change", "days": 7, "op": ">=", "value": 4.5},
        {"component": "usage", "op": "<", "value": 40},
        {"component": "any", "light": "lowest", "op": "is_not"},
        {"component": "any", "light": "lowest", "entered_days": 7},
        {"components_falling": 7, "by": 5, "op": ">=", "value": 3},
        {"band": "lowest", "op": "is_not"},
        {"band_moved": "down", "days": 1},
        {"open_triggers": "leading", "op": ">=", "value": 3},
    ],
)
def test_every_condition_there_and_back(condition: dict[str, Any]) -> None:
    document = {"match": {"at_least": 1}, "conditions": [condition]}
    Rule.parse(document)

    assert documents.document_of(documents.part_of(document, WORDS), WORDS) == document


def test_a_fall_is_written_as_a_fall_and_a_share_in_percent() -> None:
    (row,) = (
        documents.part_of(
            {"conditions": [{"metric": "usage_change_14d_rate", "op": "<=", "value": -0.3}]}, WORDS
        )
        .groups[0]
        .rows
    )
    assert (row.values["metric"], row.values["value"]) == (
        CATALOGUE["usage_change_14d_rate"].label,
        "-30",
    )
    (row,) = (
        documents.part_of(
            {"conditions": [{"score": "change", "days": 7, "op": "<", "value": -10}]}, WORDS
        )
        .groups[0]
        .rows
    )
    assert (row.values["move"], row.values["value"]) == ("fell", "10")


@pytest.mark.parametrize(
    ("kind", "values", "gap"),
    [
        ("metric", {"metric": "Pears", "op": "<", "value": "1"}, "metric"),
        ("metric", {"metric": "", "op": "<", "value": "1"}, "metric"),
        ("metric", {"metric": "total_contacts", "op": "<", "value": "many"}, "value"),
        ("metric", {"metric": "total_contacts", "op": "~", "value": "1"}, "op"),
        ("metric_listed", {"metric": "total_contacts", "values": "a"}, "metric"),
        ("metric_change", {"metric": "total_contacts", "move": "fell", "value": "-3"}, "days"),
        ("score", {"op": "<", "value": "130"}, "value"),
        ("score", {"op": "<", "value": "nan"}, "value"),
        ("score_change", {"move": "fell", "value": "10", "days": "0.5"}, "days"),
        ("component", {"component": "any", "op": "==", "value": "1"}, "op"),
        ("band", {"is": "is", "band": ""}, "band"),
        ("open", {"family": "gossip", "op": ">", "value": "1"}, "family"),
    ],
)
def test_a_mistake_is_told_at_its_gap(kind: str, values: dict[str, str], gap: str) -> None:
    row = Row(kind, values)

    assert documents.document_of(Part([Group(rows=[row])]), WORDS) is None
    assert list(row.errors) == [gap]


def test_how_many_must_hold_counts_groups_too() -> None:
    row = {"metric": "total_contacts", "op": "known"}
    fits = {"match": {"at_least": 2}, "conditions": [row, {"match": "any", "conditions": [row]}]}
    part = documents.part_of(fits, WORDS)
    assert documents.document_of(part, WORDS) == fits

    part.groups[0].least = "3"
    assert documents.document_of(part, WORDS) is None
    assert "1 to 2" in part.groups[0].error


def test_an_empty_rule_and_a_deep_one_are_refused() -> None:
    part = Part([Group(rows=[])])
    assert documents.document_of(part, WORDS) is None
    assert part.groups[0].error

    row = {"metric": "total_contacts", "op": "known"}
    inner = {"match": "any", "conditions": [{"match": "all", "conditions": [row]}]}
    with pytest.raises(NotEditable):
        documents.part_of({"match": "all", "conditions": [inner]}, WORDS)


def test_rows_are_added_and_taken_away_by_a_submit() -> None:
    from playbooks.forms import triggers

    post = QueryDict(mutable=True)
    post.update(
        {
            "name": "Mine",
            "rule-0-match": "all",
            "rule-0-0-kind": "score",
            "rule-0-0-op": "<",
            "rule-0-0-value": "20",
            "rule-0-2-kind": "band",
            "rule-2-match": "any",
            "rule-9-0-kind": "score",
        }
    )
    editor = triggers.of_post(post, WORDS, industries=[], playbooks=[])
    groups = editor.parts["rule"].groups
    assert [[row.kind for row in group.rows] for group in groups] == [["score", "band"], []]

    assert editor.act("rule-1-add")
    assert editor.act("rule-0-1-remove")
    assert editor.act("rule-add-group")
    assert not editor.act("save")
    assert editor.act("rule-0-drop")
    assert [[row.kind for row in group.rows] for group in groups] == [
        ["score"],
        ["metric"],
        ["metric"],
    ]
    assert groups[0].rows[0].values == {"op": "<", "value": "20"}
