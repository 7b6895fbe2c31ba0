"""The filters of the lists of accounts, their state in the URL; page, CSV and linked numbers share them."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Any

import django_filters as filters
from django import forms
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Account
from csm.lib.dates import today
from csm.lib.typed import whole
from playbooks.models import Severity
from scoring.engine.spec import UNKNOWN_BAND, UNKNOWN_NAME
from scoring.models import BandChange, ScoreRun

# Not judged: too little data, or not there yet when the night ran. Neither at risk nor healthy.
UNJUDGED = Q(health__band=UNKNOWN_BAND) | Q(health=None)
# Stands for "the source left it empty" in a URL, where an empty value means no filter.
NOT_KNOWN = "-"
NOBODY = "nobody"
OVERDUE = "overdue"
MOVED_DAYS = 14
# A century; beyond it dates overflow.
_MOST_DAYS = 36_500

CHANGES = {
    "down7": "Declined in 7 days",
    "up7": "Improved in 7 days",
    "down30": "Declined in 30 days",
    "up30": "Improved in 30 days",
}
MOVES = {
    "down": "Moved down a band",
    "up": "Moved up a band",
    "unknown": "To or from Unknown",
    "any": "Any change of band",
}
ALERTS = {"open": "With open alerts", "untaken": "Nobody has taken them", "none": "Without alerts"}
PLANS = {"open": "With an open plan", "none": "Without a plan"}
CLOCKS = {"broken": "Overdue", "running": "Running"}
TASKS = {"overdue": "Overdue"}
CHURNED = {"yes": "Churned only", "all": "Customers and churned"}


def as_stored(values: Iterable[str]) -> list[str]:
    """Values of a filter as the columns hold them: `NOT_KNOWN` is the empty text."""
    return ["" if each == NOT_KNOWN else each for each in values]


def named_like(text: str) -> Q:
    """Accounts whose name or external id contains `text`, in any case."""
    # SQLite folds the case of ASCII only; the usual spellings of a word cover the rest.
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    found = Q()
    for each in spellings:
        found |= Q(name__icontains=each) | Q(external_id__icontains=each)
    return found


def moved(
    direction: str, run: ScoreRun | None, days: int = MOVED_DAYS, *, of_few: bool = False
) -> Q:
    """Accounts with a change of band in the `days` up to the night of `run`; `direction` as in `MOVES`.

    A change to or from Unknown is neither down nor up. `of_few` asks account by account instead of reading
    all changes first: as a condition on a few of many accounts.
    """
    changes = recent_changes(run, days)
    if direction == "down":
        changes = changes.filter(new_band__gte=0, new_band__lt=F("old_band"))
    elif direction == "up":
        changes = changes.filter(old_band__gte=0, new_band__gt=F("old_band"))
    elif direction == "unknown":
        changes = changes.filter(Q(old_band=UNKNOWN_BAND) | Q(new_band=UNKNOWN_BAND))
    if of_few:
        return Q(Exists(changes.filter(account_id=OuterRef("pk"))))
    return Q(pk__in=changes.values("account_id"))


def recent_changes(run: ScoreRun | None, days: int) -> QuerySet[BandChange]:
    """Changes of band in the `days` up to the night of `run`, in its own series of nights."""
    if run is None:
        return BandChange.objects.none()
    return BandChange.objects.filter(
        as_of__gt=run.as_of - timedelta(days=days),
        as_of__lte=run.as_of,
        run__scorecard=run.scorecard_id,
        run__state=ScoreRun.State.DONE,
    )


def changed(change: str, by: float = 0) -> Q:
    """Accounts whose score fell or rose by at least `by` points; `change` as in `CHANGES`.

    Unknown accounts are left out: their score moves with the data that comes and goes.
    """
    path = "health__change_7d" if change.endswith("7") else "health__change_30d"
    judged = Q(health__band__gte=0)
    if change.startswith("down"):
        return judged & Q(**{f"{path}__lte": -by} if by else {f"{path}__lt": 0})
    return judged & Q(**{f"{path}__gte": by} if by else {f"{path}__gt": 0})


def renewing(days: int, as_of: date) -> Q:
    """Accounts that renew between `as_of` and `days` later, both included."""
    return Q(renewal_on__gte=as_of, renewal_on__lte=as_of + timedelta(days=days))


class ManyField(forms.Field):
    """A repeated parameter as a list of short texts. An unknown value is no error: it finds nothing."""

    widget = forms.SelectMultiple

    def clean(self, value: Any) -> list[str]:
        texts = [str(each).strip() for each in value or []][:50]
        for text in texts:
            ProhibitNullCharactersValidator()(text)
            MaxLengthValidator(80)(text)
        return [text for text in texts if text]


class ManyFilter(filters.Filter):
    """Any of the values given; `NOT_KNOWN` finds the empty ones."""

    field_class = ManyField

    def filter(self, qs: QuerySet[Account], value: list[str]) -> QuerySet[Account]:
        if not value:
            return qs
        return qs.filter(**{f"{self.field_name}__in": as_stored(value)})


class OwnerField(ManyField):
    """Owner ids, or `NOBODY`."""

    def clean(self, value: Any) -> list[str]:
        found = super().clean(value)
        for text in found:
            if text != NOBODY and whole(text, 9) is None:
                raise forms.ValidationError("That is no colleague.")
        return found


class OwnerFilter(ManyFilter):
    field_class = OwnerField

    def filter(self, qs: QuerySet[Account], value: list[str]) -> QuerySet[Account]:
        if not value:
            return qs
        owned = Q(owner__in=[int(each) for each in value if each != NOBODY])
        return qs.filter(owned | Q(owner=None) if NOBODY in value else owned)


class SeverityField(ManyField):
    """Numbers of `playbooks.models.Severity`."""

    def clean(self, value: Any) -> list[str]:
        found = super().clean(value)
        if not set(found) <= {str(each) for each in Severity.values}:
            raise forms.ValidationError("That is no severity.")
        return found


class SeverityFilter(ManyFilter):
    field_class = SeverityField

    def filter(self, qs: QuerySet[Account], value: list[str]) -> QuerySet[Account]:
        if not value:
            return qs
        return qs.filter(work__alerts_open__gt=0, work__severity__in=[int(each) for each in value])


class RenewalField(forms.CharField):
    """A number of days from the night shown, or `OVERDUE`."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if (
            text
            and text != OVERDUE
            and not (text.isascii() and text.isdigit() and int(text) <= _MOST_DAYS)
        ):
            raise forms.ValidationError("Write a number of days, such as 90.")
        return str(text)


class RenewalFilter(filters.Filter):
    field_class = RenewalField


class AccountFilter(filters.FilterSet):
    """Filters of a list of accounts with health, relative to the night of `run`.

    A parameter that makes no sense is left out and named in `form.errors`; it never raises.
    """

    q = filters.CharFilter(label="Search", max_length=120)
    band = ManyFilter(label="Band")
    owner = OwnerFilter(label="Owner")
    industry = ManyFilter(label="Industry", field_name="industry")
    size = ManyFilter(label="Size", field_name="size_segment")
    lifecycle = ManyFilter(label="Stage", field_name="lifecycle_stage")
    tier = ManyFilter(label="Tier", field_name="health__tier")
    renewal = RenewalFilter(label="Renewal")
    score_min = filters.NumberFilter(
        label="Score from",
        field_name="health__score",
        lookup_expr="gte",
        min_value=0,
        max_value=100,
    )
    score_max = filters.NumberFilter(
        label="Score to", field_name="health__score", lookup_expr="lte", min_value=0, max_value=100
    )
    change = filters.ChoiceFilter(label="Change", choices=list(CHANGES.items()))
    by = filters.NumberFilter(label="By at least", min_value=0, max_value=100)
    moved = filters.ChoiceFilter(label="Band changed", choices=list(MOVES.items()))
    days = filters.NumberFilter(label="In the last days", min_value=1, max_value=_MOST_DAYS)
    churned = filters.ChoiceFilter(label="Customers", choices=list(CHURNED.items()))
    alerts = filters.ChoiceFilter(label="Alerts", choices=list(ALERTS.items()))
    severity = SeverityFilter(label="Loudest alert")
    plan = filters.ChoiceFilter(label="Plan", choices=list(PLANS.items()))
    clock = filters.ChoiceFilter(label="Clock", choices=list(CLOCKS.items()))
    tasks = filters.ChoiceFilter(label="Tasks", choices=list(TASKS.items()))

    class Meta:
        model = Account
        fields: list[str] = []

    def __init__(
        self, data: Mapping[str, Any], queryset: QuerySet[Account], *, run: ScoreRun | None
    ) -> None:
        # Not the base class's: it copies every filter and field for the one or two that are on, which
        # takes longer than the page's queries. Here both are shared, and only read.
        self.is_bound = True
        self.data = data
        self.queryset = queryset
        self.request = None
        self.form_prefix = None
        self.filters = self.base_filters
        self.run = run

    def get_form_class(self) -> type[forms.Form]:
        return _form_class()

    @property
    def as_of(self) -> date:
        return self.run.as_of if self.run else today()

    @cached_property
    def values(self) -> dict[str, Any]:
        """The filters that are on, by parameter, as cleaned values."""
        self.form.is_valid()
        return {
            name: value
            for name, value in self.form.cleaned_data.items()
            if value not in (None, "", [])
        }

    @property
    def qs(self) -> QuerySet[Account]:
        """The accounts that pass every valid filter."""
        found = self.queryset
        for name, value in self.values.items():
            own = getattr(self, f"by_{name}", None)
            found = own(found, value) if own else self.filters[name].filter(found, value)
        return found

    # `by_<parameter>` stands in for the declared look-up of that parameter.

    def by_q(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs.filter(named_like(value))

    def by_band(self, qs: QuerySet[Account], value: list[str]) -> QuerySet[Account]:
        named = Q(health__band_name__in=value)
        return qs.filter(named | Q(health=None) if UNKNOWN_NAME in value else named)

    def by_renewal(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        if value == OVERDUE:
            return qs.filter(renewal_on__lt=self.as_of)
        return qs.filter(renewing(int(value), self.as_of))

    def by_change(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs.filter(changed(value, float(self.values.get("by", 0))))

    def by_moved(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs.filter(moved(value, self.run, int(self.values.get("days", MOVED_DAYS))))

    def by_alerts(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        if value == "none":
            return qs.filter(Q(work=None) | Q(work__alerts_open=0))
        counted = "alerts_untaken" if value == "untaken" else "alerts_open"
        return qs.filter(**{f"work__{counted}__gt": 0})

    def by_plan(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        if value == "open":
            return qs.filter(work__plans_open__gt=0)
        return qs.filter(Q(work=None) | Q(work__plans_open=0))

    def by_clock(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs.filter(work__clock__isnull=False, work__clock_broken=value == "broken")

    def by_tasks(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs.filter(work__tasks_overdue__gt=0)

    def by_by(self, qs: QuerySet[Account], value: Any) -> QuerySet[Account]:
        return qs  # belongs to `by_change`

    def by_days(self, qs: QuerySet[Account], value: Any) -> QuerySet[Account]:
        return qs  # belongs to `by_moved`

    def by_churned(self, qs: QuerySet[Account], value: str) -> QuerySet[Account]:
        return qs  # decides which accounts the list starts from, see `selectors.starting_from`


class _Shared(dict[str, forms.Field]):
    """Fields that forms share: Django copies a form's fields so that a view may change them, none does."""

    def __deepcopy__(self, memo: Any) -> "_Shared":
        return self


@cache
def _form_class() -> type[forms.Form]:
    form = type("AccountFilterForm", (forms.Form,), {})
    form.base_fields = _Shared(  # type: ignore[attr-defined]
        {name: each.field for name, each in AccountFilter.base_filters.items()}
    )
    return form
