"""Where accounts stood on a night that is long past."""

from datetime import timedelta

from scoring.models import AccountHealth
from scoring.selectors import standing_on
from tests.conftest import NIGHT


def test_an_account_stands_as_its_newest_night_up_to_the_day_says(
    make_account, score_book, django_assert_num_queries
):
    fallen, steady = make_account("Fallen"), make_account("Steady")
    before = NIGHT - timedelta(days=7)
    score_book({fallen: {"total_activities_30d": 60}, steady: {}}, before)
    score_book({fallen: {"total_activities_30d": 0}, steady: {}}, NIGHT)
    with django_assert_num_queries(2):
        found = standing_on([fallen.pk, steady.pk], NIGHT + timedelta(days=3))
    health = AccountHealth.objects.get(account=fallen)
    assert found[fallen.pk].score == health.score
    assert found[fallen.pk].change_7d == health.change_7d < 0
    assert found[fallen.pk].change_30d is None
    assert (found[fallen.pk].band_name, found[fallen.pk].tone) == (health.band_name, health.tone)
    earlier = standing_on([fallen.pk], NIGHT - timedelta(days=1))[fallen.pk]
    assert earlier.as_of == before
    assert earlier.score == health.score - health.change_7d
    assert standing_on([fallen.pk], before - timedelta(days=1)) == {}
