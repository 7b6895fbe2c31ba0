"""What people say of a task."""

from typing import ClassVar

from django import forms

ACTIONS = ("done", "skip", "due", "approve", "return", "reopen")


class TaskActForm(forms.Form):
    """One act on one task; `seen` is the version the person looked at."""

    do = forms.ChoiceField(choices=[(name, name) for name in ACTIONS])
    seen = forms.IntegerField(required=False, min_value=0)
    reason = forms.CharField(required=False, max_length=255)
    due_on = forms.DateField(required=False)

    NEEDS_REASON: ClassVar = {"skip", "return"}
