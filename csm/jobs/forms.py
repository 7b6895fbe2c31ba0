"""What people fill in to act on everything that matches."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model

from playbooks.services.assignment_plans import receivers


class GiveForm(forms.Form):
    """To whom all accounts of a list go."""

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
    sure = forms.BooleanField(
        label="I have looked at the number",
        error_messages={"required": "Tick this once you have looked at the number."},
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = receivers(user).order_by(  # type: ignore[attr-defined]
            "first_name", "last_name", "username"
        )
