"""A row of every model, all of team North's, with one text in every field that takes free text."""

from datetime import date, time

from django.apps import apps
from django.core.files.base import ContentFile
from django.db import models
from django.utils import timezone

from accounts.models import Account, AuditEvent, Team
from csm.models import User
from playbooks.models import Policy

APPS = ("accounts", "scoring", "playbooks", "csm")
NIGHT = date(2026, 11, 20)
# Text that is no free text: what it may hold is decided by us, not by whoever types or sends it.
CODES = {
    "about",
    "account_source",
    "applies_to",
    "channel",
    "country",
    "content_type",
    "currency",
    "denominator",
    "digest",
    "dimension",
    "email",
    "feed",
    "file",
    "file_sha256",
    "hint",
    "how",
    "key",
    "kind",
    "level",
    "mapping",
    "measure",
    "message_id",
    "metric",
    "password",
    "pipeline_metric",
    "role",
    "secret",
    "sha256",
    "shipped",
    "source",
    "spec_hash",
    "state",
    "table",
    "token",
    "token_key",
    "tone",
    "top_driver",
    "url",
    "username",
    "won_metric",
    "worker",
}
# JSON in which strings are people's or another system's words.
WORDS = {
    "Account.tags": ["{}"],
    "Account.custom": {"note": "{}"},
    "Event.payload": {"properties": {"plan": "{}"}},
    "EventUser.traits": {"plan": "{}"},
    "HeldRow.cells": {"account_id": "{}", "subject": "{}"},
    "ImportRun.unmapped_columns": ["{}"],
    "Job.result": {"message": "{}", "errors": ["{}"]},
}


def free_texts(model):
    """Fields of `model` that take free text long enough to hurt."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not field.choices
        and not field.primary_key
        and field.name not in CODES
        and (field.max_length or 999) >= 40
    ]


def every_model():
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


# What everybody reads: the rules of the house. All else is somebody's.
SHARED = {
    "BusinessCalendar",
    "ClockRule",
    "CustomField",
    "Feature",
    "Holiday",
    "MetricDefinition",
    "Playbook",
    "PlaybookKpi",
    "PlaybookStep",
    "PlaybookVersion",
    "Replay",
    "Source",
    "Trigger",
    "TriggerChange",
    "TriggerNight",
    "UsageMeasure",
    "Team",
    # Names of colleagues stand wherever they did something.
    "User",
} | {
    model.__name__
    for model in apps.get_app_config("scoring").get_models()
    if model.__name__ not in {"AccountHealth", "BandChange", "DailyRollup", "NightTotal"}
}
# Of a published scorecard; written by the night; figures without a text.
NOT_MADE = {"Cap", "Snapshot", "EffectReport"}


def _filled(value, text):
    if isinstance(value, list):
        return [_filled(each, text) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, text) for key, each in value.items()}
    return value.format(text)


def _value(field, text, first):
    """What a new row has in `field`; `first` are the rows there are by model."""
    if field.is_relation:
        wanted = not field.null or field.name in {"account", "intervention", "owner", "user", "by"}
        wanted |= field.name in {"assignee", "asked_by", "created_by", "measure", "note"}
        return row_of(field.related_model, text, first) if wanted else None
    if isinstance(field, models.TimeField):
        return time(17 if field.name == "closes" else 9)
    if field.name == "weekdays":
        return [1, 2, 3, 4, 5]
    if field.has_default() and not isinstance(field, models.CharField | models.TextField):
        return field.get_default()
    if isinstance(field, models.FileField):
        return ContentFile(b"a,b\n1,2\n", name="rows.csv")
    if field.choices:
        return field.get_default() or field.choices[0][0]
    if isinstance(field, models.DateTimeField):
        return None if field.null else timezone.now()
    if isinstance(field, models.DateField):
        return None if field.null else NIGHT
    if isinstance(field, models.CharField | models.TextField):
        if field.has_default() and field.get_default():
            return field.get_default()
        return f"{field.model.__name__.lower()}-{field.name}"[: field.max_length]
    if isinstance(field, models.JSONField):
        return None if field.null else {}
    if isinstance(field, models.UUIDField):
        return None if field.null else field.get_default()
    return None if field.null else 1


def row_of(model, text, first):
    """The row of `model` the tests look at, made when there is none."""
    if model not in first:
        found = model._base_manager.order_by("pk").first()
        if found is None and model is Policy:
            # There is one of it, and its key says so.
            found = Policy.objects.create(pk=1)
        elif found is None:
            fields = [
                field
                for field in model._meta.concrete_fields
                if not isinstance(field, models.AutoField) and not field.generated
            ]
            values = {field.name: _value(field, text, first) for field in fields}
            found = model._base_manager.create(**values)
        first[model] = found
    return first[model]


def fill(
    account: Account, owner: User, team: Team, text: str, shared: str
) -> dict[type, models.Model]:
    """A row of every model by model, belonging to `account`, `owner` and `team`; `text` in every free text.

    What everybody reads has `shared` instead.
    """
    first = {Account: account, User: owner, Team: team}
    made = {}
    for model in every_model():
        if model.__name__ not in NOT_MADE:
            made[model] = row_of(model, text, first)
    spoil(text, shared)
    for row in made.values():
        row.refresh_from_db()
    return made


def spoil(text: str, shared: str) -> None:
    """Write `text` into every free text of every row, `shared` into what everybody reads."""
    for model in every_model():
        words = shared if model.__name__ in SHARED else text
        if model is AuditEvent:
            # Nobody changes the trail: another line of it holds the words.
            told = {"was": words, "reason": words}
            AuditEvent.objects.create(
                kind="tuning", what=words[:200], by_name=words[:150], at=timezone.now(), detail=told
            )
            continue
        for field in free_texts(model):
            # Rows are told apart by these; one of them is enough.
            told_apart = field.unique or field.name.endswith("_id") or model is User
            rows = model._base_manager.order_by("pk")
            if told_apart and (one := rows.first()):
                rows = rows.filter(pk=one.pk)
            rows.order_by().update(**{field.name: words[: field.max_length]})
        for field in model._meta.concrete_fields:
            if shape := WORDS.get(f"{model.__name__}.{field.name}"):
                model._base_manager.update(**{field.name: _filled(shape, words)})
