"""Forms of clocks: filters of the list, what was done, the rules and the working hours behind them."""

from typing import Any, ClassVar, Final

import django_filters
from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from accounts.models import Team
from playbooks.models import BusinessCalendar, Clock, ClockRule, Holiday
from playbooks.services import calendars
from playbooks.services.clock_rules import AGAIN
from playbooks.sla import LEVELS

WEEKDAYS: Final = (
    (0, "Monday"),
    (1, "Tuesday"),
    (2, "Wednesday"),
    (3, "Thursday"),
    (4, "Friday"),
    (5, "Saturday"),
    (6, "Sunday"),
)


class ClockFilter(django_filters.FilterSet):
    """Clocks by account, rule and owner. `account` in the address narrows to one account."""

    q = django_filters.CharFilter(label="Account", method="named")
    rule = django_filters.ChoiceFilter(
        label="Clock", field_name="rule__key", choices=ClockRule.Key.choices, empty_label="All"
    )
    owner = django_filters.ChoiceFilter(label="Owner", method="owned", empty_label="Everybody")

    class Meta:
        model = Clock
        fields = ("q", "rule", "owner")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users: Any = get_user_model().objects
        owners = users.filter(
            pk__in=self.queryset.order_by().values("account__owner").distinct()
        ).order_by("first_name", "last_name", "username")
        self.filters["owner"].extra["choices"] = [
            *((str(user.pk), str(user)) for user in owners),
            ("nobody", "Nobody"),
        ]

    def named(self, rows: QuerySet[Clock], name: str, value: str) -> QuerySet[Clock]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(account__name__icontains=text) | Q(account__external_id__iexact=text))

    def owned(self, rows: QuerySet[Clock], name: str, value: str) -> QuerySet[Clock]:
        if value == "nobody":
            return rows.filter(account__owner=None)
        return rows.filter(account__owner=int(value))


class RuleForm(forms.Form):
    """One clock's tuning. Hours until an executive hears are working hours after the breach."""

    hours = forms.FloatField(label="Hours until it is due", min_value=0.25, max_value=8760)
    in_business_time = forms.BooleanField(
        label="Count working hours of the account's team only", required=False
    )
    below = forms.FloatField(
        label="Starts when the score is below", min_value=0, max_value=100, required=False
    )
    top = forms.IntegerField(
        label="How many of the largest accounts", min_value=1, max_value=5000, required=False
    )
    again_after_days = forms.IntegerField(
        label="Once met, starts again after",
        min_value=0,
        max_value=730,
        required=False,
        help_text="Days. At once when the account was better in between.",
    )
    manager = forms.FloatField(
        label="Manager hears after",
        min_value=0,
        max_value=2000,
        required=False,
        help_text="Working hours after the breach; 0 is at once, empty is never.",
    )
    executive = forms.FloatField(
        label="Executives hear after",
        min_value=0,
        max_value=2000,
        required=False,
        help_text="Working hours after the breach; empty is never.",
    )
    is_active = forms.BooleanField(label="Switched on", required=False)

    _PARAMS: ClassVar = ("below", "top", AGAIN)

    def __init__(self, *args: Any, rule: ClockRule, **kwargs: Any) -> None:
        self.rule = rule
        waits = {"manager": 0.0, **rule.escalate_after_hours}
        kwargs["initial"] = {
            "hours": rule.hours,
            "in_business_time": rule.in_business_time,
            "is_active": rule.is_active,
            **{level: waits.get(level) for level in LEVELS},
            **{name: rule.params.get(name) for name in self._PARAMS},
        }
        kwargs["initial"] = {
            # 48, not 48.0.
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in kwargs["initial"].items()
        }
        kwargs["prefix"] = rule.key
        super().__init__(*args, **kwargs)
        self.tuned = [name for name in self._PARAMS if name in rule.params]
        for name in self._PARAMS:
            if name not in rule.params:
                del self.fields[name]
            else:
                self.fields[name].required = True
        # Executives hear of theirs when it starts.
        if rule.key == ClockRule.Key.EXECUTIVE:
            del self.fields["executive"]

    def values(self) -> dict[str, Any]:
        """The rule's fields as `services.clock_rules.save` takes them."""
        given = self.cleaned_data
        waits = {level: given.get(level) for level in LEVELS if level in self.fields}
        if waits.get("manager") == 0:
            # At once is what a rule says that says nothing.
            del waits["manager"]
        told = {level: hours for level, hours in waits.items() if hours is not None}
        if "manager" in waits and waits["manager"] is None:
            told["manager"] = None
        return {
            "hours": given["hours"],
            "in_business_time": given["in_business_time"],
            "params": {**self.rule.params, **{name: given[name] for name in self.tuned}},
            "escalate_after_hours": told,
            "is_active": given["is_active"],
        }


class CalendarForm(forms.ModelForm):
    """Working hours of a team, or of everybody without one of their own."""

    weekdays = forms.TypedMultipleChoiceField(
        label="Days", coerce=int, choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple
    )
    country = forms.ChoiceField(label="Public holidays of", required=False)

    class Meta:
        model = BusinessCalendar
        fields = ("name", "team", "weekdays", "opens", "closes", "country")
        widgets: ClassVar = {
            "opens": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "closes": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country: Any = self.fields["country"]
        country.choices = [("", "None"), *((code, code) for code in sorted(calendars.countries()))]
        team: Any = self.fields["team"]
        team.queryset = Team.objects.order_by("name")
        team.empty_label = "Everybody without one of their own"

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        opens, closes = given.get("opens"), given.get("closes")
        if opens and closes and opens >= closes:
            self.add_error("closes", "Closing comes after opening, on the same day.")
        everybody = BusinessCalendar.objects.filter(team=None).exclude(pk=self.instance.pk)
        if "team" in given and given["team"] is None and everybody.exists():
            self.add_error("team", "There is a calendar for everybody already: change that one.")
        return given


class HolidayForm(forms.ModelForm):
    """A day a calendar is closed besides."""

    class Meta:
        model = Holiday
        fields = ("calendar", "on", "name")
        widgets: ClassVar = {"on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        labels: ClassVar = {"on": "Day", "name": "What it is"}
