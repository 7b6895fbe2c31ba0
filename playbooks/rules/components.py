"""Conditions over the components of a scorecard, for the accounts one version scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from playbooks.rules.conditions import (
    ANY,
    ComponentCondition,
    ComponentIs,
    ComponentLight,
    ComponentsFalling,
)
from playbooks.rules.judge import TRUE, UNKNOWN, Floats, Truth, at_least, compare, negate


@dataclass(frozen=True)
class Components:
    """Component scores of `n` accounts under one version.

    keys, labels: (k,) of the components. low: (k,) where the lowest light ends (half-open), 0–100.
    now: (n, k) scores 0–100, NaN unknown. past: days before → (n, k), NaN without a night.
    """

    keys: Sequence[str]
    labels: Sequence[str]
    low: Floats
    now: Floats
    past: dict[int, Floats]


def judge_components(
    condition: ComponentCondition, parts: Components
) -> tuple[Truth, Floats, list[str]]:
    """Truth (n,), the figure behind it (n,) and the labels of the components concerned (n,).

    A component its scorecard does not have is unknown.
    """
    n = len(parts.now)
    if isinstance(condition, ComponentsFalling):
        return _falling(condition, parts)
    places = [place for place, key in enumerate(parts.keys) if condition.component in (ANY, key)]
    if not places:
        return np.full(n, UNKNOWN, dtype=np.int8), np.full(n, np.nan), [""] * n
    now = parts.now[:, places]
    if isinstance(condition, ComponentIs):
        each = _each(compare(now.ravel(), condition.op, condition.value), len(places))
        truth = at_least(1, each)
    else:
        each = _lights(condition, parts, places)
        truth = at_least(1, each)
        if condition.op == "is_not":
            truth = negate(truth)
    labels = [parts.labels[place] for place in places]
    return truth, _extreme(condition, now), _names(each, labels)


def _lights(condition: ComponentLight, parts: Components, places: list[int]) -> list[Truth]:
    low = parts.low[places]
    lit = _each(compare((parts.now[:, places] - low).ravel(), "<", 0.0), len(places))
    if condition.days is None:
        return lit
    before = parts.past[condition.days][:, places]
    was = _each(compare((before - low).ravel(), "<", 0.0), len(places))
    return [at_least(2, [now, negate(then)]) for now, then in zip(lit, was, strict=True)]


def _falling(condition: ComponentsFalling, parts: Components) -> tuple[Truth, Floats, list[str]]:
    fell = parts.now - parts.past[condition.days]
    each = _each(compare(fell.ravel(), "<=", -condition.by), len(parts.keys))
    sure = sum((part == TRUE).astype(np.float64) for part in each)
    open_ = sum((part == UNKNOWN).astype(np.float64) for part in each)
    fewest = compare(np.asarray(sure), condition.op, condition.value)
    most = compare(np.asarray(sure + open_), condition.op, condition.value)
    # Said only where it does not matter what the unknown ones did.
    truth = np.where(fewest == most, fewest, UNKNOWN)
    figure = np.where(truth == UNKNOWN, np.nan, sure)
    return truth.astype(np.int8), figure, _names(each, parts.labels)


def _extreme(condition: ComponentIs | ComponentLight, now: Floats) -> Floats:
    """The score that decides: the least, or the most where more is asked for."""
    most = isinstance(condition, ComponentIs) and condition.op in (">", ">=")
    known = ~np.isnan(now)
    filled = np.where(known, now, -np.inf if most else np.inf)
    found = filled.max(axis=1) if most else filled.min(axis=1)
    return np.where(known.any(axis=1), found, np.nan)


def _each(truth: Truth, width: int) -> list[Truth]:
    table: npt.NDArray[np.int8] = truth.reshape(-1, width)
    return [table[:, place] for place in range(width)]


def _names(each: list[Truth], labels: Sequence[str]) -> list[str]:
    """The labels of the components for which it is true, joined, per account."""
    if not len(each[0]):
        return []
    bits = sum((part == TRUE).astype(np.int64) << place for place, part in enumerate(each))
    codes, places = np.unique(np.asarray(bits), return_inverse=True)
    words = [
        ", ".join(label for place, label in enumerate(labels) if int(code) >> place & 1)
        for code in codes
    ]
    return [words[place] for place in places.tolist()]
