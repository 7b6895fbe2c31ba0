"""Who is logged in, read with the teams they are in: nearly every page asks for both."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import F

from csm.models import User


class WithTeams(AuthenticationBackend):
    """allauth's own; one statement reads the colleague of a session and what `User.team_ids` is."""

    def get_user(self, user_id: Any) -> User | None:
        rows = list(User.objects.filter(pk=user_id).annotate(in_team=F("teams")).order_by("teams"))
        if not rows or not self.user_can_authenticate(rows[0]):
            return None
        rows[0].team_ids = [row.in_team for row in rows if row.in_team is not None]
        return rows[0]
