"""Support cases: more, graver and angrier ones where things go badly."""

import numpy as np

from accounts.models import Severity, Ticket
from csm.demo.facts.ledger import SUPPORT, Ledger
from csm.demo.facts.table import store
from csm.demo.facts.words import TICKET_CATEGORIES, TICKET_SUBJECTS
from csm.demo.facts.world import World, evenly, grade

_BACK = 200
_SEVERITIES = np.array([severity.value for severity in Severity if severity.value], dtype=object)


def write(ledger: Ledger) -> None:
    world = ledger.world
    rng = world.rng(8)
    account, ago = _opened(world, rng)
    n = len(account)
    health = np.clip(world.health(account, ago) + 0.05 * rng.standard_normal(n), 0, 1)
    severity = _severity(rng, health)
    usual = rng.integers(0, len(TICKET_CATEGORIES), world.size)
    category = np.where(
        rng.random(n) < 0.4, usual[account], rng.integers(0, len(TICKET_CATEGORIES), n)
    )
    mood = grade(health, [-0.7, -0.35, 0.05, 0.4, 0.65]) + 0.25 * rng.standard_normal(n)
    minutes = np.round(np.exp(rng.normal(5.2 - 0.8 * (severity == 0), 1.0, n))).clip(3, 20_000)
    response = ago - np.floor(minutes / 1440).astype(int)
    worked = ago - np.ceil(np.exp(rng.normal(1.0 + 0.4 * (health < 0.4), 0.9, n))).astype(int)
    closed = np.where(np.minimum(worked, response) >= 0, np.minimum(worked, response), np.nan)
    chance = rng.random((2, n))
    escalated = np.where(
        chance[0] < grade(health, [0.3, 0.16, 0.07, 0.03, 0.01]),
        np.maximum(ago - rng.integers(1, 6, n), 0),
        np.nan,
    )
    again = chance[1] < grade(health, [0.2, 0.12, 0.06, 0.03, 0.02])
    reopened = np.where(again & (closed > 0), np.maximum(closed - 1, 0), np.nan)
    # Open again until further notice when that was in the last days.
    closed = np.where(~np.isnan(reopened), np.where(reopened > 6, reopened - 5, np.nan), closed)
    store(
        Ticket,
        {
            **ledger.facts(SUPPORT, "tickets", account, "CASE"),
            "subject": TICKET_SUBJECTS[category],
            "severity": _SEVERITIES[severity],
            "category": TICKET_CATEGORIES[category],
            "sentiment": np.clip(mood, -1, 1).round(2),
            "opened_on": world.on(ago),
            "first_response_on": world.on(np.where(response >= 0, response, np.nan)),
            "first_response_minutes": np.where(response >= 0, minutes, np.nan),
            "escalated_on": world.on(escalated),
            "reopened_on": world.on(reopened),
            "closed_on": world.on(closed),
        },
    )


def _opened(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(world.fed & (world.since > 0))
    ago = np.arange(_BACK, -1, -1)
    account = np.repeat(rows, len(ago))
    health = world.health(account, np.tile(ago, len(rows)))
    month = grade(health, [6.8, 4.4, 2.4, 1.2, 0.8]).reshape(len(rows), -1)
    found, days = evenly(rng, rows, ago, month / 30)
    # A bad week: several within days where there are few otherwise.
    bad = rows[rng.random(len(rows)) < 0.015]
    times = rng.integers(4, 8, len(bad))
    found = np.r_[found, np.repeat(bad, times)]
    days = np.r_[days, rng.integers(0, 6, times.sum())]
    days = np.maximum(days + rng.integers(-4, 5, len(days)), 0)
    keep = world.alive(found, days)
    order = np.lexsort((-days[keep], found[keep]))
    return found[keep][order], days[keep][order]


def _severity(rng: np.random.Generator, health: np.ndarray) -> np.ndarray:
    """Codes: 0 critical, 1 high, 2 normal, 3 low."""
    chance = rng.random(len(health))
    critical = grade(health, [0.38, 0.26, 0.16, 0.1, 0.06])
    high = critical + grade(health, [0.3, 0.26, 0.22, 0.18, 0.15])
    return (chance > critical).astype(int) + (chance > high) + (chance > high + 0.35)
