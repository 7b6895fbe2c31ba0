"""Drafts, publishing and YAML: a published version never changes again."""

from threading import Barrier, Thread

import pytest
import yaml
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import connection, connections

from scoring.engine.spec import SpecError, from_dict, spec_hash
from scoring.models import Component, Scorecard, ScorecardVersion
from scoring.services import versions


@pytest.fixture
def card(db):
    versions.load_presets()
    return Scorecard.objects.get(key="crm-engagement")


def active(card):
    return card.versions.select_related("scorecard").get(state="active")


def test_a_draft_is_a_copy_of_the_active_version(card, admin):
    draft = versions.start_draft(card, by=admin)
    assert spec_hash(versions.spec_of(draft)) == active(card).spec_hash
    assert versions.start_draft(card, by=admin) == draft


def test_a_draft_of_90_is_refused_with_the_sentence_and_nothing_changes(card, admin):
    draft = versions.start_draft(card, by=admin)
    Component.objects.filter(version=draft, key="activity").update(weight=30)
    before = list(ScorecardVersion.objects.order_by("pk").values())
    with pytest.raises(SpecError, match="add up to 90, not 100: add 10"):
        versions.publish(draft, by=admin, note="Less")
    assert list(ScorecardVersion.objects.order_by("pk").values()) == before


def test_publishing_needs_a_reason(card, admin):
    draft = versions.start_draft(card, by=admin)
    with pytest.raises(versions.PublishError, match="Say in a note"):
        versions.publish(draft, by=admin, note="  ")


def test_publishing_retires_the_one_before_and_is_recorded(card, admin):
    first = active(card)
    second = versions.publish(versions.start_draft(card, by=admin), by=admin, note="Same again")
    first.refresh_from_db()
    assert (first.state, second.state) == ("retired", "active")
    assert second.published_by == admin
    entry = LogEntry.objects.filter(user=admin).first()
    assert "Same again" in entry.change_message


@pytest.mark.parametrize("part", ["components", "measures", "bands"])
def test_parts_of_a_published_version_are_frozen(card, part):
    row = getattr(active(card), part).first()
    with pytest.raises(ValidationError, match="never changes"):
        row.save()
    with pytest.raises(ValidationError, match="never changes"):
        row.delete()


def test_a_published_version_cannot_be_discarded(card, admin):
    with pytest.raises(versions.PublishError):
        versions.discard(active(card), by=admin)


def test_a_draft_published_meanwhile_is_not_discarded(card, admin):
    draft = versions.start_draft(card, by=admin)
    published = versions.publish(draft, by=admin, note="Quicker")
    assert draft.is_draft, "the colleague's page still says so"
    with pytest.raises(versions.PublishError, match="is published and stays"):
        versions.discard(draft, by=admin)
    assert active(card) == published


def test_a_draft_discarded_meanwhile_is_gone_for_everyone(card, admin):
    mine, theirs = (versions.start_draft(card, by=admin) for _ in range(2))
    versions.discard(theirs, by=admin)
    with pytest.raises(versions.PublishError, match="is gone"):
        versions.publish(mine, by=admin, note="Too late")
    with pytest.raises(versions.PublishError, match="is gone"):
        versions.discard(mine, by=admin)


def test_yaml_goes_out_and_comes_back(card, tmp_path):
    spec = versions.spec_of(active(card))
    path = tmp_path / "card.yaml"
    path.write_text(versions.write_yaml(spec), encoding="utf-8")
    assert versions.read_yaml(path) == spec
    assert from_dict(yaml.safe_load(path.read_text())) == spec


@pytest.mark.parametrize("key", ["crm-engagement", "product-value", "five-pillar"])
def test_every_preset_survives_the_database(card, key):
    version = ScorecardVersion.objects.select_related("scorecard").get(
        scorecard__key=key, state="active"
    )
    assert versions.spec_of(version) == versions.read_yaml(versions.PRESETS / f"{key}.yaml")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_publish_at_once_one_wins(admin):
    versions.load_presets()
    card = Scorecard.objects.get(key="crm-engagement")
    draft = versions.start_draft(card, by=admin)
    together, outcomes = Barrier(2), []

    def publish(note):
        try:
            together.wait()
            outcomes.append(versions.publish(draft, by=admin, note=note))
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=publish, args=(note,)) for note in ("one", "two")]
    if connection.vendor == "sqlite" and "memory" in str(connection.settings_dict["NAME"]):
        # One connection shares the in-memory database: the second comes after the first.
        threads = []
        together = Barrier(1)
        publish("one")
        publish("two")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [each for each in outcomes if isinstance(each, versions.PublishError)]
    assert len(refused) == 1, outcomes
    assert card.versions.filter(state="active").count() == 1


def test_a_published_version_refuses_other_figures_and_its_deletion(db):
    version = versions.load_presets()[0]
    version.min_coverage = 0.1
    with pytest.raises(ValidationError, match="never changes"):
        version.save()
    with pytest.raises(ValidationError, match="never changes"):
        version.delete()
    version.refresh_from_db()
    assert version.min_coverage == 0.5


def test_making_a_scorecard_the_default_is_recorded(db, admin):
    card = versions.load_presets()[0].scorecard
    versions.activate(card, by=admin, default=True)
    entry = LogEntry.objects.get(user=admin, change_message="made the default")
    assert entry.object_repr == card.name
