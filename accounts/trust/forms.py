"""Forms of the data-quality pages."""

from typing import Any

from django import forms

from accounts.models import Source


class SourceForm(forms.ModelForm):
    """What an admin knows of a source that its deliveries do not say."""

    class Meta:
        model = Source
        fields = ("label", "interval_days", "silent_times", "watched")
        labels = {
            "label": "Name",
            "interval_days": "Days between deliveries",
            "silent_times": "Silent after so many intervals",
            "watched": "Watched: freeze it when it falls silent or jumps",
        }
        help_texts = {
            "interval_days": "Leave empty to learn it from what comes in.",
            "silent_times": "Leave empty for 3.",
        }

    def clean_interval_days(self) -> Any:
        return _positive(self.cleaned_data["interval_days"], 400)

    def clean_silent_times(self) -> Any:
        return _positive(self.cleaned_data["silent_times"], 100, least=1)


def _positive(value: float | None, most: float, least: float = 0.04) -> float | None:
    if value is not None and not least <= value <= most:
        raise forms.ValidationError(f"Between {least:g} and {most:g}, or empty.")
    return value


class FreezeForm(forms.Form):
    """A freeze by hand."""

    feed = forms.ChoiceField(label="Feed")
    good_on = forms.DateField(
        label="Last good day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    note = forms.CharField(label="Why", max_length=500)

    def __init__(self, *args: Any, feeds: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["feed"]
        field.choices = feeds
