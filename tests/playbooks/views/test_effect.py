"""The page and the file of effect: figures of the house, seen by everybody, changed by the night."""

import csv
import io

import pytest
from django.urls import reverse

from playbooks.models import EffectReport
from playbooks.services import effects
from tests.conftest import NIGHT

PAGE, FILE, REFRESH = reverse("effect"), reverse("effect_csv"), reverse("effect_refresh")


@pytest.fixture
def told(book, make_plan, make_playbook):
    """A report of one plan of a playbook and one by hand; the playbook's effect after 60 days is told."""
    make_plan(book[1], playbook_version=make_playbook("rescue"))
    make_plan(book[3])
    report = effects.refresh(NIGHT)
    for row in report.body["playbooks"][:2]:
        row["after"]["60"]["effect"] |= {
            "treated": 40,
            "matched": 36,
            "effect": 6.4,
            "low": 1.5,
            "high": 11.0,
            "mean_treated": 9.0,
            "mean_matched": 2.75,
            "verdict": "better",
        }
        row["after"]["60"] |= {"mean": -3.5, "known": 40, "kept": [0.95, 0.8, 36]}
    report.save()
    return report


def test_everybody_sees_the_figures_of_the_house(told, people, client):
    for person in people.values():
        client.force_login(person)
        text = client.get(PAGE).content.decode()

        assert "Better than untreated" in text
        assert "+6.4 (+1.5 to +11.0)" in text
        assert "36 of 40 matched" in text
        assert "untreated 80%" in text
        assert "There is no prediction model yet." in text
        # Figures only: no account is named.
        assert "Poor Pots" not in text


def test_the_page_opens_at_the_longest_span_that_tells_something(told, owner, client):
    client.force_login(owner)

    assert client.get(PAGE).context["days"] == 60
    assert client.get(PAGE, {"after": "90"}).context["days"] == 90
    assert client.get(PAGE, {"after": "7", "by": "nothing"}).context["days"] == 60


def test_a_row_without_enough_accounts_shows_no_figure(told, owner, client):
    client.force_login(owner)
    rows = client.get(PAGE).context["rows"]
    cells = {str(row[0][1]): str(row) for row in rows}

    assert "Not enough data" in cells["Plans written by hand"]
    assert "0 matched, 20 needed" in cells["Plans written by hand"]


def test_triggers_have_a_tab_of_their_own(told, owner, client):
    client.force_login(owner)
    response = client.get(PAGE, {"by": "triggers"})

    assert response.context["headers"][0][1] == "Trigger"
    assert "by=triggers" in response.context["csv_url"]


def test_the_file_has_every_span_and_keeps_numbers_numbers(told, owner, client):
    client.force_login(owner)
    text = b"".join(client.get(FILE)).decode("utf-8-sig")
    everything, rescue, by_hand = csv.DictReader(io.StringIO(text))

    assert (everything["name"], everything["runs"]) == ("All plans", "2")
    assert (rescue["key"], rescue["effect_60d"], rescue["mean_change_60d"]) == (
        "rescue",
        "6.4",
        "-3.5",
    )
    assert (by_hand["effect_30d"], by_hand["verdict_30d"]) == ("", "Not enough data")


@pytest.mark.parametrize("asked", ["²", "31", "-30", "9" * 5000])
def test_a_span_that_is_not_offered_is_not_taken(asked, told, owner, client):
    client.force_login(owner)

    assert client.get(PAGE, {"after": asked}).status_code == 200


def test_before_the_first_night_the_page_says_so_and_there_is_no_file(owner, client):
    client.force_login(owner)

    assert "No figures yet" in client.get(PAGE).content.decode()
    assert client.get(FILE).status_code == 404


def test_managers_and_admins_make_the_figures_of_a_newer_night(book, people, client):
    for name in ("owner", "outsider", "executive"):
        client.force_login(people[name])
        assert client.post(REFRESH).status_code == 404
        assert "Make the figures now" not in client.get(PAGE).content.decode()
    assert not EffectReport.objects.exists()

    client.force_login(people["manager"])
    assert "Make the figures now" in client.get(PAGE).content.decode()
    assert client.get(REFRESH).status_code == 405
    assert client.post(REFRESH, follow=True).status_code == 200

    assert EffectReport.objects.get().as_of == NIGHT
    assert "Make the figures now" not in client.get(PAGE).content.decode()


def test_strangers_are_asked_to_log_in(client, db):
    assert client.get(PAGE).status_code == 302
    assert client.get(FILE).status_code == 302
