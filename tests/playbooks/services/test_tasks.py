"""Tasks: what blocks, who agrees, who was first, and the way back."""

from datetime import timedelta
from uuid import uuid4

import pytest

from playbooks.models import InterventionTask
from playbooks.services import intervention_tasks as tasks
from playbooks.services import interventions
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

CHAIN = (
    {"title": "Call", "blocks": True},
    {"title": "Check", "blocks": True, "state": "waiting"},
    {"title": "Offer", "needs_approval": True, "state": "waiting"},
)


@pytest.fixture
def plan(book, make_plan):
    return make_plan(book[0], tasks=CHAIN)


def states(plan) -> list[str]:
    return [task.state for task in plan.tasks.all()]


def named(plan, title: str) -> InterventionTask:
    return plan.tasks.get(title=title)


def test_the_next_opens_when_what_blocks_it_is_done(plan, owner) -> None:
    tasks.finish(named(plan, "Call"), by=owner, at=NOW)
    assert states(plan) == ["done", "open", "waiting"]
    tasks.skip(named(plan, "Check"), by=owner, at=NOW, reason="Done last week")
    assert states(plan) == ["done", "skipped", "open"]
    assert [row.kind for row in plan.changes.all()] == ["task_skip", "task_done"]


def test_what_waits_cannot_be_done(plan, owner) -> None:
    with pytest.raises(tasks.PlanError, match="waits for the tasks before it"):
        tasks.finish(named(plan, "Check"), by=owner, at=NOW)


def test_taking_back_makes_the_rest_wait_again(plan, owner) -> None:
    call = named(plan, "Call")
    tasks.finish(call, by=owner, at=NOW)
    tasks.reopen(call, by=owner, at=NOW)
    assert states(plan) == ["open", "waiting", "waiting"]
    call.refresh_from_db()
    assert (call.done_at, call.done_by) == (None, None)


def test_a_manager_agrees_or_sends_back(plan, owner, manager) -> None:
    for title in ("Call", "Check", "Offer"):
        tasks.finish(named(plan, title), by=owner, at=NOW)
    offer = named(plan, "Offer")
    assert offer.state == "to_approve"
    with pytest.raises(tasks.PlanError, match="Only a manager"):
        tasks.approve(offer, by=owner, at=NOW)
    tasks.send_back(offer, by=manager, at=NOW, reason="Add the price")
    assert (offer.state, offer.done_by) == ("open", None)
    tasks.finish(offer, by=owner, at=NOW)
    tasks.approve(offer, by=manager, at=NOW)
    assert (offer.state, offer.done_by, offer.approved_by) == ("done", owner, manager)


def test_a_managers_own_task_needs_nobody_else(plan, owner, manager) -> None:
    for title in ("Call", "Check"):
        tasks.finish(named(plan, title), by=owner, at=NOW)
    offer = tasks.finish(named(plan, "Offer"), by=manager, at=NOW)
    assert (offer.state, offer.approved_by) == ("done", manager)


def test_two_do_it_at_once_and_one_is_told(plan, owner, manager) -> None:
    mine, theirs = named(plan, "Call"), named(plan, "Call")
    tasks.finish(mine, by=owner, at=NOW)
    with pytest.raises(tasks.PlanError, match="owner has done “Call” already"):
        tasks.finish(theirs, by=manager, at=NOW)
    assert plan.changes.filter(kind="task_done").count() == 1


def test_an_edit_of_something_changed_since_is_refused(plan, owner, colleague, manager) -> None:
    seen = named(plan, "Call")
    tasks.edit(named(plan, "Call"), by=manager, at=NOW, values={"assignee": colleague})
    with pytest.raises(tasks.PlanError, match="manager changed “Call” before you"):
        tasks.edit(seen, by=owner, at=NOW, values={"due_on": NIGHT})
    kept = plan.changes.get(kind="task_edited")
    assert kept.after == {"assignee": colleague.pk}


def test_a_reason_is_asked_for(plan, owner) -> None:
    with pytest.raises(tasks.PlanError, match="Say why"):
        tasks.skip(named(plan, "Call"), by=owner, at=NOW, reason=" ")


def test_a_closed_plan_has_no_work(plan, owner) -> None:
    interventions.close(plan, by=owner, at=NOW, on=NIGHT, outcome="cancelled")
    call = named(plan, "Call")
    for act in (tasks.finish, tasks.reopen):
        with pytest.raises(tasks.PlanError, match="closed: re-open it"):
            act(call, by=owner, at=NOW)
    with pytest.raises(tasks.PlanError, match="closed"):
        tasks.add(plan, by=owner, at=NOW, title="One more")


def test_many_at_once_and_back(book, make_plan, plan, owner) -> None:
    other = make_plan(book[1], tasks=("Write", "Wait"))
    ids = list(InterventionTask.objects.values_list("pk", flat=True))
    batch = uuid4()
    done, left = tasks.finish_many(ids, by=owner, at=NOW, batch=batch)
    assert done == 3
    assert set(left) == {named(plan, "Check").pk, named(plan, "Offer").pk}
    assert states(plan) == ["done", "open", "waiting"]
    tasks.reopen(named(other, "Write"), by=owner, at=NOW + timedelta(minutes=1))
    assert tasks.undo(batch, by=owner, at=NOW) == (2, 1)
    assert states(plan) == ["open", "waiting", "waiting"]
    assert tasks.undo(batch, by=owner, at=NOW) == (0, 1)


def test_the_next_in_line_is_told(plan, owner, colleague) -> None:
    from playbooks.models import Notice

    check = named(plan, "Check")
    tasks.edit(check, by=owner, at=NOW, values={"assignee": colleague})
    tasks.finish(named(plan, "Call"), by=owner, at=NOW)
    titles = set(Notice.objects.filter(user=colleague).values_list("title", flat=True))
    assert titles == {"Your task: Check", "Your turn: Check"}
