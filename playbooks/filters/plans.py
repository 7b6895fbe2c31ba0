"""The filters of the list of plans, their state in the URL; page, CSV and tiles share them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final

import django_filters as filters
from django.db.models import F, Q

from playbooks.models import Intervention

NOBODY: Final = "nobody"
BY_HAND: Final = "by-hand"
NOT_FOUND: Final = "none"
OPEN: Final = Q(state__in=Intervention.OPEN_STATES)
LATELY_DAYS: Final = 30

_STATES: Final = {
    "active": "Active",
    "holding": "Exit test holds",
    "closed": "Closed",
    "all": "Open and closed",
}
_DUE: Final = {
    "overdue": "Overdue",
    "ahead": "Still ahead",
    "7": "In 7 days",
    "30": "In 30 days",
    "90": "In 90 days",
    "lately": "Closed in 30 days",
}


def overdue(on: date) -> Q:
    """Open plans past their target day."""
    return OPEN & Q(target_on__lt=on)


def closed_lately(on: date) -> Q:
    """Plans closed in the last 30 days."""
    return Q(state=Intervention.State.CLOSED, closed_on__gt=on - timedelta(days=LATELY_DAYS))


class PlanFilter(filters.FilterSet):
    """What a list of plans is narrowed to on a day; a parameter that makes no sense is left out.

    `offered` are the owners [(id, name)], playbooks [(key, name)] and bands at the start [name] there are.
    """

    q = filters.CharFilter(label="Search", max_length=120)
    state = filters.ChoiceFilter(label="State", choices=list(_STATES.items()), empty_label="Open")
    owner = filters.ChoiceFilter(label="Owner", choices=[], empty_label="Anybody")
    playbook = filters.ChoiceFilter(label="Playbook", choices=[], empty_label="Any")
    due = filters.ChoiceFilter(label="Target", choices=list(_DUE.items()), empty_label="Any day")
    outcome = filters.ChoiceFilter(
        label="Outcome", choices=Intervention.Outcome.choices, empty_label="Any"
    )
    cause = filters.ChoiceFilter(
        label="Root cause",
        choices=[(NOT_FOUND, "Not found yet"), *Intervention.Cause.choices],
        empty_label="Any",
    )
    band = filters.ChoiceFilter(label="Band at the start", choices=[], empty_label="Any")

    class Meta:
        model = Intervention
        fields: list[str] = []

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        on: date,
        owners: Sequence[tuple[str, str]],
        playbooks: Sequence[tuple[str, str]],
        bands: Sequence[str],
    ) -> None:
        super().__init__(data, Intervention.objects.all())
        self.on = on
        self.filters["owner"].extra["choices"] = [*owners, (NOBODY, "Nobody")]
        self.filters["playbook"].extra["choices"] = [*playbooks, (BY_HAND, "By hand")]
        self.filters["band"].extra["choices"] = [(name, name) for name in bands]

    @cached_property
    def values(self) -> dict[str, Any]:
        """The filters that are on, by parameter."""
        self.form.is_valid()
        return {name: value for name, value in self.form.cleaned_data.items() if value}

    @cached_property
    def condition(self) -> Q:
        """All filters that are on, as one condition on plans."""
        found = Q()
        for name, value in self.values.items():
            found &= getattr(self, f"_{name}")(value)
        # Closed plans are looked for: by state, by outcome, by the day they closed.
        if not self.values.keys() & {"state", "outcome"} and self.values.get("due") != "lately":
            found &= OPEN
        return found

    def chips(self) -> list[tuple[str, str]]:
        """(parameter, words) of every filter that is on."""
        found = []
        for name, value in self.values.items():
            each = self.filters[name]
            said = dict(each.extra.get("choices", [])).get(value, value)
            found.append((name, f"{each.label}: {said}"))
        return found

    def _q(self, value: str) -> Q:
        # SQLite folds the case of ASCII only; the usual spellings of a word cover the rest.
        spellings = {value} if value.isascii() else {value, value.lower(), value.title()}
        found = Q()
        for each in spellings:
            found |= Q(title__icontains=each) | Q(account__name__icontains=each)
        return found

    def _state(self, value: str) -> Q:
        return Q() if value == "all" else Q(state=value)

    def _owner(self, value: str) -> Q:
        return Q(owner=None) if value == NOBODY else Q(owner=int(value))

    def _playbook(self, value: str) -> Q:
        if value == BY_HAND:
            return Q(playbook_version=None)
        return Q(playbook_version__playbook__key=value)

    def _due(self, value: str) -> Q:
        if value == "overdue":
            return overdue(self.on)
        if value == "lately":
            return closed_lately(self.on)
        if value == "ahead":
            return Q(target_on__gte=self.on)
        last = self.on + timedelta(days=int(value))
        return Q(target_on__gte=self.on, target_on__lte=last)

    def _outcome(self, value: str) -> Q:
        return Q(outcome=value)

    def _cause(self, value: str) -> Q:
        return Q(cause="") if value == NOT_FOUND else Q(cause=value)

    def _band(self, value: str) -> Q:
        return Q(band_start=value)


def met() -> Q:
    """KPIs that have reached their target; one whose target or figure is unknown has not."""
    known = Q(target__isnull=False, current__isnull=False)
    rising = Q(target_kind="at_least") | Q(target_kind="change", target__gte=F("baseline"))
    falling = Q(target_kind="at_most") | Q(target_kind="change", target__lt=F("baseline"))
    return known & (
        (rising & Q(current__gte=F("target"))) | (falling & Q(current__lte=F("target")))
    )
