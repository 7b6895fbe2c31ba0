"""Measures of triggers and of who has too much."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import Account, LifecycleEvent, SubscriptionEvent
from csm.models import User
from playbooks.access import alerts_seen_by
from playbooks.models import Alert, Trigger
from playbooks.selectors import measures
from tests.conftest import NIGHT

Make = Callable[..., Alert]
pytestmark = pytest.mark.django_db


def ago(days: int):
    return NIGHT - timedelta(days=days)


def turn(account: Account, kind: str, on, change: int | None = None) -> None:
    SubscriptionEvent.objects.create(
        account=account,
        kind=kind,
        on=on,
        arr_change=change,
        source="test",
        external_id=f"{account.pk}-{kind}-{on}",
    )


def figures(trigger: Trigger) -> measures.Figures:
    return measures.figures(on=NIGHT)[trigger.pk]


def test_precision_counts_what_followed_within_the_horizon(
    make_account: Callable[..., Account], make_trigger: Callable[..., Trigger], make_alert: Make
) -> None:
    trigger = make_trigger()
    for number in range(20):
        account = make_account()
        make_alert(account, trigger, ago(200), state="cleared")
        if number < 3:
            # On the very day is no warning; a day later is, on the last day still, then no more.
            turn(account, "downsell", ago(200 - (0, 90, 91)[number]))
        elif number == 3:
            account.churned_on = ago(200 - 30)
            account.save()
        elif number == 4:
            LifecycleEvent.objects.create(
                account=account, stage="Churned", on=ago(190), source="t", external_id="x"
            )
        elif number == 5:
            turn(account, "renewal", ago(199), -500)
        elif number == 6:
            # Neither growth nor what lies ahead of the day of asking.
            turn(account, "upsell", ago(199))
            turn(account, "churn", NIGHT + timedelta(days=1))

    found = figures(trigger)

    assert found.precision[90] == measures.Share(4, 20)
    assert found.precision[180] == measures.Share(5, 20)
    assert found.precision[90].value == 0.2
    # Leads of 90, 91, 30, 10 and 1 days.
    assert found.lead_days == 30


def test_a_young_alert_is_not_judged_even_if_something_followed(
    make_account: Callable[..., Account], make_trigger: Callable[..., Trigger], make_alert: Make
) -> None:
    trigger, account = make_trigger(), make_account()
    make_alert(account, trigger, ago(89))
    turn(account, "churn", ago(80))

    found = figures(trigger)

    assert found.precision[90] == measures.Share(0, 0)
    assert found.precision[90].value is None
    assert found.followed == measures.Share(1, 1)


def test_an_opportunity_is_judged_by_growth(
    make_account: Callable[..., Account], make_trigger: Callable[..., Trigger], make_alert: Make
) -> None:
    trigger = make_trigger("ready", family=Trigger.Family.OPPORTUNITY)
    grew, shrank = make_account(), make_account()
    for account, kind in ((grew, "upsell"), (shrank, "churn")):
        make_alert(account, trigger, ago(100))
        turn(account, kind, ago(50))

    assert figures(trigger).precision[90] == measures.Share(1, 2)


def test_what_became_of_alerts_of_the_last_quarter(
    make_account: Callable[..., Account],
    make_trigger: Callable[..., Trigger],
    make_alert: Make,
    admin: User,
) -> None:
    trigger = make_trigger()
    acted = {"acted_at": "2026-11-01T00:00Z"}
    make_alert(make_account(), trigger, ago(9))
    make_alert(make_account(), trigger, ago(3), state="held")
    make_alert(make_account(), trigger, ago(10), state="cleared")
    make_alert(make_account(), trigger, ago(10), state="dismissed", **acted)
    # Switched off by a person after it was told counts; taken back by the night does not.
    make_alert(make_account(), trigger, ago(10), state="withdrawn", ended_by=admin)
    make_alert(make_account(), trigger, ago(10), state="withdrawn")
    make_alert(make_account(), trigger, ago(90), state="cleared")

    found = figures(trigger)

    assert (found.open, found.held, found.fired) == (2, 1, 4)
    assert found.acknowledged == measures.Share(1, 4)
    assert found.cleared == measures.Share(1, 4)
    assert found.dismissed == measures.Share(1, 4)
    assert found.open_age == 6


def test_load_is_of_what_one_may_see_by_owner(
    book: list[Account],
    manager: User,
    outsider: User,
    owner: User,
    colleague: User,
    make_trigger: Callable[..., Trigger],
    make_alert: Make,
) -> None:
    trigger, other = make_trigger(), make_trigger("other")
    at = "2026-11-15T08:30Z"
    make_alert(book[0], trigger, ago(5), taken_at=at, acted_at=at)
    make_alert(book[0], other, ago(40), overflow=True)
    make_alert(book[3], trigger, ago(1))

    loads = measures.load(alerts_seen_by(manager), on=NIGHT)

    assert [each.owner_id for each in loads] == [owner.pk, colleague.pk]
    assert (loads[0].open, loads[0].untaken, loads[0].overflow) == (2, 1, 1)
    assert loads[0].oldest_on == ago(40)
    # From 02:00 to 08:30.
    assert (loads[0].answered, loads[0].first_act_hours) == (1, 6)
    assert loads[1].first_act_hours is None
    assert measures.load(alerts_seen_by(outsider), on=NIGHT) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({}, None), ({3: 1}, 3), ({1: 1, 4: 1}, 2.5), ({1: 5, 9: 4}, 1), ({1: 2, 9: 2}, 5)],
)
def test_median_of_counts(counts: dict[int, int], expected: float | None) -> None:
    assert measures.median(counts) == expected
