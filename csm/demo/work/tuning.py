"""How the demo's admin tuned what ships: which triggers watch whom, who holds which role, which calendar."""

import datetime as dt
from collections.abc import Mapping

from accounts.models import SizeSegment, Team
from csm.demo.people import NORTH, SOUTH
from csm.models import User
from playbooks.models import BusinessCalendar, NoticeSetting, RoleHolder, StepRole, Trigger
from playbooks.services import clock_rules, playbooks, trigger_changes, triggers

_SMALL, _MID = SizeSegment.SMALL_BUSINESS.value, SizeSegment.MID_MARKET.value
_LARGE = (SizeSegment.LARGE.value, SizeSegment.ENTERPRISE.value)
# Trigger → the sizes it watches; empty: all. A CSM here looks after some 830 accounts.
_WATCHED: dict[str, tuple[str, ...]] = {
    "score-drop": (),
    "component-red": _LARGE,
    "multiple-down": (SizeSegment.ENTERPRISE.value,),
    "emergency": (_MID, *_LARGE),
    "login-decline": _LARGE,
    "executive-silent": (SizeSegment.ENTERPRISE.value,),
    "ticket-spike": (_MID, *_LARGE),
    "usage-drop": _LARGE,
    "qbr-missed": (SizeSegment.ENTERPRISE.value,),
    "unresponsive": (_MID, *_LARGE),
    "champion-lost": (SizeSegment.ENTERPRISE.value,),
    "sponsor-changed": _LARGE,
    "dormant": _LARGE,
    "renewal-risk": (_MID, *_LARGE),
    "payment-late": (_MID, *_LARGE),
    "ready-to-expand": (SizeSegment.ENTERPRISE.value,),
}
_NARROWED = (
    "Replayed over 90 days: over the whole book it opens more alerts than twelve CSMs can answer. It "
    "watches the accounts that have a named CSM; the others are looked after by campaigns."
)
_LATER = "Off for now: over this book it fires on more accounts than anybody can call. To be tuned."
_HOLDERS: tuple[tuple[str, str, str], ...] = (
    (StepRole.EXECUTIVE_SPONSOR, "", "edgar.executive"),
    (StepRole.ACCOUNT_DIRECTOR, NORTH, "nadia.manager"),
    (StepRole.ACCOUNT_DIRECTOR, SOUTH, "tomas.manager"),
    (StepRole.RENEWAL_DESK, NORTH, "zoe.csm"),
    (StepRole.RENEWAL_DESK, SOUTH, "hana.csm"),
    (StepRole.SCALED_CSM, NORTH, "zoe.csm"),
    (StepRole.SCALED_CSM, SOUTH, "hana.csm"),
)


def tune(users: Mapping[str, User], *, at: dt.datetime) -> None:
    """Load what ships and tune it, once: a book with triggers keeps them as they are."""
    if Trigger.objects.exists():
        return
    admin = users["ada.admin"]
    playbooks.load_library()
    clock_rules.ensure()
    for trigger in triggers.load_library():
        sizes = _WATCHED.get(trigger.key)
        if sizes is None:
            trigger_changes.switch(trigger, False, by=admin, at=at, as_of=at.date(), note=_LATER)
        elif sizes:
            scope = {"size_segment": list(sizes)}
            trigger_changes.save(trigger, {"scope": scope}, by=admin, at=at, note=_NARROWED)
    teams = {team.name: team for team in Team.objects.all()}
    for role, team, username in _HOLDERS:
        RoleHolder.objects.get_or_create(
            role=role, team=teams.get(team), defaults={"user": users[username]}
        )
    for user in users.values():
        # Their addresses are nobody's: mail would go nowhere.
        NoticeSetting.objects.get_or_create(user=user, defaults={"mail": NoticeSetting.Mail.NEVER})
    BusinessCalendar.objects.get_or_create(
        name="Office hours",
        defaults={
            "weekdays": [0, 1, 2, 3, 4],
            "opens": dt.time(9),
            "closes": dt.time(17, 30),
            "country": "GB",
        },
    )
