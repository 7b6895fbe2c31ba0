"""The published figures of the 10,000 accounts, straight through the engine."""

import numpy as np
import pytest

from scoring.engine.revenue import predict, quantile_cuts, tier_by_quantile


@pytest.fixture(scope="module")
def scored(preset, run, crm_accounts):
    return run(preset("crm-engagement"), crm_accounts, shards=7).scored


@pytest.fixture(scope="module")
def predicted(preset, scored, crm_accounts):
    pipeline, won = crm_accounts["current_pipeline_amount"], crm_accounts["total_won_amount"]
    return predict(preset("crm-engagement").revenue, scored.score, pipeline, won)


def test_5132_accounts_are_below_50(scored):
    assert (scored.score < 50).sum() == 5132
    assert (scored.band == 0).sum() == 5132


def test_quartiles_of_predicted_revenue(predicted):
    assert [round(cut) for cut in quantile_cuts(predicted)] == [2_570_734, 27_884_083]


@pytest.mark.parametrize(
    ("tier", "billions", "health"), [("A", 811.80, 61.10), ("B", 53.56, 49.14), ("C", 2.54, 46.06)]
)
def test_tiers(scored, predicted, tier, billions, health):
    chosen = tier_by_quantile(predicted, quantile_cuts(predicted)) == tier
    assert round(predicted[chosen].sum() / 1e9, 2) == billions
    assert round(scored.score[chosen].mean(), 2) == health


def test_scores_agree_with_the_formula_in_plain_float64(scored, crm_accounts):
    """40/30/20/10 written out; float32 inputs may move a score by less than 0.005."""
    f = crm_accounts

    def scale(name):
        return 100 * (f[name] - f[name].min()) / (f[name].max() - f[name].min())

    size = f["size_segment"].map(
        {"Enterprise": 100, "Large": 75, "Mid-Market": 50, "Small Business": 25}
    )
    activity = 0.5 * scale("total_activities_30d") + 0.5 * (100 - scale("days_since_last_activity"))
    contacts = 100 * f["contacts_with_email"] / f["total_contacts"]
    value = 0.5 * scale("annual_revenue") + 0.5 * scale("total_won_amount")
    size_score = 0.6 * size + 0.4 * scale("number_of_employees")
    expected = 0.4 * activity + 0.3 * contacts + 0.2 * value + 0.1 * size_score
    np.testing.assert_allclose(scored.score, expected, atol=0.0001)
