"""Scorecards between people, files and the engine: drafts, publishing, YAML in and out."""

from collections.abc import Iterable
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import transaction
from django.db.models import Max, Model
from django.utils import timezone

from accounts import audit
from csm.lib import yaml_text
from csm.lib.errors import WorkbenchError
from scoring.engine import spec as engine
from scoring.metrics.catalogue import unknown_metrics
from scoring.models import Band, Cap, Component, Measure, Scorecard, ScorecardVersion

_MEASURE_FIELDS = tuple(field.name for field in fields(engine.Measure))
_BAND_FIELDS = tuple(field.name for field in fields(engine.Band))
_CAP_FIELDS = tuple(field.name for field in fields(engine.Cap))
_REVENUE_FIELDS = tuple(field.name for field in fields(engine.Revenue))

PRESETS = Path(__file__).resolve().parent.parent / "presets"


class PublishError(WorkbenchError):
    """A version that may not be published; the text says why."""


def read_yaml(path: Path) -> engine.ScorecardSpec:
    """The scorecard in a YAML file, checked. Raises `engine.SpecError` with every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        data = yaml_text.parse(text)
    except UnicodeDecodeError as error:
        raise engine.SpecError([f"{path.name} is not UTF-8 text: save it as UTF-8."]) from error
    except yaml_text.TooMuch as error:
        raise engine.SpecError([f"{path.name}: {error}"]) from error
    except yaml.YAMLError as error:
        raise engine.SpecError([f"{path.name} is not valid YAML: {error}"]) from error
    spec = engine.from_dict(data)
    check(spec)
    return spec


def check(spec: engine.ScorecardSpec) -> None:
    """Refuse what cannot be explained. Raises `engine.SpecError` with a sentence per fault."""
    faults = engine.find_faults(spec) + unknown_metrics(engine.required_metrics(spec))
    if faults:
        raise engine.SpecError(faults)


def write_yaml(spec: engine.ScorecardSpec) -> str:
    """The scorecard as YAML that `read_yaml` takes back unchanged."""
    return yaml.safe_dump(engine.to_dict(spec), sort_keys=False, allow_unicode=True, width=100)


def spec_of(version: ScorecardVersion) -> engine.ScorecardSpec:
    """What the engine scores with. Constant queries; published versions are remembered for good."""
    if version.is_draft:
        return _build(version)
    return published_spec(version.pk)


# A published version never changes, so neither does its entry; the size bounds memory only.
@lru_cache(maxsize=64)
def published_spec(version_id: int) -> engine.ScorecardSpec:
    """The spec of a published version by id."""
    return _build(ScorecardVersion.objects.select_related("scorecard").get(pk=version_id))


@lru_cache(maxsize=256)
def number_and_note(version_id: int) -> tuple[int, str]:
    """What tells a published version from others of its scorecard, and what it says of itself."""
    return ScorecardVersion.objects.values_list("number", "note").get(pk=version_id)


def _build(version: ScorecardVersion) -> engine.ScorecardSpec:
    """The rows of a version as a document, read by the same reader as a YAML file."""
    measures: dict[int, list[dict[str, Any]]] = {}
    for row in version.measures.order_by("position", "id"):
        part = _picked(row, _MEASURE_FIELDS) | {"denominator": row.denominator or None}
        measures.setdefault(row.component_id, []).append(part)
    return engine.from_dict(
        {
            "key": version.scorecard.key,
            "name": version.scorecard.name,
            "description": version.scorecard.description,
            "components": [
                {
                    "key": row.key,
                    "label": row.label,
                    "weight": row.weight,
                    "measures": measures.get(row.pk, []),
                    "bands": row.lights,
                }
                for row in version.components.order_by("position", "id")
            ],
            "bands": [_picked(row, _BAND_FIELDS) for row in version.bands.order_by("low")],
            "min_coverage": version.min_coverage,
            "caps": [_picked(row, _CAP_FIELDS) for row in version.caps.order_by("id")],
            "revenue": _picked(version, _REVENUE_FIELDS),
            "display": {"scale_max": version.scale_max, "decimals": version.decimals},
            "scope": version.scope,
        }
    )


def _picked(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _fill(version: ScorecardVersion, spec: engine.ScorecardSpec) -> None:
    """Replace the parts of a draft by those of `spec`."""
    for parts in (version.measures, version.components, version.bands, version.caps):
        parts.all().delete()
    version.min_coverage = spec.min_coverage
    version.scale_max, version.decimals = spec.display.scale_max, spec.display.decimals
    version.scope = {key: list(values) for key, values in vars(spec.scope).items() if values}
    revenue = spec.revenue
    version.pipeline_metric, version.won_metric = revenue.pipeline_metric, revenue.won_metric
    version.upsell_share, version.upsell_base = revenue.upsell_share, revenue.upsell_base
    version.upsell_slope, version.tiers = revenue.upsell_slope, revenue.tiers
    version.save()
    for place, component in enumerate(spec.components):
        row = Component.objects.create(
            version=version,
            key=component.key,
            label=component.label,
            weight=component.weight,
            lights=[vars(light) for light in component.bands],
            position=place,
        )
        Measure.objects.bulk_create(
            Measure(
                version=version,
                component=row,
                key=measure.key,
                label=measure.label,
                description=measure.description,
                metric=measure.metric,
                denominator=measure.denominator or "",
                normaliser=measure.normaliser,
                params=dict(measure.params),
                weight=measure.weight,
                missing=measure.missing,
                position=number,
            )
            for number, measure in enumerate(component.measures)
        )
    Band.objects.bulk_create(Band(version=version, **vars(band)) for band in spec.bands)
    Cap.objects.bulk_create(Cap(version=version, **vars(cap)) for cap in spec.caps)


@transaction.atomic
def import_spec(
    spec: engine.ScorecardSpec, *, by: Any, replace_draft: bool = False
) -> ScorecardVersion:
    """Store `spec` as the draft of its scorecard, which is created inactive when it is new.

    Raises `engine.SpecError` when the spec cannot be explained, `PublishError` when a draft of somebody
    else's is in the way and `replace_draft` is not set.
    """
    check(spec)
    scorecard, created = Scorecard.objects.select_for_update().get_or_create(
        key=spec.key,
        defaults={"name": spec.name, "description": spec.description, "is_active": False},
    )
    if not created:
        scorecard.name, scorecard.description = spec.name, spec.description
        scorecard.save(update_fields=["name", "description"])
    draft = scorecard.versions.filter(state=ScorecardVersion.State.DRAFT).first()
    if draft and not replace_draft:
        raise PublishError(
            f"{scorecard.name} already has a draft (version {draft.number}): publish or discard it first, "
            "or import with --replace-draft."
        )
    if draft is None:
        draft = _new_draft(scorecard, by=by)
    _fill(draft, spec)
    _log(draft, by=by, flag=ADDITION, text="imported as a draft")
    return draft


def _new_draft(scorecard: Scorecard, *, by: Any) -> ScorecardVersion:
    last = scorecard.versions.aggregate(last=Max("number"))["last"] or 0
    return ScorecardVersion.objects.create(scorecard=scorecard, number=last + 1, created_by=by)


@transaction.atomic
def start_draft(scorecard: Scorecard, *, by: Any) -> ScorecardVersion:
    """The scorecard's draft: the one there is, or a copy of the active version."""
    # Of two who ask at once the second gets the draft of the first.
    Scorecard.objects.select_for_update().get(pk=scorecard.pk)
    draft = scorecard.versions.filter(state=ScorecardVersion.State.DRAFT).first()
    if draft:
        return draft
    active = scorecard.versions.filter(state=ScorecardVersion.State.ACTIVE).first()
    draft = _new_draft(scorecard, by=by)
    if active:
        _fill(draft, spec_of(active))
    _log(draft, by=by, flag=ADDITION, text="draft started")
    return draft


@transaction.atomic
def publish(draft: ScorecardVersion, *, by: Any, note: str) -> ScorecardVersion:
    """Make `draft` the active version; the one before is retired, its scores stay as they are.

    Raises `PublishError` without a note or when it is no draft any more or gone, `engine.SpecError` when
    it cannot be explained.
    """
    if not note.strip():
        raise PublishError(
            "Say in a note what this version changes and why: it is shown with the charts."
        )
    # Whoever publishes second finds that it is no draft any more.
    draft = _locked(draft)
    if not draft.is_draft:
        raise PublishError(f"{draft} is already published: start a new draft to change it.")
    spec = _build(draft)
    check(spec)
    now = timezone.now()
    draft.scorecard.versions.filter(state=ScorecardVersion.State.ACTIVE).update(
        state=ScorecardVersion.State.RETIRED
    )
    draft.state, draft.note = ScorecardVersion.State.ACTIVE, note.strip()
    draft.published_at, draft.published_by = now, by
    draft.spec_hash = engine.spec_hash(spec)
    draft.save(update_fields=["state", "note", "published_at", "published_by", "spec_hash"])
    _log(draft, by=by, flag=CHANGE, text=f"published: {draft.note}")
    return draft


@transaction.atomic
def discard(draft: ScorecardVersion, *, by: Any) -> None:
    """Throw a draft away. Raises `PublishError` when it is published, or gone already."""
    # A colleague may have published it since the page was read.
    draft = _locked(draft)
    if not draft.is_draft:
        raise PublishError(f"{draft} is published and stays.")
    _log(draft, by=by, flag=CHANGE, text="draft discarded")
    draft.delete()


def _locked(draft: ScorecardVersion) -> ScorecardVersion:
    """The version as it now stands, ours until the transaction ends."""
    rows = ScorecardVersion.objects.select_for_update(of=("self",)).select_related("scorecard")
    found = rows.filter(pk=draft.pk).first()
    if found is None:
        raise PublishError(f"{draft} is gone: somebody discarded it meanwhile.")
    return found


def activate(scorecard: Scorecard, *, by: Any, default: bool = False) -> None:
    """Let the nights score with it; as the default it also takes every account nobody claims."""
    with transaction.atomic():
        if default:
            Scorecard.objects.filter(is_default=True).update(is_default=False)
        scorecard.is_active, scorecard.is_default = True, default or scorecard.is_default
        scorecard.save(update_fields=["is_active", "is_default"])
        _log(scorecard, by=by, flag=CHANGE, text="made the default" if default else "activated")


def load_presets() -> list[ScorecardVersion]:
    """Load the scorecards that ship and are not there yet; the CRM one becomes the default."""
    loaded = []
    for path in sorted(PRESETS.glob("*.yaml")):
        spec = read_yaml(path)
        if Scorecard.objects.filter(key=spec.key).exists():
            continue
        draft = import_spec(spec, by=None)
        loaded.append(publish(draft, by=None, note="The preset as it ships."))
        if spec.key == "crm-engagement":
            first = not Scorecard.objects.filter(is_default=True).exists()
            activate(draft.scorecard, by=None, default=first)
    return loaded


def active_versions() -> list[ScorecardVersion]:
    """Active versions of active scorecards, in the order their scopes are tried, the default last."""
    rows = ScorecardVersion.objects.filter(
        state=ScorecardVersion.State.ACTIVE, scorecard__is_active=True
    ).select_related("scorecard")
    return sorted(
        rows, key=lambda row: (row.scorecard.is_default, row.scorecard.position, row.scorecard.key)
    )


def _log(tuned: Scorecard | ScorecardVersion, *, by: Any, flag: int, text: str) -> None:
    """Tuning is recorded with who, when and why; commands without a person leave the author empty."""
    if by is not None:
        LogEntry.objects.log_actions(by.pk, [tuned], flag, change_message=text, single_object=True)
    audit.record(audit.Kind.TUNING, f"{tuned}: {text}", by=by, detail={"note": text})
