"""Rule documents (see `playbooks.rules`) to the rows of the editor, and the rows back to documents."""

from collections.abc import Mapping
from typing import Any

from csm.lib.typed import whole
from playbooks.forms.trigger_conditions import (
    CAME,
    CHANGES,
    COMPARE,
    IS,
    KINDS,
    KNOWN,
    LISTED,
    MORE,
    MOVED,
    MOVES,
    WAYS,
    Group,
    NotEditable,
    Part,
    Row,
    Words,
)
from playbooks.models import Trigger


class _Gap(Exception):
    """A gap that is wrong: its name and a sentence."""


# Documents to rows.


def part_of(document: Mapping[str, Any], words: Words) -> Part:
    """The rows of a rule document. Raises NotEditable."""
    groups = [_group(document, words)]
    groups += [
        _group(each, words, nested=True)
        for each in document.get("conditions", ())
        if "conditions" in each
    ]
    return Part(groups)


def _group(document: Mapping[str, Any], words: Words, *, nested: bool = False) -> Group:
    match = document.get("match", "all")
    rows = []
    for each in document.get("conditions", ()):
        if "conditions" not in each:
            rows.append(_row(each, words))
        elif nested:
            raise NotEditable("This rule has groups within groups: this editor shows one level.")
    if isinstance(match, Mapping):
        return Group("at_least", str(match.get("at_least", "")), rows)
    return Group(str(match), "2", rows)


def _row(each: Mapping[str, Any], words: Words) -> Row:
    op = str(each.get("op", ""))
    if "metric" in each:
        return _metric_row(each, op, words)
    if each.get("score") == "change":
        return Row("score_change", {"days": _text(each["days"])} | _move(op, each["value"]))
    if "score" in each:
        return Row("score", {"op": op, "value": _text(each["value"])})
    if "light" in each and "entered_days" not in each:
        return Row("component_lowest", {"component": each["component"], "is": op or "is"})
    if "light" in each:
        return Row(
            "component_light",
            {
                "component": each["component"],
                "came": op or "is",
                "days": _text(each["entered_days"]),
            },
        )
    if "component" in each:
        return Row(
            "component", {"component": each["component"], "op": op, "value": _text(each["value"])}
        )
    if "components_falling" in each:
        return Row(
            "falling",
            {
                "days": _text(each["components_falling"]),
                "by": _text(each["by"]),
                "more": op,
                "value": _text(each["value"]),
            },
        )
    if "band" in each:
        return Row("band", {"is": op, "band": each["band"]})
    if "band_moved" in each:
        return Row("band_moved", {"way": each["band_moved"], "days": _text(each["days"])})
    if "open_triggers" in each:
        return Row(
            "open", {"family": each["open_triggers"], "op": op, "value": _text(each["value"])}
        )
    raise NotEditable("This rule has a condition this editor does not know.")


def _metric_row(each: Mapping[str, Any], op: str, words: Words) -> Row:
    key = str(each["metric"])
    named = {"metric": words.label_of(key)}
    if "times" in each:
        other = words.label_of(str(each["of"]))
        return Row(
            "metric_times", named | {"times": _text(each["times"]), "other": other, "op": op}
        )
    if "change" in each:
        share = each["change"] == "rate" or words.is_share(key)
        value = each["value"] * 100 if share else each["value"]
        return Row(
            "metric_change",
            named | {"change": each["change"], "days": _text(each["days"])} | _move(op, value),
        )
    if op in LISTED:
        return Row("metric_listed", named | {"listed": op, "values": ", ".join(each["values"])})
    if op in KNOWN:
        return Row("metric_known", named | {"known": op})
    value = each["value"]
    if isinstance(value, str):
        return Row(
            "metric_listed", named | {"listed": "in" if op == "==" else "not_in", "values": value}
        )
    return Row(
        "metric",
        named | {"op": op, "value": _text(value * 100 if words.is_share(key) else value)},
    )


def _move(op: str, value: float) -> dict[str, str]:
    for name, (sign_op, sign) in MOVES.items():
        if op == sign_op and value * sign >= 0:
            return {"move": name, "value": _text(abs(value))}
    return {"move": op, "value": _text(value)}


def _text(value: Any) -> str:
    """A number as one types it: 0.35, 20."""
    return f"{round(float(value), 8):.10g}" if isinstance(value, int | float) else str(value)


# Rows to documents.


def document_of(part: Part, words: Words) -> dict[str, Any] | None:
    """The rule document of what was typed; None with the sentences left on rows and groups."""
    first, *others = part.groups
    conditions = _conditions(first, words)
    for group in others:
        conditions.append({"match": _match(group), "conditions": _conditions(group, words)})
        if not group.rows:
            group.error = "A group needs a condition: add one, or remove the group."
    if not conditions:
        first.error = "A rule needs a condition."
    document = {"match": _match(first, len(conditions)), "conditions": conditions}
    return None if part.has_errors else document


def _match(group: Group, size: int | None = None) -> Any:
    if group.match != "at_least":
        return group.match if group.match in ("all", "any") else "all"
    size = len(group.rows) if size is None else size
    given = group.least.strip()
    least = whole(given, 3) or 0
    if not 1 <= least <= size:
        group.error = f"Say how many must hold: 1 to {size}."
    return {"at_least": least}


def _conditions(group: Group, words: Words) -> list[dict[str, Any]]:
    found = []
    for row in group.rows:
        try:
            found.append(_condition(row, words))
        except _Gap as fault:
            name, sentence = fault.args
            row.errors[name] = sentence
            found.append({})
    return found


def _condition(row: Row, words: Words) -> dict[str, Any]:
    kind, given = row.kind, row.values
    if kind.startswith("metric"):
        return _metric_condition(kind, given, words)
    op = _choice(given, "op", COMPARE) if "op" in KINDS[kind].gaps else ""
    if kind == "score":
        return {"score": "value", "op": op, "value": _number(given, "value", 0, 100)}
    if kind == "score_change":
        return {"score": "change", "days": _days(given), **_moved(given, 1, limit=100)}
    if kind == "component":
        component = _given(given, "component", "a component")
        if component == "any" and op in ("==", "!="):
            raise _Gap("op", "Of any component ask for below or above.")
        return {
            "component": component,
            "op": op,
            "value": _number(given, "value", 0, 100),
        }
    if kind == "component_light":
        return {
            "component": _given(given, "component", "a component"),
            "light": "lowest",
            "entered_days": _days(given),
            # The grammar's own default is left unsaid.
            **({"op": "is_not"} if _choice(given, "came", CAME) == "is_not" else {}),
        }
    if kind == "component_lowest":
        return {
            "component": _given(given, "component", "a component"),
            "light": "lowest",
            "op": _choice(given, "is", IS),
        }
    if kind == "falling":
        return {
            "components_falling": _days(given),
            "by": _number(given, "by", 0.1, 100),
            "op": _choice(given, "more", MORE),
            "value": _whole(given, "value", 0, 50),
        }
    if kind == "band":
        return {"band": _given(given, "band", "a band"), "op": _choice(given, "is", IS)}
    if kind == "band_moved":
        return {"band_moved": _choice(given, "way", WAYS), "days": _days(given)}
    return {
        "open_triggers": _choice(given, "family", dict(Trigger.Family.choices)),
        "op": op,
        "value": _whole(given, "value", 0, 100),
    }


def _metric_condition(kind: str, given: Mapping[str, str], words: Words) -> dict[str, Any]:
    key = _metric(given, "metric", words)
    metric = words.metrics[key]
    if kind == "metric_listed":
        values = [each.strip() for each in given.get("values", "").split(",") if each.strip()]
        if not metric.is_category:
            raise _Gap("metric", f"{metric.label} is a number: choose “Value of a metric”.")
        if not values:
            raise _Gap("values", "Write at least one value.")
        return {"metric": key, "op": _choice(given, "listed", LISTED), "values": values}
    if kind == "metric_known":
        return {"metric": key, "op": _choice(given, "known", KNOWN)}
    if metric.is_category:
        raise _Gap("metric", f"{metric.label} is no number: choose “Category of a metric”.")
    part = 100 if words.is_share(key) else 1
    if kind == "metric_times":
        other = _metric(given, "other", words)
        if words.metrics[other].is_category:
            raise _Gap("other", f"{words.metrics[other].label} is no number.")
        times = _number(given, "times")
        return {"metric": key, "times": times, "of": other, "op": _choice(given, "op", COMPARE)}
    if kind == "metric_change":
        change = _choice(given, "change", CHANGES)
        return {
            "metric": key,
            "change": change,
            "days": _days(given),
            **_moved(given, 100 if change == "rate" else part),
        }
    value = _number(given, "value")
    return {
        "metric": key,
        "op": _choice(given, "op", COMPARE),
        "value": _plain(value / part) if part != 1 else value,
    }


def _moved(given: Mapping[str, str], part: int, limit: float | None = None) -> dict[str, Any]:
    move = _choice(given, "move", MOVED)
    op, sign = MOVES.get(move, (move, 1))
    least = 0 if move in MOVES else None if limit is None else -limit
    value = _number(given, "value", least, limit)
    return {"op": op, "value": _plain(sign * value / part)}


def _metric(given: Mapping[str, str], name: str, words: Words) -> str:
    text = given.get(name, "")
    if not text.strip():
        raise _Gap(name, "Choose a metric.")
    key = words.key_of(text)
    if key is None:
        raise _Gap(name, f"No metric is called “{text.strip()}”: choose one of the list.")
    return key


def _choice(given: Mapping[str, str], name: str, choices: Mapping[str, str]) -> str:
    value = given.get(name) or next(iter(choices))
    if value not in choices:
        raise _Gap(name, "Choose one of the list.")
    return value


def _given(given: Mapping[str, str], name: str, what: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise _Gap(name, f"Choose {what}.")
    return value


def _days(given: Mapping[str, str]) -> int:
    return _whole(given, "days", 1, 400)


def _whole(given: Mapping[str, str], name: str, least: int, most: int) -> int:
    value = _number(given, name, least, most)
    if value != int(value):
        raise _Gap(name, "Write a whole number.")
    return int(value)


def _number(
    given: Mapping[str, str], name: str, least: float | None = None, most: float | None = None
) -> float | int:
    text = given.get(name, "").replace(",", "").replace("−", "-").rstrip("% ").strip()
    try:
        value = float(text)
    except ValueError:
        raise _Gap(name, "Write a number.") from None
    if not abs(value) < 1e15:
        raise _Gap(name, "Write a number.")
    if (least is not None and value < least) or (most is not None and value > most):
        if most is None:
            raise _Gap(name, f"Write {_text(least)} or more.")
        raise _Gap(name, f"Write {_text(least)} to {_text(most)}.")
    return _plain(value)


def _plain(value: float) -> float | int:
    """Without float dust, and whole where it is."""
    value = round(value, 10)
    return int(value) if value == int(value) else value
