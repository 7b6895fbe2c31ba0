"""Rules that make usage of events: what one would make, and making it of all events there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.text import slugify

from accounts import audit
from accounts.events.apply import one_at_a_time
from accounts.events.messages import ACTIONS
from accounts.events.totals import Target, day_values, rebuild, target_of, usable
from accounts.measures import BUILT_IN, measure_ids
from accounts.models import Event, EventRule, Feature, UsageMeasure, WriteKey
from accounts.models.usage import Aggregate
from accounts.services.changes import leave_to_the_night

PREVIEW_DAYS = 30


@dataclass(frozen=True)
class Preview:
    """What a rule makes of the events of the days from `first` to `last`.

    `events` of that name arrived; `unknown` of them are of no known account. `values` are totals of one
    account and day, of `accounts` accounts, adding up to `total`.
    """

    first: date
    last: date
    events: int
    unknown: int
    values: int
    accounts: int
    total: float


def preview(rule: EventRule, *, as_of: date) -> Preview:
    """What `rule`, saved or not, would have made in the last 30 days; changes nothing."""
    first = as_of - timedelta(days=PREVIEW_DAYS - 1)
    named = Event.objects.filter(
        kind__in=ACTIONS, name=rule.event, on__range=(first, as_of)
    ).exclude(state=Event.State.REFUSED)
    counted = usable().filter(name=rule.event, on__range=(first, as_of))
    if rule.source:
        named, counted = named.filter(source=rule.source), counted.filter(source=rule.source)
    arrived = named.order_by().aggregate(
        events=Count("id"), unknown=Count("id", filter=Q(account=None))
    )
    values = day_values(counted, [rule])
    return Preview(
        first=first,
        last=as_of,
        events=arrived["events"],
        unknown=arrived["unknown"],
        values=len(values),
        accounts=len({account_id for account_id, _ in values}),
        total=sum(values.values()),
    )


def save_rule(rule: EventRule, *, by: Any) -> int:
    """Save `rule` and make its totals anew from all events; returns how many values its target has now.

    What the rule made before, of another measure too, is taken back.
    """
    with transaction.atomic():
        one_at_a_time()
        before = EventRule.objects.filter(pk=rule.pk).first() if rule.pk else None
        rule.save()
        _log(rule, by, ADDITION if before is None else CHANGE)
        touched = [rule] if before is None else [before, rule]
        _restate({one.event for one in touched})
        made = _rebuild({target_of(one) for one in touched})
        leave_to_the_night(at=timezone.now())
        return made.get(target_of(rule), 0)


def deactivate(rule: EventRule, *, by: Any) -> None:
    """The rule makes nothing any more, and what it made goes."""
    rule.is_active = False
    save_rule(rule, by=by)


def measure_for(key: str, *, label: str = "", unit: str = "", how: str) -> UsageMeasure:
    """The measure called `key`, made when there is none. Distinct users of several days are averaged."""
    found = UsageMeasure.objects.filter(key=key).first()
    if found or key in BUILT_IN:
        return found or UsageMeasure.objects.get(pk=measure_ids([key])[key])
    return UsageMeasure.objects.create(
        key=key,
        label=label or key.replace("_", " ").replace("-", " ").capitalize(),
        unit=unit,
        description="Made of product events.",
        aggregate=Aggregate.MEAN if how == EventRule.How.USERS else Aggregate.SUM,
    )


def feature_for(key: str, *, label: str = "") -> Feature:
    """The feature called `key`, made when there is none."""
    named = label or key.replace("_", " ").replace("-", " ").capitalize()
    return Feature.objects.get_or_create(key=key, defaults={"label": named})[0]


def key_for(event: str) -> str:
    """A key for what an event becomes: `Report Exported` is report_exported."""
    return slugify(event).replace("-", "_")[:60].strip("_")


def _rebuild(targets: Iterable[Target]) -> dict[Target, int]:
    sources = sorted(set(WriteKey.objects.order_by().values_list("source", flat=True)))
    rules = list(EventRule.objects.filter(is_active=True).order_by("pk"))
    return {
        target: rebuild(target, [rule for rule in rules if target_of(rule) == target], sources)
        for target in targets
    }


def _restate(names: Iterable[str]) -> None:
    """Events of these names are applied when a rule makes something of them, else unused."""
    for name in names:
        events = usable().filter(name=name)
        fits = Q(pk__in=[])
        for source in EventRule.objects.filter(is_active=True, event=name).values_list(
            "source", flat=True
        ):
            fits |= Q(source=source) if source else Q()
        if EventRule.objects.filter(is_active=True, event=name, source="").exists():
            fits = Q()
        events.filter(fits).exclude(state=Event.State.APPLIED).update(state=Event.State.APPLIED)
        if fits != Q():
            events.exclude(fits).exclude(state=Event.State.UNUSED).update(state=Event.State.UNUSED)


def _log(rule: EventRule, by: Any, flag: int) -> None:
    state = "active" if rule.is_active else "not active"
    text = f"{rule.get_how_display()} of {rule.event}, {state}"
    audit.record(audit.Kind.TUNING, f"event rule: {text}", by=by)
    if by is not None:
        LogEntry.objects.log_actions(by.pk, [rule], flag, change_message=text, single_object=True)
