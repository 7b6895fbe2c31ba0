"""Acts on everything that matches, done in the background: once each, resumable, and taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from csm.jobs import engine, kinds, services
from csm.models import Job
from playbooks.models import Alert, Assignment, Notice, Trigger

RULE = {"match": "all", "conditions": [{"score": "value", "op": "<", "value": 30}]}
AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def crowd(north, owner, make_account) -> list[Account]:
    return [make_account(owner=owner, team=north) for _ in range(7)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(kinds, "_ROWS", 3)


def give(manager, colleague) -> Job:
    return services.give_accounts(
        "portfolio", "scope=all", to=colleague, by=manager, reason="leaves"
    )


def run(job: Job) -> Job:
    return engine.work(job.pk, kinds.STEPS)


def owners() -> set[str]:
    return set(Account.objects.values_list("owner__username", flat=True))


def test_all_accounts_of_a_list_change_hands_and_both_sides_are_told_once(
    crowd, owner, manager, colleague
):
    job = run(give(manager, colleague))
    assert (job.state, job.done, job.skipped, job.total) == ("done", 7, 0, 7)
    assert owners() == {colleague.username}
    assert Assignment.objects.count() == 3
    told = Notice.objects.values_list("user__username", "title")
    assert (colleague.username, f"{manager} hands you 7 accounts") in told
    assert (owner.username, f"{manager} gave 7 of your accounts to {colleague}") in told
    assert len(told) == 3


def test_it_is_taken_back_once(crowd, owner, manager, colleague):
    job = run(give(manager, colleague))
    back = run(services.undo(job, by=manager))
    assert (back.state, back.done) == ("done", 7)
    assert owners() == {owner.username}
    with pytest.raises(engine.JobError):
        services.undo(job, by=manager)


def test_a_worker_that_dies_between_two_pieces_loses_nothing(
    crowd, manager, colleague, monkeypatch
):
    job = give(manager, colleague)
    real, calls = engine._piece, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(engine, "_piece", dies)
    with pytest.raises(KeyboardInterrupt):
        run(job)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 3)
    assert run(job) is None, "its lease still runs"
    Job.objects.update(lease_until=AT - timedelta(days=1))
    monkeypatch.setattr(engine, "_piece", real)
    assert list(engine.waiting()) == [job]
    assert run(job).done == 7
    assert Assignment.objects.count() == 3


def test_a_job_stops_after_the_piece_under_way_and_goes_on(crowd, manager, colleague, monkeypatch):
    job = give(manager, colleague)
    real = engine._piece

    def stopped(*args):
        more = real(*args)
        engine.cancel(job, by=manager, at=AT)
        return more

    monkeypatch.setattr(engine, "_piece", stopped)
    assert (run(job).state, run(job)) == ("cancelled", None)
    monkeypatch.setattr(engine, "_piece", real)
    job.refresh_from_db()
    assert job.done == 3
    assert engine.retry(job)
    assert (run(job).state, owners()) == ("done", {colleague.username})


def test_who_may_no_longer_give_is_refused_when_the_turn_comes(crowd, owner, manager, colleague):
    job = give(manager, colleague)
    manager.role = "csm"
    manager.save()
    failed = run(job)
    assert failed.state == "failed"
    assert "may no longer give accounts away" in failed.error
    assert owners() == {owner.username}


def test_an_error_is_tried_again_and_then_said(crowd, manager, colleague, monkeypatch):
    job = give(manager, colleague)
    monkeypatch.setitem(kinds.STEPS, kinds.ACCOUNTS, (lambda job, at: 1 / 0, lambda job, at: None))
    states = [run(job).state for _ in range(engine.MAX_ATTEMPTS)]
    assert states == ["running"] * (engine.MAX_ATTEMPTS - 1) + ["failed"]
    job.refresh_from_db()
    assert "ZeroDivisionError" in job.error


def test_the_button_pressed_twice_is_one_job(crowd, manager, colleague):
    assert give(manager, colleague) == give(manager, colleague)


def test_only_what_the_asker_may_give_moves(crowd, manager, colleague, outsider, make_account):
    foreign = make_account(owner=outsider)
    job = run(give(manager, colleague))
    assert job.done == 7
    foreign.refresh_from_db()
    assert foreign.owner == outsider


def test_a_filter_that_makes_no_sense_moves_nothing(crowd, manager, colleague):
    with pytest.raises(engine.JobError):
        services.give_accounts("portfolio", "score_min=many", to=colleague, by=manager)


def test_alerts_are_acted_on_and_opened_again(crowd, owner):
    trigger = Trigger.objects.create(
        key="low", name="Low", family="real_time", severity=3, rule=RULE, is_active=True
    )
    alerts = [
        Alert.objects.create(
            trigger=trigger,
            account=account,
            owner=owner,
            severity=3,
            opened_on=AT.date(),
            opened_at=AT,
            last_held_on=AT.date(),
        )
        for account in crowd
    ]
    job = services.act_on_alerts("scope=all", "dismiss", {"reason": "a test"}, by=owner)
    done = run(job)
    assert (done.state, done.done) == ("done", 7), done.error
    assert set(Alert.objects.values_list("state", flat=True)) == {Alert.State.DISMISSED}
    back = run(services.undo(done, by=owner))
    assert back.done == len(alerts)
    assert set(Alert.objects.values_list("state", flat=True)) == {Alert.State.OPEN}


def test_pages_are_the_askers_and_the_admins(crowd, manager, colleague, outsider, admin):
    job = run(give(manager, colleague))
    urls = {
        name: reverse(f"job{name}", args=[job.pk]) for name in ("", "_cancel", "_go_on", "_undo")
    }
    for user, status in ((manager, 200), (admin, 200), (outsider, 404), (colleague, 404)):
        client = Client()
        client.force_login(user)
        assert client.get(urls[""]).status_code == status
        listed = client.get(reverse("jobs")).content.decode()
        assert (job.title in listed) == (status == 200)
    client = Client()
    client.force_login(outsider)
    assert {client.post(url).status_code for name, url in urls.items() if name} == {404}
    assert owners() == {colleague.username}


def test_the_form_gives_only_when_the_number_was_looked_at(crowd, owner, manager, colleague):
    client = Client()
    client.force_login(manager)
    url = reverse("job_assign", args=["portfolio"]) + "?scope=all"
    assert client.get(url).context["total"] == 7
    refused = client.post(url, {"to": colleague.pk})
    assert "looked at the number" in refused.content.decode()
    assert not Job.objects.exists()
    asked = client.post(url, {"to": colleague.pk, "sure": "on"})
    assert asked.url == reverse("job", args=[Job.objects.get().pk])
    for stranger in (owner, colleague):
        client.force_login(stranger)
        assert client.get(url).status_code == 404
