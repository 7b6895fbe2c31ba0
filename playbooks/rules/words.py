"""Rules in plain English, and figures as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playbooks.rules.conditions import (
    ANY,
    BandIs,
    BandMoved,
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
from playbooks.rules.document import Rule


@dataclass(frozen=True)
class Label:
    """How a figure is called and written: `kind` as in the catalogue of metrics, `unit` beside the number.

    `prefix` stands before an amount of money; a `signed` ratio is a change. `window_days`: what it looks at.
    """

    label: str
    kind: str = "number"
    unit: str = ""
    prefix: str = ""
    signed: bool = False
    window_days: int | None = None


# Of metrics by key, of components by `component:KEY`.
Labels = Mapping[str, Label]

_AT: Final = {
    "<": "below {}",
    "<=": "at most {}",
    ">": "above {}",
    ">=": "at least {}",
    "==": "exactly {}",
    "!=": "other than {}",
}
_BY: Final = {
    "<": "more than {}",
    "<=": "{} or more",
    ">": "more than {}",
    ">=": "{} or more",
}
_COUNT: Final = {**_AT, ">=": "{} or more", "<": "fewer than {}", ">": "more than {}"}
_AGAINST: Final = {
    1: "the day before",
    7: "the week before",
    14: "two weeks before",
    30: "30 days before",
    365: "a year before",
}
_MINUS: Final = "\N{MINUS SIGN}"


def sentence(rule: Rule, labels: Labels | None = None) -> str:
    """A rule as one sentence without a full stop: "Contacts below 20, or contacts with e-mail below 15"."""
    text = _group(rule.root, labels or {}, outer=True)
    return text[:1].upper() + text[1:]


def phrase(condition: Condition, labels: Labels) -> str:
    """One condition as part of a sentence."""
    match condition:
        case MetricIs():
            return _metric(condition, of(condition.metric, labels))
        case MetricIn():
            words = _listed(condition.values, "or")
            verb = "is" if condition.op == "in" else "is not"
            return f"{of(condition.metric, labels).label} {verb} {words}"
        case MetricKnown():
            return f"{of(condition.metric, labels).label} is {condition.op}"
        case MetricAgainst():
            whole = lower(of(condition.of, labels).label)
            times = "" if condition.times == 1 else f"{plain(condition.times)} × "
            return f"{of(condition.metric, labels).label} {_AT[condition.op].format(times + whole)}"
        case MetricChange():
            label = of(condition.metric, labels)
            rate = condition.change == "rate"
            shown = Label("", "ratio") if rate else label
            against = _AGAINST.get(condition.days, f"{condition.days} days before")
            return f"{label.label} {_moved(condition.op, condition.value, shown)} against {against}"
        case ScoreIs():
            return f"score {_AT[condition.op].format(plain(condition.value))}"
        case ScoreChange():
            moved = _moved(condition.op, condition.value, Label("", unit="points"))
            return f"score {moved} within {_days(condition.days)}"
        case ComponentIs():
            at = _AT[condition.op].format(plain(condition.value))
            return f"{_component(condition.component, labels)} {at}"
        case ComponentLight():
            return _light(condition, labels)
        case ComponentsFalling():
            count = _COUNT[condition.op].format(plain(condition.value))
            return (
                f"{count} components fell by {plain(condition.by)} points or more "
                f"within {_days(condition.days)}"
            )
        case BandIs():
            name = {"lowest": "the lowest", "highest": "the highest", "unknown": "Unknown"}.get(
                condition.band, condition.band
            )
            return f"band is {'not ' if condition.op == 'is_not' else ''}{name}"
        case BandMoved():
            verb = "fell" if condition.direction == "down" else "rose"
            return f"band {verb} within {_days(condition.days)}"
        case OpenTriggers():
            count = _COUNT[condition.op].format(plain(condition.value))
            return f"{count} {condition.family} triggers open at once"


def limit(op: str, value: float, label: Label) -> str:
    """A threshold as people read it: "at most −20 %"."""
    return _AT[op].format(figure(value, label))


def of(metric: str, labels: Labels) -> Label:
    """What a metric is called; its key in words where nobody told."""
    return labels.get(metric) or Label(metric.replace("_", " "))


def figure(value: float | None, label: Label) -> str:
    """A figure with its unit: "3", "30 days", "−20 %", "$1,200"; a dash when unknown."""
    if value is None or value != value:
        return "—"
    if label.kind == "ratio":
        return f"{plain(value * 100)} %"
    if label.kind == "money":
        sign, text = (_MINUS, f"{-value:,.0f}") if value < 0 else ("", f"{value:,.0f}")
        return f"{sign}{label.prefix}{text}"
    if label.kind == "days":
        return _days(value)
    words = label.unit if label.unit and ".." not in label.unit else ""
    return f"{plain(value)} {words}".rstrip()


def plain(value: float) -> str:
    """A number with at most one decimal, none where it is whole, and a true minus."""
    text = f"{value:,.1f}" if abs(value) < 10_000 and value != round(value) else f"{value:,.0f}"
    text = text.removesuffix(".0")
    return "0" if text in ("-0", "0") else text.replace("-", _MINUS)


def lower(label: str) -> str:
    """A label inside a sentence: "Log-ins" becomes "log-ins", "NPS" stays."""
    return label if len(label) > 1 and label[1].isupper() else label[:1].lower() + label[1:]


def _group(group: Group, labels: Labels, *, outer: bool) -> str:
    parts = [
        _group(part, labels, outer=False)
        if isinstance(part, Group)
        else lower(phrase(part, labels))
        for part in group.parts
    ]
    if len(parts) == 1:
        return parts[0]
    if group.least == len(parts) or group.least == 1:
        word = "or" if group.least == 1 else "and"
        joined = f"{', '.join(parts[:-1])}, {word} {parts[-1]}"
        return joined if outer else f"({joined})"
    joined = f"at least {group.least} of these {len(parts)} hold: {'; '.join(parts)}"
    return joined if outer else f"({joined})"


def _metric(condition: MetricIs, label: Label) -> str:
    fell = condition.op in ("<", "<=") and condition.value < 0
    rose = condition.op in (">", ">=") and condition.value > 0
    still = condition.value == 0
    if label.kind == "ratio" and label.signed and (fell or rose or still):
        return f"{label.label} {_moved(condition.op, condition.value, label)}"
    if label.kind == "count" and condition.op in ("<=", "==") and still:
        return f"{label.label} 0"
    return f"{label.label} {_AT[condition.op].format(_limit(condition.value, label))}"


def _limit(value: float, label: Label) -> str:
    # "Days since … at least 30": the label says what is counted.
    return plain(value) if label.kind in ("days", "count") else figure(value, label)


def _moved(op: str, value: float, label: Label) -> str:
    """ "fell by 20 % or more" for `<= −0.2`; "did not fall by more than 5" for `>= −5`."""
    size = figure(abs(value), label)
    if value == 0:
        return {"<": "fell", "<=": "did not rise", ">": "rose", ">=": "did not fall"}.get(
            op, "changed" if op == "!=" else "did not change"
        )
    verb = "fall" if value < 0 else "rise"
    outward = (value < 0) == (op in ("<", "<="))
    if op in ("==", "!="):
        return f"{'did not ' if op == '!=' else ''}{verb if op == '!=' else _past(verb)} by {size}"
    if outward:
        return f"{_past(verb)} by {_BY[op].format(size)}"
    most = f"more than {size}" if op in ("<=", ">=") else f"{size} or more"
    return f"did not {verb} by {most}"


def _past(verb: str) -> str:
    return {"fall": "fell", "rise": "rose"}[verb]


def _light(condition: ComponentLight, labels: Labels) -> str:
    one = condition.component == ANY
    name = _component(condition.component, labels)
    not_ = condition.op == "is_not"
    subject = "no component" if one and not_ else name
    if condition.days is None:
        return f"{subject} is {'not ' if not_ and not one else ''}in its lowest light"
    verb = "did not enter" if not_ and not one else "entered"
    return f"{subject} {verb} its lowest light within {_days(condition.days)}"


def _component(key: str, labels: Labels) -> str:
    if key == ANY:
        return "any component"
    found = labels.get(f"component:{key}")
    return found.label if found else key.replace("_", " ")


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{plain(days)} days"


def _listed(words: tuple[str, ...], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
