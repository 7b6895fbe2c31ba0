"""What people write when they act on alerts; the services say what is allowed."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from playbooks.models import PlaybookVersion
from playbooks.services.alert_deeds import LONGEST_SNOOZE, REASON
from playbooks.services.alerts import ACTIONS

_BY_HAND = {
    "snooze": ("until", "reason"),
    "dismiss": ("reason",),
    "assign": ("to",),
    "start": ("version",),
}


def colleagues(user: Any) -> QuerySet[Any]:
    """Those whom `user` may give work: of the same teams, for admins all; nobody who only reads."""
    people = get_user_model().objects.filter(is_active=True).exclude(role="executive")
    if not user.is_admin:
        people = people.filter(Q(teams__in=user.team_ids) | Q(pk=user.pk)).distinct()
    return people.order_by("first_name", "last_name", "username")


def startable() -> QuerySet[PlaybookVersion]:
    """The versions a plan may be started from."""
    return (
        PlaybookVersion.objects.filter(state=PlaybookVersion.State.ACTIVE, playbook__is_active=True)
        .select_related("playbook")
        .order_by("playbook__position", "playbook__key")
    )


class ActForm(forms.Form):
    """One act with its values; a fault is a sentence."""

    action = forms.ChoiceField(choices=[(each, each) for each in ACTIONS])
    until = forms.DateField(
        required=False, error_messages={"invalid": "Write the day as YYYY-MM-DD."}
    )
    reason = forms.CharField(required=False, max_length=REASON)
    to: Any = forms.ModelChoiceField(queryset=None, required=False)
    # Empty: what each alert's trigger recommends.
    version: Any = forms.ModelChoiceField(queryset=None, required=False)

    def __init__(self, data: Any, *, user: Any) -> None:
        super().__init__(data)
        self.fields["to"].queryset = colleagues(user)  # type: ignore[attr-defined]
        self.fields["version"].queryset = startable()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("action") == "snooze" and "until" not in self.errors and not found["until"]:
            self.add_error("until", "Choose the day it comes back.")
        return found

    @property
    def chosen(self) -> str:
        return str(self.cleaned_data["action"])

    @property
    def values(self) -> dict[str, Any]:
        """The arguments of the service for this action."""
        names = _BY_HAND.get(self.chosen, ())
        return {name: self.cleaned_data[name] for name in names}

    @property
    def fault(self) -> str:
        """What is wrong, as one sentence."""
        return " ".join(str(text) for faults in self.errors.values() for text in faults)


def days_ahead(on: date) -> tuple[date, date]:
    """First and last day an alert may sleep until."""
    return on + timedelta(days=1), on + LONGEST_SNOOZE
