"""The matched comparison on books whose true effect is known, because they are made here."""

import numpy as np
import pandas as pd
import pytest

from playbooks import effect
from playbooks.effect import BETTER, LEAST, NONE_SHOWN, NOT_ENOUGH, compare, match

SIZES = ["Small Business", "Mid-Market", "Large", "Enterprise"]
INDUSTRIES = ["Technology", "Healthcare", "Retail"]


def simulated(seed, *, true_effect=0.0, treated=200, accounts=3000, fell=False, spread=6.0):
    """A book: every account has its own level and wobbles around it, so what fell tends to come back.

    With `fell`, only accounts that lost more than 6 points in 30 days are treated, otherwise any.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(60, 15, accounts)
    wobble = rng.normal(0, spread, (3, accounts))
    wobble[1] = 0.4 * wobble[0] + np.sqrt(1 - 0.4**2) * wobble[1]
    wobble[2] = 0.4 * wobble[1] + np.sqrt(1 - 0.4**2) * wobble[2]
    before, start, end = np.clip(level + wobble, 0, 100)
    frame = pd.DataFrame(
        {
            "account": np.arange(accounts),
            "tone": np.select([start < 50, start < 75], ["poor", "fair"], "good"),
            "size": rng.choice(SIZES, accounts, p=[0.4, 0.35, 0.17, 0.08]),
            "industry": rng.choice(INDUSTRIES, accounts),
            "score": start,
            "trend": start - before,
            "outcome": end - start,
            "arr": rng.integers(1, 50, accounts) * 1000.0,
        }
    )
    eligible = np.flatnonzero(frame["trend"] < -6) if fell else np.arange(accounts)
    chosen = np.zeros(accounts, dtype=bool)
    chosen[rng.choice(eligible, min(treated, len(eligible) // 2), replace=False)] = True
    frame.loc[chosen, "outcome"] += true_effect
    return frame[chosen].reset_index(drop=True), frame[~chosen].reset_index(drop=True)


@pytest.mark.parametrize("fell", [False, True])
def test_an_effect_of_eight_points_is_found_with_200_treated(fell):
    found = [compare(*simulated(seed, true_effect=8.0, fell=fell)) for seed in range(20)]

    assert all(each.verdict == BETTER for each in found)
    assert np.mean([each.effect for each in found]) == pytest.approx(8.0, abs=0.4)
    assert sum(each.low <= 8.0 <= each.high for each in found) >= 19
    assert all(each.matched >= 180 for each in found)


@pytest.mark.parametrize("fell", [False, True])
def test_no_effect_is_reported_where_there_is_none_in_95_of_100_books(fell):
    found = [compare(*simulated(seed, fell=fell)) for seed in range(100)]

    assert sum(each.verdict == NONE_SHOWN for each in found) >= 95
    # And not because the interval says nothing at all.
    assert np.median([each.high - each.low for each in found]) < 5


def test_those_that_just_fell_recover_by_themselves_and_that_is_no_effect():
    treated, pool = simulated(1, fell=True)
    found = compare(treated, pool)

    assert treated["outcome"].mean() > 3
    assert found.mean_treated == pytest.approx(treated["outcome"].mean(), abs=1)
    assert found.verdict == NONE_SHOWN
    assert abs(found.effect) < 1.5


def test_harm_is_reported_as_harm():
    assert compare(*simulated(3, true_effect=-8.0)).verdict == effect.WORSE


def test_the_interval_of_an_account_counted_twice_is_no_narrower():
    treated, pool = simulated(5, true_effect=3.0, treated=60)
    once = compare(treated, pool)
    twice = compare(pd.concat([treated, treated], ignore_index=True), pool)

    assert twice.effect == pytest.approx(once.effect)
    assert twice.high - twice.low >= 0.98 * (once.high - once.low)


def test_few_controls_used_again_and_again_widen_the_interval():
    treated, pool = simulated(7, treated=200)
    few = pool.groupby(["tone", "size"]).head(6).reset_index(drop=True)
    many, scarce = compare(treated, pool), compare(treated, few)
    naive = 2 * 2.33 * treated["outcome"].std() / np.sqrt(scarce.matched)

    assert scarce.high - scarce.low > many.high - many.low
    assert scarce.high - scarce.low > naive


def rows(**columns):
    n = max(len(value) for value in columns.values() if isinstance(value, list))
    usual = {"tone": "poor", "size": "Large", "industry": "Retail", "trend": 0.0, "outcome": 0.0}
    return pd.DataFrame(
        {k: v if isinstance(v, list) else [v] * n for k, v in (usual | columns).items()}
    )


def test_nineteen_matched_accounts_are_not_enough_and_twenty_are():
    pool = rows(score=[40.0] * 50, outcome=[1.0, 3.0] * 25)

    short = compare(rows(score=[40.0] * (LEAST - 1), outcome=[5.0] * (LEAST - 1)), pool)
    enough = compare(rows(score=[40.0] * LEAST, outcome=[5.0] * LEAST), pool)

    assert (short.verdict, short.effect, short.low, short.matched) == (NOT_ENOUGH, None, None, 19)
    assert enough.verdict == BETTER
    assert enough.matched == 20


def test_nobody_treated_and_nobody_to_compare_with():
    pool = rows(score=[40.0, 41.0, 45.0])
    nobody = pool.head(0)

    assert compare(nobody, pool) == compare(nobody, nobody)
    assert compare(nobody, pool).unmatched is None
    assert compare(pool, nobody).unmatched == 1.0


def test_only_accounts_that_looked_alike_are_compared():
    treated = rows(score=[40.0])
    pool = pd.concat(
        [
            rows(score=[40.0], tone="fair"),
            rows(score=[40.0], size="Enterprise"),
            rows(score=[40.5]),
            rows(score=[90.0]),
            rows(score=[40.2], trend=[-30.0]),
            rows(score=[float("nan")]),
        ],
        ignore_index=True,
    )

    assert list(match(treated, pool).pool) == [2]


def test_the_industry_counts_where_it_has_enough_accounts():
    pool = pd.concat(
        [
            rows(score=[40.0] * 6, industry="Technology"),
            rows(score=[41.0] * 4, industry="Retail"),
            # Something to measure distances by.
            rows(score=[10.0, 90.0] * 5, trend=[-20.0, 20.0] * 5, industry="Retail"),
        ],
        ignore_index=True,
    )
    one = rows(score=[40.0], industry="Retail")
    fifth = pd.concat([pool, rows(score=[41.5], industry="Retail")], ignore_index=True)

    assert set(pool["industry"].iloc[match(one, pool).pool]) == {"Technology"}
    assert set(fifth["industry"].iloc[match(one, fifth).pool]) == {"Retail"}


def test_unknown_outcomes_are_left_out_on_both_sides():
    treated = rows(score=[40.0] * 25, outcome=[5.0] * 22 + [float("nan")] * 3)
    pool = rows(score=[40.0] * 10, outcome=[1.0, float("nan")] * 5)

    found = compare(treated, pool)

    assert (found.treated, found.matched, found.unmatched) == (22, 22, 0.0)
    assert found.effect == pytest.approx(4.0)


def test_arr_kept_is_weighed_alike_on_both_sides():
    treated = rows(score=[40.0] * 20, arr=[10.0] * 10 + [30.0] * 10, kept=[1.0] * 15 + [0.0] * 5)
    pool = rows(score=[40.0] * 5, kept=[1.0, 1.0, 1.0, 0.0, 0.0])

    ours, theirs, n = effect.shares_kept(treated, pool, match(treated, pool))

    # 10 × 10 + 5 × 30 of 400 are kept; of the untreated three in five.
    assert (ours, theirs, n) == (pytest.approx(250 / 400), pytest.approx(0.6), 20)
