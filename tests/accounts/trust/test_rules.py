"""What is silence and what a jump: the rhythm of weekdays, growth and chance is neither."""

import random
from datetime import date, timedelta

import pytest

from accounts.trust.rules import Day, jump, rhythm

MONDAY = date(2026, 6, 1)


def days(count, keep=lambda day: True, start=MONDAY):
    found = [start + timedelta(days=n) for n in range(count)]
    return [day for day in found if keep(day)]


def working(day):
    return day.weekday() < 5


@pytest.mark.parametrize(
    ("told", "late", "silent"),
    [
        (days(60), 2, 4),
        (days(61, working), 4, 5),  # a weekend is not lateness
        (days(120, lambda day: day.weekday() == 0), 11, 22),
    ],
)
def test_silence_counts_in_the_series_own_intervals(told, late, silent):
    beat, last = rhythm(told), told[-1]
    state = {n: beat.state(last, last + timedelta(days=n)) for n in range(40)}
    assert next(n for n, word in state.items() if word != "fresh") == late
    assert next(n for n, word in state.items() if word == "silent") == silent


def test_one_outage_of_the_past_does_not_become_normal():
    told = days(40) + days(40, start=MONDAY + timedelta(days=55))
    assert rhythm(told).state(told[-1], told[-1] + timedelta(days=4)) == "silent"


def test_a_feed_of_chance_events_may_pause():
    dice = random.Random(7)
    wrong = nights = 0
    for _ in range(40):
        told = days(700, lambda _: dice.random() < 0.15)
        for at in range(30, len(told) - 1):
            beat = rhythm(told[: at + 1])
            nights += 1
            # The night before the next fact is the worst of the pause.
            wrong += beat.state(told[at], told[at + 1] - timedelta(days=1)) == "silent"
    assert nights > 2_000
    assert wrong / nights < 0.003


def test_too_little_is_known_of_a_few_loads_unless_an_admin_says():
    told = days(40, lambda day: day.day in (1, 15))
    assert rhythm(told).state(told[-1], told[-1] + timedelta(days=300)) == "irregular"
    set_to = rhythm(told, set_to=7)
    assert set_to.state(told[-1], told[-1] + timedelta(days=21)) == "late"
    assert set_to.state(told[-1], told[-1] + timedelta(days=22)) == "silent"


def series(count=120, seed=3, growth=0.0, mean=40.0):
    """Weekdays 1,000 rows, weekends 80; a little noise."""
    dice = random.Random(seed)
    found = []
    for n, day in enumerate(days(count)):
        rows = (1000 if working(day) else 80) * (1 + growth) ** n
        level = mean if working(day) else mean / 8
        found.append(
            Day(day, round(rows * dice.uniform(0.93, 1.07)), level * dice.uniform(0.95, 1.05))
        )
    return found


@pytest.mark.parametrize("growth", [0.0, 0.01, -0.007])
def test_the_week_and_growth_are_no_jump(growth):
    told = series(growth=growth)
    for at in range(7, len(told)):
        assert jump(told[: at + 1], told[at].on) is None, told[at]


def test_other_accounts_every_day_are_no_jump():
    # Ten shares of a book, a day each: what they tell lies far apart, and no weekday explains it.
    dice, level = random.Random(5), [53, 60, 43, 29, 53, 36, 60, 118, 45, 280]
    told = [
        Day(day, round(55 * dice.uniform(0.8, 1.2)), level[n % 10] * dice.uniform(0.95, 1.05))
        for n, day in enumerate(days(180))
    ]
    for at in range(30, len(told)):
        assert jump(told[: at + 1], told[at].on) is None, told[at]
    wrong = [*told[:-1], Day(told[-1].on, 55, 100 * told[-1].mean)]
    assert jump(wrong, told[-1].on).what == "mean"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda day: Day(day.on, day.rows, day.mean * 100), "mean"),  # cents for dollars
        (lambda day: Day(day.on, day.rows, 0.0), "mean"),  # silence told as zeros
        (lambda day: Day(day.on, day.rows * 4, day.mean), "rows"),  # everything twice over
    ],
)
def test_a_jump_is_seen_on_its_own_day(change, what):
    told = series()
    broken = [*told[:-1], change(told[-1])]
    found = jump(broken, told[-1].on)
    assert (found.what, found.on, found.good_on) == (what, told[-1].on, told[-2].on)


def test_a_fall_of_rows_is_judged_when_the_day_is_over():
    told = series()
    broken = [*told[:-1], Day(told[-1].on, 12, told[-1].mean)]
    assert jump(broken, told[-1].on) is None
    assert jump(broken, told[-1].on + timedelta(days=1)).what == "rows"


def test_half_as_much_has_to_last_two_deliveries():
    told = series(count=117)  # ends on a Thursday
    once = [*told[:-1], Day(told[-1].on, told[-1].rows, told[-1].mean * 1.7)]
    assert jump(once, told[-1].on) is None
    twice = [
        *told[:-2],
        *(Day(day.on, day.rows, day.mean * 1.7) for day in told[-2:]),
    ]
    found = jump(twice, told[-1].on)
    assert (found.on, found.good_on) == (told[-2].on, told[-3].on)


def test_what_an_admin_has_looked_at_is_neither_judged_nor_compared_with():
    told = series()
    shifted = [*told[:-1], Day(told[-1].on, told[-1].rows, told[-1].mean * 100)]
    assert jump(shifted, told[-1].on, after=told[-1].on) is None
    later = shifted + [Day(told[-1].on + timedelta(days=n), 1000, 4000.0 + n) for n in range(1, 12)]
    assert jump(later, later[-1].on, after=told[-1].on) is None
