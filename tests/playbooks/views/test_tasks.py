"""Tasks to work off, the calendar, and the calendar others read."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from accounts.models import Account
from csm.lib.dates import today
from csm.models import User
from playbooks.models import Absence, CalendarFeed, Intervention, InterventionTask, Note

State = InterventionTask.State


@pytest.fixture
def hats(make_account: Callable[..., Account], owner: User, north: object) -> Account:
    return make_account("Healthy Hats", owner=owner, team=north, renewal_on=today())


@pytest.fixture
def plan(hats: Account, make_plan: Callable[..., Intervention]) -> Intervention:
    on = today()
    sunday = on + timedelta(days=6 - on.weekday())
    return make_plan(
        hats,
        target_on=on,
        tasks=[
            {"title": "Late", "due_on": on - timedelta(days=2)},
            {"title": "Now", "due_on": on},
            {"title": "Later", "due_on": sunday + timedelta(days=1)},
            {"title": "Undated", "due_on": None},
            {"title": "Waiting", "due_on": on, "state": State.WAITING},
            {"title": "To agree", "due_on": on, "state": State.TO_APPROVE},
            {"title": "Finished", "due_on": on, "state": State.DONE},
        ],
    )


def titles(client: Client, query: str = "") -> list[tuple[str, str]]:
    rows = client.get(reverse("tasks") + query).context["rows"]
    return [(row.heading, row.task.title) for row in rows]


def task(plan: Intervention, title: str) -> InterventionTask:
    return plan.tasks.get(title=title)


def test_groups(client: Client, plan: Intervention, owner: User) -> None:
    client.force_login(owner)
    assert titles(client) == [
        ("To approve", "To agree"),
        ("Overdue", "Late"),
        ("Today", "Now"),
        ("Later", "Later"),
        ("Without a day", "Undated"),
        ("Waiting for earlier tasks", "Waiting"),
    ]
    assert titles(client, "?group=overdue") == [("Overdue", "Late")]
    found = titles(client, "?by=account")
    assert [heading for heading, _ in found] == ["Healthy Hats", "", "", "", "", ""]
    plan.state, plan.closed_at, plan.outcome = "closed", plan.started_at, "recovered"
    plan.save()
    assert titles(client) == []


def test_scopes(
    client: Client, plan: Intervention, people: dict[str, User], colleague: User
) -> None:
    plan.tasks.exclude(title="Now").delete()
    for who, scope, sees in (
        ("owner", "mine", True),
        ("colleague", "mine", False),
        ("colleague", "team", True),
        ("manager", "team", True),
        ("executive", "all", True),
        ("outsider", "team", False),
        ("outsider", "all", False),
    ):
        client.force_login(people[who])
        assert bool(titles(client, f"?scope={scope}")) is sees, (who, scope)
    client.force_login(people["colleague"])
    assert titles(client, f"?scope=mine&who={people['owner'].pk}") == [("Today", "Now")]
    Absence.objects.create(user=people["owner"], cover=colleague, first_on=today(), last_on=today())
    assert titles(client, "?scope=mine") == [("Today", "Now")]


def act(client: Client, row: InterventionTask, **values: object) -> str:
    answer = client.post(reverse("task_act", args=[row.pk]), values, follow=True)
    row.refresh_from_db()
    return answer.content.decode()


def test_acting_from_the_row(client: Client, plan: Intervention, owner: User) -> None:
    client.force_login(owner)
    row = task(plan, "Now")
    page = act(client, row, do="done", seen=row.version)
    assert row.state == State.DONE
    assert "Was that a mistake?" in page
    act(client, row, do="reopen")
    assert row.state == State.OPEN
    assert "Say why" in act(client, row, do="skip", seen=row.version)
    act(client, row, do="due", due_on="2027-01-04", seen=row.version)
    assert str(row.due_on) == "2027-01-04"
    act(client, row, do="skip", reason="Not needed", seen=row.version)
    assert row.state == State.SKIPPED
    assert "Nothing was changed" in act(client, row, do="paint")


def test_the_second_of_two_is_told(
    client: Client, plan: Intervention, owner: User, manager: User
) -> None:
    row = task(plan, "Now")
    seen = row.version
    client.force_login(owner)
    act(client, row, do="due", due_on="2027-01-04", seen=seen)
    client.force_login(manager)
    page = act(client, row, do="done", seen=seen)
    assert "owner changed" in page
    assert row.state == State.OPEN


def test_a_manager_agrees(client: Client, plan: Intervention, owner: User, manager: User) -> None:
    row = task(plan, "To agree")
    client.force_login(owner)
    assert "Only a manager" in act(client, row, do="approve", seen=row.version)
    client.force_login(manager)
    act(client, row, do="return", reason="Where are the figures?", seen=row.version)
    assert row.state == State.OPEN
    InterventionTask.objects.filter(pk=row.pk).update(state=State.TO_APPROVE)
    act(client, row, do="approve")
    assert row.state == State.DONE


def test_finishing_many_and_undoing_it(
    client: Client, plan: Intervention, owner: User, outsider: User, colleague: User
) -> None:
    client.force_login(owner)
    chosen = [task(plan, title).pk for title in ("Late", "Now", "Waiting")]
    here = reverse("tasks") + "?scope=mine"
    answer = client.post(reverse("tasks_bulk"), {"id": chosen, "next": here})
    done = set(plan.tasks.filter(state=State.DONE).values_list("title", flat=True))
    assert done == {"Late", "Now", "Finished"}
    page = client.get(answer["Location"])
    text = page.content.decode()
    assert "2 tasks done" in text
    assert "1 left as they are" in text
    url = page.context["undo"]["url"]
    for other in (outsider, colleague):
        client.force_login(other)
        assert client.post(url).status_code == 404
    client.force_login(owner)
    assert client.post(url, {"next": answer["Location"]})["Location"] == here
    assert plan.tasks.filter(state=State.DONE).count() == 1


@pytest.mark.parametrize("who", ["outsider", "executive", "colleague"])
def test_others_change_nothing(
    client: Client, plan: Intervention, people: dict[str, User], who: str
) -> None:
    client.force_login(people[who])
    row = task(plan, "Now")
    assert client.post(reverse("task_act", args=[row.pk]), {"do": "done"}).status_code == 404
    client.post(reverse("tasks_bulk"), {"id": [row.pk, "x", "9" * 30]})
    row.refresh_from_db()
    assert row.state == State.OPEN


def test_the_file(client: Client, plan: Intervention, owner: User) -> None:
    client.force_login(owner)
    answer = client.get(reverse("tasks_csv") + "?group=overdue")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "Healthy Hats,Plan for Healthy Hats,Late,CSM,owner," in lines[1]


def entries(client: Client, query: str = "") -> dict[str, set[str]]:
    weeks = client.get(reverse("calendar") + query).context["weeks"]
    return {
        str(day["day"]): {f"{entry.kind} {entry.title}" for entry in day["entries"]}
        for week in weeks
        for day in week
        if day["entries"]
    }


def test_the_calendar(
    client: Client, plan: Intervention, people: dict[str, User], hats: Account
) -> None:
    on = today()
    for kept in (None, on):
        Note.objects.create(
            account=hats, kind="promise", body="Send figures", due_on=on, kept_on=kept,
            on=on, at=plan.started_at, by=people["owner"],
        )  # fmt: skip
    plan.tasks.exclude(title="Now").delete()
    expected = {
        "task Now",
        "plan Plan for Healthy Hats",
        "renewal Healthy Hats",
        "promise Send figures",
    }
    client.force_login(people["owner"])
    for query in ("", "?view=week"):
        assert entries(client, query) == {str(on): expected}, query
    assert entries(client, "?on=1999-01-01") == {}
    assert client.get(reverse("calendar") + "?on=nonsense&view=week").status_code == 200
    client.force_login(people["outsider"])
    assert entries(client, "?scope=all") == {}
    client.force_login(people["manager"])
    assert entries(client) == {str(on): expected}


def test_a_crowded_day_says_how_many_more(
    client: Client, hats: Account, make_plan: Callable[..., Intervention], owner: User
) -> None:
    make_plan(hats, tasks=[{"title": f"T{n}", "due_on": today()} for n in range(9)])
    client.force_login(owner)
    weeks = client.get(reverse("calendar")).context["weeks"]
    (crowded,) = (day for week in weeks for day in week if day["more"] > 0)
    # Nine tasks and the renewal.
    assert len(crowded["entries"]) + crowded["more"] == 10


def test_the_secret_address(client: Client, plan: Intervention, people: dict[str, User]) -> None:
    owner = people["owner"]
    client.force_login(owner)
    address = client.post(reverse("calendar_feed")).context["address"]
    token = address.rpartition("/")[2].removesuffix(".ics")
    assert CalendarFeed.objects.get().digest == sha256(token.encode()).hexdigest()
    assert token not in client.get(reverse("calendar_feed")).content.decode()
    client.logout()
    answer = client.get(address)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    assert {str(event["SUMMARY"]) for event in events} >= {
        "Task: Now (Healthy Hats)",
        "Renewal (Healthy Hats)",
    }
    assert len({event["UID"] for event in events}) == len(events)
    assert CalendarFeed.objects.get().last_read_at is not None
    # What one may no longer see is gone from it as well.
    owner.teams.clear()
    Account.objects.update(owner=None)
    assert not Calendar.from_ical(client.get(address).content).walk("VEVENT")
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert client.get(address).status_code == 404
    User.objects.filter(pk=owner.pk).update(is_active=True)
    client.force_login(owner)
    client.post(reverse("calendar_feed"))
    assert client.get(address).status_code == 404
    client.post(reverse("calendar_feed"), {"do": "revoke"})
    assert not CalendarFeed.objects.exists()
