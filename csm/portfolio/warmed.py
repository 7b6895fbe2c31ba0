"""What is counted after a night, before the first visitor of the morning asks for it."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model

from accounts.trust import counted
from accounts.trust.counted import OfQuality
from csm.lib.dates import today
from csm.lib.remembered import Figure
from csm.portfolio.insights_large import OfInsights
from csm.portfolio.large_books import OfHome, is_large
from scoring.models import ScoreRun

# As home and insights open for those who look after more than their own book.
_SCOPES = {"manager": "team", "executive": "all", "admin": "all"}


def to_warm(run: ScoreRun) -> Iterator[Figure[Any]]:
    """Figures of every large book somebody starts with; those who see the same share one."""
    seen: set[str] = set()
    users = get_user_model().objects.filter(is_active=True, role__in=_SCOPES)
    # Data quality first: it takes longest.
    admin = users.filter(role="admin").first()
    if admin is not None and counted.is_large():
        yield OfQuality(admin, today())
    for user in users.prefetch_related("teams"):
        scope = _SCOPES[user.role]
        if not is_large(user, scope, run):
            continue
        for figure in (OfHome(user, scope, run, [7]), OfInsights(user, scope, run, [""])):
            if figure.key not in seen:
                seen.add(figure.key)
                yield figure
