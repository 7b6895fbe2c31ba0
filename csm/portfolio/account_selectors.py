"""What the page of one account shows, read in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef
from django.http import Http404

from accounts.access import visible_to
from accounts.models import Account
from accounts.services.changes import left_to_the_night
from csm.portfolio.reasons import attention
from playbooks import urgency
from playbooks.models import AccountWork, Handover
from scoring import priority
from scoring.engine import codec
from scoring.engine.difference import Difference
from scoring.models import AccountHealth, BandChange, ScoreRun
from scoring.services import explanations
from scoring.services.explanations import Explained, Night
from scoring.services.versions import published_spec

HISTORY_DAYS = 180
COMPARED_DAYS = 30
BAND_CHANGES = 6


@dataclass(frozen=True)
class PriorityPart:
    """Points one reason adds to the priority, out of `most`."""

    label: str
    points: float
    most: float


@dataclass(frozen=True, eq=False)
class Overview:
    """`explained` and everything under it is None or empty for an account no night has scored."""

    explained: Explained | None
    nights: Sequence[Night]
    before: Explained | None
    difference: Difference | None
    band_changes: Sequence[BandChange]
    priority: Sequence[PriorityPart]


@dataclass(frozen=True, eq=False)
class HealthPage:
    """One stored night explained. `asked` is the day somebody asked for when no night has it."""

    explained: Explained | None
    sources: dict[str, explanations.Source]
    nights: Sequence[Night]
    previous: date | None
    next: date | None
    asked: date | None


def account_with_health(user: Any, pk: int) -> tuple[Account, AccountHealth | None]:
    """The account with owner and team, and its health; 404 when it is not `user`'s to see.

    One query where there is current health. Without, the newest stored night stands in (an account that
    churned before the nights shown); None when no night has scored it.
    """
    below = Account.objects.filter(parent=OuterRef("pk"))
    found = (
        visible_to(user)
        .select_related("owner", "team", "health__run", "work", "changed")
        .defer("health__run__statistics", "health__run__report")
        .annotate(
            has_children=Exists(below),
            was_handed_over=Exists(Handover.objects.filter(account=OuterRef("pk"))),
            left_to_the_night=left_to_the_night(),
        )
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404("No such account.")
    return found, getattr(found, "health", None) or _last_stored(found)


def kept_account(user: Any, pk: int) -> int | None:
    """The account that `pk` was merged into, when `user` may see it."""
    merged = Account.objects.filter(pk=pk, merged_into__isnull=False).values("merged_into")
    return visible_to(user).filter(pk__in=merged).values_list("pk", flat=True).first()


def _last_stored(account: Account) -> AccountHealth | None:
    """What the newest stored night says, in the shape of current health; never saved."""
    explained = explanations.explanation(account.pk)
    if explained is None:
        return None
    snapshot, told = explained.snapshot, explained.explanation
    health = AccountHealth(
        account=account,
        as_of=snapshot.as_of,
        version_id=snapshot.version_id,
        run_id=snapshot.run_id,
        score=snapshot.score,
        band=snapshot.band,
        band_name=told.band_name,
        tone=explained.tone,
        coverage=snapshot.coverage,
        predicted_6m_amount=snapshot.predicted_6m_amount,
    )
    health.priority = sum(part.points for part in priority_parts(account, health))
    return health


def overview(account: Account, health: AccountHealth | None) -> Overview:
    """Health explained and compared with the night 30 days before, or the first one there is."""
    if health is None:
        return Overview(None, (), None, None, (), ())
    nights = explanations.history(account.pk, health.as_of - timedelta(days=HISTORY_DAYS))
    earlier = _compared_with(nights, health.as_of)
    days = [health.as_of, *([earlier.as_of] if earlier else [])]
    found = explanations.explained_nights(account.pk, days)
    explained = found.get(health.as_of)
    before = found.get(earlier.as_of) if earlier else None
    difference = explanations.change(before, explained) if before and explained else None
    changes = list(
        BandChange.objects.filter(
            account_id=account.pk, as_of__lte=health.as_of, run__state=ScoreRun.State.DONE
        ).order_by("-as_of")[:BAND_CHANGES]
    )
    return Overview(explained, nights, before, difference, changes, priority_parts(account, health))


def _compared_with(nights: Sequence[Night], as_of: date) -> Night | None:
    earlier = [night for night in nights if night.as_of < as_of]
    if not earlier:
        return None
    wanted = as_of - timedelta(days=COMPARED_DAYS)
    return explanations.night_on_or_before(earlier, wanted) or earlier[0]


def priority_parts(account: Account, health: AccountHealth) -> list[PriorityPart]:
    """What the account's priority is made of, computed from its attributes as they are now."""
    parts = attention(
        health.score, health.change_30d, account.renewal_on, account.arr_amount, health.as_of
    )
    work: AccountWork | None = getattr(account, "work", None)
    return [
        PriorityPart("Low health", float(parts.health[0]), priority.HEALTH),
        PriorityPart("Falling over 30 days", float(parts.trend[0]), priority.TREND),
        PriorityPart("Renewal near", float(parts.renewal[0]), priority.RENEWAL),
        PriorityPart("Size of ARR", float(parts.arr[0]), priority.ARR),
        PriorityPart("Open alerts", work.alert_points if work else 0.0, urgency.ALERTS),
        PriorityPart("Clocks", work.clock_points if work else 0.0, urgency.CLOCKS),
    ]


def health_page(
    account: Account, health: AccountHealth | None, asked: date | None = None
) -> HealthPage:
    """The newest night, or the last one on or before `asked` (the first one if `asked` is before all)."""
    if health is None:
        return HealthPage(None, {}, (), None, None, None)
    newest = health.as_of
    since = min(asked or newest, newest) - timedelta(days=HISTORY_DAYS)
    nights = explanations.history(account.pk, since)
    chosen = explanations.night_on_or_before(nights, asked or newest) or (
        nights[0] if nights else None
    )
    if chosen is None:
        return HealthPage(None, {}, (), None, None, None)
    place = nights.index(chosen)
    explained = explanations.explanation(account.pk, chosen.as_of)
    return HealthPage(
        explained=explained,
        sources=explanations.sources(explained, account) if explained else {},
        # An older night is shown with the days before it, the newest with the usual window.
        nights=_window(
            nights, newest if (newest - chosen.as_of).days <= HISTORY_DAYS else chosen.as_of
        ),
        previous=nights[place - 1].as_of if place else None,
        next=nights[place + 1].as_of if place + 1 < len(nights) else None,
        asked=asked if asked and asked != chosen.as_of else None,
    )


def _window(nights: Sequence[Night], until: date) -> list[Night]:
    since = until - timedelta(days=HISTORY_DAYS)
    return [night for night in nights if since <= night.as_of <= until]


def band_of(night: Night) -> tuple[str, str]:
    """(name, tone) of a stored night under its own version."""
    return published_spec(night.version_id).band_words[night.band]


def component_scores(snapshot_components: bytes, version_id: int) -> dict[str, float | None]:
    """Component label → stored score 0–100, None without data."""
    components = published_spec(version_id).components
    values = codec.decode_points([bytes(snapshot_components)], len(components))[0]
    return {
        component.label: None if np.isnan(value) else float(value)
        for component, value in zip(components, values, strict=True)
    }


def stored_nights(account: Account) -> list[tuple[Night, bytes]]:
    """Every finished night of the account with its packed component scores, oldest first."""
    rows = explanations.nights_with(account.pk, date.min, "components")
    return [(night, bytes(components)) for night, (components,) in rows]
