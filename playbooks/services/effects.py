"""Reckon once a night what the work was worth; pages read the row."""

from datetime import date

from playbooks.models import EffectReport
from playbooks.selectors.effect import report


def refresh(as_of: date) -> EffectReport:
    """Make the report of a night, or make it again; repeating it changes nothing but its time."""
    body = report(as_of)
    return EffectReport.objects.update_or_create(as_of=as_of, defaults={"body": body})[0]
