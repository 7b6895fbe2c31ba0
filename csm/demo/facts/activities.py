"""What the touches were: messages, calls, meetings, reviews, trainings, and how they went."""

from typing import Any

import numpy as np

from accounts.models import Activity, ActivityKind, Direction, Outcome, SizeSegment
from csm.demo.facts.contacts import People
from csm.demo.facts.ledger import CRM, Ledger
from csm.demo.facts.table import store
from csm.demo.facts.touches import Touches
from csm.demo.facts.world import World, grade
from csm.demo.histories import days_ago

_OUT, _IN = Direction.OUTBOUND.value, Direction.INBOUND.value
_KINDS = np.array([kind.value for kind in ActivityKind], dtype=object)
_CODE = {kind: code for code, kind in enumerate(_KINDS)}
# Nine in a row, which is what a quiet account has in a quarter, hold nearly every kind.
_PATTERN = [
    ("email", _OUT),
    ("meeting", ""),
    ("email", _IN),
    ("training", ""),
    ("community", _IN),
    ("call", _OUT),
    ("email", _OUT),
    ("check_in", ""),
    ("webinar", ""),
    ("email", _OUT),
    ("call", _OUT),
    ("email", _IN),
    ("community", _IN),
    ("meeting", ""),
    ("email", _OUT),
    ("call", _IN),
    ("check_in", ""),
    ("email", _OUT),
    ("other", ""),
]
_TOPICS = np.array(
    ["", "renewal", "budget", "competitor", "integration", "roi", "adoption", "support"],
    dtype=object,
)
_SUBJECTS = np.array(
    [
        [f"{kind.label}{': ' + topic if topic else ''}" for topic in _TOPICS]
        for kind in ActivityKind
    ],
    dtype=object,
)
# For so many days some accounts answer nothing and come to nothing.
_MUTE_DAYS = 24
_TALKS = ("call", "meeting", "qbr", "ebr", "check_in")
_COURSES = ("training", "webinar")
_INVITED = ("meeting", "qbr", "ebr", *_COURSES)


def write(ledger: Ledger, found: Touches, people: People) -> None:
    world = ledger.world
    rng = world.rng(2)
    account, ago = found.account, found.ago
    health = np.clip(world.health(account, ago) + 0.04 * rng.standard_normal(len(ago)), 0.01, 1)
    kind, direction = _kinds(world, rng, found, health)
    mute = _mute(world, rng)[account] & (ago <= _MUTE_DAYS)
    kind[mute & (kind == _CODE["community"])] = _CODE["email"]
    direction[mute & (direction == _IN)] = _OUT
    health[mute] = 0.0
    outcome = _outcomes(rng, kind, direction, health)
    topic = _topics(world, rng, kind, account, ago, health)
    review = found.review
    spoken = (outcome == Outcome.ATTENDED.value) | (outcome == Outcome.ANSWERED.value)
    spoken |= (direction == _IN) & (kind != _CODE["community"])
    mood = grade(health, [-0.65, -0.25, 0.15, 0.45, 0.7]) + 0.28 * rng.standard_normal(len(ago))
    mood = np.where(spoken & (rng.random(len(ago)) < 0.5), np.clip(mood, -1, 1).round(2), np.nan)
    invited = np.where(_any(kind, _INVITED), rng.integers(2, 9, len(ago)), np.nan)
    came = np.where(
        _any(kind, _COURSES),
        grade(health, [0.2, 0.3, 0.48, 0.7, 0.88]),
        grade(health, [0.55, 0.72, 0.85, 0.94, 0.99]),
    )
    attended = np.where(outcome == Outcome.ATTENDED.value, 1, 0) * np.maximum(
        np.round(np.nan_to_num(invited) * np.clip(came + 0.1 * (rng.random(len(ago)) - 0.5), 0, 1)),
        1,
    )
    store(
        Activity,
        {
            **ledger.facts(CRM, "activities", account, "ACT"),
            "kind": _KINDS[kind],
            "on": world.on(ago),
            "direction": direction,
            "outcome": outcome,
            "sentiment": mood,
            "with_executive": review | ((kind == _CODE["meeting"]) & (rng.random(len(ago)) < 0.25)),
            "topic": _TOPICS[topic],
            "subject": _SUBJECTS[kind, topic],
            "invited": invited,
            "attended": np.where(np.isnan(invited), np.nan, attended),
            "contact": people.pick(rng, account, spoken & (rng.random(len(ago)) < 0.6)),
        },
    )
    _planned(ledger, rng)


def _any(kind: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.isin(kind, [_CODE[name] for name in names])


def _mute(world: World, rng: np.random.Generator) -> np.ndarray:
    """Accounts that have not been heard of lately: more of those that fare badly."""
    health = world.health(np.arange(world.size), np.zeros(world.size))
    return rng.random(world.size) < grade(health, [0.35, 0.08, 0.02, 0.01, 0.005])


def _kinds(
    world: World, rng: np.random.Generator, found: Touches, health: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    account = found.account
    first = np.searchsorted(account, account)
    turn = rng.integers(0, len(_PATTERN), world.size)
    at = (np.arange(len(account)) - first + turn[account]) % len(_PATTERN)
    kind = np.array([_CODE[name] for name, _ in _PATTERN])[at]
    direction = np.array([way for _, way in _PATTERN], dtype=object)[at]
    # The community is for those who fare well.
    away = (kind == _CODE["community"]) & (
        rng.random(len(at)) > grade(health, [0.1, 0.35, 0.65, 0.9, 1])
    )
    large = np.isin(
        world.companies["size_segment"].to_numpy(), [SizeSegment.ENTERPRISE, SizeSegment.LARGE]
    )
    review = np.where(large[account] & (found.ago % 2 == 0), _CODE["ebr"], _CODE["qbr"])
    kind = np.where(found.review, review, np.where(away, _CODE["other"], kind))
    direction[away | found.review] = ""
    return kind, direction


def _outcomes(
    rng: np.random.Generator, kind: np.ndarray, direction: np.ndarray, health: np.ndarray
) -> np.ndarray:
    chance = rng.random(len(kind))
    found = np.full(len(kind), "", dtype=object)
    asked = direction == _OUT
    answered = (chance < grade(health, [0.08, 0.3, 0.55, 0.78, 0.93])) & (health > 0)
    found[asked] = np.where(
        answered[asked], Outcome.ANSWERED.value, Outcome.UNANSWERED.value
    ).astype(object)
    for names, shares in (
        (("meeting", "check_in"), [0.4, 0.6, 0.8, 0.93, 0.98]),
        (("qbr", "ebr"), [0.35, 0.6, 0.85, 0.95, 0.99]),
        (_COURSES, [0.5, 0.75, 0.9, 0.97, 0.99]),
    ):
        here = _any(kind, names)
        came = (chance[here] < grade(health[here], shares)) & (health[here] > 0)
        found[here] = np.where(came, Outcome.ATTENDED.value, Outcome.NO_SHOW.value).astype(object)
    return found


def _topics(
    world: World,
    rng: np.random.Generator,
    kind: np.ndarray,
    account: np.ndarray,
    ago: np.ndarray,
    health: np.ndarray,
) -> np.ndarray:
    """Codes of `_TOPICS`."""
    due = days_ago(world.companies["renewal_on"], world.plan.as_of)[account]
    known = np.array([day is not None for day in world.companies["renewal_on"]])[account]
    near = known & (ago - due <= 150) & (ago - due >= -30)
    talk = _any(kind, _TALKS)
    chance, which = rng.random((2, len(kind)))
    poor, rich = health < 0.5, health > 0.75
    found = np.zeros(len(kind), dtype=int)
    some = talk | (chance < 0.3)
    found[some & poor & (which < 0.10)] = 2
    found[some & poor & (which >= 0.10) & (which < 0.16)] = 3
    found[some & rich & (which < 0.10)] = 4
    found[some & rich & (which >= 0.10) & (which < 0.22)] = 5
    found[some & (which >= 0.22) & (which < 0.34)] = 6
    found[some & (which >= 0.34) & (which < 0.42)] = 7
    found[talk & (which > np.where(near, 0.6, 0.9))] = 1
    return found


def _planned(ledger: Ledger, rng: np.random.Generator) -> None:
    """Reviews in the calendar of the weeks to come."""
    world = ledger.world
    everyone = np.arange(world.size)
    ahead = everyone[world.fed & (world.churned < 0) & (rng.random(world.size) < 0.3)]
    if not len(ahead):
        return
    columns: dict[str, Any] = ledger.facts(CRM, "activities", ahead, "PLAN")
    store(
        Activity,
        {
            **columns,
            "kind": ActivityKind.QBR.value,
            "on": world.on(-rng.integers(3, 60, len(ahead))),
            "direction": "",
            "outcome": "",
            "with_executive": True,
            "topic": "",
            "subject": "QBR",
        },
    )
