"""Clocks: when they start, are met, run out, and who hears of it.

Poor Pots is the only account of the book below 30 and in the lowest band on `NIGHT`, a Friday.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from accounts.models import Account, Team
from csm.lib.errors import WorkbenchError
from csm.models import Role, User
from playbooks.models import Absence, Alert, Clock, ClockRule, Escalation, Intervention, Notice
from playbooks.services import clock_rules, clocks
from scoring.models import AccountHealth, ScoreRun
from tests.conftest import NIGHT

Key = ClockRule.Key
AT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def run(as_of: date = NIGHT, at: datetime = AT) -> None:
    clocks.night(as_of=as_of, at=at)


def of(account: Account, key: str) -> Clock:
    return Clock.objects.filter(account=account, rule__key=key).latest("pk")


@pytest.fixture
def poor(book: list[Account]) -> Account:
    found = AccountHealth.objects.get(account=book[1])
    assert found.score is not None
    assert found.score < 30
    assert found.band == 0
    return book[1]


def test_first_response_starts_when_the_night_is_over(poor: Account) -> None:
    run()
    clock = Clock.objects.get(rule__key=Key.FIRST_RESPONSE)
    assert clock.account == poor
    assert clock.owner == poor.owner
    assert clock.reason.endswith("below 30")
    assert (clock.started_at, clock.due_at) == (AT, AT + 48 * HOUR)
    # Repeating the night changes nothing.
    run()
    assert Clock.objects.filter(rule__key=Key.FIRST_RESPONSE).count() == 1


@pytest.mark.parametrize(("score", "starts"), [(29.9, True), (30.0, False), (None, False)])
def test_the_threshold_of_the_first_response(
    poor: Account, score: float | None, starts: bool
) -> None:
    AccountHealth.objects.filter(account=poor).update(score=score)
    run()
    assert Clock.objects.filter(rule__key=Key.FIRST_RESPONSE).exists() is starts


def test_an_unknown_score_neither_starts_nor_ends(poor: Account) -> None:
    run()
    AccountHealth.objects.filter(account=poor).update(score=None, band=-1)
    run()
    assert of(poor, Key.FIRST_RESPONSE).state == Clock.State.RUNNING
    AccountHealth.objects.filter(account=poor).update(score=30, band=1)
    run()
    clock = of(poor, Key.FIRST_RESPONSE)
    assert (clock.state, clock.outcome) == (Clock.State.DROPPED, "Health recovered")


def test_working_time_where_the_rule_says_so(poor: Account) -> None:
    clock_rules.ensure()
    ClockRule.objects.filter(key=Key.FIRST_RESPONSE).update(in_business_time=True, hours=8)
    run()
    # Started on a Saturday: Monday from nine to five.
    assert of(poor, Key.FIRST_RESPONSE).due_at == datetime(2026, 11, 23, 17, tzinfo=UTC)


def test_a_met_clock_starts_again_only_after_the_account_was_better(
    poor: Account, owner: User, score_book: Callable[..., ScoreRun]
) -> None:
    bad = {"total_activities_30d": 0, "days_since_last_activity": 90, "contacts_with_email": 0,
           "total_contacts": 1, "annual_revenue": 0, "total_won_amount": 0}  # fmt: skip
    run()
    assert clocks.meet(Key.FIRST_RESPONSE, [poor.pk], by=owner, at=AT + HOUR, outcome="Called") == 1
    met = of(poor, Key.FIRST_RESPONSE)
    assert (met.state, met.met_by, met.outcome) == (Clock.State.MET, owner, "Called")
    score_book({poor: bad}, NIGHT + DAY)
    run(NIGHT + DAY, AT + DAY)
    assert Clock.objects.filter(rule__key=Key.FIRST_RESPONSE).count() == 1
    score_book({poor: {}}, NIGHT + 2 * DAY)
    score_book({poor: bad}, NIGHT + 3 * DAY)
    assert AccountHealth.objects.get(account=poor).score < 30
    run(NIGHT + 3 * DAY, AT + 3 * DAY)
    assert of(poor, Key.FIRST_RESPONSE).started_at == AT + 3 * DAY


def test_an_earlier_night_is_judged_by_its_own_figures(
    poor: Account, score_book: Callable[..., ScoreRun]
) -> None:
    score_book({poor: {}}, NIGHT + DAY)
    run(NIGHT, AT)
    assert of(poor, Key.FIRST_RESPONSE).started_at == AT
    run(NIGHT + DAY, AT + DAY)
    assert of(poor, Key.FIRST_RESPONSE).state == Clock.State.DROPPED


def test_root_cause_waits_for_an_alert_or_a_plan(
    poor: Account, make_alert: Callable[..., object], make_plan: Callable[..., Intervention]
) -> None:
    run()
    assert not Clock.objects.filter(rule__key=Key.ROOT_CAUSE).exists()
    make_alert(poor)
    run()
    assert of(poor, Key.ROOT_CAUSE).due_at == AT + 7 * DAY
    plan = make_plan(poor)
    plan.cause = Intervention.Cause.ADOPTION
    plan.save()
    run(at=AT + DAY)
    clock = of(poor, Key.ROOT_CAUSE)
    assert (clock.state, clock.met_at) == (Clock.State.MET, AT + DAY)


def test_root_cause_is_dropped_with_its_alert(
    poor: Account, make_alert: Callable[..., object]
) -> None:
    alert = make_alert(poor)
    run()
    alert.delete()
    run()
    assert of(poor, Key.ROOT_CAUSE).outcome == "No open alert or plan any more"


def test_executives_see_the_largest_at_once(
    poor: Account, book: list[Account], executive: User, make_plan: Callable[..., Intervention]
) -> None:
    AccountHealth.objects.all().update(band=0)
    Account.objects.filter(pk=book[0].pk).update(arr_amount=99_000_000)
    clock_rules.ensure()
    ClockRule.objects.filter(key=Key.EXECUTIVE).update(params={"top": 2})
    run()
    found = Clock.objects.filter(rule__key=Key.EXECUTIVE).order_by("pk")
    # The second by name: equal amounts go by the older account; an unknown one is in no ranking.
    assert [clock.account for clock in found] == [book[0], poor]
    assert found[0].reason.startswith("No. 1 ")
    told = Escalation.objects.filter(clock__in=found)
    assert {(row.level, row.told.get()) for row in told} == {("executive", executive)}
    plan = make_plan(poor)
    Intervention.objects.filter(pk=plan.pk).update(sponsor=executive)
    run(at=AT + DAY)
    assert of(poor, Key.EXECUTIVE).state == Clock.State.MET
    assert Escalation.objects.count() == 2


def test_a_review_starts_the_next(
    poor: Account, owner: User, make_plan: Callable[..., object]
) -> None:
    make_plan(poor)
    run()
    clocks.meet(Key.WEEKLY_REVIEW, [poor.pk], by=owner, at=AT + 3 * DAY, outcome="Note")
    first, second = Clock.objects.filter(rule__key=Key.WEEKLY_REVIEW).order_by("pk")
    assert first.state == Clock.State.MET
    assert (second.started_at, second.due_at) == (AT + 3 * DAY, AT + 10 * DAY)
    clocks.take_back(first, by=owner, at=AT + 4 * DAY)
    assert Clock.objects.get(rule__key=Key.WEEKLY_REVIEW).state == Clock.State.RUNNING


def test_a_breach_goes_to_the_manager_then_to_executives_once(
    poor: Account, manager: User, executive: User
) -> None:
    run()
    Clock.objects.filter(rule__key=Key.EXECUTIVE).delete()
    assert clocks.tick(at=AT + 48 * HOUR) == 0
    # Due on Monday at 2:30: broken a second later, told to the manager before anybody works.
    late = AT + 48 * HOUR + timedelta(seconds=1)
    assert clocks.tick(at=late) == 1
    clock = of(poor, Key.FIRST_RESPONSE)
    assert (clock.state, clock.broken_at) == (Clock.State.BROKEN, AT + 48 * HOUR)
    assert clocks.tick(at=late) == 0
    # Eight working hours on: Monday at 17:00.
    monday = datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert clocks.tick(at=monday - timedelta(seconds=1)) == 0
    assert clocks.tick(at=monday) == 1
    assert clocks.tick(at=monday + 30 * DAY) == 0
    rows = Escalation.objects.filter(clock=clock).order_by("at")
    assert [(row.level, row.told.get()) for row in rows] == [
        ("manager", manager),
        ("executive", executive),
    ]


def test_the_absent_are_told_through_their_cover(
    poor: Account, manager: User, make_user: Callable[..., User], north: Team
) -> None:
    cover = make_user("cover", Role.MANAGER)
    Absence.objects.create(user=manager, cover=cover, first_on=NIGHT, last_on=NIGHT + 9 * DAY)
    run()
    clocks.tick(at=AT + 3 * DAY)
    row = Escalation.objects.get(clock=of(poor, Key.FIRST_RESPONSE), level="manager")
    assert set(row.told.all()) == {manager, cover}


def test_a_level_nobody_holds_is_recorded_empty(poor: Account) -> None:
    Account.objects.filter(pk=poor.pk).update(team=None)
    run()
    clocks.tick(at=AT + 3 * DAY)
    row = Escalation.objects.get(clock=of(poor, Key.FIRST_RESPONSE), level="manager")
    assert not row.told.exists()


def test_two_people_meet_one_clock(poor: Account, owner: User, colleague: User) -> None:
    run()
    seen = of(poor, Key.FIRST_RESPONSE)
    clocks.acknowledge(seen, by=owner, at=AT + HOUR, outcome="Called them")
    with pytest.raises(WorkbenchError, match="owner met this clock before you: Called them"):
        clocks.acknowledge(seen, by=colleague, at=AT + HOUR, outcome="Wrote to them")
    with pytest.raises(WorkbenchError, match="yourself"):
        clocks.take_back(seen, by=colleague, at=AT + HOUR)
    clocks.take_back(seen, by=owner, at=AT + HOUR)
    assert of(poor, Key.FIRST_RESPONSE).state == Clock.State.RUNNING
    with pytest.raises(WorkbenchError, match="few words"):
        clocks.acknowledge(seen, by=owner, at=AT + HOUR, outcome="  ")


def test_the_clock_follows_the_owner(poor: Account, colleague: User) -> None:
    run()
    Account.objects.filter(pk=poor.pk).update(owner=colleague)
    clocks.tick(at=AT + HOUR)
    assert of(poor, Key.FIRST_RESPONSE).owner == colleague


def test_many_breaches_are_one_notice(
    book: list[Account], manager: User, make_clock: Callable[..., Clock]
) -> None:
    for account in book:
        make_clock(account, due_at=AT)
    clocks.tick(at=AT + HOUR)
    told = Notice.objects.filter(user=manager, kind=Notice.Kind.CLOCK)
    assert [notice.title for notice in told] == ["6 clocks ran out: First response"]


def test_tuning_a_rule(poor: Account, admin: User, manager: User) -> None:
    run()
    rule = ClockRule.objects.get(key=Key.FIRST_RESPONSE)
    values = {name: getattr(rule, name) for name in
              ("hours", "in_business_time", "params", "escalate_after_hours", "is_active")}  # fmt: skip
    with pytest.raises(WorkbenchError, match="admin"):
        clock_rules.save(rule, values, by=manager, at=AT)
    with pytest.raises(WorkbenchError, match="manager and to executives"):
        clock_rules.save(rule, values | {"escalate_after_hours": {"king": 3}}, by=admin, at=AT)
    assert clock_rules.save(rule, values | {"is_active": False}, by=admin, at=AT) == [poor.pk]
    assert of(poor, Key.FIRST_RESPONSE).state == Clock.State.DROPPED
    run()
    assert not Clock.objects.filter(rule=rule, state__in=Clock.OPEN_STATES).exists()


def test_the_night_costs_the_same_for_every_size(
    book: list[Account],
    make_account: Callable[..., Account],
    score_book: Callable[..., ScoreRun],
    owner: User,
    north: Team,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    many = {
        make_account(owner=owner, team=north): {"total_activities_30d": 0, "total_contacts": 0}
        for _ in range(30)
    }
    score_book(many, NIGHT + DAY)
    AccountHealth.objects.all().update(score=10, band=0)
    # However many accounts: only a chunk of two thousand more costs more.
    with django_assert_max_num_queries(70):
        run(NIGHT + DAY, AT + DAY)
    assert Clock.objects.filter(rule__key=Key.FIRST_RESPONSE).count() == 36


def test_the_command_looks_at_the_clocks(
    poor: Account, capsys: pytest.CaptureFixture[str], make_clock: Callable[..., Clock]
) -> None:
    make_clock(poor, due_at=AT - 365 * DAY)
    call_command("tick_clocks")
    # Broken for more than a year: the manager and the executives hear of it at once.
    assert capsys.readouterr().out == "2 escalations new.\n"


def test_taking_the_alert_is_the_first_response(
    poor: Account, owner: User, make_alert: Callable[..., Alert]
) -> None:
    run()
    make_alert(poor, taken_at=AT + 3 * HOUR, taken_by=owner)
    # Found on the third day, yet met in time: nobody hears of a breach.
    clocks.tick(at=AT + 72 * HOUR)
    clock = of(poor, Key.FIRST_RESPONSE)
    assert (clock.state, clock.met_at) == (Clock.State.MET, AT + 3 * HOUR)
    assert not Escalation.objects.filter(clock=clock).exists()


def test_a_breach_nobody_manages_goes_to_the_admins(
    make_account: Callable[..., Account], make_clock: Callable[..., Clock], admin: User
) -> None:
    clock = make_clock(make_account(team=None))
    clocks.tick(at=clock.due_at + timedelta(minutes=1))
    assert clock.escalations.get(level="manager").told.get() == admin
