"""Forms of the team pages: giving work away, absences, a word for the new owner."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model

from csm.lib.typed import whole
from playbooks.services.assignment_plans import MOST, WHATS, receivers

_LONGEST = MOST * 12


class IdsField(forms.CharField):
    """Ids as `1,2,3`; in Python a list of numbers."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> list[int]:
        text = super().clean(value)
        ids = {whole(part, 14) for part in text.split(",") if part}
        if None in ids:
            raise forms.ValidationError("Choose what to give from a list.")
        return sorted(pk for pk in ids if pk is not None)


class ReceiverForm(forms.Form):
    """To whom something is given, why, and what they should know."""

    to: Any = forms.ModelChoiceField(
        label="To", queryset=get_user_model().objects.none(), empty_label="Choose a colleague"
    )
    reason = forms.CharField(
        required=False, max_length=255, help_text="Read by both sides and kept with the change."
    )
    word = forms.CharField(
        label="A word for the new owner",
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Stands on top of the hand-over page of each account.",
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to: Any = self.fields["to"]
        to.queryset = receivers(user).order_by("first_name", "last_name", "username")


class AssignForm(ReceiverForm):
    """What is given and to whom; `seen` is the mark of the preview."""

    what = forms.ChoiceField(choices=[(what, what) for what in WHATS], widget=forms.HiddenInput)
    ids = IdsField(max_length=_LONGEST)
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    with_accounts = forms.BooleanField(
        label="The accounts change their owner",
        required=False,
        initial=True,
        help_text="Unticked, only the open work goes.",
    )


class AbsenceForm(forms.Form):
    """Who is away, from when to when, and who stands in."""

    user = forms.ModelChoiceField(label="Who", queryset=get_user_model().objects.none())
    cover = forms.ModelChoiceField(
        label="Covered by",
        queryset=get_user_model().objects.none(),
        required=False,
        empty_label="Nobody",
        help_text="Sees and does their work meanwhile, and is told of what is new.",
    )
    first_on = forms.DateField(
        label="First day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last_on = forms.DateField(
        label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    note = forms.CharField(required=False, max_length=255)

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = get_user_model().objects.filter(is_active=True, role__in=("csm", "manager"))
        near = people if user.is_admin else people.filter(teams__in=user.team_ids).distinct()
        named = ("first_name", "last_name", "username")
        whose = (
            receivers(user) if user.role == "manager" or user.is_admin else near.filter(pk=user.pk)
        )
        who: Any = self.fields["user"]
        who.queryset = whose.order_by(*named)
        cover: Any = self.fields["cover"]
        cover.queryset = near.order_by(*named)


class WordForm(forms.Form):
    """What the new owner should know."""

    word = forms.CharField(
        label="A word for the new owner",
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
