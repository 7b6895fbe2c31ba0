"""What people type about a plan: the plan itself, its exit test, how it ended, what hangs on it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django import forms

from playbooks.models import Intervention, Risk, TargetKind
from playbooks.services.interventions import TARGET_DAYS
from scoring.metrics.catalogue import offered

SCORE: Final = "score"
_KEEP: Final = "keep"
_NONE: Final = ""
_OPS: Final = {
    ">=": "is at least",
    ">": "is above",
    "<=": "is at most",
    "<": "is below",
}
_LEVELS: Final = ((1, "1 low"), (2, "2"), (3, "3"), (4, "4"), (5, "5 high"))
_DAY: Final = {"type": "date"}


def colleague(**options: Any) -> forms.TypedChoiceField:
    """A choice of colleagues; `people_in` gives it its choices and turns an id into the colleague."""
    return forms.TypedChoiceField(required=False, choices=[], empty_value=None, **options)


def people_in(form: forms.Form, name: str, people: Mapping[int, Any], nobody: str) -> None:
    """Offer `people` (by id) in the field `name`; its cleaned value is one of them, or None."""
    field: Any = form.fields[name]
    field.choices = [("", nobody), *((str(pk), str(each)) for pk, each in people.items())]
    field.coerce = lambda text: people[int(text)]


def metric_choices() -> list[tuple[str, str]]:
    """What a test or KPI may read: the score, and every metric that is a number."""
    metrics = [(key, m.label) for key, m in offered().items() if not m.is_category]
    return [(SCORE, "Health score (0–100)"), *sorted(metrics, key=lambda pair: pair[1].lower())]


class ExitForm(forms.Form):
    """An exit test of one condition: a figure, a comparison, a value, and for how many nights."""

    exit_metric = forms.ChoiceField(label="It is over when", required=False, choices=[])
    exit_op = forms.ChoiceField(label="Comparison", choices=list(_OPS.items()), initial=">=")
    exit_value = forms.FloatField(
        label="Value", required=False, help_text="Shares as decimals: 0.2 is 20 %."
    )
    exit_days = forms.IntegerField(label="Nights in a row", min_value=1, max_value=180, initial=14)

    def __init__(self, *args: Any, plan: Intervention | None = None, **kwargs: Any) -> None:
        simple = _simple(plan.exit_rule) if plan else None
        if plan is not None:
            kwargs["initial"] = {
                "exit_days": plan.exit_days,
                "exit_metric": _KEEP if plan.exit_rule and simple is None else _NONE,
                **(simple or {}),
                **kwargs.get("initial", {}),
            }
        super().__init__(*args, **kwargs)
        field: Any = self.fields["exit_metric"]
        field.choices = [(_NONE, "No test: closed by hand"), *metric_choices()]
        self.kept: dict[str, Any] = dict(plan.exit_rule) if plan else {}
        if plan is not None and plan.exit_rule and simple is None:
            field.choices = [(_KEEP, "The playbook's own test"), *field.choices]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        metric = found.get("exit_metric", _NONE)
        if metric not in (_NONE, _KEEP) and found.get("exit_value") is None:
            self.add_error("exit_value", "Say which value it has to reach.")
        return found

    def rule(self) -> dict[str, Any]:
        """The rule document; {} without a test."""
        data = self.cleaned_data
        metric = data.get("exit_metric", _NONE)
        if metric == _KEEP:
            return self.kept
        if metric == _NONE:
            return {}
        what = {"score": "value"} if metric == SCORE else {"metric": metric}
        condition = {**what, "op": data["exit_op"], "value": data["exit_value"]}
        return {"match": "all", "conditions": [condition]}


def _simple(rule: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields of a test of one plain comparison; None for any other."""
    conditions = rule.get("conditions", [])
    if len(conditions) != 1:
        return None
    one = conditions[0]
    metric = SCORE if one.get("score") == "value" else one.get("metric")
    if set(one) - {"score", "metric", "op", "value"} or metric is None or one["op"] not in _OPS:
        return None
    return {"exit_metric": metric, "exit_op": one["op"], "exit_value": one["value"]}


class PlanForm(ExitForm):
    """A plan by hand."""

    title = forms.CharField(
        label="Title", max_length=160, help_text="What is to become better, in a few words."
    )
    issue = forms.CharField(
        label="Issue",
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 3}),
        help_text="What was noticed, and since when.",
    )
    objectives = forms.CharField(
        label="Objectives", required=False, max_length=4000, widget=forms.Textarea({"rows": 3})
    )
    target_days = forms.TypedChoiceField(
        label="Length",
        coerce=int,
        choices=[(days, f"{days} days") for days in TARGET_DAYS],
        initial=30,
    )
    sponsor = colleague(label="Sponsor", help_text="Who clears the way when it gets stuck.")

    field_order = ("title", "issue", "objectives", "target_days", "sponsor")

    def __init__(self, *args: Any, people: Mapping[int, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people_in(self, "sponsor", people, "Nobody")


class PlanEditForm(PlanForm):
    """A running plan: the target is a day."""

    target_on = forms.DateField(label="Target day", widget=forms.DateInput(_DAY, format="%Y-%m-%d"))
    seen = forms.IntegerField(widget=forms.HiddenInput)

    target_days = None  # type: ignore[assignment]
    field_order = ("title", "issue", "objectives", "target_on", "sponsor")

    def __init__(
        self, *args: Any, plan: Intervention, people: Mapping[int, Any], **kwargs: Any
    ) -> None:
        initial = {
            "title": plan.title,
            "issue": plan.issue,
            "objectives": plan.objectives,
            "target_on": plan.target_on,
            "sponsor": str(plan.sponsor_id or ""),
            "seen": plan.version,
        }
        super().__init__(*args, plan=plan, people=people, initial=initial, **kwargs)

    def values(self) -> dict[str, Any]:
        """What `interventions.edit` takes."""
        data = self.cleaned_data
        names = ("title", "issue", "objectives", "target_on", "sponsor", "exit_days")
        return {name: data[name] for name in names} | {"exit_rule": self.rule()}


class CauseForm(forms.Form):
    cause = forms.ChoiceField(label="Root cause", choices=Intervention.Cause.choices)
    text = forms.CharField(
        label="In words", required=False, max_length=4000, widget=forms.Textarea({"rows": 3})
    )


class CloseForm(forms.Form):
    """How a plan ended, as people see it; `churned` follows from the account but may be said first."""

    outcome = forms.ChoiceField(label="Outcome", choices=Intervention.Outcome.choices)
    note = forms.CharField(
        label="What helped, what did not",
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 3}),
    )


class RiskForm(forms.Form):
    """A line of the risk register."""

    text = forms.CharField(label="Risk", max_length=255)
    likelihood = forms.TypedChoiceField(label="Likelihood", coerce=int, choices=_LEVELS, initial=3)
    impact = forms.TypedChoiceField(label="Impact", coerce=int, choices=_LEVELS, initial=3)
    mitigation = forms.CharField(
        label="What we do about it",
        required=False,
        max_length=1000,
        widget=forms.Textarea({"rows": 2}),
    )


class RiskStateForm(forms.Form):
    state = forms.ChoiceField(label="State", choices=Risk.State.choices)


class KpiForm(forms.Form):
    """A figure the plan means to move."""

    metric = forms.ChoiceField(label="Figure", choices=[])
    target_kind = forms.ChoiceField(label="Target", choices=TargetKind.choices)
    target_value = forms.FloatField(label="Value")
    due_on = forms.DateField(label="Until", required=False, widget=forms.DateInput(_DAY))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["metric"]
        field.choices = metric_choices()


class TaskForm(forms.Form):
    """A task of one's own, or (without a title) the day and person of one there is."""

    title = forms.CharField(label="Task", max_length=160)
    due_on = forms.DateField(label="Due", required=False, widget=forms.DateInput(_DAY))
    assignee = colleague(label="For")

    def __init__(self, *args: Any, people: Mapping[int, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people_in(self, "assignee", people, "Nobody")


class TaskEditForm(TaskForm):
    title = None  # type: ignore[assignment]

    def __init__(self, *args: Any, people: Mapping[int, Any], **kwargs: Any) -> None:
        super().__init__(*args, people=people, **kwargs)

    def values(self) -> dict[str, date | Any]:
        """What `intervention_tasks.edit` takes."""
        return {name: self.cleaned_data[name] for name in ("due_on", "assignee")}


class OwnerForm(forms.Form):
    owner = colleague(label="Owner")

    def __init__(self, *args: Any, people: Mapping[int, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people_in(self, "owner", people, "Nobody")


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Why", max_length=255)


class ShareForm(forms.Form):
    """For how long a link to the plan is good."""

    days = forms.TypedChoiceField(label="Good for", coerce=int, choices=[])

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = sorted({days for days in (1, 3, 7, 14, 30, 60, 90) if days < most} | {most})
        field: Any = self.fields["days"]
        field.choices = [(days, "1 day" if days == 1 else f"{days} days") for days in offered]
        field.initial = min((7, most))
