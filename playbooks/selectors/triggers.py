"""Triggers as pages show them: in words, with what they are worth, and what a draft would do tonight."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Any, Final

import numpy as np
from django.db.models import Q, QuerySet

from accounts.models import Account
from playbooks.access import alerts_seen_by
from playbooks.models import Alert, Playbook, Replay, Trigger, TriggerNight
from playbooks.rules import Labels, Rule, RuleError, Scope, evidences, judge, sentence
from playbooks.rules.conditions import Group
from playbooks.rules.words import phrase
from playbooks.selectors.measures import Figures, figures
from playbooks.services import readings
from playbooks.services.replays import ranges
from playbooks.services.trigger_changes import draft_of
from scoring.models import ScoreRun
from scoring.selectors import specs_of

# How long a page counts before it says how far it came.
COUNT_SECONDS: Final = 4.0
_SHOWN: Final = 8
_SCOPE: Final = {
    "industry": "industry",
    "size_segment": "size",
    "lifecycle_stage": "stage",
    "tags": "tag",
}


@dataclass(frozen=True)
class Told:
    """A trigger in words: sentences without a full stop, `scope` and `over` as they follow "For" and "Over"."""

    fires: str
    over: str
    scope: str


@dataclass(frozen=True)
class Entry:
    """A trigger of the list."""

    trigger: Trigger
    told: Told
    figures: Figures


def entries(*, on: date, labels: Labels) -> list[Entry]:
    """Every trigger with its words and measures as of `on`; four queries."""
    measured = figures(on=on)
    return [
        Entry(trigger, told(vars(trigger), labels), measured.get(trigger.pk, Figures()))
        for trigger in Trigger.objects.all()
    ]


def unfinished() -> tuple[date, str] | None:
    """The newest night of triggers and what went wrong in it; None when it went well, or is under way."""
    night = TriggerNight.objects.only("as_of", "state", "error", "report").first()
    if night is None:
        return None
    wrong = [f"{key} cannot be read: {why}" for key, why in night.report.get("faults", {}).items()]
    if night.state == TriggerNight.State.FAILED:
        wrong.insert(0, night.error)
    return (night.as_of, "; ".join(wrong)) if wrong else None


def told(values: Mapping[str, Any], labels: Labels) -> Told:
    """The words of a trigger's values: those of a rule that cannot be read say why."""
    try:
        fires = sentence(Rule.parse(values["rule"]), labels)
        exit_rule = Rule.maybe(values.get("exit_rule"))
        over = sentence(exit_rule, labels) if exit_rule else "The rule no longer holds"
    except RuleError as error:
        return Told(f"This rule cannot be read: {error}", "", scope_text(values.get("scope", {})))
    days = values.get("exit_days") or 1
    if days > 1:
        over += f", {days} nights in a row"
    return Told(fires, over, scope_text(values.get("scope", {})))


def scope_text(scope: Mapping[str, list[str]]) -> str:
    """Accounts a trigger is for, e.g. "accounts with industry Retail or Travel, size Enterprise"."""
    parts = [
        f"{word} {' or '.join(scope[name])}" for name, word in _SCOPE.items() if scope.get(name)
    ]
    return f"accounts with {', '.join(parts)}" if parts else "every account"


def conditions(document: Mapping[str, Any], labels: Labels) -> list[tuple[int, str]]:
    """A rule as lines of (depth, words): a group is a line of its own with its conditions below it."""
    return list(_lines(Rule.parse(document).root, labels, 0))


def _lines(group: Group, labels: Labels, depth: int) -> Iterator[tuple[int, str]]:
    if len(group.parts) > 1:
        whole = group.least == len(group.parts)
        many = "All" if whole else "One" if group.least == 1 else f"At least {group.least}"
        yield depth, f"{many} of these:"
        depth += 1
    for part in group.parts:
        if isinstance(part, Group):
            yield from _lines(part, labels, depth)
        else:
            text = phrase(part, labels)
            yield depth, text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Trial:
    """What a draft would do on a night.

    `counted` accounts were looked at, of `accounts` customers in scope
    `fired` fire, `unknown` cannot be judged, `open` of the firing have an open alert of it already.

    `complete` is false when time ran out; `shown` are (account, evidence rows) of the first that fire.
    """

    as_of: date
    counted: int
    accounts: int
    fired: int
    unknown: int
    open: int
    complete: bool
    shown: list[tuple[Account, list[dict[str, Any]]]]


def trial(
    draft: Mapping[str, Any],
    *,
    run: ScoreRun,
    labels: Labels,
    visible: QuerySet[Account],
    trigger: Trigger | None = None,
    seconds: float = COUNT_SECONDS,
) -> Trial:
    """Judge a draft on a night, range by range until all are done or `seconds` have passed.

    Names only accounts of `visible`. Raises RuleError for a draft that cannot be read.
    """
    rule, scope = Rule.parse(draft["rule"]), Scope.parse(draft.get("scope", {}))
    parts, started = ranges(run), monotonic()
    counted = accounts = unknown = reached = 0
    fired: list[int] = []
    seen: dict[int, list[dict[str, Any]]] = {}
    for first_id, last_id in parts:
        reached += 1
        frame = readings.read([rule], as_of=run.as_of, first_id=first_id, last_id=last_id, run=run)
        counted += len(frame)
        frame = frame[scope.matches(frame)]
        truth = judge(rule, frame)
        accounts += len(frame)
        unknown += int((truth < 0).sum())
        hits = frame[truth == 1]
        fired += hits.index.tolist()
        if len(seen) < 4 * _SHOWN and len(hits):
            close = hits.iloc[: 4 * _SHOWN]
            seen |= dict(zip(close.index.tolist(), evidences(rule, close, labels), strict=True))
        if monotonic() - started > seconds:
            break
    there = visible.filter(pk__in=list(seen)).select_related("owner").order_by("name")[:_SHOWN]
    return Trial(
        as_of=run.as_of,
        counted=counted,
        accounts=accounts,
        fired=len(fired),
        unknown=unknown,
        open=_open_of(trigger, fired),
        complete=reached == len(parts),
        shown=[(account, seen[account.pk]) for account in there],
    )


def _open_of(trigger: Trigger | None, fired: list[int]) -> int:
    if trigger is None:
        return 0
    opened = trigger.alerts.filter(state__in=Alert.OPEN_STATES).order_by()
    have = np.fromiter(opened.values_list("account_id", flat=True), dtype=np.int64)
    return len(np.intersect1d(have, np.array(fired, dtype=np.int64)))


def recent_alerts(trigger: Trigger, user: Any, limit: int) -> list[Alert]:
    """The newest alerts of a trigger on accounts `user` may see."""
    alerts = alerts_seen_by(user).filter(trigger=trigger)
    return list(alerts.select_related("account", "owner").order_by("-opened_on", "-id")[:limit])


def replay_of(trigger: Trigger) -> Replay | None:
    """The newest finished replay of the trigger exactly as it stands, also one from before it was kept."""
    draft = draft_of(vars(trigger))
    mine = Q(trigger=trigger) | Q(trigger=None)
    done = Replay.objects.filter(mine, state=Replay.State.DONE)[:50]
    return next((replay for replay in done if replay.draft == draft), None)


def industries(kept: Collection[str] = ()) -> list[str]:
    """The industries there are, and those of `kept`, by name."""
    found = Account.objects.exclude(industry="").order_by("industry")
    return sorted({*found.values_list("industry", flat=True).distinct(), *kept})


def playbooks(kept: int | None = None) -> list[tuple[int, str]]:
    """Playbooks a trigger may recommend: active ones, and the one it does already."""
    found = Playbook.objects.filter(Q(is_active=True) | Q(pk=kept)).order_by("name")
    return list(found.values_list("pk", "name"))


def components(run: ScoreRun | None) -> list[tuple[str, str]]:
    """(key, label) of the components of the night's scorecards."""
    return list(
        {
            part.key: (part.key, part.label)
            for spec in specs_of(run).values()
            for part in spec.components
        }.values()
    )


def bands(run: ScoreRun | None) -> list[str]:
    """Names of the bands of the night's scorecards, from low to high."""
    return list(dict.fromkeys(band.name for spec in specs_of(run).values() for band in spec.bands))
