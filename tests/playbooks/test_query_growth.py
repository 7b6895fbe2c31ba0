"""Queries per page do not grow with what hangs on one account, one plan, one trigger, one playbook."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import connection

from accounts.models import (
    Activity,
    Contact,
    FeedDay,
    Freeze,
    MetricDefinition,
    OwnerPeriod,
    Source,
)
from playbooks.models import (
    Absence,
    AlertChange,
    Assignment,
    BusinessCalendar,
    Handover,
    Holiday,
    Intervention,
    InterventionChange,
    InterventionKpi,
    InterventionTask,
    Note,
    NoteFile,
    Notice,
    Playbook,
    PlaybookKpi,
    PlaybookStep,
    PlaybookVersion,
    Replay,
    Risk,
    RoleHolder,
    Trigger,
    TriggerChange,
    Webhook,
)
from playbooks.services.trigger_changes import draft_of
from scoring.models import MetricProfile
from scoring.selectors import newest_run
from tests.conftest import NIGHT
from tests.pages import admin_pages, pages
from tests.playbooks.conftest import NOW
from tests.test_query_counts import count, most_of

# More than `MORE` says, with something of every kind there.
FULL = {
    "clocks met": 9,  # an owner to choose, and the hours each of them took
    # More tables of facts, remembered like the others; PostgreSQL is told how to plan for one, in four more.
    "insights": 23 if connection.vendor == "postgresql" else 19,
}


def grow(numbers, account, north, manager, make):
    """One more of every kind for each number."""
    for n in numbers:
        who = make.user(f"csm-{n}", teams=(north, make.team(f"Team {n}")))
        day = NIGHT - timedelta(days=n)
        Absence.objects.create(user=who, cover=manager, first_on=NIGHT, last_on=NIGHT)
        RoleHolder.objects.create(role="solutions", team=make.team(f"Team {n}"), user=who)
        hours = BusinessCalendar.objects.create(
            name=f"Hours {n}", team=make.team(f"Team {n}"), opens="09:00", closes="17:00"
        )
        Holiday.objects.create(calendar=hours, on=NIGHT, name="Closed")
        Assignment.objects.create(at=NOW, on=day, by=manager, to=who, moved={"accounts": {"1": n}})
        Handover.objects.create(account=account, on=day, at=NOW, to=manager, previous=who)
        OwnerPeriod.objects.create(account=account, owner=who, valid_from=day)
        Notice.objects.create(
            user=manager, kind="alert", title="Look", url="/", about=f"alert-{n}", at=NOW
        )
        Webhook.objects.create(name=f"Hook {n}", url="https://example.test/", secret="s")
        of_account(n, account, who, day)
        of_trigger(n, account, who, day, make)
        of_playbook(n, account, make)
        of_plan(n, account, who, day, make)
        of_metrics(n, day)


def of_account(n, account, who, day):
    Contact.objects.create(account=account, external_id=f"C{n}", name=f"Ann {n}", known_on=day)
    Activity.objects.create(account=account, external_id=f"A{n}", kind="call", on=day)
    note = Note.objects.create(
        account=account, body="@owner look", kind="promise", due_on=NIGHT, on=day, at=NOW, by=who
    )
    note.mentions.add(who)
    NoteFile.objects.create(
        note=note, file="a.txt", name="a.txt", size=1, content_type="text/plain"
    )


def of_trigger(n, account, who, day, make):
    trigger = make.trigger(f"trigger-{n}")
    alert = make.alert(account, trigger, day, acted_at=NOW, taken_at=NOW, taken_by=who)
    AlertChange.objects.create(alert=alert, account=account, kind="acted", on=day, at=NOW, by=who)
    shown = Trigger.objects.get(key="a-low-score")
    make.alert(account, shown, day, state="cleared", owner=who)
    TriggerChange.objects.create(
        trigger=shown, revision=n + 1, at=NOW, by=who, changed={"name": ["A", "B"]}
    )
    Replay.objects.create(
        trigger=shown, name="Tried", draft=draft_of(vars(shown)), as_of=NIGHT, asked_at=NOW,
        asked_by=who,
    )  # fmt: skip


def of_playbook(n, account, make):
    version = make.playbook(
        f"recipe-{n}", applies={"triggers": [f"trigger-{n}"], "tones": ["poor", "fair", "good"]}
    )
    Trigger.objects.filter(key=f"trigger-{n}").update(playbook=version.playbook)
    make.playbook(f"alike-{n}", applies={"tones": ["poor", "fair", "good"]})
    make.plan(account, title=f"Recipe {n}", playbook_version=version)
    shown = Playbook.objects.get(key="wake-up")
    PlaybookVersion.objects.create(
        playbook=shown, number=n + 10, state="retired", published_at=NOW, note="Older."
    )
    # A published version is as it was published: the draft grows.
    draft = shown.versions.get(state="draft")
    PlaybookStep.objects.create(version=draft, position=n + 10, title=f"Step {n}", role="solutions")
    PlaybookKpi.objects.create(
        version=draft, position=n + 10, metric="score", target_kind="at_least", target_value=9
    )


def of_plan(n, account, who, day, make):
    plan = Intervention.objects.get(title="Win back the users")
    task = InterventionTask.objects.create(
        intervention=plan, account=account, position=n + 10, title=f"Task {n}", assignee=who,
        due_on=NIGHT,
    )  # fmt: skip
    InterventionKpi.objects.create(
        intervention=plan, metric="score", label="Score", target_kind="at_least", target=n
    )
    Risk.objects.create(intervention=plan, text="They leave", owner=who)
    for kind, about in (("task_added", task), ("assigned", None)):
        InterventionChange.objects.create(
            intervention=plan, account=account, task=about, kind=kind, on=day, at=NOW, by=who,
            before={"owner": who.pk}, after={"owner": who.pk},
        )  # fmt: skip
    trigger = make.trigger(f"planned-{n}")
    make.alert(account, trigger, day, intervention=plan)
    make.clock(account, state="met", met_at=NOW, met_by=who, intervention=plan)
    note = Note.objects.create(
        account=account, intervention=plan, body="Said", on=day, at=NOW, by=who
    )
    note.mentions.add(who)


def of_metrics(n, day):
    Source.objects.create(key=f"source-{n}", label=f"Source {n}")
    FeedDay.objects.create(source=f"source-{n}", feed="tickets", on=day, rows=5, accounts=1)
    Freeze.objects.create(
        source=f"source-{n}", feed="tickets", reason="silent", good_on=day, opened_on=day
    )
    MetricDefinition.objects.create(
        key=f"own-{n}", label=f"Own {n}", description="Ours", origin="usage", measure="logins"
    )
    MetricProfile.objects.create(as_of=day, metric="total_contacts", accounts=5, known=4)


class Make:
    """The builders, in one."""

    def __init__(self, **builders):
        vars(self).update(builders)


def test_queries_do_not_grow_with_what_hangs_on_one_thing(
    book, manager, admin, north, client,
    make_user, make_team, make_trigger, make_alert, make_playbook, make_plan, make_clock,
):  # fmt: skip
    make = Make(
        user=make_user, team=make_team, trigger=make_trigger, alert=make_alert,
        playbook=make_playbook, plan=make_plan, clock=make_clock,
    )  # fmt: skip
    account = book[0]
    pages(account, newest_run())
    admin_pages()
    grow(range(2), account, north, manager, make)
    few = count(client, manager, admin, account)
    assert {name: n for name, n in few.items() if n > FULL.get(name, most_of(name))} == {}
    grow(range(2, 30), account, north, manager, make)
    many = count(client, manager, admin, account)
    assert {name: (few[name], n) for name, n in many.items() if n > few[name]} == {}
    assert get_user_model().objects.count() > 30
