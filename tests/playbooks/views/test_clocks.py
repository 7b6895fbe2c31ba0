"""Pages of clocks: who sees, who acts, what the list and its file say."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEvent
from csm.models import User
from playbooks.models import BusinessCalendar, Clock, ClockRule, Escalation, Holiday
from playbooks.services import calendars, clocks

HOUR = timedelta(hours=1)


@pytest.fixture
def hats(make_account: Callable[..., Account], owner: User, north: object) -> Account:
    return make_account("Healthy Hats", owner=owner, team=north)


@pytest.fixture
def late(hats: Account, make_clock: Callable[..., Clock]) -> Clock:
    """Ran out three hours ago; nobody has marked it yet."""
    now = timezone.now()
    return make_clock(hats, started_at=now - 51 * HOUR, due_at=now - 3 * HOUR)


def test_a_clock_is_broken_before_anybody_marks_it(
    client: Client, late: Clock, owner: User
) -> None:
    client.force_login(owner)
    text = client.get(reverse("clocks") + "?state=broken").content.decode()
    assert "Healthy Hats" in text
    assert "3 h late" in text
    assert "Broken" in text
    assert Clock.objects.get().state == Clock.State.RUNNING
    text = client.get(reverse("clocks") + "?state=running").content.decode()
    assert "Healthy Hats" not in text


def test_the_figures(
    client: Client,
    late: Clock,
    make_account: Callable[..., Account],
    make_clock: Callable[..., Clock],
    owner: User,
    north: object,
) -> None:
    now = timezone.now()
    for hours, allowed in ((2, 48), (4, 48), (60, 48)):
        make_clock(
            make_account(owner=owner, team=north),
            state="met",
            started_at=now - hours * HOUR,
            due_at=now - hours * HOUR + allowed * HOUR,
            met_at=now,
            met_by=owner,
        )
    make_clock(make_account(owner=owner, team=north), due_at=now + 23 * HOUR)
    make_clock(make_account(owner=owner, team=north), due_at=now + 25 * HOUR)
    client.force_login(owner)
    values = {
        tile["label"]: (tile["value"], tile.get("n"))
        for tile in client.get(reverse("clocks")).context["tiles"]
    }
    assert values == {
        "Running": ("2", None),
        "Due in 24 hours": ("1", None),
        "Broken": ("1", None),
        # Two of the three met, and the late one still open.
        "Met in time": ("50%", "n = 4 in 30 days"),
        "Median first response": ("4 h", "n = 3 in 30 days"),
    }


def test_no_figure_is_made_up(client: Client, owner: User, make_clock: object) -> None:
    client.force_login(owner)
    tiles = {
        tile["label"]: tile["value"] for tile in client.get(reverse("clocks")).context["tiles"]
    }
    assert tiles["Met in time"] is None
    assert tiles["Median first response"] is None


@pytest.mark.parametrize(
    ("who", "sees", "acts"),
    [
        ("owner", True, True),
        ("colleague", True, False),
        ("manager", True, True),
        ("executive", True, False),
        ("admin", True, True),
        ("outsider", False, False),
    ],
)
def test_who_sees_and_acts(
    client: Client, late: Clock, people: dict[str, User], who: str, sees: bool, acts: bool
) -> None:
    client.force_login(people[who])
    url = reverse("clock_act", args=[late.pk])
    listed = client.get(reverse("clocks") + "?scope=all").content.decode()
    assert ("Healthy Hats" in listed) is sees
    assert client.get(url).status_code == (200 if sees else 404)
    answer = client.post(url, {"word": "Called them"})
    assert answer.status_code == (302 if acts else 404)
    late.refresh_from_db()
    assert (late.state == Clock.State.MET) is acts


@pytest.mark.parametrize(
    ("who", "acts"),
    [
        ("executive", True),
        ("manager", True),
        ("admin", True),
        ("owner", False),
        ("outsider", False),
    ],
)
def test_who_takes_on_what_executives_see(
    client: Client,
    hats: Account,
    make_clock: Callable[..., Clock],
    people: dict[str, User],
    who: str,
    acts: bool,
) -> None:
    clock = make_clock(hats, ClockRule.Key.EXECUTIVE)
    client.force_login(people[who])
    answer = client.post(reverse("clock_act", args=[clock.pk]), {"word": "I call their CFO"})
    assert answer.status_code == (302 if acts else 404)
    clock.refresh_from_db()
    assert (clock.state == Clock.State.MET) is acts


def test_meeting_and_taking_back(client: Client, late: Clock, owner: User, manager: User) -> None:
    url = reverse("clock_act", args=[late.pk])
    client.force_login(owner)
    page = client.post(url, {"word": "Called them"}, follow=True).content.decode()
    assert f'href="{url}"' in page
    client.force_login(manager)
    page = client.post(url, {"word": "I did"}, follow=True).content.decode()
    assert "owner met this clock before you: Called them" in page
    client.force_login(owner)
    assert "Take it back" in client.get(url).content.decode()
    client.post(url, {"do": "take_back"})
    late.refresh_from_db()
    assert late.state == Clock.State.RUNNING


def test_who_heard_of_it_is_shown(client: Client, late: Clock, owner: User, manager: User) -> None:
    clocks.tick(at=timezone.now())
    client.force_login(owner)
    page = client.get(reverse("clock_act", args=[late.pk])).content.decode()
    assert str(manager) in page
    Escalation.objects.get(level="manager").told.clear()
    page = client.get(reverse("clocks")).content.decode()
    assert "nobody holds this level" in page


def test_the_file(client: Client, late: Clock, owner: User, people: dict[str, User]) -> None:
    Account.objects.update(name="=cmd()")
    client.force_login(owner)
    text = b"".join(client.get(reverse("clocks_csv") + "?state=broken").streaming_content).decode()
    head, line = text.lstrip("\ufeff").splitlines()
    assert head.startswith("account_id,account,clock,state,owner,reason")
    assert "'=cmd()" in line
    assert ",Broken," in line
    assert AuditEvent.objects.get(kind="export").detail["rows"] == 1
    client.force_login(people["outsider"])
    text = b"".join(client.get(reverse("clocks_csv") + "?scope=all").streaming_content).decode()
    assert len(text.splitlines()) == 1


def test_filters(
    client: Client, late: Clock, make_account: Callable[..., Account],
    make_clock: Callable[..., Clock], colleague: User, north: object, owner: User,
) -> None:  # fmt: skip
    make_clock(make_account("Ordinary Oats", owner=colleague, team=north), "root_cause")
    client.force_login(owner)
    for query, names in (
        ("", {"Healthy Hats", "Ordinary Oats"}),
        ("q=oats", {"Ordinary Oats"}),
        ("rule=root_cause", {"Ordinary Oats"}),
        (f"owner={colleague.pk}", {"Ordinary Oats"}),
        ("owner=nobody", set()),
        (f"account={late.account_id}", {"Healthy Hats"}),
        ("q=%00", {"Healthy Hats", "Ordinary Oats"}),
    ):
        text = client.get(reverse("clocks") + f"?scope=all&{query}").content.decode()
        for name in ("Healthy Hats", "Ordinary Oats"):
            assert (f">{name}<" in text) is (name in names), query


def test_tuning_is_for_admins(client: Client, people: dict[str, User]) -> None:
    for who in ("owner", "manager", "executive", "outsider"):
        client.force_login(people[who])
        for name in ("clock_rules", "clock_calendar_new"):
            assert client.get(reverse(name)).status_code == 404, who
            assert client.post(reverse(name)).status_code == 404, who
        assert client.post(reverse("clock_holiday")).status_code == 404, who


def test_tuning_a_rule(client: Client, admin: User) -> None:
    client.force_login(admin)
    url = reverse("clock_rules")
    assert client.get(url).status_code == 200
    given = {
        "rule": "first_response",
        "first_response-hours": "24",
        "first_response-in_business_time": "on",
        "first_response-below": "40",
        "first_response-again_after_days": "14",
        "first_response-manager": "",
        "first_response-executive": "4",
        "first_response-is_active": "on",
    }
    client.post(url, given)
    rule = ClockRule.objects.get(key="first_response")
    assert (rule.hours, rule.in_business_time) == (24, True)
    assert rule.params == {"below": 40, "again_after_days": 14}
    assert rule.escalate_after_hours == {"executive": 4, "manager": None}
    assert "hours: 48.0 → 24.0" in client.get(url).content.decode()
    # A manager who never hears stays unheard.
    clocks.tick(at=timezone.now())
    page = client.post(url, given | {"first_response-hours": "0"}).content.decode()
    assert "greater than or equal to 0.25" in page


def test_working_hours(client: Client, admin: User, north: object) -> None:
    client.force_login(admin)
    given = {"name": "Germany", "team": "", "weekdays": ["0", "1"], "opens": "08:00",
             "closes": "16:00", "country": "DE"}  # fmt: skip
    client.post(reverse("clock_calendar_new"), given)
    row = BusinessCalendar.objects.get()
    found = calendars.calendar_of(None)
    assert found.weekdays == {0, 1}
    assert (found.opens.hour, found.closes.hour) == (8, 16)
    page = client.post(reverse("clock_calendar_new"), given | {"name": "Another"})
    assert "everybody already" in page.content.decode()
    page = client.post(
        reverse("clock_calendar", args=[row.pk]), given | {"opens": "17:00"}
    ).content.decode()
    assert "Closing comes after opening" in page
    client.post(
        reverse("clock_holiday"), {"calendar": row.pk, "on": "2030-03-04", "name": "Our day"}
    )
    day = Holiday.objects.get()
    assert day.on in calendars.calendar_of(None).holidays
    client.post(reverse("clock_holiday"), {"remove": day.pk})
    assert not Holiday.objects.exists()
    client.post(reverse("clock_holiday"), {"delete": row.pk})
    assert not BusinessCalendar.objects.exists()
