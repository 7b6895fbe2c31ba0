"""Short forms of playbooks: a new one, publishing, switching, who holds a role."""

from typing import Final

from django import forms
from django.contrib.auth import get_user_model

from accounts.models import Team
from playbooks.models import Playbook, StepRole

_TEXT: Final = {"class": "form-control"}
_SELECT: Final = {"class": "form-select"}


class NewForm(forms.Form):
    """What a playbook needs to begin with."""

    name = forms.CharField(
        max_length=120, widget=forms.TextInput(_TEXT), help_text="What it is for, in a few words."
    )
    kind = forms.ChoiceField(choices=Playbook.Kind.choices, widget=forms.Select(_SELECT))


class PublishForm(forms.Form):
    """Publishing asks for a reason."""

    note = forms.CharField(
        label="What changes, and why",
        max_length=2000,
        widget=forms.Textarea({**_TEXT, "rows": 2}),
        help_text="Shown in the list of versions.",
        error_messages={"required": "Say what this version changes and why: colleagues read it."},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class SwitchForm(forms.Form):
    """What becomes of the plans that run when a playbook is switched off."""

    then = forms.ChoiceField(
        label="Its open plans",
        choices=(
            ("keep", "They go on until they are done"),
            ("close", "They are closed now, as cancelled"),
        ),
        initial="keep",
        widget=forms.RadioSelect,
        required=False,
    )
    note = forms.CharField(
        label="Why",
        required=False,
        max_length=255,
        widget=forms.TextInput(_TEXT),
        help_text="Kept in the log, and on every plan that is closed.",
    )


class HolderForm(forms.Form):
    """Who stands for a role, everywhere or in one team."""

    role = forms.ChoiceField(
        choices=[(value, label) for value, label in StepRole.choices if value != StepRole.CSM],
        widget=forms.Select(_SELECT),
    )
    team = forms.ModelChoiceField(
        Team.objects.all(),
        required=False,
        empty_label="Everywhere",
        label="In",
        widget=forms.Select(_SELECT),
    )
    user = forms.ModelChoiceField(
        get_user_model().objects.filter(is_active=True),
        required=False,
        empty_label="Nobody",
        label="Is",
        widget=forms.Select(_SELECT),
    )
