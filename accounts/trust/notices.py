"""Telling the admins what the breaker held back: one e-mail per admin, once per freeze."""

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.core.mail import send_mass_mail
from django.utils import timezone

from accounts.models import Freeze

log = logging.getLogger("accounts.trust")

_SUBJECT = "CSM workbench: {count} frozen"
_TEXT = """{sentences}

Scores keep the last good values of what is frozen, marked as frozen, until an admin has looked.
Open Data quality in the workbench to see what came, to lift it, or to leave it.
"""


def admins() -> list[Any]:
    """Colleagues who may lift a freeze."""
    users = get_user_model().objects.filter(is_active=True)
    return list(users.filter(role="admin") | users.filter(is_superuser=True))


def tell_of_freezes() -> int:
    """E-mail the admins what was frozen and not told yet; returns the freezes told.

    A mail server that cannot be reached stops no night: the next one tries again.
    """
    untold = list(Freeze.objects.filter(told_at=None, lifted_on=None).order_by("pk"))
    if not untold:
        return 0
    addresses = [user.email for user in admins() if user.email]
    subject = _SUBJECT.format(count="one source" if len(untold) == 1 else f"{len(untold)} feeds")
    text = _TEXT.format(sentences="\n".join(f"- {_sentence(each)}" for each in untold))
    try:
        send_mass_mail([(subject, text, None, [address]) for address in addresses])
    except OSError as error:
        log.warning("the admins could not be told of %d freezes: %s", len(untold), error)
        return 0
    Freeze.objects.filter(pk__in=[each.pk for each in untold]).update(told_at=timezone.now())
    return len(untold)


def _sentence(each: Freeze) -> str:
    return str(each.details.get("sentence", each))
