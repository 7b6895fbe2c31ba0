"""What an admin types about events: write keys and rules."""

from typing import Any

from django import forms

from accounts.events.rules import feature_for, key_for, measure_for
from accounts.measures import BUILT_IN
from accounts.models import Account, EventRule, Feature, UsageMeasure, WriteKey

_TEXT = {"class": "form-control"}
_SELECT = {"class": "form-select"}
_KEY = r"^[a-z0-9][a-z0-9_-]*$"
_KEY_HELP = "small letters, digits, - and _"


class KeyForm(forms.Form):
    """A new write key."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        widget=forms.TextInput(_TEXT),
        help_text="Who sends with it, e.g. Web application.",
    )
    source = forms.CharField(
        label="Source",
        max_length=40,
        initial="product",
        widget=forms.TextInput(_TEXT),
        help_text="What its usage is filed under: small letters, digits, - and _. Keys may share one.",
    )
    account_source = forms.ChoiceField(
        label="Its group ids are account ids of",
        required=False,
        widget=forms.Select(_SELECT),
        help_text="An id found nowhere there is looked up in the other systems, when only one has it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        systems = Account.objects.order_by("source").values_list("source", flat=True).distinct()
        field: Any = self.fields["account_source"]
        field.choices = [("", "its own source"), *((system, system) for system in systems)]


class RuleForm(forms.Form):
    """A rule: which events, how they are counted, what they become."""

    event = forms.CharField(
        label="Event",
        max_length=200,
        widget=forms.TextInput({**_TEXT, "list": "event-names"}),
        help_text="Its name exactly as it is sent. Pages and screens are called “Viewed … Page”.",
    )
    source = forms.ChoiceField(label="From", required=False, widget=forms.Select(_SELECT))
    how = forms.ChoiceField(
        label="Counted as", choices=EventRule.How.choices, widget=forms.Select(_SELECT)
    )
    property = forms.CharField(
        label="Property to add up",
        required=False,
        max_length=80,
        widget=forms.TextInput(_TEXT),
        help_text="Only for a sum: a property that holds a number. Events without it are left out.",
    )
    makes = forms.RegexField(
        _KEY,
        label="Measure or feature",
        max_length=60,
        widget=forms.TextInput({**_TEXT, "list": "made-keys"}),
        help_text=f"Its key ({_KEY_HELP}). One that is not there yet is made.",
        error_messages={"invalid": f"Write a key of {_KEY_HELP}, e.g. reports_exported."},
    )
    label = forms.CharField(
        label="Label, if it is new", required=False, max_length=80, widget=forms.TextInput(_TEXT)
    )
    unit = forms.CharField(
        label="Unit, if it is new",
        required=False,
        max_length=40,
        widget=forms.TextInput(_TEXT),
        help_text="E.g. reports.",
    )

    def __init__(self, *args: Any, rule: EventRule | None = None, **kwargs: Any) -> None:
        self.rule = rule
        if rule is not None and rule.pk:
            made: Any = rule.measure or rule.feature
            kwargs["initial"] = {
                "event": rule.event,
                "source": rule.source,
                "how": rule.how,
                "property": rule.property,
                "makes": made.key,
            }
        super().__init__(*args, **kwargs)
        sources = sorted(set(WriteKey.objects.order_by().values_list("source", flat=True)))
        field: Any = self.fields["source"]
        field.choices = [("", "every source"), *((source, source) for source in sources)]

    def clean_property(self) -> str:
        prop: str = self.cleaned_data["property"]
        if '"' in prop or "\\" in prop:
            raise forms.ValidationError(
                "A property whose name has quotes or backslashes cannot be read."
            )
        return prop

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("how") == EventRule.How.SUM and not data.get("property"):
            if "property" not in self.errors:
                self.add_error("property", "Say which property to add up, e.g. amount.")
        elif data.get("how") != EventRule.How.SUM:
            data["property"] = ""
        if data.get("event") and not data["event"].strip():
            self.add_error("event", "Write the event's name.")
        if not self.errors and self._is_there(data):
            self.add_error(None, "There is such a rule already: it counts these events once.")
        return data

    def _is_there(self, data: dict[str, Any]) -> bool:
        same = EventRule.objects.filter(
            is_active=True, **{k: data[k] for k in ("event", "source", "how", "property")}
        )
        target = "feature" if data["how"] == EventRule.How.FEATURE else "measure"
        same = same.filter(**{f"{target}__key": data["makes"]})
        return (same.exclude(pk=self.rule.pk) if self.rule and self.rule.pk else same).exists()

    def draft(self) -> EventRule:
        """The rule as the form says it, for a preview: makes nothing that is not there."""
        rule = EventRule(pk=self.rule.pk) if self.rule else EventRule()
        for name in ("event", "source", "how", "property"):
            setattr(rule, name, self.cleaned_data[name])
        return rule

    def finished(self) -> EventRule:
        """The rule ready to be saved; its measure or feature is made when there is none."""
        rule, data = self.draft(), self.cleaned_data
        if rule.how == EventRule.How.FEATURE:
            rule.feature = feature_for(data["makes"], label=data["label"])
        else:
            rule.measure = measure_for(
                data["makes"], label=data["label"], unit=data["unit"], how=rule.how
            )
        return rule


def first_guess(event: str) -> dict[str, Any]:
    """What the form starts with for an event nothing is made of."""
    return {"event": event, "how": EventRule.How.COUNT, "makes": key_for(event)}


def made_keys() -> list[tuple[str, str]]:
    """Keys and labels of what rules can make: measures there are or that ship, and features."""
    found = {key: measure.label for key, measure in BUILT_IN.items()}
    measures = UsageMeasure.objects.order_by().values_list("key", "label")
    found |= dict(measures.union(Feature.objects.order_by().values_list("key", "label")))
    return sorted(found.items())
