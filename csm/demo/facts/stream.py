"""Product events: what the web app sent in the last two weeks, and the rules that make usage of it."""

import datetime as dt

import numpy as np

from accounts.events.apply import apply_events
from accounts.measures import measure_ids
from accounts.models import Event, EventRule, Feature, UsageMeasure, WriteKey
from csm.demo.facts.ledger import TRACKING, Ledger

_DAYS = 14
_ACCOUNTS = 150
_NAMES = ("Report Exported", "Search Performed", "Template Used", "Panel Resized")
# Nobody holds a key with this digest: an admin makes a new one to send events.
_DIGEST = "0" * 64
MEASURES = {
    "reports_exported": ("Reports exported", "reports"),
    "searching_users": ("Users who searched", "users"),
}


def write(ledger: Ledger, account_source: str) -> None:
    """Store the events as they arrive, and apply them the way the worker does."""
    world = ledger.world
    rng = world.rng(19)
    key = WriteKey.objects.create(
        name="Web app of the demo",
        source=TRACKING,
        account_source=account_source,
        digest=_DIGEST,
        hint="wk_demo",
    )
    ids = measure_ids(MEASURES)
    for name, (label, unit) in MEASURES.items():
        UsageMeasure.objects.filter(key=name).update(label=label, unit=unit)
    templates = Feature.objects.filter(key="templates").first()
    how = EventRule.How
    EventRule.objects.bulk_create(
        [
            EventRule(
                event=_NAMES[0],
                source=TRACKING,
                how=how.COUNT,
                measure_id=ids["reports_exported"],
            ),
            EventRule(
                event=_NAMES[1],
                source=TRACKING,
                how=how.USERS,
                measure_id=ids["searching_users"],
            ),
            EventRule(event=_NAMES[2], source=TRACKING, how=how.FEATURE, feature=templates),
        ]
    )
    rows = np.flatnonzero(world.fed & (world.churned < 0) & (world.since > _DAYS + 1))[:_ACCOUNTS]
    names = world.companies["external_id"].to_numpy(dtype=object)
    events: list[Event] = []
    for row in rows.tolist():
        often = rng.poisson(1 + 2.5 * world.health(np.array([row]), np.array([0]))[0], _DAYS)
        for ago, count in enumerate(often.tolist()):
            for _ in range(count):
                events.append(_event(rng, world.plan.as_of, ago, names[row], key, len(events)))
    for number in range(min(12, len(events))):
        # Somebody's test installation: no account has this id.
        events[number].group_id = "DEMO-TEST"
        events[number].payload["context"]["groupId"] = "DEMO-TEST"
    Event.objects.bulk_create(events, batch_size=500)
    apply_events(as_of=world.plan.as_of)


def _event(
    rng: np.random.Generator, as_of: dt.date, ago: int, group: str, key: WriteKey, number: int
) -> Event:
    name = _NAMES[int(rng.choice(len(_NAMES), p=[0.4, 0.35, 0.15, 0.1]))]
    user = f"{group}-u{int(rng.integers(1, 8))}"
    # The day the demo is made has not come to its end.
    on = as_of - dt.timedelta(days=max(ago, 1))
    at = dt.datetime(
        on.year, on.month, on.day, int(rng.integers(8, 12)), number % 60, tzinfo=dt.UTC
    )
    message = f"demo-{number:06d}"
    return Event(
        source=TRACKING,
        message_id=message,
        write_key=key,
        kind="track",
        name=name,
        user_id=user,
        group_id=group,
        on=on,
        at=at,
        payload={
            "type": "track",
            "messageId": message,
            "event": name,
            "userId": user,
            "timestamp": at.isoformat(),
            "context": {"groupId": group},
            "properties": {},
        },
    )


def forget() -> None:
    """Take the events, their rules and their key out again."""
    Event.objects.filter(source=TRACKING).delete()
    EventRule.objects.filter(source=TRACKING).delete()
    WriteKey.objects.filter(source=TRACKING).delete()
