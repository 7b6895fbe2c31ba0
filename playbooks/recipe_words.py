"""What a playbook says, in words: whom it is for, when a step is due, what a KPI asks, what changed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from csm.lib import display
from playbooks.models import StepRole, TargetKind
from playbooks.rules import Label, Labels, Rule, RuleError, sentence
from playbooks.rules.words import figure, of
from playbooks.services.drafting import SCORE
from playbooks.services.recipes import Kpi, Recipe, Step

TONES: Final = {"good": "High band", "fair": "Middle band", "poor": "Low band"}
_SCORE: Final = Label("Health score", kind="score", unit="points")
_MANUAL: Final = "Closed by hand when all its tasks are done"


def with_score(labels: Labels) -> Labels:
    """`labels` and the health score, which a KPI may name like a metric."""
    return {SCORE: _SCORE, **labels}


def role(key: str) -> str:
    """A role as people say it."""
    return StepRole(key).label if key in StepRole.values else key


def applies(document: Mapping[str, Any], triggers: Mapping[str, str]) -> list[tuple[str, str]]:
    """(what, which) of where a playbook applies, e.g. ("Size", "Large or Enterprise"); triggers by name."""
    rows = []
    if keys := document.get("triggers"):
        rows.append(("Alert", either(triggers.get(key, key) for key in keys)))
    for key, label, words in (
        ("tones", "Health", TONES),
        ("industries", "Industry", {}),
        ("sizes", "Size", {}),
    ):
        if values := document.get(key):
            rows.append((label, either(words.get(value, value) for value in values)))
    stages, new = document.get("lifecycle"), document.get("new_within_days")
    alternatives = [f"{either(stages)} stage"] if stages else []
    if new is not None:
        alternatives.append(f"customer for less than {new} days")
    if alternatives:
        rows.append(("Lifecycle", either(alternatives)))
    if (within := document.get("renewal_within_days")) is not None:
        rows.append(("Renewal", f"within {within} days"))
    return rows


def applies_line(document: Mapping[str, Any], triggers: Mapping[str, str]) -> str:
    """Where a playbook applies as one line; empty when it is recommended nowhere by itself."""
    return " · ".join(
        f"{label}: {words}" if label in ("Alert", "Renewal") else words
        for label, words in applies(document, triggers)
    )


def either(words: Iterable[str]) -> str:
    """ "a, b or c"."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def when(step: Step) -> str:
    """When a step is due."""
    if step.before_renewal_days is not None:
        return f"{_days(step.before_renewal_days)} before the renewal"
    if not step.offset_days:
        return "On the first day"
    return f"After {step.offset_days} business day{'s' * (step.offset_days != 1)}"


def kpi(row: Kpi, labels: Labels) -> str:
    """What a KPI is called."""
    return row.label or of(row.metric, labels).label


def target(row: Kpi, labels: Labels) -> str:
    """What a KPI asks for: "at least 10", "25 % more than at the start"."""
    if row.target_kind == TargetKind.CHANGE:
        share = display.percent(abs(row.target_value))
        return f"{share} {'more' if row.target_value > 0 else 'less'} than at the start"
    word = "at least" if row.target_kind == TargetKind.AT_LEAST else "at most"
    return f"{word} {figure(row.target_value, of(row.metric, labels))}"


def due(row: Kpi) -> str:
    """When a KPI is to be reached."""
    return "at the end" if row.due_days is None else f"after {_days(row.due_days)}"


def exit_test(recipe: Recipe, labels: Labels) -> str:
    """When a plan of it is over."""
    if not recipe.exit_rule:
        return _MANUAL
    try:
        words = sentence(Rule.parse(recipe.exit_rule), labels)
    except RuleError as error:
        return f"Cannot be read: {error}"
    return f"{words}, for {_days(recipe.exit_days)} in a row"


def differences(
    before: Recipe, after: Recipe, labels: Labels, triggers: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """(what, before, after) of everything that differs; an empty text where there was or is nothing."""
    rows = [
        ("Purpose", before.purpose, after.purpose),
        (
            "Applies to",
            applies_line(before.applies, triggers),
            applies_line(after.applies, triggers),
        ),
        ("Cadence", before.cadence, after.cadence),
        ("Roles", _roles(before), _roles(after)),
        ("Target", _days(before.target_days), _days(after.target_days)),
        ("Exit test", exit_test(before, labels), exit_test(after, labels)),
    ]
    rows += _parts(
        {step.title: _step(step) for step in before.steps},
        {step.title: _step(step) for step in after.steps},
        "Step",
    )
    order = [[step.title for step in each.steps] for each in (before, after)]
    common = [
        [title for title in titles if title in order[1 - n]] for n, titles in enumerate(order)
    ]
    if common[0] != common[1]:
        rows.append(("Order of steps", " → ".join(common[0]), " → ".join(common[1])))
    rows += _parts(
        {kpi(row, labels): f"{target(row, labels)}, {due(row)}" for row in before.kpis},
        {kpi(row, labels): f"{target(row, labels)}, {due(row)}" for row in after.kpis},
        "KPI",
    )
    return [row for row in rows if row[1] != row[2]]


def _parts(
    before: Mapping[str, str], after: Mapping[str, str], what: str
) -> list[tuple[str, str, str]]:
    names = dict.fromkeys([*before, *after])
    return [(f"{what}: {name}", before.get(name, ""), after.get(name, "")) for name in names]


def _step(step: Step) -> str:
    words = [role(step.role), when(step)]
    if step.blocks:
        words.append("the steps after it wait")
    if step.needs_approval:
        words.append("a manager approves")
    return ", ".join(words) + (f": {step.guidance}" if step.guidance else "")


def _roles(recipe: Recipe) -> str:
    return ", ".join(role(key) for key in recipe.owner_roles)


def _days(days: int) -> str:
    return f"{days} day{'s' * (days != 1)}"
