"""A trigger lived through night after night."""

import numpy as np
import pytest

from playbooks.simulation import Simulation, Turns

ONE = np.array([7])


def live(nights: str, *, cooldown: int = 0, exit_days: int = 1, step: int = 1) -> str:
    """One account, a letter per night: `x` the rule holds, `.` it does not, `?` unknown, ` ` no customer.

    Returns `o` where an alert opened, `-` where it is open, `c` where it cleared.
    """
    found, life = "", Simulation(ONE, cooldown, exit_days)
    for night, letter in enumerate(nights):
        truth = {"x": 1, ".": 0, "?": -1, " ": 0}[letter]
        over = {1: 0, 0: 1, -1: -1}[truth]
        ids = ONE[: letter != " "]
        n = len(ids)
        opened, cleared = life.step(
            1000 + night * step,
            ids,
            np.full(n, truth, np.int8),
            np.full(n, over, np.int8),
            np.full(n, True),
        )
        found += "o" if len(opened) else "c" if cleared else "-" if life.is_open[0] else "."
    return found


@pytest.mark.parametrize(
    ("nights", "how", "expected"),
    [
        ("..xxx..", {}, "..o--c."),
        # Unknown neither opens nor clears, and breaks a row of quiet days.
        ("?x??.", {}, ".o--c"),
        ("x..x...", {"exit_days": 3}, "o-----c"),
        ("x.?..", {"exit_days": 2}, "o---c"),
        # Quiet until the cool-down has passed, then on the very night.
        ("x.xxxx", {"cooldown": 3}, "oc..o-"),
        # Weekly nights count as seven days each.
        ("x..", {"exit_days": 8, "step": 7}, "o-c"),
        # A customer who left takes the alert along.
        ("xx  x", {}, "o-..o"),
    ],
)
def test_nights(nights: str, how: dict[str, int], expected: str) -> None:
    assert live(nights, **how) == expected


def test_accounts_do_not_mix() -> None:
    life = Simulation(np.array([3, 5, 9]), 14, 1)
    truth = np.array([1, 0], dtype=np.int8)

    opened, _ = life.step(100, np.array([3, 9]), truth, 1 - truth, truth == 1)

    assert opened.tolist() == [3]
    assert life.is_open.tolist() == [True, False, False]


def test_scope_decides_who_gets_an_alert_and_not_who_keeps_one() -> None:
    life, yes, no = Simulation(ONE, 0, 1), np.array([1], np.int8), np.array([0], np.int8)

    assert len(life.step(100, ONE, yes, no, np.array([False]))[0]) == 0
    assert len(life.step(101, ONE, yes, no, np.array([True]))[0]) == 1
    life.step(102, ONE, yes, yes, np.array([False]))
    # It still fires, so its exit does not count.
    assert life.is_open[0]
    assert life.step(103, ONE, no, yes, np.array([False]))[1] == 1


def test_next_turn_is_after_the_day_and_of_the_same_account() -> None:
    turns = Turns.of(np.array([2, 2, 4]), np.array([100, 150, 90]))

    found = turns.next_after(np.array([2, 2, 2, 3, 4]), np.array([99, 100, 150, 10, 89]))

    assert found.tolist() == [100, 150, 0, 0, 90]
    assert Turns.of(np.array([], int), np.array([], int)).next_after(ONE, ONE).tolist() == [0]
