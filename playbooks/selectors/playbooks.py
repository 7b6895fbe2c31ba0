"""What the pages of playbooks show: the library, one version, whom it fits, a rehearsal on one account."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from django.contrib.auth import get_user_model
from django.db.models import Count, QuerySet
from django.http import Http404

from accounts.access import visible_to
from accounts.models import Account, Team
from playbooks.access import interventions_seen_by
from playbooks.models import (
    Intervention,
    Playbook,
    PlaybookVersion,
    RoleHolder,
    StepRole,
    Trigger,
)
from playbooks.rules import FALSE, TRUE, Labels, Rule, RuleError, evidences, judge
from playbooks.selectors.recommendations import audience_sizes
from playbooks.services.drafting import SCORE, Draft, Figures, draft
from playbooks.services.readings import read_accounts
from playbooks.services.recipes import with_parts
from scoring.models import ScoreRun

State = PlaybookVersion.State
# Found accounts a picker lists.
_MOST_FOUND = 8


@dataclass(frozen=True)
class Listed:
    """A playbook of the library. `fits`: customers the viewer may see that it fits; None: not counted."""

    playbook: Playbook
    version: PlaybookVersion | None
    draft: PlaybookVersion | None
    steps: int
    running: int
    fits: int | None


def library(
    user: Any,
    *,
    triggers: Collection[Trigger],
    as_of: date | None,
    q: str = "",
    kind: str = "",
    state: str = "",
) -> list[Listed]:
    """The playbooks that match, in their order; four queries. Only admins see those never published."""
    versions = (
        PlaybookVersion.objects.exclude(state=State.RETIRED)
        .select_related("playbook")
        .annotate(step_count=Count("steps"))
        .order_by("playbook__position", "playbook__key")
    )
    if kind:
        versions = versions.filter(playbook__kind=kind)
    if state in ("on", "off"):
        versions = versions.filter(playbook__is_active=state == "on")
    active = {row.playbook_id: row for row in versions if row.state == State.ACTIVE}
    drafts = {row.playbook_id: row for row in versions if row.state == State.DRAFT}
    words = q.casefold().split()
    shown = [
        playbook
        for playbook in dict.fromkeys(row.playbook for row in versions)
        if (playbook.pk in active or (user.is_admin and playbook.pk in drafts))
        and _mentions(playbook, active.get(playbook.pk) or drafts.get(playbook.pk), words)
    ]
    running = running_counts(user)
    live = [
        active[playbook.pk] for playbook in shown if playbook.pk in active and playbook.is_active
    ]
    fits = audience_sizes(live, visible_to(user), as_of=as_of, triggers=triggers) if as_of else {}
    return [
        Listed(
            playbook=playbook,
            version=active.get(playbook.pk),
            draft=drafts.get(playbook.pk),
            steps=getattr(active.get(playbook.pk) or drafts.get(playbook.pk), "step_count", 0),
            running=running.get(playbook.pk, 0),
            fits=fits.get(active[playbook.pk].pk) if playbook.pk in active else None,
        )
        for playbook in shown
    ]


def _mentions(playbook: Playbook, version: PlaybookVersion | None, words: Sequence[str]) -> bool:
    text = " ".join(
        [
            playbook.name,
            playbook.key,
            version.purpose if version else "",
            version.cadence if version else "",
        ]
    ).casefold()
    return all(word in text for word in words)


def running_counts(user: Any) -> dict[int, int]:
    """Open plans the viewer may see, by playbook id."""
    rows = interventions_seen_by(user).filter(
        state__in=Intervention.OPEN_STATES, playbook_version__isnull=False
    )
    counts = rows.order_by().values("playbook_version__playbook").annotate(n=Count("pk"))
    return {row["playbook_version__playbook"]: row["n"] for row in counts}


def running_plans(user: Any, playbook: Playbook) -> QuerySet[Intervention]:
    """Open plans of a playbook the viewer may see, the next to end first."""
    rows = interventions_seen_by(user).filter(
        playbook_version__playbook=playbook, state__in=Intervention.OPEN_STATES
    )
    return rows.select_related("account", "owner", "playbook_version").order_by("target_on", "pk")


def get_playbook(key: str) -> Playbook:
    """The playbook of that key, else Http404. For admins: others ask `versions_of`."""
    playbook = Playbook.objects.filter(key=key).first()
    if playbook is None:
        raise Http404("There is no such playbook.")
    return playbook


def versions_of(key: str, user: Any) -> list[PlaybookVersion]:
    """A playbook's versions with it and their parts, newest first; drafts for admins only.

    Http404 when that leaves none.
    """
    rows = with_parts(PlaybookVersion.objects.filter(playbook__key=key)).order_by("-number")
    if not user.is_admin:
        rows = rows.exclude(state=State.DRAFT)
    found = list(rows.select_related("playbook", "published_by", "created_by"))
    if not found:
        raise Http404("There is no such playbook.")
    return found


def pick(versions: Sequence[PlaybookVersion], number: str = "") -> PlaybookVersion:
    """The version of that number, else the active one, else the newest; Http404 for an unknown number."""
    if number:
        found = next((row for row in versions if str(row.number) == number), None)
        if found is None:
            raise Http404("There is no such version.")
        return found
    return next((row for row in versions if row.state == State.ACTIVE), versions[0])


def triggers() -> list[Trigger]:
    """Every trigger as playbooks name it: id, key, name and the playbook it asks for."""
    return list(Trigger.objects.only("key", "name", "playbook"))


def trigger_names(listed: Iterable[Trigger] | None = None) -> dict[str, str]:
    """What triggers are called, by key; those of the list, where the caller has it."""
    return {each.key: each.name for each in (triggers() if listed is None else listed)}


def find_accounts(user: Any, text: str) -> list[Account]:
    """The first accounts the viewer may see whose name or id holds `text`."""
    text = text.strip()
    if not text:
        return []
    seen = visible_to(user)
    named = seen.filter(name__icontains=text) | seen.filter(external_id__iexact=text)
    return list(named.order_by("name", "pk")[:_MOST_FOUND])


@dataclass(frozen=True)
class Rehearsal:
    """A version on one account as it would start on a day: nothing of it is written."""

    account: Account
    draft: Draft
    people: Mapping[int, Any]
    # Of the exit test now: True, False, None when something it reads is unknown.
    exit_holds: bool | None
    # As `Alert.evidence`: one row per condition.
    exit_rows: list[dict[str, Any]]
    # The open plan of the same playbook, where there is one: a second cannot start.
    running: Intervention | None


def rehearse(
    account: Account, version: PlaybookVersion, *, on: date, run: ScoreRun | None, labels: Labels
) -> Rehearsal:
    """What starting `version` on `account` on a day would do. Reads only, the metrics once for all."""
    rule = _rule(version)
    metrics = [kpi.metric for kpi in version.kpis.all()]
    frame = _frame(account, metrics, rule, run)
    drafted = draft([account], version, on=on, figures=_figures(account, metrics, frame, run))
    holds, rows = None, []
    if rule is not None and frame is not None:
        truth = int(judge(rule, frame)[0])
        holds = {TRUE: True, FALSE: False}.get(truth)
        rows = evidences(rule, frame, labels)[0]
    plan = drafted[account.pk]
    ids = {task.assignee_id for task in plan.tasks} | {plan.owner_id}
    running = Intervention.objects.filter(
        account=account,
        playbook_version__playbook=version.playbook_id,
        state__in=Intervention.OPEN_STATES,
    )
    return Rehearsal(
        account=account,
        draft=plan,
        people=get_user_model().objects.in_bulk([pk for pk in ids if pk is not None]),
        exit_holds=holds,
        exit_rows=rows,
        running=running.first(),
    )


def _rule(version: PlaybookVersion) -> Rule | None:
    try:
        return Rule.maybe(version.exit_rule)
    except RuleError:
        return None


def _frame(
    account: Account, metrics: Sequence[str], rule: Rule | None, run: ScoreRun | None
) -> pd.DataFrame | None:
    """All that the KPIs and the exit test read of the account; None where it was no customer."""
    known = [{"metric": key, "op": "known"} for key in metrics if key != SCORE]
    rules = [Rule.parse({"match": "all", "conditions": known})] if known else []
    rules += [rule] if rule is not None else []
    if run is None or (not metrics and not rules):
        return None
    frame = read_accounts(rules, as_of=run.as_of, account_ids=[account.pk], run=run)
    return None if frame.empty else frame


def _figures(
    account: Account, metrics: Sequence[str], frame: pd.DataFrame | None, run: ScoreRun | None
) -> Figures:
    if frame is None or run is None:
        return Figures(None, {})
    row = frame.iloc[0]
    values = {key: row[key] for key in metrics if isinstance(row.get(key), float | int)}
    finite = {key: float(value) for key, value in values.items() if math.isfinite(value)}
    return Figures(run.as_of, {account.pk: finite})


@dataclass(frozen=True)
class RoleTable:
    """Who holds which role: names by role, everywhere and per team."""

    teams: list[Team]
    rows: list[tuple[str, Any, list[Any]]]


def role_table() -> RoleTable:
    """Every role that is named, everywhere and in each team; two queries."""
    teams = list(Team.objects.all())
    named = {(row.role, row.team_id): row.user for row in RoleHolder.objects.select_related("user")}
    return RoleTable(
        teams=teams,
        rows=[
            (role, named.get((role, None)), [named.get((role, team.pk)) for team in teams])
            for role in StepRole.values
            if role != StepRole.CSM
        ],
    )
