"""The editor of a playbook: a version as forms, and back. Without JavaScript every button is a submit."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from django import forms
from django.http import QueryDict

from playbooks.forms import triggers as conditions
from playbooks.forms.trigger_conditions import NotEditable, Words
from playbooks.forms.trigger_documents import document_of, part_of
from playbooks.models import StepRole, TargetKind
from playbooks.recipe_words import TONES
from playbooks.services.drafting import SCORE
from playbooks.services.recipes import LISTS, Kpi, Recipe, Step, tidy
from scoring.metrics.catalogue import FAMILIES
from scoring.metrics.metric import Metric

MOST_ROWS: Final = 40
_TEXT: Final = {"class": "form-control"}
_SELECT: Final = {"class": "form-select"}
_NUMBER: Final = {"class": "form-control", "inputmode": "numeric"}
_ACT: Final = re.compile(r"(step|kpi)-(add|remove|up|down)(?:-(\d{1,2}))?")
_KINDS: Final = {
    TargetKind.AT_LEAST.value: "at least",
    TargetKind.AT_MOST.value: "at most",
    TargetKind.CHANGE.value: "change from the start, %",
}
Row = TypeVar("Row")


def _days(label: str, help_text: str = "", **more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=0,
        max_value=730,
        widget=forms.TextInput(_NUMBER),
        help_text=help_text,
        **more,
    )


def _boxes(label: str, choices: Sequence[tuple[str, str]] = ()) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, choices=choices, widget=forms.CheckboxSelectMultiple
    )


class RecipeForm(forms.Form):
    """Everything of a version but its steps, KPIs and the conditions of its exit test."""

    name = forms.CharField(
        max_length=120,
        widget=forms.TextInput(_TEXT),
        help_text="A new name is in force as soon as you save.",
    )
    purpose = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea({**_TEXT, "rows": 3}),
        help_text="What is wrong or possible, and what a good end looks like.",
    )
    cadence = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(_TEXT),
        help_text="How often people meet while it runs.",
    )
    target_days = forms.IntegerField(
        label="Target, days",
        min_value=1,
        max_value=730,
        widget=forms.TextInput(_NUMBER),
        help_text="A plan's target day, counted from its start.",
    )
    owner_roles = _boxes("Roles", StepRole.choices)
    triggers = _boxes("Open alert")
    tones = _boxes("Health", [(tone, TONES[tone]) for tone in TONES])
    sizes = _boxes("Size", [(size, size) for size in LISTS["sizes"] or ()])
    industries = _boxes("Industry")
    lifecycle = _boxes("Lifecycle stage", [(stage, stage) for stage in LISTS["lifecycle"] or ()])
    new_within_days = _days("Or customer for less than, days")
    renewal_within_days = _days("Renewal within, days")
    exit_how = forms.ChoiceField(
        label="A plan is over",
        choices=(
            ("tasks", "when somebody closes it, after its tasks are done"),
            ("own", "when these conditions have held long enough"),
        ),
        widget=forms.RadioSelect,
    )
    exit_days = forms.IntegerField(
        label="Days in a row", min_value=1, max_value=365, widget=forms.TextInput(_NUMBER)
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, triggers: dict[str, str], industries: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("triggers", triggers.items()),
            ("industries", [(industry, industry) for industry in industries]),
        ):
            field: Any = self.fields[name]
            field.choices = list(choices)


class StepForm(forms.Form):
    """One step. Unfinished ones may be saved: publishing says what is missing."""

    title = forms.CharField(required=False, max_length=160, widget=forms.TextInput(_TEXT))
    guidance = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea({**_TEXT, "rows": 3})
    )
    role = forms.ChoiceField(choices=StepRole.choices, widget=forms.Select(_SELECT))
    offset_days = _days("Business days after the start")
    before_renewal_days = _days("Or days before the renewal")
    blocks = forms.BooleanField(label="The steps after it wait", required=False)
    needs_approval = forms.BooleanField(label="A manager approves", required=False)


class KpiForm(forms.Form):
    """One figure to move; shares are typed in percent."""

    metric = forms.ChoiceField(required=False, widget=forms.Select(_SELECT))
    target_kind = forms.ChoiceField(
        label="Target", choices=list(_KINDS.items()), widget=forms.Select(_SELECT)
    )
    target_value = forms.FloatField(
        label="Value", widget=forms.TextInput({"class": "form-control", "inputmode": "decimal"})
    )
    due_days = _days("Due after, days")
    label = forms.CharField(
        label="Called", required=False, max_length=120, widget=forms.TextInput(_TEXT)
    )

    def __init__(self, *args: Any, metrics: dict[str, Metric], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["metric"]
        field.choices = metric_choices(metrics)


def metric_choices(metrics: dict[str, Metric]) -> list[Any]:
    """Metrics with figures by family, as a select takes them; the score first, those defined here last."""
    left = {key: metric for key, metric in metrics.items() if not metric.is_category}
    groups: list[Any] = [("", "Choose a metric"), (SCORE, "Health score")]
    for family, module in FAMILIES.items():
        mine = [(m.key, m.label) for m in module.METRICS if left.pop(m.key, None)]
        groups.append((family, sorted(mine, key=lambda pair: pair[1])))
    if left:
        groups.append(("Defined here", [(metric.key, metric.label) for metric in left.values()]))
    return groups


class Editor:
    """A draft as it stands in the form, right or wrong."""

    def __init__(
        self,
        form: RecipeForm,
        steps: list[StepForm],
        kpis: list[KpiForm],
        exit_editor: conditions.Editor,
        words: Words,
        kept_exit: dict[str, Any] | None = None,
    ) -> None:
        self.form, self.steps, self.kpis, self.words = form, steps, kpis, words
        # Its part "exit" holds the rows of the exit test.
        self.exit_editor = exit_editor
        # A rule the rows cannot show: it stays as it is until somebody replaces it.
        self.kept_exit = kept_exit
        self._document: dict[str, Any] | None = None

    @property
    def scope_fields(self) -> list[Any]:
        """The lists of where it applies, in reading order."""
        return [self.form[name] for name in LISTS]

    def act(self, act: str) -> bool:
        """Change the rows of the exit test, or only look again; whether `act` asked for that."""
        if act == "exit-anew":
            self.kept_exit = None
        return act in ("look", "exit-anew") or self.exit_editor.act(act)

    def is_valid(self) -> bool:
        """Whether everything can be read. Faults of the exit test are left on its rows."""
        parts = [self.form, *self.steps, *self.kpis]
        # Every part is asked, so that all errors show at once.
        answers = [part.is_valid() for part in parts]
        if self.form["exit_how"].value() != "own":
            self._document = {}
        elif self.kept_exit is not None:
            self._document = self.kept_exit
        else:
            self._document = document_of(self.exit_editor.parts["exit"], self.words)
        return all(answers) and self._document is not None

    def recipe(self) -> Recipe:
        """What the form says; only after `is_valid`."""
        data = self.form.cleaned_data
        applies = {key: data[key] for key in LISTS} | {
            "new_within_days": data["new_within_days"],
            "renewal_within_days": data["renewal_within_days"],
        }
        return Recipe(
            purpose=_lines(data["purpose"]),
            applies=tidy(applies),
            cadence=data["cadence"],
            owner_roles=tuple(data["owner_roles"]),
            target_days=data["target_days"],
            exit_rule=self._document or {},
            exit_days=data["exit_days"],
            steps=tuple(
                Step(
                    **{
                        **step.cleaned_data,
                        "guidance": _lines(step.cleaned_data["guidance"]),
                        "offset_days": step.cleaned_data["offset_days"] or 0,
                    }
                )
                for step in self.steps
            ),
            kpis=tuple(self._kpi(kpi.cleaned_data) for kpi in self.kpis),
        )

    def _kpi(self, data: dict[str, Any]) -> Kpi:
        value = data["target_value"]
        if is_percent(data["metric"], data["target_kind"], self.words.metrics):
            value = round(value / 100, 10)
        return Kpi(
            metric=data["metric"],
            target_kind=data["target_kind"],
            target_value=value,
            label=data["label"],
            due_days=data["due_days"],
        )


def is_percent(metric: str, kind: str, metrics: Any) -> bool:
    """Whether a target is typed in percent: a share of the start, or of a metric that is a share."""
    known = metrics.get(metric)
    return kind == TargetKind.CHANGE or (known is not None and known.kind == "ratio")


def of_recipe(
    recipe: Recipe, *, name: str, words: Words, triggers: dict[str, str], industries: Sequence[str]
) -> Editor:
    """The editor of a draft as it is stored."""
    applies = recipe.applies
    kept: dict[str, Any] | None = None
    exit_editor = conditions.of_values({}, words, industries=[], playbooks=[])
    if recipe.exit_rule:
        try:
            exit_editor.parts["exit"] = part_of(recipe.exit_rule, words)
        except NotEditable:
            kept = dict(recipe.exit_rule)
    form = RecipeForm(
        initial={
            "name": name,
            "purpose": recipe.purpose,
            "cadence": recipe.cadence,
            "target_days": recipe.target_days,
            "owner_roles": list(recipe.owner_roles),
            **{key: applies.get(key, []) for key in LISTS},
            "new_within_days": applies.get("new_within_days"),
            "renewal_within_days": applies.get("renewal_within_days"),
            "exit_how": "own" if recipe.exit_rule else "tasks",
            "exit_days": recipe.exit_days,
            "seen": recipe.digest,
        },
        triggers=triggers,
        # One that no account has any more stays chosen.
        industries=sorted({*industries, *applies.get("industries", [])}),
    )
    steps = [StepForm(initial=vars(step), prefix=f"s{n}") for n, step in enumerate(recipe.steps)]
    metrics = dict(words.metrics)
    kpis = [
        KpiForm(initial=_typed(kpi, metrics), prefix=f"k{n}", metrics=metrics)
        for n, kpi in enumerate(recipe.kpis)
    ]
    return Editor(form, steps, kpis, exit_editor, words, kept)


def _typed(kpi: Kpi, metrics: dict[str, Metric]) -> dict[str, Any]:
    value = kpi.target_value
    if is_percent(kpi.metric, kpi.target_kind, metrics):
        value = round(value * 100, 8)
    return {**vars(kpi), "target_value": f"{value:.10g}"}


def of_post(
    post: QueryDict,
    *,
    words: Words,
    triggers: dict[str, str],
    industries: Sequence[str],
    now: Recipe,
) -> Editor:
    """The editor as it was sent; `now` is the draft as stored."""
    kept = dict(now.exit_rule) if post.get("exit-kept") and now.exit_rule else None
    industries = sorted({*industries, *now.applies.get("industries", [])})
    metrics = dict(words.metrics)
    return Editor(
        RecipeForm(post, triggers=triggers, industries=industries),
        [StepForm(post, prefix=prefix) for prefix in _prefixes(post, "s", "title")],
        [
            KpiForm(post, prefix=prefix, metrics=metrics)
            for prefix in _prefixes(post, "k", "metric")
        ],
        conditions.of_post(post, words, industries=[], playbooks=[]),
        words,
        kept,
    )


def _prefixes(post: QueryDict, letter: str, field: str) -> list[str]:
    """Prefixes of the rows that were sent, in the order they stand on the page."""
    return [f"{letter}{n}" for n in range(MOST_ROWS) if f"{letter}{n}-{field}" in post]


def acted(recipe: Recipe, act: str) -> tuple[Recipe, str] | None:
    """The recipe after a button on its rows, and the id of the row to go to; None for another button."""
    found = _ACT.fullmatch(act)
    if not found:
        return None
    what, verb, place = found.groups()
    at = int(place) if place else 0
    if what == "step":
        steps, to = _acted(recipe.steps, verb, at, Step, title="")
        return replace(recipe, steps=steps), f"step-{to}"
    kpis, to = _acted(
        recipe.kpis,
        verb,
        at,
        Kpi,
        metric="",
        target_kind=TargetKind.AT_LEAST.value,
        target_value=0.0,
    )
    return replace(recipe, kpis=kpis), f"kpi-{to}"


def _acted(
    rows: tuple[Row, ...], verb: str, at: int, make: Callable[..., Row], **empty: Any
) -> tuple[tuple[Row, ...], int]:
    listed = list(rows)
    if verb == "add":
        if len(listed) < MOST_ROWS:
            listed.append(make(**empty))
        return tuple(listed), len(listed) - 1
    if at >= len(listed):
        return rows, max(len(listed) - 1, 0)
    if verb == "remove":
        del listed[at]
        return tuple(listed), max(min(at, len(listed) - 1), 0)
    to = min(max(at + (1 if verb == "down" else -1), 0), len(listed) - 1)
    listed.insert(to, listed.pop(at))
    return tuple(listed), to


def _lines(text: str) -> str:
    """Text as files write it: browsers send other line ends."""
    return text.replace("\r\n", "\n").strip()
