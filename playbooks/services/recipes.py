"""What a playbook version says, as one value: read from a file or a form, from rows, and back to rows."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from django.db.models import OuterRef, QuerySet

from accounts.models.account import LifecycleStage, SizeSegment
from csm.lib.errors import WorkbenchError
from csm.lib.rows_of import RowsOf
from playbooks.models import PlaybookKpi, PlaybookStep, PlaybookVersion, StepRole, TargetKind
from playbooks.rules import Rule, RuleError
from playbooks.services.drafting import SCORE
from scoring.metrics.catalogue import metrics_of, unknown_metrics
from scoring.metrics.read import ATTRIBUTES

TONES: Final = ("good", "fair", "poor")
# Keys of `PlaybookVersion.applies`, with what their lists may hold (None: anything).
LISTS: Final[dict[str, tuple[str, ...] | None]] = {
    "triggers": None,
    "tones": TONES,
    "sizes": tuple(value for value in SizeSegment.values if value),
    "industries": None,
    "lifecycle": tuple(value for value in LifecycleStage.values if value),
}
DAYS: Final = ("renewal_within_days", "new_within_days")
_MOST_DAYS: Final = 730
_STEP: Final = {
    "title",
    "guidance",
    "role",
    "offset_days",
    "before_renewal_days",
    "blocks",
    "needs_approval",
}
_KPI: Final = {"metric", "label", "target", "due_days"}
_PLAYBOOK: Final = {
    "key",
    "name",
    "kind",
    "purpose",
    "applies",
    "cadence",
    "owner_roles",
    "target_days",
    "exit_rule",
    "exit_days",
    "steps",
    "kpis",
}


class RecipeError(WorkbenchError):
    """A recipe that cannot be published; `faults` are the sentences, one each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Step:
    """One thing to do; see `PlaybookStep`."""

    title: str
    guidance: str = ""
    role: str = StepRole.CSM.value
    offset_days: int = 0
    before_renewal_days: int | None = None
    blocks: bool = False
    needs_approval: bool = False


@dataclass(frozen=True)
class Kpi:
    """One figure to move; see `PlaybookKpi`."""

    metric: str
    target_kind: str
    target_value: float
    label: str = ""
    due_days: int | None = None


_STEP_FIELDS: Final = tuple(each.name for each in fields(Step))
_KPI_FIELDS: Final = tuple(each.name for each in fields(Kpi))


@dataclass(frozen=True)
class Recipe:
    """All a version says, in the words of `PlaybookVersion`."""

    purpose: str = ""
    applies: Mapping[str, Any] = field(default_factory=dict)
    cadence: str = ""
    owner_roles: tuple[str, ...] = ()
    target_days: int = 30
    exit_rule: Mapping[str, Any] = field(default_factory=dict)
    exit_days: int = 14
    steps: tuple[Step, ...] = ()
    kpis: tuple[Kpi, ...] = ()

    @property
    def digest(self) -> str:
        """The same for recipes that say the same."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_document(document: Mapping[str, Any]) -> Recipe:
    """The recipe in a file of the library. Raises RecipeError naming what is not understood.

    {key, name, kind, purpose, applies {}, cadence, owner_roles [], target_days, exit_rule {}, exit_days,
    steps [{title, guidance, role, offset_days, before_renewal_days?, blocks?, needs_approval?}],
    kpis [{metric, label?, target: {at_least|at_most|change: value}, due_days?}]}
    """
    strange = set(document) - _PLAYBOOK
    faults = [f"Nobody knows what '{name}' means in a playbook." for name in sorted(strange)]
    for kind, known, rows in (
        ("step", _STEP, document.get("steps", [])),
        ("KPI", _KPI, document.get("kpis", [])),
    ):
        for row in rows:
            faults += [
                f"Nobody knows what '{name}' means in a {kind}."
                for name in sorted(set(row) - known)
            ]
    if faults:
        raise RecipeError(faults)
    return Recipe(
        purpose=document.get("purpose", "").strip(),
        applies=tidy(document.get("applies") or {}),
        cadence=document.get("cadence", ""),
        owner_roles=tuple(document.get("owner_roles", ())),
        target_days=document.get("target_days", 30),
        exit_rule=document.get("exit_rule") or {},
        exit_days=document.get("exit_days", 14),
        steps=tuple(
            Step(**{**row, "guidance": row.get("guidance", "").strip()})
            for row in document.get("steps", [])
        ),
        kpis=tuple(_kpi(row) for row in document.get("kpis", [])),
    )


def _kpi(row: Mapping[str, Any]) -> Kpi:
    target = row.get("target") or {}
    if len(target) != 1:
        raise RecipeError([f"The KPI {row.get('metric')} needs one target, e.g. at_least: 5."])
    [(kind, value)] = target.items()
    return Kpi(
        metric=row.get("metric", ""),
        label=row.get("label", ""),
        target_kind=kind,
        target_value=float(value),
        due_days=row.get("due_days"),
    )


def tidy(applies: Mapping[str, Any]) -> dict[str, Any]:
    """`applies` without what says nothing: an empty list means any, as an absent one does."""
    return {key: value for key, value in applies.items() if value not in (None, "", [], ())}


def with_parts(versions: QuerySet[PlaybookVersion]) -> QuerySet[PlaybookVersion]:
    """Versions with their steps and KPIs, for `recipe_of` to ask nothing more."""
    of = {"version": OuterRef("pk")}
    return versions.annotate(
        step_rows=RowsOf(PlaybookStep.objects.filter(**of), *_STEP_FIELDS),
        kpi_rows=RowsOf(PlaybookKpi.objects.filter(**of), *_KPI_FIELDS),
    )


def recipe_of(version: PlaybookVersion) -> Recipe:
    """What a version says. Two queries unless it was read `with_parts`."""
    steps, kpis = getattr(version, "step_rows", None), getattr(version, "kpi_rows", None)
    steps = version.steps.values(*_STEP_FIELDS) if steps is None else steps
    kpis = version.kpis.values(*_KPI_FIELDS) if kpis is None else kpis
    return Recipe(
        purpose=version.purpose,
        applies=version.applies,
        cadence=version.cadence,
        owner_roles=tuple(version.owner_roles),
        target_days=version.target_days,
        exit_rule=version.exit_rule,
        exit_days=version.exit_days,
        # Whatever database says it in JSON: true is not 1 here, nor 5.0 the same as 5.
        steps=tuple(
            Step(**row | {name: bool(row[name]) for name in ("blocks", "needs_approval")})
            for row in steps
        ),
        kpis=tuple(Kpi(**row | {"target_value": float(row["target_value"])}) for row in kpis),
    )


def write(draft: PlaybookVersion, recipe: Recipe) -> None:
    """Make a draft say what `recipe` says: its steps and KPIs are replaced."""
    draft.steps.all().delete()
    draft.kpis.all().delete()
    draft.purpose, draft.cadence = recipe.purpose, recipe.cadence
    draft.applies, draft.owner_roles = dict(recipe.applies), list(recipe.owner_roles)
    draft.exit_rule, draft.exit_days = dict(recipe.exit_rule), recipe.exit_days
    draft.target_days = recipe.target_days
    draft.save(
        update_fields=[
            "purpose",
            "cadence",
            "applies",
            "owner_roles",
            "exit_rule",
            "exit_days",
            "target_days",
        ]
    )
    PlaybookStep.objects.bulk_create(
        PlaybookStep(version=draft, position=place, **asdict(step))
        for place, step in enumerate(recipe.steps, 1)
    )
    PlaybookKpi.objects.bulk_create(
        PlaybookKpi(version=draft, position=place, **asdict(kpi))
        for place, kpi in enumerate(recipe.kpis, 1)
    )


def faults(recipe: Recipe, *, triggers: Collection[str] | None = None) -> list[str]:
    """Why a recipe cannot be published: a sentence each, none when it can.

    With `triggers` (keys of those there are) an unknown one is a fault. One query when it uses a metric
    that does not ship.
    """
    return [
        *_step_faults(recipe),
        *_kpi_faults(recipe.kpis),
        *_exit_faults(recipe),
        *_applies_faults(recipe.applies, triggers),
        *(
            f"Nobody knows the role '{role}'."
            for role in recipe.owner_roles
            if role not in StepRole.values
        ),
        *(
            []
            if _days(recipe.target_days, least=1)
            else [f"The plan's target is between 1 and {_MOST_DAYS} days after its start."]
        ),
    ]


def _step_faults(recipe: Recipe) -> Iterable[str]:
    if not recipe.steps:
        yield "It has no steps yet: add at least one, or there is nothing to do."
    titles: set[str] = set()
    for place, step in enumerate(recipe.steps, 1):
        name = step.title.strip()
        if not name:
            yield f"Step {place} has no title."
        elif name.casefold() in titles:
            yield f"Two steps are called “{name}”: nobody could tell them apart in a task list."
        titles.add(name.casefold())
        if step.role not in StepRole.values:
            yield f"Step {place} is for '{step.role}', a role nobody knows."
        if not _days(step.offset_days):
            yield f"Step {place} is due between 0 and {_MOST_DAYS} business days after the start."
        if step.before_renewal_days is not None and not _days(step.before_renewal_days):
            yield f"Step {place} is due between 0 and {_MOST_DAYS} days before the renewal."


def _kpi_faults(kpis: Collection[Kpi]) -> Iterable[str]:
    metrics = [kpi.metric for kpi in kpis]
    yield from unknown_metrics(key for key in metrics if key != SCORE)
    known = metrics_of(key for key in metrics if key != SCORE)
    seen: set[tuple[str, str]] = set()
    for place, kpi in enumerate(kpis, 1):
        if not kpi.metric:
            yield f"KPI {place} names no metric."
        elif kpi.metric in known and known[kpi.metric].is_category:
            yield f"{known[kpi.metric].label} is a word, not a figure: it cannot have a target."
        if kpi.target_kind not in TargetKind.values:
            yield f"The target of KPI {place} is 'at_least', 'at_most' or 'change'."
        if kpi.target_kind == TargetKind.CHANGE and not kpi.target_value:
            yield f"KPI {place} asks for a change of nothing: say by how much."
        if (kpi.metric, kpi.target_kind) in seen:
            yield f"Two KPIs set the same target on {kpi.metric}: keep one."
        seen.add((kpi.metric, kpi.target_kind))
        if kpi.due_days is not None and not _days(kpi.due_days, least=1):
            yield f"KPI {place} is due between 1 and {_MOST_DAYS} days after the start."


def _exit_faults(recipe: Recipe) -> Iterable[str]:
    if not recipe.exit_rule:
        return
    try:
        rule = Rule.parse(recipe.exit_rule)
    except RuleError as error:
        yield f"The exit test cannot be read: {error}"
        return
    yield from (
        f"The exit test: {fault}"
        for fault in unknown_metrics(sorted(rule.needs.metrics.difference(ATTRIBUTES)))
    )
    if not _days(recipe.exit_days, least=1):
        yield f"The exit test must hold between 1 and {_MOST_DAYS} days."


def _applies_faults(applies: Mapping[str, Any], triggers: Collection[str] | None) -> Iterable[str]:
    for key, value in applies.items():
        if key in LISTS:
            allowed = LISTS[key]
            if not isinstance(value, list):
                yield f"'{key}' of where it applies is a list."
            elif allowed is not None:
                yield from (
                    f"'{word}' is none of {', '.join(allowed)}."
                    for word in value
                    if word not in allowed
                )
            elif key == "triggers" and triggers is not None:
                yield from (
                    f"There is no trigger '{word}'." for word in value if word not in triggers
                )
        elif key in DAYS:
            if not _days(value, least=1):
                yield f"'{key}' is a number of days between 1 and {_MOST_DAYS}."
        else:
            yield f"Nobody knows what '{key}' means in where a playbook applies."


def _days(value: Any, *, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST_DAYS
