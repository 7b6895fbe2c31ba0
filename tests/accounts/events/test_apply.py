"""What events become: totals counted again from events, whatever pieces they arrive and are applied in."""

import random
from collections import Counter
from datetime import date

import pytest

from accounts.events import apply, rules
from accounts.models import (
    Account,
    AccountAlias,
    Event,
    EventRule,
    Feature,
    FeatureUse,
    Usage,
    UsageMeasure,
    WriteKey,
)

DAY = date(2026, 11, 20)
How = EventRule.How
State = Event.State


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    from datetime import UTC, datetime

    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def rule(admin):
    def make(event="Report Exported", how=How.COUNT, makes="reports", **more):
        if how == How.FEATURE:
            more["feature"] = rules.feature_for(makes)
        else:
            more["measure"] = rules.measure_for(makes, how=how)
        made = EventRule(event=event, how=how, **more)
        rules.save_rule(made, by=admin)
        return made

    return make


def totals(key="reports") -> dict[tuple[str, str], float]:
    rows = Usage.objects.filter(measure__key=key, source="product")
    return {(row.account.external_id, f"{row.on:%m-%d}"): row.value for row in rows}


def run() -> Counter:
    return apply.apply_events(as_of=DAY)


def stamp(day: int, hour: int = 9) -> dict[str, str]:
    return {"timestamp": f"2026-11-{day:02d}T{hour:02d}:00:00Z"}


def test_each_way_of_counting(post, track, rule, make_account):
    make_account()
    rule(makes="reports")
    rule(how=How.SUM, property="rows", makes="rows")
    rule(how=How.USERS, makes="exporters")
    rule(how=How.FEATURE, makes="export")
    sent = [
        track(userId="ada", properties={"rows": 2}, **stamp(19)),
        track(userId="ada", properties={"rows": 3.5}, **stamp(19)),
        track(userId="bob", properties={"rows": "many"}, **stamp(19)),
        # No number at all: nothing is known of the sum, which is not zero.
        track(userId="bob", **stamp(20)),
    ]
    post({"batch": sent})
    assert run()[State.APPLIED] == 4
    assert totals("reports") == {("A0001", "11-19"): 3, ("A0001", "11-20"): 1}
    assert totals("rows") == {("A0001", "11-19"): 5.5}
    assert totals("exporters") == {("A0001", "11-19"): 2, ("A0001", "11-20"): 1}
    assert UsageMeasure.objects.get(key="exporters").aggregate == "mean"
    uses = FeatureUse.objects.filter(feature__key="export").values_list("on", "uses")
    assert sorted(uses) == [(date(2026, 11, 19), 3), (date(2026, 11, 20), 1)]


def test_any_order_in_any_pieces_gives_the_same(post, track, rule, make_account, monkeypatch):
    accounts = [make_account() for _ in range(5)]
    rule(makes="reports")
    rule("Signed In", makes="reports")
    dice = random.Random(7)
    sent = [
        track(
            dice.choice(["Report Exported", "Signed In", "Other"]),
            dice.choice(accounts).external_id,
            **stamp(dice.randint(1, 20)),
        )
        for _ in range(300)
    ]
    expected = Counter(
        (message["context"]["groupId"], message["timestamp"][5:10])
        for message in sent
        if message["event"] != "Other"
    )
    monkeypatch.setattr(apply, "BATCH", 7)
    dice.shuffle(sent)
    for start in range(0, 300, 50):
        # Every batch is sent twice.
        for _ in range(2):
            post({"batch": sent[start : start + 50]})
        run()
    assert totals() == expected
    # All of it once more.
    Event.objects.update(state=State.WAITING)
    run()
    assert totals() == expected


def test_a_pass_that_dies_leaves_nothing_half_done(post, track, rule, make_account, monkeypatch):
    make_account()
    rule()
    post({"batch": [track(**stamp(19)) for _ in range(5)]})
    real = apply.update_days
    with monkeypatch.context() as broken:
        broken.setattr(apply, "update_days", lambda *a, **k: real(*a, **k) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run()
    assert not totals()
    assert Event.objects.filter(state=State.WAITING).count() == 5
    run()
    assert totals() == {("A0001", "11-19"): 5}


def test_held_until_the_account_appears(post, track, rule, make_account):
    rule()
    post({"batch": [track(group="LATE", **stamp(19)), track(group="", userId="eve", **stamp(19))]})
    assert run()[State.HELD] == 2
    notes = " ".join(Event.objects.values_list("note", flat=True))
    assert "No account of product has the id LATE." in notes
    assert "send group" in notes
    assert run().total() == 0
    make_account(external_id="LATE")
    # Now the user is said to belong there, a day after what they did.
    post({"type": "group", "userId": "eve", "groupId": "LATE"}, to="group")
    run()
    assert totals() == {("LATE", "11-19"): 2}
    assert not Event.objects.filter(state=State.HELD).exists()


def test_whose_event_it_is(post, track, rule, make_account):
    """Own source, the key's other system, an alias, the only account anywhere; a merged one leads on."""
    rule()
    WriteKey.objects.update(account_source="crm")
    crm = make_account(source="crm", external_id="1")
    other = make_account(source="billing", external_id="1")
    AccountAlias.objects.create(source="crm", external_id="old", account=crm)
    AccountAlias.objects.create(source="billing", external_id="theirs", account=other)
    only = make_account(source="billing", external_id="only")
    make_account(source="a", external_id="two")
    make_account(source="b", external_id="two")
    kept = make_account(source="crm", external_id="kept")
    half = make_account(source="crm", external_id="half", merged_into=kept)
    make_account(source="crm", external_id="gone", merged_into=half)
    sent = [
        track(group=told, **stamp(19)) for told in ("1", "old", "only", "gone", "two", "theirs")
    ]
    sent.append(track(group="", properties={"account_id": 1}, **stamp(19)))
    post({"batch": sent})
    run()
    named = {row.account_id: row.value for row in Usage.objects.all()}
    assert named == {crm.pk: 3, only.pk: 1, kept.pk: 1}
    assert Event.objects.filter(state=State.HELD).count() == 2


def test_a_merge_takes_the_events_along(post, track, rule, make_account):
    first, second = make_account(), make_account()
    rule()
    post({"batch": [track(group=a.external_id, **stamp(19)) for a in (first, second, second)]})
    run()
    Usage.objects.filter(account=second).delete()
    Account.objects.filter(pk=second.pk).update(merged_into=first)
    post({"batch": [track(group="A0001", **stamp(19))]})
    run()
    assert totals() == {("A0001", "11-19"): 4}


def test_the_users_group_is_the_one_of_the_time(post, track, rule, make_account):
    make_account(), make_account()
    rule()
    to = {"type": "group", "userId": "ada"}
    post(
        {
            "batch": [
                track(group="", **stamp(19, 8)),
                to | {"groupId": "A0001", "messageId": "g1"} | stamp(19, 9),
                track(group="", **stamp(19, 10)),
                to | {"groupId": "A0002", "messageId": "g2"} | stamp(19, 11),
                track(group="", **stamp(19, 12)),
                {"type": "alias", "previousId": "ada", "userId": "ada2", "messageId": "al"}
                | stamp(19, 13),
                track(group="", userId="ada2", **stamp(19, 14)),
            ]
        }
    )
    run()
    assert totals() == {("A0001", "11-19"): 2, ("A0002", "11-19"): 2}
    # An older word that arrives late does not move her back.
    post({"batch": [to | {"groupId": "A0001", "messageId": "g0"} | stamp(18)]})
    post({"batch": [track(group="", **stamp(20))]})
    run()
    assert totals()["A0002", "11-20"] == 1


def test_a_rule_made_later_counts_the_past_and_takes_back(post, track, rule, make_account, admin):
    account = make_account()
    post({"batch": [track(**stamp(3)), track(**stamp(19)), track("Other", **stamp(19))]})
    assert run()[State.UNUSED] == 3
    draft = EventRule(event="Report Exported", how=How.COUNT)
    seen = rules.preview(draft, as_of=DAY)
    assert (seen.events, seen.unknown, seen.values, seen.accounts, seen.total) == (2, 0, 2, 1, 2)
    assert not totals()
    made = rule()
    assert totals() == {("A0001", "11-03"): 1, ("A0001", "11-19"): 1}
    # A file's figure of the same measure stays, whatever becomes of the rule.
    Usage.objects.create(account=account, measure=made.measure, on=DAY, source="file", value=9)
    made.measure, made.event = rules.measure_for("others", how=How.COUNT), "Other"
    rules.save_rule(made, by=admin)
    assert (totals(), totals("others")) == ({}, {("A0001", "11-19"): 1})
    assert Event.objects.filter(state=State.UNUSED).count() == 2
    rules.deactivate(made, by=admin)
    assert totals("others") == {}
    assert Usage.objects.get().value == 9
    post({"batch": [track("Other", **stamp(19))]})
    run()
    assert totals("others") == {}


def test_a_rule_of_one_source_leaves_the_others(post, track, rule, make_account, admin):
    from accounts.events.keys import create_key

    make_account()
    other = create_key(name="App", source="mobile", by=admin)[1]
    rule(source="mobile")
    post({"batch": [track(**stamp(19))]})
    post({"batch": [track(**stamp(19))]}, key=other)
    run()
    assert list(Usage.objects.values_list("source", "value")) == [("mobile", 1)]
    assert Event.objects.filter(source="product", state=State.UNUSED).count() == 1


def test_queries_do_not_grow_with_the_batch(
    post, track, rule, make_account, django_assert_max_num_queries
):
    rule()
    few, many = [make_account() for _ in range(2)], [make_account() for _ in range(60)]
    counts = []
    for accounts in (few, many):
        post({"batch": [track(group=a.external_id, **stamp(19)) for a in accounts]})
        with django_assert_max_num_queries(40) as queries:
            run()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_features_know_their_events(post, track, rule, make_account, admin):
    make_account()
    made = rule(how=How.FEATURE, makes="export")
    post({"batch": [track(**stamp(19))]})
    run()
    assert Feature.objects.get().uses.count() == 1
    rules.deactivate(made, by=admin)
    assert Feature.objects.get().uses.count() == 0
