"""The one grammar of rules: triggers, exits and exit tests are documents of it.

A document is `{"match": "all" | "any" | {"at_least": n}, "conditions": [condition | group, …]}`. Parsing
turns it into frozen conditions and names the place of a fault in a sentence.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from csm.lib.errors import WorkbenchError
from playbooks.rules.conditions import (
    BandIs,
    BandMoved,
    ComponentCondition,
    ComponentIs,
    ComponentLight,
    ComponentsFalling,
    Condition,
    Group,
    MetricAgainst,
    MetricChange,
    MetricIn,
    MetricIs,
    MetricKnown,
    OpenTriggers,
    ScoreChange,
    ScoreIs,
)

COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
# For the least or the most of several figures nothing else has a plain meaning.
_ORDERED: Final = ("<", "<=", ">", ">=")
MAX_DAYS: Final = 400
MAX_CONDITIONS: Final = 50
MAX_DEPTH: Final = 5


class RuleError(WorkbenchError, ValueError):
    """A rule or scope that cannot be read; the text names the place and says what belongs there."""


@dataclass(frozen=True)
class Needs:
    """What a frame must hold for rules to be judged: see `playbooks.rules.columns` for the names."""

    metrics: frozenset[str] = frozenset()
    # (metric, days before)
    past: frozenset[tuple[str, int]] = frozenset()
    # Days before on which score, band and components are compared.
    days: frozenset[int] = frozenset()
    components: tuple[ComponentCondition, ...] = ()
    families: frozenset[str] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.metrics | other.metrics,
            self.past | other.past,
            self.days | other.days,
            tuple(dict.fromkeys((*self.components, *other.components))),
            self.families | other.families,
        )


@dataclass(frozen=True)
class Rule:
    """A parsed document."""

    root: Group

    @classmethod
    def parse(cls, document: Any) -> "Rule":
        """The rule a document describes. Raises RuleError with a sentence naming the path of the fault."""
        rule = cls(_group(document, "rule", 1))
        if sum(1 for _ in rule.conditions) > MAX_CONDITIONS:
            raise RuleError(f"rule: at most {MAX_CONDITIONS} conditions, please.")
        return rule

    @classmethod
    def maybe(cls, document: Any) -> "Rule | None":
        """The rule of a document that may be empty."""
        return cls.parse(document) if document else None

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition, groups opened, in the order they are written."""
        return _leaves(self.root)

    @property
    def needs(self) -> Needs:
        found = Needs()
        for condition in self.conditions:
            found |= _needs(condition)
        return found


def needs_of(rules: Iterable[Rule]) -> Needs:
    """What all of `rules` need together."""
    found = Needs()
    for rule in rules:
        found |= rule.needs
    return found


def _leaves(group: Group) -> Iterator[Condition]:
    for part in group.parts:
        if isinstance(part, Group):
            yield from _leaves(part)
        else:
            yield part


def _needs(condition: Condition) -> Needs:
    match condition:
        case MetricIs() | MetricIn() | MetricKnown():
            return Needs(metrics=frozenset({condition.metric}))
        case MetricAgainst():
            return Needs(metrics=frozenset({condition.metric, condition.of}))
        case MetricChange():
            return Needs(
                metrics=frozenset({condition.metric}),
                past=frozenset({(condition.metric, condition.days)}),
            )
        case ScoreChange() | BandMoved():
            return Needs(days=frozenset({condition.days}))
        case ComponentIs():
            return Needs(components=(condition,))
        case ComponentLight():
            days = frozenset({condition.days} if condition.days else ())
            return Needs(days=days, components=(condition,))
        case ComponentsFalling():
            return Needs(days=frozenset({condition.days}), components=(condition,))
        case OpenTriggers():
            return Needs(families=frozenset({condition.family}))
        case _:
            return Needs()


# --- Reading a document ---------------------------------------------------------------------------


def _group(document: Any, path: str, depth: int) -> Group:
    if not isinstance(document, Mapping):
        raise RuleError(f'{path}: an object with "match" and "conditions" belongs here.')
    _only(document, {"match", "conditions"}, path)
    if depth > MAX_DEPTH:
        raise RuleError(f"{path}: groups may be nested {MAX_DEPTH} deep at most.")
    rows = document.get("conditions")
    if not isinstance(rows, list) or not rows:
        raise RuleError(f"{path}.conditions: list at least one condition.")
    parts = tuple(_part(row, f"{path}.conditions[{i}]", depth) for i, row in enumerate(rows, 1))
    match = document.get("match", "all")
    if match == "all":
        return Group(len(parts), parts)
    if match == "any":
        return Group(1, parts)
    if isinstance(match, Mapping) and set(match) == {"at_least"}:
        least = _whole(match, "at_least", f"{path}.match", 1)
        if least > len(parts):
            raise RuleError(
                f"{path}.match.at_least: {least} of {len(parts)} conditions can never hold."
            )
        return Group(least, parts)
    raise RuleError(f'{path}.match: "all", "any" or {{"at_least": number}} belongs here.')


def _part(row: Any, path: str, depth: int) -> Condition | Group:
    if not isinstance(row, Mapping):
        raise RuleError(f"{path}: a condition is an object.")
    if "conditions" in row:
        return _group(row, path, depth + 1)
    for key, read in _READERS.items():
        if key in row:
            return read(row, path)
    known = ", ".join(_READERS)
    raise RuleError(f"{path}: a condition names one of {known}.")


def _metric(row: Mapping[str, Any], path: str) -> Condition:
    metric = _text(row, "metric", path)
    op = row.get("op")
    if op in ("known", "unknown"):
        _only(row, {"metric", "op"}, path)
        return MetricKnown(metric, op)
    if op in ("in", "not_in"):
        _only(row, {"metric", "op", "values"}, path)
        return MetricIn(metric, op, _texts(row, "values", path))
    if "times" in row or "of" in row:
        _only(row, {"metric", "op", "times", "of"}, path)
        return MetricAgainst(
            metric, _op(row, path), _number(row, "times", path), _text(row, "of", path)
        )
    if "change" in row:
        _only(row, {"metric", "op", "value", "change", "days"}, path)
        change = _one_of(row, "change", ("absolute", "rate"), path)
        days, op = _days(row, "days", path), _op(row, path)
        return MetricChange(metric, change, days, op, _number(row, "value", path))
    _only(row, {"metric", "op", "value"}, path)
    return MetricIs(metric, _op(row, path), _number(row, "value", path))


def _score(row: Mapping[str, Any], path: str) -> Condition:
    if _one_of(row, "score", ("value", "change"), path) == "value":
        _only(row, {"score", "op", "value"}, path)
        return ScoreIs(_op(row, path), _number(row, "value", path))
    _only(row, {"score", "op", "value", "days"}, path)
    return ScoreChange(_days(row, "days", path), _op(row, path), _number(row, "value", path))


def _component(row: Mapping[str, Any], path: str) -> Condition:
    key = _text(row, "component", path)
    if "light" not in row:
        _only(row, {"component", "op", "value"}, path)
        op = _op(row, path, _ORDERED if key == "any" else COMPARISONS)
        return ComponentIs(key, op, _number(row, "value", path))
    _only(row, {"component", "light", "entered_days", "op"}, path)
    _one_of(row, "light", ("lowest",), path)
    days = _days(row, "entered_days", path) if "entered_days" in row else None
    op = _one_of(row, "op", ("is", "is_not"), path) if "op" in row else "is"
    return ComponentLight(key, op, days)


def _falling(row: Mapping[str, Any], path: str) -> Condition:
    _only(row, {"components_falling", "by", "op", "value"}, path)
    by = _number(row, "by", path)
    if by <= 0:
        raise RuleError(f"{path}.by: points above 0 belong here.")
    days, op = _days(row, "components_falling", path), _op(row, path, _ORDERED)
    return ComponentsFalling(days, by, op, _number(row, "value", path))


def _band(row: Mapping[str, Any], path: str) -> Condition:
    _only(row, {"band", "op"}, path)
    return BandIs(_text(row, "band", path), _one_of(row, "op", ("is", "is_not"), path))


def _moved(row: Mapping[str, Any], path: str) -> Condition:
    _only(row, {"band_moved", "days"}, path)
    return BandMoved(_one_of(row, "band_moved", ("down", "up"), path), _days(row, "days", path))


def _open(row: Mapping[str, Any], path: str) -> Condition:
    _only(row, {"open_triggers", "op", "value"}, path)
    family = _text(row, "open_triggers", path)
    return OpenTriggers(family, _op(row, path), _number(row, "value", path))


_READERS: Final = {
    "metric": _metric,
    "score": _score,
    "component": _component,
    "components_falling": _falling,
    "band": _band,
    "band_moved": _moved,
    "open_triggers": _open,
}


def _only(row: Mapping[str, Any], allowed: set[str], path: str) -> None:
    if extra := sorted(str(key) for key in set(row) - allowed):
        belongs = ", ".join(sorted(allowed))
        raise RuleError(f"{path}: {', '.join(extra)} does not belong here; {belongs} may.")


def _text(row: Mapping[str, Any], key: str, path: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{path}.{key}: a name belongs here.")
    return value.strip()


def _texts(row: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    value = row.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise RuleError(f"{path}.{key}: a list of names belongs here.")
    return tuple(value)


def _number(row: Mapping[str, Any], key: str, path: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise RuleError(f"{path}.{key}: a number belongs here.")
    return float(value)


def _whole(row: Mapping[str, Any], key: str, path: str, least: int) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RuleError(f"{path}.{key}: a whole number from {least} belongs here.")
    return value


def _days(row: Mapping[str, Any], key: str, path: str) -> int:
    days = _whole(row, key, path, 1)
    if days > MAX_DAYS:
        raise RuleError(f"{path}.{key}: at most {MAX_DAYS} days back, please.")
    return days


def _one_of(row: Mapping[str, Any], key: str, allowed: tuple[str, ...], path: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or value not in allowed:
        words = " or ".join(f'"{word}"' for word in allowed)
        raise RuleError(f"{path}.{key}: {words} belongs here.")
    return value


def _op(row: Mapping[str, Any], path: str, allowed: tuple[str, ...] = COMPARISONS) -> str:
    return _one_of(row, "op", allowed, path)
