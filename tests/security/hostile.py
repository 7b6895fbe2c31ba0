"""Text that would run, in every field that holds text: which fields, which text, and how to find it again.

Every text names its field by a marker of its own (`zq` and two characters), so a fault says where it came from.
"""

import re
from html.parser import HTMLParser

from django.apps import apps
from django.db import IntegrityError, models, transaction

from tests.security.rows import APPS

LONG = (
    "javascript:pwn()//{0}\"'--></title></textarea></script></svg>"
    "<img src=x onerror=pwn() {0}><b {0}>{{{{7*7}}}}"
)
MIDDLING = "javascript:\"'><b {0} onclick=pwn()>"
SHORT = "'\"><b {0}>"
MARKER = re.compile(r"zq[0-9a-z]{2}")
RAW = re.compile(r"<(?:b|img)\b[^<>&]*zq[0-9a-z]{2}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

TEXT = (models.CharField, models.TextField, models.FileField, models.GenericIPAddressField)
CODE = "a word of our own code's; no form, feed or program chooses it"
SLUG = "of the files that ship or made from a name by slugify; addresses and forms take a slug only"
FIGURES = "figures, dates, keys and ids of ours; what it names is told by other rows"
DIGEST = "hexadecimal, made by us"
LEFT_OUT = {
    "ApiToken.digest": DIGEST,
    "ApiToken.scopes": "scopes there are; the form and the table know no others",
    "ApiToken.token_key": DIGEST,
    "Assignment.moved": FIGURES,
    "AuditEvent.address": "an address, checked by the column's type",
    "Band.key": SLUG,
    "BusinessCalendar.weekdays": FIGURES,
    "CalendarFeed.digest": DIGEST,
    "ClockRule.escalate_after_hours": FIGURES,
    "ClockRule.params": FIGURES,
    "Component.key": SLUG,
    "CustomField.key": SLUG,
    "EffectReport.body": FIGURES,
    "Feature.key": SLUG,
    "FeedDay.feed": "a feed there is: the loader knows no others",
    "Freeze.feed": "a feed there is: the loader knows no others",
    "HeldRow.feed": "a feed there is: the loader knows no others",
    "IdempotentRequest.body": "an answer of ours, kept to be given again as JSON",
    "IdempotentRequest.digest": DIGEST,
    "ImportChange.table": CODE,
    "ImportRun.feed": "a feed there is: the loader knows no others",
    "ImportRun.file": "random, with what _safe leaves of the name",
    "ImportRun.file_sha256": DIGEST,
    "Intervention.exit_rule": "a rule, parsed before it is kept; its values are in Trigger.rule",
    "Job.kind": CODE,
    "LogInTries.key": DIGEST,
    "Measure.denominator": "a metric of the catalogue: publishing refuses others",
    "Measure.key": SLUG,
    "Measure.metric": "a metric of the catalogue: publishing refuses others",
    "MetricDefinition.key": SLUG,
    "MetricDefinition.measure": "a measure there is: the form lists them",
    "MetricProfile.metric": "a metric of the catalogue",
    "MetricProfile.spread": FIGURES,
    "NoteFile.content_type": "what we found the file to be",
    "NoteFile.file": "random",
    "NoticeSetting.muted": CODE,
    "Notice.url": "a path of ours, made by reverse",
    "Playbook.key": SLUG,
    "Playbook.shipped": SLUG,
    "PlaybookKpi.metric": "a metric of the catalogue: publishing refuses others",
    "InterventionKpi.metric": "a metric of the catalogue: copied from the playbook",
    "PlaybookVersion.exit_rule": "a rule, parsed before it is kept; its values are in Trigger.rule",
    "PlaybookVersion.owner_roles": CODE,
    "Replay.result": FIGURES,
    "SavedMapping.feed": "a feed there is: the loader knows no others",
    "Scorecard.key": SLUG,
    "ScorecardVersion.pipeline_metric": "a metric of the catalogue: publishing refuses others",
    "ScorecardVersion.spec_hash": DIGEST,
    "ScorecardVersion.won_metric": "a metric of the catalogue: publishing refuses others",
    "ScoreRun.frozen": FIGURES,
    "ScoreRun.plan": FIGURES,
    "ScoreRun.stages": FIGURES,
    "ScoreRun.statistics": FIGURES,
    "ScoreShard.partial": FIGURES,
    "ShareLink.digest": DIGEST,
    "Trigger.key": SLUG,
    "Trigger.shipped": SLUG,
    "UsageMeasure.key": SLUG,
    "User.password": "a hash",
    "Watermark.key": CODE,
    "Webhook.kinds": CODE,
    "Webhook.secret": "random, made by us",
    "WriteKey.digest": DIGEST,
}
# Rows the book has none of, and why: their texts are those of rows that it has.
NO_ROW = {
    "Cap": "its text is a component of a scorecard's, like Band and Component",
    "Snapshot": "figures; written by the night",
    "EffectReport": "figures; written by the night",
}
RULE = {
    "match": "all",
    "conditions": [{"metric": "renewal_likelihood", "op": "in", "values": ["{}"]}],
}
SCOPE = {"industry": ["{}"], "tags": ["{}"]}
LIGHT = {"key": "at_risk", "name": "{}", "low": 0.0, "high": 101.0, "tone": "poor"}
# What JSON columns hold of people's or other systems' words. `{}` is the text;
SHAPES = {
    "Account.custom": {"note": "{}"},
    "Account.tags": ["{}"],
    "Alert.evidence": [
        dict.fromkeys(("label", "key", "value", "text", "threshold", "limit", "op", "unit"), "{}")
        | {"holds": True, "window": 7}
    ],
    "AlertChange.after": {"state": "{}", "owner_id": None, "dismissed_for": "{}"},
    "AlertChange.before": {"state": "{}", "reason": "{}"},
    "AuditEvent.detail": {"query": "{}", "{}": "{}"},
    "Component.lights": [LIGHT],
    "Delivery.payload": {"title": "{}", "subject": "{}", "text": "{}", "body": "{}"},
    "Event.payload": {"event": "{}", "properties": {"plan": "{}", "{}": "{}"}},
    "EventUser.traits": {"plan": "{}", "{}": "{}"},
    "Freeze.details": {"measure": "{}", "sentence": "{}", "usual": 5, "seen": 16},
    "HeldRow.cells": {"account_id": "{}", "subject": "{}", "{}": "{}"},
    "ImportChange.after": {"name": "{}"},
    "ImportChange.before": {"name": "{}"},
    "ImportRun.errors": [
        {"row": 1, "column": "{}", "value": "{}", "reason": "{}", "remedy": "{}"},
    ],
    "ImportRun.options": {
        "spec": {"columns": {"{}": "name"}, "source": "{}"},
        "warnings": ["{}"],
        "account_source": "{}",
    },
    "ImportRun.unmapped_columns": ["{}"],
    "InterventionChange.after": {"title": "{}", "goal": "{}", "cause_text": "{}", "state": "{}"},
    "InterventionChange.before": {"title": "{}", "state": "{}"},
    "Job.params": {"list": "portfolio", "query": "q={}", "to": 1, "reason": "{}", "word": "{}"},
    "Job.result": {"message": "{}", "reasons": {"{}": 3}, "errors": ["{}"], "undo": [0]},
    "LookAlike.why": ["{}"],
    "Measure.params": {"points": {"{}": 100}},
    "Merge.changed": {"conflicts": {"name": ["{}", "{}"]}},
    "Merge.moved": {"{}": [1]},
    "PlaybookVersion.applies": {"industry": ["{}"], "size_segment": ["{}"], "tags": ["{}"]},
    "Reading.metrics": {"renewal_likelihood": "{}"},
    "Replay.draft": {
        "rule": RULE,
        "exit_rule": RULE,
        "exit_days": 3,
        "scope": SCOPE,
        "cooldown_days": 14,
    },
    "SavedMapping.spec": {"columns": {"{}": "name"}, "values": {"industry": {"{}": "{}"}}},
    "ScoreRun.report": {"1": {"warnings": ["{}"], "clipped": {"{}": 2}}},
    "ScoreShard.report": {"warnings": {"1": ["{}"]}},
    "ScorecardVersion.scope": {"industry": ["{}"]},
    "Trigger.rule": RULE,
    "Trigger.exit_rule": RULE,
    "Trigger.scope": SCOPE,
    "TriggerChange.changed": {"name": ["{}", "{}"], "description": ["{}", "{}"]},
    "TriggerNight.report": {"faults": {"{}": "{}"}},
}


def text_fields() -> dict[str, models.Field]:
    """By "Model.field": every column of ours that holds text or JSON and is long enough for a tag."""
    found = {}
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                room = field.max_length is None or field.max_length >= len(SHORT.format("zq00"))
                holds = isinstance(field, (*TEXT, models.JSONField)) and room
                if holds and not field.choices and not isinstance(field, models.UUIDField):
                    found[f"{model.__name__}.{field.name}"] = field
    return found


def markers() -> dict[str, str]:
    """The marker of each field that is filled, by "Model.field"."""
    filled = sorted(set(text_fields()) - set(LEFT_OUT))
    return {key: f"zq{_DIGITS[n // 36]}{_DIGITS[n % 36]}" for n, key in enumerate(filled)}


def text_for(marker: str, room: int | None = None, texts=(LONG, MIDDLING, SHORT)) -> str:
    """The longest of the texts that fits a column."""
    texts = [each.format(marker) for each in texts]
    return next(text for text in texts if room is None or len(text) <= room)


def _filled(shape, text):
    if isinstance(shape, list):
        return [_filled(each, text) for each in shape]
    if isinstance(shape, dict):
        return {_filled(key, text): _filled(each, text) for key, each in shape.items()}
    return text if shape == "{}" else shape.replace("{}", text) if isinstance(shape, str) else shape


def _value(key: str, field: models.Field, marker: str, texts):
    if isinstance(field, models.JSONField):
        return _filled(SHAPES[key], text_for(marker, None, texts))
    return text_for(marker, field.max_length, texts)


def spoil(texts=(LONG, MIDDLING, SHORT), but=frozenset()) -> set[str]:
    """Write its own text into every field of every row; the fields that no row holds now.

    `but` are fields that stay as they are, where a list would be empty otherwise.
    """
    fields, missing = text_fields(), set()
    for key, marker in markers().items():
        if key in but:
            continue
        field = fields[key]
        model, value = field.model, _value(key, field, marker, texts)
        rows = model._base_manager.order_by("pk")
        if model.__name__ == "AuditEvent":
            # Nobody changes the trail: another line of it is told.
            row = {"kind": "export", "what": "told", "at": "2026-11-20T12:00:00Z"} | {
                field.name: value
            }
            model._base_manager.create(**row)
            continue
        try:
            with transaction.atomic():
                done = 0 if field.unique else rows.order_by().update(**{field.name: value})
        except IntegrityError:
            done = 0
        # Rows are told apart by it: one is enough.
        if not done and (one := rows.first()):
            done = rows.filter(pk=one.pk).order_by().update(**{field.name: value})
        if not done:
            missing.add(key)
    return missing


class Reader(HTMLParser):
    """What a browser would run of a page: tags of ours that came alive, handlers, addresses that are code."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: set[str] = set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if MARKER.search(name):
                self.faults.add(f"<{tag}> of {MARKER.search(name)[0]} is alive")
            if name.startswith("on"):
                self.faults.add(f"<{tag}> has {name}")
            told = re.sub(r"[\x00-\x20]", "", value or "").lower()
            of_code = told.startswith(("javascript:", "vbscript:", "data:text"))
            if name in ("href", "src", "action", "formaction", "srcset", "xlink:href") and of_code:
                self.faults.add(f"<{tag} {name}> is code: {value[:60]}")

    handle_startendtag = handle_starttag


def alive(text: str) -> set[str]:
    """What of a page's text would run, in words; empty for a good page."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    # Also where the parser sees text only: within scripts and styles.
    return reader.faults | {f"{each[:60]} stands unescaped" for each in RAW.findall(text)}
