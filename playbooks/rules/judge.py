"""Whether rules hold, account by account: 1 true, 0 false, −1 unknown (Kleene's three values)."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from playbooks.rules import columns
from playbooks.rules.conditions import (
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

Truth = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]

TRUE: Final = 1
FALSE: Final = 0
UNKNOWN: Final = -1
# 8 of 10 log-ins is a fall of 20 %, whatever the last bit of 0.8 − 1 says.
_CLOSE: Final = 1e-9


def judge(rule: Rule, frame: pd.DataFrame) -> Truth:
    """(n,) truth of a rule per row of a frame with the columns of `rule.needs`.

    Raises KeyError where the frame lacks one.
    """
    return _group(rule.root, frame)


def holds(condition: Condition, frame: pd.DataFrame) -> Truth:
    """(n,) truth of one condition per row."""
    match condition:
        case MetricIn():
            return _among(condition, frame)
        case MetricKnown():
            known = frame[condition.metric].notna().to_numpy()
            return (known == (condition.op == "known")).astype(np.int8)
        case ComponentIs() | ComponentLight() | ComponentsFalling():
            return frame[columns.component(condition)].to_numpy(dtype=np.int8)
        case BandIs():
            return _band(condition, frame)
        case MetricAgainst():
            whole = condition.times * _floats(frame, condition.of)
            return compare(_floats(frame, condition.metric), condition.op, whole)
        case BandMoved():
            return compare(
                figure(condition, frame), "<" if condition.direction == "down" else ">", 0.0
            )
        case MetricIs() | MetricChange() | ScoreIs() | ScoreChange() | OpenTriggers():
            return compare(figure(condition, frame), condition.op, condition.value)


def figure(condition: Condition, frame: pd.DataFrame) -> Floats:
    """(n,) the number a condition compares, in the unit of its threshold; NaN unknown."""
    match condition:
        case MetricIs() | MetricAgainst():
            return _floats(frame, condition.metric)
        case MetricChange():
            now = _floats(frame, condition.metric)
            then = _floats(frame, columns.ago(condition.metric, condition.days))
            if condition.change == "absolute":
                return now - then
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.where(then > 0, now / then - 1.0, np.nan)
        case ScoreIs():
            return _floats(frame, columns.SCORE)
        case ScoreChange():
            before = columns.ago(columns.SCORE, condition.days)
            return _floats(frame, columns.SCORE) - _floats(frame, before)
        case BandMoved():
            now = _floats(frame, columns.BAND)
            then = _floats(frame, columns.ago(columns.BAND, condition.days))
            # Unknown is no place on the ladder.
            return np.where((now >= 0) & (then >= 0), now - then, np.nan)
        case ComponentIs() | ComponentLight() | ComponentsFalling():
            return _floats(frame, columns.figure(condition))
        case OpenTriggers():
            return _floats(frame, columns.open_of(condition.family))
        case _:
            return np.full(len(frame), np.nan)


def compare(figures: Floats, op: str, limit: Floats | float) -> Truth:
    """(n,) truth of `figures op limit`; unknown where either is NaN."""
    gap = figures - limit
    with np.errstate(invalid="ignore"):
        match op:
            case "<":
                found = gap < -_CLOSE
            case "<=":
                found = gap <= _CLOSE
            case ">":
                found = gap > _CLOSE
            case ">=":
                found = gap >= -_CLOSE
            case "==":
                found = np.abs(gap) <= _CLOSE
            case "!=":
                found = np.abs(gap) > _CLOSE
            case _:
                raise ValueError(f"no comparison: {op}")
    return np.where(np.isnan(gap), UNKNOWN, found).astype(np.int8)


def negate(truth: Truth) -> Truth:
    return np.where(truth == UNKNOWN, UNKNOWN, 1 - truth).astype(np.int8)


def at_least(least: int, truths: list[Truth]) -> Truth:
    """True where so many are; false where they cannot be, whatever the unknown ones are."""
    stacked = np.vstack(truths)
    sure = (stacked == TRUE).sum(axis=0)
    possible = sure + (stacked == UNKNOWN).sum(axis=0)
    return np.where(sure >= least, TRUE, np.where(possible < least, FALSE, UNKNOWN)).astype(np.int8)


def _group(group: Group, frame: pd.DataFrame) -> Truth:
    found = [
        _group(part, frame) if isinstance(part, Group) else holds(part, frame)
        for part in group.parts
    ]
    return found[0] if len(found) == 1 else at_least(group.least, found)


def _among(condition: MetricIn, frame: pd.DataFrame) -> Truth:
    column = frame[condition.metric]
    wanted = {word.casefold() for word in condition.values}
    told = column.notna().to_numpy()
    inside = np.fromiter(
        (str(word).strip().casefold() in wanted for word in column), dtype=bool, count=len(column)
    )
    found = inside if condition.op == "in" else ~inside
    return np.where(told, found, UNKNOWN).astype(np.int8)


def _band(condition: BandIs, frame: pd.DataFrame) -> Truth:
    band = _floats(frame, columns.BAND)
    scored = ~np.isnan(band)
    if condition.band == "unknown":
        found = np.where(scored, band < 0, UNKNOWN)
    else:
        # Of an account whose band is Unknown nobody can say that it is, or is not, in another one.
        scored &= band >= 0
        if condition.band == "lowest":
            found = np.where(scored, band == 0, UNKNOWN)
        elif condition.band == "highest":
            found = np.where(scored, band == _floats(frame, columns.BANDS) - 1, UNKNOWN)
        else:
            name = condition.band.casefold()
            named = frame[columns.BAND_NAME].map(lambda word: str(word).casefold() == name)
            found = np.where(scored, named.to_numpy(dtype=bool), UNKNOWN)
    truth = found.astype(np.int8)
    return truth if condition.op == "is" else negate(truth)


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
