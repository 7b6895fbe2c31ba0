"""Every page of the workbench with an address to try it at; the promises test keeps it complete."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from csm.models import Job
from playbooks.models import (
    Intervention,
    InterventionTask,
    Playbook,
    PlaybookVersion,
    Replay,
    Trigger,
)
from playbooks.services import replay_sums
from playbooks.services.recipes import Kpi, Recipe, Step, write
from playbooks.services.trigger_changes import draft_of
from scoring.models import ScoreRun, ScoreShard


def a_plan(account: Account, run: ScoreRun) -> Intervention:
    """An open plan of the account with a task, so that its pages have something to show."""
    plan, made = Intervention.objects.get_or_create(
        account=account,
        title="Win back the users",
        defaults={
            "owner": account.owner,
            "started_on": run.as_of,
            "started_at": timezone.now(),
            "target_on": run.as_of + timedelta(days=30),
        },
    )
    if made:
        InterventionTask.objects.create(
            intervention=plan, account=account, position=1, title="Call", assignee=account.owner
        )
    return plan


def a_trigger() -> Trigger:
    """A trigger that is switched on."""
    rule = {"match": "all", "conditions": [{"score": "value", "op": "<", "value": 30}]}
    return Trigger.objects.get_or_create(
        key="a-low-score",
        defaults={"name": "A low score", "family": "real-time", "rule": rule, "is_active": True},
    )[0]


def a_replay(trigger: Trigger, run: ScoreRun) -> Replay:
    """A finished replay of a trigger that never fired."""
    return Replay.objects.get_or_create(
        trigger=trigger,
        state=Replay.State.DONE,
        defaults={
            "name": trigger.name,
            "draft": draft_of(vars(trigger)),
            "as_of": run.as_of,
            "result": replay_sums.finished(replay_sums.empty([run.as_of])),
            "asked_at": timezone.now(),
        },
    )[0]


def a_playbook() -> Playbook:
    """A published playbook for low health, with a draft of its next version."""
    playbook, made = Playbook.objects.get_or_create(
        key="wake-up", defaults={"name": "Wake up", "kind": "trigger"}
    )
    if made:
        for number, state in ((1, "active"), (2, "draft")):
            version = PlaybookVersion.objects.create(
                playbook=playbook, number=number, applies={"tones": ["poor", "fair", "good"]}
            )
            recipe = Recipe(
                applies=version.applies,
                steps=(Step("Call"), Step("Meet", role="solutions", offset_days=number)),
                kpis=(Kpi("score", "at_least", 60.0),),
                exit_rule={
                    "match": "all",
                    "conditions": [{"score": "value", "op": ">=", "value": 50}],
                },
            )
            write(version, recipe)
            if state == "active":
                PlaybookVersion.objects.filter(pk=version.pk).update(
                    state=state, published_at=timezone.now(), note="The first."
                )
    return playbook


def a_job(account: Account, state: str) -> Job:
    """A background job of a manager's, with rows it left as they were."""
    asker = get_user_model().objects.filter(role="manager").first() or account.owner
    now = timezone.now()
    return Job.objects.get_or_create(
        kind="assign_accounts",
        state=state,
        defaults={
            "title": "Give 1,200 accounts to somebody",
            "asked_by": asker,
            "total": 1200,
            "done": 400,
            "skipped": 30,
            "result": {"reasons": {"Not yours to give": 30}, "undo": [0]},
            "started_at": now - timedelta(seconds=40),
            "finished_at": None if state == "running" else now,
            "lease_until": now + timedelta(hours=1) if state == "running" else None,
        },
    )[0]


def a_failed_night(run: ScoreRun) -> ScoreRun:
    """A night that stopped at a part nobody could score."""
    failed, made = ScoreRun.objects.get_or_create(
        as_of=run.as_of,
        state=ScoreRun.State.FAILED,
        defaults={
            "plan": run.plan,
            "error": "Part 0 failed 5 times.",
            "finished_at": run.finished_at,
        },
    )
    if made:
        ScoreShard.objects.create(
            run=failed,
            number=0,
            first_id=1,
            last_id=9,
            attempts=5,
            error="ValueError: no such value",
        )
    return failed


def pages(account: Account, run: ScoreRun) -> dict[str, str]:
    """Addresses people look at, by a name for the test's report."""
    one = {"pk": account.pk}
    plan, trigger = a_plan(account, run), a_trigger()
    recipe = {"key": a_playbook().key}
    return {
        "home": reverse("home") + "?scope=all",
        "portfolio": reverse("portfolio") + "?scope=all",
        "portfolio filtered": reverse("portfolio") + "?scope=all&band=Low&sort=-score&q=pots",
        "portfolio without a hit": reverse("portfolio") + "?scope=all&q=nothing-like-it",
        "at risk": reverse("at_risk") + "?scope=all",
        "account": reverse("account", kwargs=one),
        "account health": reverse("account_health", kwargs=one),
        "account timeline": reverse("account_timeline", kwargs=one),
        "account usage": reverse("account_usage", kwargs=one),
        "account contacts": reverse("account_facts", kwargs=one | {"tab": "contacts"}),
        "account support": reverse("account_facts", kwargs=one | {"tab": "support"}),
        "account contracts": reverse("account_facts", kwargs=one | {"tab": "contracts"}),
        "account commercial": reverse("account_facts", kwargs=one | {"tab": "commercial"}),
        "account alerts": reverse("account_alerts", kwargs=one),
        "account outcomes": reverse("account_facts", kwargs=one | {"tab": "outcomes"}),
        "account plans": reverse("account_plans", kwargs=one),
        "plans": reverse("plans") + "?scope=all",
        "plans filtered": reverse("plans") + "?scope=all&state=all&due=overdue&q=pots",
        "plans by state": reverse("plans_board") + "?scope=all",
        "plan": reverse("plan", args=[plan.pk]),
        "plan on paper": reverse("plan_print", args=[plan.pk]),
        "insights": reverse("insights") + "?scope=all",
        "scorecards": reverse("scorecards"),
        "scorecard": reverse("scorecard", kwargs={"key": "crm-engagement"}),
        "metrics": reverse("metrics"),
        "metrics filtered": reverse("metrics") + "?q=ticket&state=missing",
        "metric": reverse("metric", kwargs={"key": "total_contacts"}),
        "nights": reverse("nights"),
        "nights that failed": reverse("nights") + "?state=failed",
        "night": reverse("night", kwargs={"pk": run.pk}),
        "night that failed": reverse("night", kwargs={"pk": a_failed_night(run).pk}),
        "account notes": reverse("account_notes", kwargs=one),
        "tasks": reverse("tasks") + "?scope=all",
        "tasks by account": reverse("tasks") + "?scope=all&by=account",
        "calendar": reverse("calendar") + "?scope=all",
        "calendar week": reverse("calendar") + "?scope=all&view=week",
        "calendar feed": reverse("calendar_feed"),
        "clocks": reverse("clocks") + "?scope=all",
        "clocks met": reverse("clocks") + "?scope=all&state=met",
        "effect": reverse("effect"),
        "effect by trigger": reverse("effect") + "?by=triggers&after=30",
        "triggers": reverse("triggers"),
        "triggers filtered": reverse("triggers") + "?family=leading&state=on&q=nothing-like-it",
        "trigger": reverse("trigger", args=[trigger.key]),
        "replay": reverse("replay", args=[a_replay(trigger, run).pk]),
        "alerts": reverse("alerts") + "?scope=all",
        "alerts filtered": reverse("alerts") + "?scope=all&state=dismissed&severity=4&q=pots",
        "playbooks": reverse("playbooks"),
        "playbooks filtered": reverse("playbooks") + "?kind=cadence&q=nothing-like-it",
        "playbook": reverse("playbook", kwargs=recipe),
        "playbook audience": reverse("playbook_audience", kwargs=recipe),
        "playbook dry run": reverse("playbook_try", kwargs=recipe) + f"?account={account.pk}",
        "playbook roles": reverse("playbook_roles"),
        "at risk with columns": reverse("at_risk") + "?scope=all&cols=score,plan,clock&plan=none",
        "notices": reverse("notices"),
        "notice settings": reverse("notice_settings"),
        "webhooks": reverse("webhooks"),
        "team": reverse("team"),
        "assign": reverse("assign") + f"?from={account.owner_id or 0}",
        "absences": reverse("absences"),
        "background work": reverse("jobs"),
        "background job": reverse("job", args=[a_job(account, "failed").pk]),
        "background job under way": reverse("job", args=[a_job(account, "running").pk]),
        "assign all that match": reverse("job_assign", args=["portfolio"]) + "?scope=all",
        "act on all alerts": reverse("job_alerts") + "?scope=all",
        "hand-overs": reverse("handovers"),
        "hand-over": reverse("handover", kwargs=one),
        "search": reverse("search") + "?q=ea",
        "search without a hit": reverse("search") + "?q=nothing-like-it",
        "password": reverse("password_change"),
        "security": reverse("security"),
        "tokens": reverse("tokens"),
    }


def admin_pages() -> dict[str, str]:
    """Addresses only admins find, by a name for the test's report; others get 404."""
    trigger = a_trigger()
    recipe = {"key": a_playbook().key}
    return {
        "new playbook": reverse("playbook_new"),
        "playbook draft": reverse("playbook_edit", kwargs=recipe),
        "publish a playbook": reverse("playbook_publish", kwargs=recipe),
        "switch a playbook": reverse("playbook_switch", kwargs=recipe),
        "trigger, new": reverse("trigger_new"),
        "trigger, edit": reverse("trigger_edit", args=[trigger.key]),
        "trigger, switch": reverse("trigger_switch", args=[trigger.key]),
        "audit trail": reverse("audit") + "?kind=export",
        "colleagues": reverse("people"),
        "colleague": reverse("person", args=[get_user_model().objects.latest("pk").pk]),
        "schedule": reverse("schedule"),
        "schedule of the night": reverse("schedule_edit", args=["night"]),
        "schedule of the sweep": reverse("schedule_edit", args=["sweep"]),
        "imports": reverse("imports"),
        "imports without a hit": reverse("imports") + "?state=failed",
        "import a file": reverse("import_new"),
        "events": reverse("events"),
        "write keys": reverse("event_keys"),
        "event rule": reverse("event_rule_new") + "?event=Signed+In",
        "data quality": reverse("quality"),
        "sources": reverse("quality_sources"),
        "quarantine": reverse("quality_quarantine"),
        "look-alikes": reverse("quality_duplicates"),
        "contradictions": reverse("quality_contradictions"),
        "a contradiction": reverse("quality_contradiction", kwargs={"key": "arr-differs"}),
        "accounts without owner": reverse("quality_unowned"),
        "clock rules": reverse("clock_rules"),
        "working hours": reverse("clock_calendar_new"),
    }
