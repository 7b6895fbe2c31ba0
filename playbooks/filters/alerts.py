"""Which alerts a list shows: read from the address, as one condition; page, CSV and bulk acts share it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Q
from django.http import QueryDict

from csm.lib.typed import whole
from playbooks.models import Alert, Severity, Trigger

State = Alert.State
NOBODY: Final = "nobody"

VIEWS: Final = {
    "open": "Open",
    "overflow": "Overflow",
    "snoozed": "Snoozed",
    "held": "Held",
    "any": "All that are not over",
    "cleared": "Cleared by itself",
    "dismissed": "Not a risk",
    "withdrawn": "Withdrawn",
    "all": "All, also those that are over",
}
# Views that show nothing but alerts that are not over.
OPEN_VIEWS: Final = ("open", "overflow", "snoozed", "held", "any")
TAKEN: Final = {
    "no": "Nobody has taken it",
    "yes": "Somebody has taken it",
    "me": "I have taken it",
}
# Days since it opened: (at least, less than).
AGES: Final[dict[str, tuple[str, int, int | None]]] = {
    "new": ("Up to a day", 0, 2),
    "week": ("2 to 7 days", 2, 8),
    "month": ("8 to 30 days", 8, 31),
    "old": ("Over 30 days", 31, None),
}


def awake(on: date) -> Q:
    """Not snoozed on a day; a snooze ends on the day it names."""
    return Q(snoozed_until=None) | Q(snoozed_until__lte=on)


def shown_in(view: str, on: date) -> Q:
    """The condition of one of `VIEWS`."""
    is_open = Q(state=State.OPEN)
    return {
        "overflow": is_open & awake(on) & Q(overflow=True),
        "snoozed": is_open & Q(snoozed_until__gt=on),
        "held": Q(state=State.HELD),
        "any": Q(state__in=Alert.OPEN_STATES),
        "cleared": Q(state=State.CLEARED),
        "dismissed": Q(state=State.DISMISSED),
        "withdrawn": Q(state=State.WITHDRAWN),
        "all": Q(),
    }.get(view, is_open & awake(on))


class _Many(forms.Field):
    """Values of a parameter that may be given several times."""

    widget = forms.SelectMultiple

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        super().__init__(required=False)
        self.allowed = allowed

    def clean(self, value: Any) -> list[str]:
        found = [str(each) for each in value or [] if str(each)]
        if not all(self.allowed(each) for each in found):
            raise forms.ValidationError("One of its values is unknown.")
        return list(dict.fromkeys(found))


def _of(values: Iterable[Any]) -> Callable[[str], bool]:
    known = {str(value) for value in values}
    return lambda text: text in known


def _is_key(text: str) -> bool:
    return len(text) <= 60 and text.replace("-", "").replace("_", "").isalnum()


def _is_owner(text: str) -> bool:
    return text == NOBODY or whole(text, 9) is not None


class AlertFilter(forms.Form):
    """The filters of an address on a day; a value that makes no sense is left out and named in `errors`."""

    state = forms.ChoiceField(choices=list(VIEWS.items()), required=False)
    q = forms.CharField(
        max_length=120, required=False, validators=[ProhibitNullCharactersValidator()]
    )
    trigger = _Many(_is_key)
    severity = _Many(_of(Severity.values))
    family = _Many(_of(Trigger.Family.values))
    owner = _Many(_is_owner)
    taken = forms.ChoiceField(choices=[("", ""), *TAKEN.items()], required=False)
    age = forms.ChoiceField(
        choices=[("", ""), *((key, label) for key, (label, *_) in AGES.items())], required=False
    )

    LABELS: Final = {
        "state": "Show",
        "q": "Account",
        "trigger": "Trigger",
        "severity": "Severity",
        "family": "Family",
        "owner": "Owner",
        "taken": "Taken",
        "age": "Open for",
    }

    def __init__(self, data: QueryDict, *, user: Any, on: date) -> None:
        super().__init__(data)
        self.user = user
        self.on = on

    @property
    def values(self) -> Mapping[str, Any]:
        """The filters that are on and valid, by parameter."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def view(self) -> str:
        return str(self.values.get("state", "open"))

    @property
    def condition(self) -> Q:
        """What an alert must be to be listed."""
        found = shown_in(self.view, self.on)
        for name, value in self.values.items():
            found &= self._one(name, value)
        return found

    def _one(self, name: str, value: Any) -> Q:
        if name == "q":
            return _named_like(value)
        if name == "trigger":
            return Q(trigger__key__in=value)
        if name == "severity":
            return Q(severity__in=[int(each) for each in value])
        if name == "family":
            return Q(trigger__family__in=value)
        if name == "owner":
            owned = Q(owner__in=[int(each) for each in value if each != NOBODY])
            return owned | Q(owner=None) if NOBODY in value else owned
        if name == "taken":
            return {"no": Q(taken_by=None), "yes": Q(taken_by__isnull=False)}.get(
                value, Q(taken_by=self.user)
            )
        if name == "age":
            return _aged(value, self.on)
        return Q()


def _aged(age: str, on: date) -> Q:
    _, least, below = AGES[age]
    found = Q(opened_on__lte=on - timedelta(days=least))
    return found if below is None else found & Q(opened_on__gt=on - timedelta(days=below))


def _named_like(text: str) -> Q:
    """Of accounts whose name or external id contains `text`, in any case."""
    # SQLite folds the case of ASCII only; the usual spellings of a word cover the rest.
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    found = Q()
    for each in spellings:
        found |= Q(account__name__icontains=each) | Q(account__external_id__icontains=each)
    return found
