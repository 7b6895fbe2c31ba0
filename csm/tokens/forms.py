from django import forms

from accounts.api.scopes import FACTS_READ, SCOPES

EXPIRIES = {"30": "30 days", "90": "90 days", "365": "One year", "": "Never"}


class TokenForm(forms.Form):
    """What a new token is called, may do, and how long it lives."""

    name = forms.CharField(
        max_length=80, help_text="What will use it: “Nightly CRM sync”, “My notebook”."
    )
    scopes = forms.MultipleChoiceField(
        label="May",
        choices=list(SCOPES.items()),
        initial=[FACTS_READ],
        widget=forms.CheckboxSelectMultiple,
        help_text="Your own rights are the most it can do.",
    )
    expires = forms.ChoiceField(
        label="Expires after", choices=list(EXPIRIES.items()), initial="90", required=False
    )

    @property
    def days(self) -> int | None:
        """Days it lives; None for ever."""
        chosen = self.cleaned_data["expires"]
        return int(chosen) if chosen else None
