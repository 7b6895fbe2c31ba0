"""What KPIs stand at on the newest night."""

from collections.abc import Collection
from datetime import date

import numpy as np

from playbooks.services.drafting import SCORE
from scoring.engine.spec import UNKNOWN_BAND
from scoring.metrics.read import frame
from scoring.models import AccountHealth
from scoring.selectors import newest_run
from scoring.services.populations import frozen_of


def figures_of(
    account_ids: Collection[int], metrics: Collection[str]
) -> dict[tuple[int, str], tuple[float | None, date | None]]:
    """(value, day) of each metric or "score" on each account; (None, None) where it is unknown.

    For a few accounts: one frame per account.
    """
    run = newest_run(defer=True)
    found: dict[tuple[int, str], tuple[float | None, date | None]] = {
        (pk, key): (None, None) for pk in account_ids for key in metrics
    }
    if run is None:
        return found
    if SCORE in metrics:
        # A score too thin for a band is unknown, whatever it says.
        rows = AccountHealth.objects.filter(
            account__in=account_ids, score__isnull=False, band__gt=UNKNOWN_BAND
        )
        for pk, score, as_of in rows.values_list("account_id", "score", "as_of"):
            found[pk, SCORE] = (score, as_of)
    keys = [key for key in metrics if key != SCORE]
    frozen = frozen_of(run.frozen)
    for pk in account_ids if keys else ():
        row = frame(keys, as_of=run.as_of, first_id=pk, last_id=pk, frozen=frozen)
        for key in keys:
            if key in row and len(row) and np.isfinite(row[key].iloc[0]):
                found[pk, key] = (float(row[key].iloc[0]), run.as_of)
    return found
