"""What people type when they tune."""

from django import forms


class PublishForm(forms.Form):
    """Publishing asks for a reason; it is shown with every chart the version changes."""

    note = forms.CharField(
        label="What changes, and why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        help_text="Shown in the version history and beside the line the charts draw.",
        error_messages={
            "required": "Say in a note what this version changes and why: it is shown with the charts."
        },
    )
