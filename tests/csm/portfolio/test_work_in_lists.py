"""Open work in the lists: the order of the queue, its columns and filters, and acting from the row."""

import csv
import io
from datetime import date
from urllib.parse import urlencode

import pytest
from django.core.cache import cache

from playbooks.models import Alert
from playbooks.services import attention
from scoring.models import AccountHealth
from tests.playbooks.conftest import NOW

NIGHT = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _forget_choices():
    cache.clear()


@pytest.fixture
def queue(book):
    """Five accounts at risk, each a point less urgent than the one before; Thin Things is unknown."""
    AccountHealth.objects.exclude(band=-1).update(band=0, score=31.0, change_30d=None)
    for points, account in zip((60, 59, 0, 58, 57, 56), book, strict=True):
        AccountHealth.objects.filter(account=account).update(priority=points)
    return book


def ask(client, user, path="/at-risk/", **params):
    client.force_login(user)
    return client.get(f"{path}?{urlencode({'scope': 'all', **params}, doseq=True)}")


def names(response):
    return [row.name for row in response.context["rows"]]


def columns(response):
    return [column.name for column in response.context["table"].columns]


def test_open_work_moves_an_account_up_the_queue(
    client, queue, owner, make_trigger, make_alert, make_clock
):
    """Mills: 58 and nothing; Oats: 57 + alert 8; Nuts: 56 + clock 10."""
    make_alert(queue[4], make_trigger("emergency", severity=3))
    make_clock(queue[5], state="broken")
    attention.refresh(None, at=NOW)
    response = ask(client, owner)
    assert names(response) == [
        "Nobody's Nuts",
        "Ordinary Oats",
        "Healthy Hats",
        "Poor Pots",
        "Middling Mills",
    ]
    first, second = response.context["listing"].records[:2]
    assert (first.urgency, second.urgency) == (66, 65)
    assert "first response overdue" in first.why_now(NIGHT)
    assert "high alert: Emergency" in second.why_now(NIGHT)
    sorted_otherwise = ask(client, owner, sort="account")
    assert ">3<" in sorted_otherwise.context["rows"][0].cells[0][1]


def test_the_parts_add_up_to_the_points_shown(
    client, book, owner, make_trigger, make_alert, make_clock
):
    make_alert(book[1], make_trigger("emergency", severity=4))
    make_clock(book[1])
    attention.refresh(None, at=NOW)
    record = ask(client, owner, band="Low").context["listing"].records[0]
    parts = record.parts(NIGHT)
    assert [part.label for part in parts] == [
        "Health", "Trend", "Renewal", "ARR", "Alerts", "Clocks",
    ]  # fmt: skip
    assert sum(part.most for part in parts) == 100
    assert (parts[4].points, parts[5].points) == (10, 4)
    assert sum(part.points for part in parts) == pytest.approx(record.urgency)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"alerts": "open"}, {"Healthy Hats", "Poor Pots"}),
        ({"alerts": "untaken"}, {"Healthy Hats"}),
        ({"alerts": "none"}, {"Middling Mills", "Ordinary Oats", "Nobody's Nuts"}),
        ({"severity": ["4"]}, {"Healthy Hats"}),
        ({"severity": ["2", "4"]}, {"Healthy Hats", "Poor Pots"}),
        ({"plan": "open"}, {"Middling Mills"}),
        ({"plan": "none", "alerts": "none"}, {"Ordinary Oats", "Nobody's Nuts"}),
        ({"clock": "broken"}, {"Ordinary Oats"}),
        ({"clock": "running"}, {"Nobody's Nuts"}),
        ({"tasks": "overdue"}, {"Middling Mills"}),
    ],
)
def test_filters_of_open_work(
    client, queue, owner, make_trigger, make_alert, make_plan, make_clock, params, found
):
    make_alert(queue[0], make_trigger("emergency", severity=4))
    make_alert(queue[1], make_trigger("dormant", severity=2), taken_by=owner, taken_at=NOW)
    make_plan(queue[3], tasks=[{"title": "Late", "due_on": date(2026, 11, 1)}])
    make_clock(queue[4], state="broken")
    make_clock(queue[5])
    attention.refresh(None, at=NOW)
    response = ask(client, owner, **params)
    assert set(names(response)) == found
    assert len(response.context["chips"]) == sum(
        len(value) if isinstance(value, list) else 1 for value in params.values()
    )


def test_a_severity_there_is_not_is_left_out_and_named(client, queue, owner):
    response = ask(client, owner, severity="loud")
    assert len(names(response)) == 5
    assert response.context["errors"] == [("Loudest alert", "That is no severity.")]


def test_columns_are_chosen_in_the_address(client, queue, owner):
    assert "plan" in columns(ask(client, owner))
    assert "plan" not in columns(ask(client, owner, "/portfolio/"))
    chosen = ask(client, owner, "/portfolio/", cols="plan,score,nonsense")
    assert columns(chosen) == ["account", "plan", "score"]
    assert columns(ask(client, owner, cols=["score", "rank"])) == [
        "rank",
        "account",
        "score",
        "act",
    ]
    # The order stays that of the queue although nobody looks at the rank.
    assert names(ask(client, owner, cols="score"))[0] == "Healthy Hats"


def test_the_act_column_is_for_those_who_may_act(client, queue, people, make_alert):
    make_alert(queue[0])
    attention.refresh(None, at=NOW)
    for who, may in {
        "owner": True,
        "colleague": False,
        "manager": True,
        "executive": False,
    }.items():
        page = ask(client, people[who]).content.decode()
        assert ('name="take"' in page) is may, who
        assert ("/team/assign/" in page) is (who == "manager"), who
    assert "act" not in columns(ask(client, people["executive"]))


def test_taking_from_the_row(client, queue, owner, colleague, executive, outsider, make_alert):
    alert = make_alert(queue[0])
    attention.refresh(None, at=NOW)
    for user in (outsider, executive, colleague):
        client.force_login(user)
        assert client.post("/at-risk/take/", {"take": alert.pk}).status_code == 404
    client.force_login(owner)
    response = client.post("/at-risk/take/", {"take": alert.pk, "back": "scope=all&sort=arr"})
    assert response["Location"] == "/at-risk/?scope=all&sort=arr"
    alert.refresh_from_db()
    assert alert.taken_by == owner
    page = ask(client, owner).content.decode()
    assert 'name="take"' not in page
    for odd in ("", "x", "9" * 30):
        assert client.post("/at-risk/take/", {"take": odd}).status_code == 404


def test_two_taking_at_once_the_second_is_told(client, queue, owner, manager, make_alert):
    alert = make_alert(queue[0])
    for user in (owner, manager):
        client.force_login(user)
        last = client.post("/at-risk/take/", {"take": alert.pk}, follow=True)
    assert Alert.objects.get(pk=alert.pk).taken_by == owner
    assert "owner" in " ".join(str(message) for message in last.context["messages"])


def test_the_csv_has_the_parts_and_the_work(client, queue, owner, make_alert, make_plan):
    make_alert(queue[0])
    make_plan(queue[0], title="=Rescue", tasks=("Call them",))
    attention.refresh(None, at=NOW)
    response = ask(client, owner, "/at-risk.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["name"] == "Healthy Hats"
    assert (row["alerts_open"], row["severity"], row["next_step"]) == ("1", "High", "Call them")
    assert row["plan"].startswith("'=")
    assert float(row["points_alerts"]) == 8
    assert float(row["priority"]) == 68
