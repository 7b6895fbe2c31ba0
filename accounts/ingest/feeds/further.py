"""The columns this company makes itself: own fields of accounts, defined metrics, further measures."""

from typing import Final

from accounts.ingest.columns import (
    CUSTOM_PREFIX,
    MEASURE_PREFIX,
    METRIC_PREFIX,
    Column,
    Kind,
)
from accounts.ingest.feeds.feed import Feed, column
from accounts.models import CustomField, MetricDefinition, UsageMeasure

_KINDS: Final = {
    CustomField.Kind.TEXT: Kind.TEXT,
    CustomField.Kind.NUMBER: Kind.NUMBER,
    CustomField.Kind.DATE: Kind.DATE,
    CustomField.Kind.YES_NO: Kind.YES_NO,
}


def columns_of(feed: Feed) -> dict[str, Column]:
    """Every column of `feed` by target, those of this company included. At most three queries.

    What ships wins over a company's own column of the same target.
    """
    found: dict[str, Column] = {}
    if CUSTOM_PREFIX in feed.prefixes:
        found |= {made.target: made for made in _custom()}
    if METRIC_PREFIX in feed.prefixes:
        found |= {made.target: made for made in defined_metrics()}
    if MEASURE_PREFIX in feed.prefixes:
        for key, label in UsageMeasure.objects.values_list("key", "label"):
            made = measure_column(key, label)
            found[made.target] = made
    return feed.by_target | {k: v for k, v in found.items() if k not in feed.by_target}


def _custom() -> list[Column]:
    return [
        column(f"{CUSTOM_PREFIX}{key}", _KINDS[CustomField.Kind(kind)], label, field=key)
        for key, label, kind in CustomField.objects.values_list("key", "label", "kind")
    ]


def defined_metrics() -> list[Column]:
    """Metrics an admin defined that are told rather than computed."""
    return [
        column(f"{METRIC_PREFIX}{key}", Kind.NUMBER, label, field=key)
        for key, label in MetricDefinition.objects.filter(
            is_active=True, origin=MetricDefinition.Origin.REPORTED
        ).values_list("key", "label")
    ]


def measure_column(key: str, *labels: str) -> Column:
    """The column of a usage measure called `key`, seen before or not."""
    return column(f"{MEASURE_PREFIX}{key}", Kind.NUMBER, *labels, field=key)
