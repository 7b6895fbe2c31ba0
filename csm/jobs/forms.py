"""What people fill in to act on everything that matches."""

from django import forms

from playbooks.forms.team import ReceiverForm


class GiveForm(ReceiverForm):
    """To whom all accounts of a list go."""

    sure = forms.BooleanField(
        label="I have looked at the number",
        error_messages={"required": "Tick this once you have looked at the number."},
    )
