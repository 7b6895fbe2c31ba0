"""Drafts, publishing, switching off, the library; and what a playbook means on an account."""

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from django.core.exceptions import ValidationError
from django.core.management import call_command

from csm.lib.errors import WorkbenchError
from playbooks.models import (
    Intervention,
    Playbook,
    PlaybookKpi,
    PlaybookVersion,
    RoleHolder,
    Trigger,
)
from playbooks.services import interventions, playbooks
from playbooks.services.drafting import draft, target_of
from playbooks.services.recipes import (
    Kpi,
    Recipe,
    RecipeError,
    Step,
    faults,
    from_document,
    recipe_of,
)
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

GOOD = Recipe(
    purpose="Speak again.",
    applies={"tones": ["poor"]},
    steps=(Step("Call", blocks=True), Step("Meet", role="manager", offset_days=3)),
    kpis=(Kpi("total_contacts", "at_least", 12.0),),
    exit_rule={"match": "all", "conditions": [{"score": "value", "op": ">=", "value": 50}]},
)


@pytest.fixture
def published(admin):
    version = playbooks.create(name="Wake up", kind="trigger", by=admin)
    playbooks.save_draft(version, GOOD, by=admin)
    return playbooks.publish(version, by=admin, at=NOW, note="The first.")


def changed(recipe: Recipe, **values) -> Recipe:
    return Recipe(**{**vars(recipe), **values})


def test_a_draft_becomes_the_active_version_and_says_what_it_said(published):
    assert published.state == "active"
    assert recipe_of(published) == GOOD
    assert recipe_of(published).digest == GOOD.digest


def test_publishing_another_version_leaves_running_plans_alone(
    published, admin, manager, make_account, owner, north
):
    account = make_account(owner=owner, team=north)
    plan = interventions.start(account, by=owner, at=NOW, on=NIGHT, version=published)
    new = playbooks.start_draft(published.playbook, by=admin)
    assert recipe_of(new) == GOOD
    steps = (Step("Write"), Step("Meet", role="manager", offset_days=1))
    playbooks.save_draft(new, changed(GOOD, steps=steps), by=admin)
    newest = playbooks.publish(new, by=admin, at=NOW, note="Writing is quicker.")
    plan.refresh_from_db()
    published.refresh_from_db()
    assert published.state == "retired"
    assert plan.playbook_version == published
    assert [task.title for task in plan.tasks.all()] == ["Call", "Meet"]
    # Moving is an act of its own.
    assert list(playbooks.moves(newest)) == [plan]
    playbooks.move_open_plans(newest, [plan.pk], by=admin, at=NOW, on=NIGHT)
    plan.refresh_from_db()
    assert plan.playbook_version == newest
    assert {task.title for task in plan.tasks.all()} == {"Write", "Meet"}
    assert not playbooks.moves(newest)


def test_a_published_version_does_not_change(published):
    step = published.steps.first()
    step.title = "Shout"
    with pytest.raises(ValidationError):
        step.save()
    with pytest.raises(WorkbenchError, match="published"):
        playbooks.save_draft(published, changed(GOOD, purpose="x"), by=published.published_by)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": ()}, "no steps yet"),
        ({"steps": (Step("Call"), Step("call"))}, "Two steps are called"),
        ({"steps": (Step(""),)}, "Step 1 has no title"),
        ({"steps": (Step("Call", role="wizard"),)}, "a role nobody knows"),
        ({"steps": (Step("Call", offset_days=731),)}, "between 0 and 730"),
        ({"kpis": (Kpi("total_contact", "at_least", 1.0),)}, "did you mean 'total_contacts'"),
        ({"kpis": (Kpi("size_segment", "at_least", 1.0),)}, "is a word, not a figure"),
        ({"kpis": (Kpi("total_contacts", "change", 0.0),)}, "change of nothing"),
        ({"kpis": (Kpi("score", "at_least", 1.0),) * 2}, "the same target"),
        ({"exit_rule": {"match": "all", "conditions": [{"score": "value"}]}}, "cannot be read"),
        ({"exit_days": 0}, "must hold between 1"),
        ({"target_days": 0}, "between 1 and 730"),
        ({"applies": {"tones": ["purple"]}}, "'purple' is none of"),
        ({"applies": {"triggers": ["nothing-like-it"]}}, "no trigger 'nothing-like-it'"),
        ({"applies": {"mood": ["good"]}}, "Nobody knows what 'mood' means"),
    ],
)
def test_what_cannot_work_is_not_published(wrong, says, admin):
    recipe = changed(GOOD, **wrong)
    assert any(says in fault for fault in faults(recipe, triggers=set())), faults(recipe)
    version = playbooks.create(name="Wrong", kind="trigger", by=admin)
    playbooks.save_draft(version, recipe, by=admin)  # unfinished work may be kept
    with pytest.raises(RecipeError):
        playbooks.publish(version, by=admin, at=NOW, note="Try it.")
    version.refresh_from_db()
    assert version.is_draft


def test_publishing_wants_a_note_and_a_change(published, admin):
    new = playbooks.start_draft(published.playbook, by=admin)
    with pytest.raises(WorkbenchError, match="note"):
        playbooks.publish(new, by=admin, at=NOW, note=" ")
    with pytest.raises(WorkbenchError, match="says the same as version 1"):
        playbooks.publish(new, by=admin, at=NOW, note="Nothing.")


def test_of_two_who_save_the_second_is_told_who_was_first(published, admin, make_user):
    other = make_user("other", "admin")
    new = playbooks.start_draft(published.playbook, by=admin)
    seen = recipe_of(new).digest
    playbooks.save_draft(new, changed(GOOD, purpose="A"), by=admin, seen=seen)
    with pytest.raises(WorkbenchError, match="admin saved this draft meanwhile"):
        playbooks.save_draft(new, changed(GOOD, purpose="B"), by=other, seen=seen)
    with pytest.raises(WorkbenchError, match="admin changed the draft meanwhile"):
        playbooks.publish(new, by=other, at=NOW, note="Mine.", seen=seen)
    assert recipe_of(PlaybookVersion.objects.get(pk=new.pk)).purpose == "A"


def test_of_two_who_publish_one_wins(published, admin):
    new = playbooks.start_draft(published.playbook, by=admin)
    assert playbooks.start_draft(published.playbook, by=admin) == new
    playbooks.save_draft(new, changed(GOOD, purpose="A"), by=admin)
    playbooks.publish(new, by=admin, at=NOW, note="First.")
    with pytest.raises(WorkbenchError, match="Version 2 was published meanwhile"):
        playbooks.publish(new, by=admin, at=NOW, note="Second.")
    assert Playbook.objects.get().versions.filter(state="active").count() == 1


def test_a_draft_that_was_never_published_goes_with_its_playbook(published, admin):
    draft_ = playbooks.start_draft(published.playbook, by=admin)
    assert playbooks.discard_draft(draft_, by=admin) is True
    lone = playbooks.create(name="Alone", kind="cadence", by=admin)
    assert playbooks.discard_draft(lone, by=admin) is False
    assert not Playbook.objects.filter(key="alone").exists()


@pytest.mark.parametrize(("then", "state"), [("keep", "active"), ("close", "closed")])
def test_switching_off_asks_what_becomes_of_open_plans(
    then, state, published, admin, owner, make_account, north
):
    account = make_account(owner=owner, team=north)
    plan = interventions.start(account, by=owner, at=NOW, on=NIGHT, version=published)
    closed = playbooks.switch_off(
        published.playbook, by=admin, at=NOW, on=NIGHT, then=then, note="Replaced."
    )
    plan.refresh_from_db()
    assert (plan.state, closed) == (state, int(then == "close"))
    if then == "close":
        assert plan.outcome == Intervention.Outcome.CANCELLED
        assert "Replaced." in plan.outcome_note
    with pytest.raises(WorkbenchError, match="is off already"):
        playbooks.switch_off(published.playbook, by=admin, at=NOW, on=NIGHT)
    playbooks.switch_on(published.playbook, by=admin)
    assert Playbook.objects.get().is_active


def test_only_an_admin_changes_playbooks(published, manager):
    for act in (
        lambda: playbooks.create(name="X", kind="trigger", by=manager),
        lambda: playbooks.start_draft(published.playbook, by=manager),
        lambda: playbooks.switch_off(published.playbook, by=manager, at=NOW, on=NIGHT),
        lambda: playbooks.move_open_plans(published, [], by=manager, at=NOW, on=NIGHT),
    ):
        with pytest.raises(WorkbenchError, match="Only an admin"):
            act()


# The library.


@pytest.fixture
def library(tmp_path: Path, monkeypatch):
    def write(**values) -> None:
        document = {
            "key": "wake",
            "name": "Wake",
            "kind": "trigger",
            "purpose": "Speak again.",
            "applies": {"tones": ["poor"]},
            "steps": [{"title": "Call", "role": "csm", "offset_days": 1}],
            "kpis": [{"metric": "total_contacts", "target": {"change": 0.25}}],
        }
        (tmp_path / "wake.yaml").write_text(yaml.safe_dump(document | values))

    monkeypatch.setattr(playbooks, "LIBRARY", tmp_path)
    write()
    return write


def test_what_ships_is_loaded_once_and_follows_its_file(db, library):
    assert [v.playbook.key for v in playbooks.load_library(at=NOW)] == ["wake"]
    assert playbooks.load_library(at=NOW) == []
    library(purpose="Speak at last.")
    [version] = playbooks.load_library(at=NOW)
    assert (version.number, version.purpose) == (2, "Speak at last.")


def test_what_was_edited_here_stays(library, admin):
    [shipped] = playbooks.load_library(at=NOW)
    mine = playbooks.start_draft(shipped.playbook, by=admin)
    playbooks.save_draft(mine, changed(recipe_of(mine), purpose="Ours."), by=admin)
    playbooks.publish(mine, by=admin, at=NOW, note="Ours.")
    library(purpose="Speak at last.", name="Another name")
    assert playbooks.load_library(at=NOW) == []
    assert Playbook.objects.get().name == "Wake"
    assert recipe_of(Playbook.objects.get().versions.get(state="active")).purpose == "Ours."


def test_a_playbook_that_was_switched_off_stays_off(library, admin):
    [shipped] = playbooks.load_library(at=NOW)
    playbooks.switch_off(shipped.playbook, by=admin, at=NOW, on=NIGHT)
    library(purpose="Speak at last.")
    playbooks.load_library(at=NOW)
    assert not Playbook.objects.get().is_active


def test_a_faulty_file_is_named(db, library):
    library(steps=[])
    with pytest.raises(RecipeError, match=r"wake\.yaml: It has no steps"):
        playbooks.load_library(at=NOW)
    library(steps=[{"title": "Call", "colour": "red"}])
    with pytest.raises(RecipeError, match="'colour'"):
        playbooks.load_library(at=NOW)
    assert not Playbook.objects.exists()


def test_the_command_loads_and_lists(db, capsys):
    call_command("playbooks", "load")
    call_command("playbooks", "load")
    call_command("playbooks", "list")
    told = capsys.readouterr().out
    assert "All playbooks and triggers are there already." in told
    assert "onboarding-90: Onboarding in 90 days, version 1: As it ships." in told
    # Every trigger a playbook names ships as well.
    named = {
        key
        for applies in PlaybookVersion.objects.values_list("applies", flat=True)
        for key in applies.get("triggers", [])
    }
    assert named <= set(Trigger.objects.values_list("key", flat=True))


# What a version means on an account.


def test_tasks_have_their_day_and_their_person(make_playbook, make_account, owner, manager, north):
    """Friday 20 November + 1 business day is Monday; three are Wednesday."""
    version = make_playbook(
        steps=[
            {"title": "Read", "offset_days": 0},
            {"title": "Call", "offset_days": 1, "blocks": True},
            {"title": "Agree", "offset_days": 3, "role": "manager", "needs_approval": True},
        ],
        target_days=45,
    )
    account = make_account(owner=owner, team=north)
    drafted = draft([account], version, on=NIGHT)[account.pk]
    told = [(task.due_on, task.assignee_id, task.waits) for task in drafted.tasks]
    assert told == [
        (date(2026, 11, 20), owner.pk, False),
        (date(2026, 11, 23), owner.pk, False),
        (date(2026, 11, 25), manager.pk, True),
    ]
    assert drafted.target_on == NIGHT + timedelta(days=45)
    assert drafted.owner_id == owner.pk


@pytest.mark.parametrize(
    ("renewal_on", "due_on", "says"),
    [
        # 90 days before 8 March is Tuesday 8 December.
        (date(2027, 3, 8), date(2026, 12, 8), ""),
        # 90 days before 13 March is a Sunday: the Friday before.
        (date(2027, 3, 13), date(2026, 12, 11), ""),
        (date(2026, 12, 20), date(2026, 11, 20), "have passed"),
        (None, date(2026, 11, 27), "unknown"),
    ],
)
def test_renewal_steps_count_back_from_the_renewal(
    renewal_on, due_on, says, make_playbook, make_account
):
    version = make_playbook(steps=[{"title": "Offer", "offset_days": 5, "before_renewal_days": 90}])
    account = make_account(renewal_on=renewal_on)
    [task] = draft([account], version, on=NIGHT)[account.pk].tasks
    assert task.due_on == due_on
    assert says in task.remark
    assert bool(task.remark) == bool(says)


def with_kpis(version: PlaybookVersion, *kpis: Kpi) -> PlaybookVersion:
    PlaybookKpi.objects.bulk_create(
        PlaybookKpi(version=version, position=place, **vars(kpi)) for place, kpi in enumerate(kpis)
    )
    return version


def test_kpis_start_from_the_metrics_of_the_night(book, make_playbook):
    """Poor Pots has 1 contact with e-mail and no activity: 25 % more than 1 is 1.25, than 0 nothing."""
    version = with_kpis(
        make_playbook(),
        Kpi("contacts_with_email", "change", 0.25, due_days=60),
        Kpi("total_activities_30d", "change", 1.0),
        Kpi("days_since_last_activity", "at_most", 10.0),
        Kpi("score", "at_least", 50.0, label="Health"),
    )
    poor, thin = book[1], book[2]
    drafted = draft([poor, thin], version, on=NIGHT)
    told = [(kpi.baseline, kpi.target, kpi.due_on) for kpi in drafted[poor.pk].kpis[:3]]
    end = NIGHT + timedelta(days=30)
    assert told == [
        (1.0, 1.25, NIGHT + timedelta(days=60)),
        (0.0, None, end),
        (90.0, 10.0, end),
    ]
    assert drafted[poor.pk].kpis[3].baseline == pytest.approx(poor.health.score)
    # Unknown is not zero.
    assert drafted[thin.pk].kpis[0].baseline is None
    assert drafted[thin.pk].kpis[0].target is None


def test_a_change_of_a_negative_figure_is_for_the_better():
    assert target_of("change", 0.5, -0.4) == pytest.approx(-0.2)


def test_drafting_hundreds_asks_no_more_than_drafting_one(
    book, make_playbook, django_assert_max_num_queries
):
    version = with_kpis(make_playbook(), Kpi("total_contacts", "at_least", 5.0))
    RoleHolder.objects.create(role="solutions", user=book[0].owner)
    with django_assert_max_num_queries(20):
        assert len(draft(book, version, on=NIGHT)) == 6


def test_the_plan_owner_does_what_is_the_csms(make_playbook, make_account, owner, colleague, north):
    account = make_account(owner=owner, team=north)
    drafted = draft([account], make_playbook(), on=NIGHT, owner=colleague)[account.pk]
    assert {task.assignee_id for task in drafted.tasks} == {drafted.owner_id} == {colleague.pk}


def test_documents_name_what_they_do_not_know():
    with pytest.raises(RecipeError, match="'colour'"):
        from_document({"colour": "red"})
    with pytest.raises(RecipeError, match="one target"):
        from_document({"kpis": [{"metric": "score", "target": {}}]})
