"""The form of a metric an admin defines."""

import re
from typing import Any, Final

from django import forms

from accounts.models import MetricDefinition, UsageMeasure
from scoring.metrics.catalogue import CATALOGUE
from scoring.services.definitions import WORDS

_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")


class MetricForm(forms.ModelForm):
    """Origin, measure, aggregate and window make the number; label and description are its words."""

    class Meta:
        model = MetricDefinition
        fields = (
            "label",
            "key",
            "description",
            "origin",
            "measure",
            "aggregate",
            "window_days",
            "unit",
            "direction",
        )
        labels = {
            "origin": "Made of",
            "measure": "Usage measure",
            "aggregate": "How the days add up",
            "window_days": "Window, days",
            "direction": "Which way is better",
        }
        help_texts = {
            "key": "Small letters, digits and _; files and scorecards name the metric by it.",
            "description": "One sentence that says what the number counts. Shown beside it everywhere.",
            "measure": "Left empty for a reported value.",
            "aggregate": "Trend is the slope of a straight line through the days, per 30 days.",
            "unit": "For example users, reports, hours.",
        }

    def __init__(self, *args: Any, locked: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        measures = UsageMeasure.objects.values_list("key", "label")
        self.fields["measure"] = forms.ChoiceField(
            label="Usage measure",
            required=False,
            choices=[("", "—"), *((key, f"{label} ({key})") for key, label in measures)],
            help_text="Left empty for a reported value.",
        )
        for name, field in self.fields.items():
            kind = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            field.widget.attrs["class"] = kind
            if locked and name not in WORDS:
                field.disabled = True

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"]).lower()
        if self.instance._state.adding and not _KEY.fullmatch(key):
            raise forms.ValidationError("Write small letters, digits and _, a letter first.")
        if key == "new":
            raise forms.ValidationError("new is the address of this form: choose another key.")
        if key in CATALOGUE:
            raise forms.ValidationError("A metric of that key ships with the workbench.")
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        usage = data.get("origin") == MetricDefinition.Origin.USAGE
        if usage and not data.get("measure"):
            self.add_error("measure", "Choose the usage measure it is made of.")
        if not usage:
            data["measure"] = ""
        window = data.get("window_days")
        if window is not None and not 1 <= window <= 400:
            self.add_error("window_days", "A window has 1 to 400 days.")
        return data
