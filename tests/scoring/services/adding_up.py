"""The totals of every night, added up from its sums in plain Python."""

from collections import defaultdict

import pytest

from scoring.models import DailyRollup, NightTotal

SUMS = ("accounts", "scored", "arr_amount", "arr_known", "score_sum")
NIGHT = ("as_of", "run_id")
BAND = ("version_id", "band", "band_name", "tone")


def added_up():
    found = defaultdict(lambda: [0] * len(SUMS))
    for row in DailyRollup.objects.select_related("run"):
        night = (row.as_of, row.run_id, row.run.scorecard_id)
        band = tuple(getattr(row, name) for name in BAND)
        for whose in ((True, None, None), (False, row.owner_id, row.team_id)):
            sums = found[(*night, *band, *whose)]
            for place, name in enumerate(SUMS):
                sums[place] += getattr(row, name)
    return found


def stored():
    places = (*NIGHT, "scorecard_id", *BAND, "is_whole", "owner_id", "team_id")
    rows = NightTotal.objects.values_list(*places, *SUMS)
    found = {row[: len(places)]: list(row[len(places) :]) for row in rows}
    assert len(found) == len(rows)
    return found


def assert_added_up():
    assert stored() == {
        place: [*sums[:-1], pytest.approx(sums[-1])] for place, sums in added_up().items()
    }
    assert DailyRollup.objects.exists() == NightTotal.objects.exists()
