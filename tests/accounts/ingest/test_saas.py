"""A data set of five tables with names of its own, in four styles of dates: one mapping, the same facts."""

import csv
import io
import random
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from accounts.models import (
    Account,
    HeldRow,
    LifecycleEvent,
    Reading,
    Subscription,
    SubscriptionEvent,
    Ticket,
    Usage,
)

pytestmark = pytest.mark.django_db

MAPPING = """\
source: orbit
feeds:
  accounts:
    columns:
      Customer Ref: external_id
      Customer Title: name
      Vertical: industry
      Nation: country
      Signed Up: customer_since
      Staff: metric:number_of_employees
      Gone?: churn_flag
      Yearly Value (k): arr
    unit: {arr: thousands}
    skip_if: {Internal Test: yes}
  subscriptions:
    columns:
      Contract: external_id
      Customer Ref: account_id
      Package: product
      Licence Count: seats
      Yearly Value (cents): arr_amount
      Begin: started_on
      Finish: ends_on
    unit: {arr_amount: cents}
  usage:
    columns:
      Measured: on
      Sign-ins: measure:logins
      Calls: measure:api_calls
    join: {file: subscriptions.csv, on: {Contract: Contract}, take: {Customer Ref: account_id}}
  tickets:
    columns:
      Case Ref: external_id
      Customer Ref: account_id
      Raised: opened_at
      Solved: closed_on
      First Answer (h): first_response_hours
      Heat: severity
      Escalation: escalated
    values: {severity: {hot: critical, warm: normal, cold: low}}
  lifecycle:
    columns: {Leaver: external_id, Customer Ref: account_id, Left: on, Why: reason}
    set: {stage: Churned}
  subscription_events:
    columns: {Leaver: external_id, Customer Ref: account_id, Left: on, Why: reason}
    set: {kind: churn}
"""
ZONE = ZoneInfo(settings.TIME_ZONE)
FLAGS = {True: ["TRUE", "True", "1", "yes"], False: ["FALSE", "False", "0", "no"]}


def iso(moment, exact):
    # A zone far from the book's: often it is another day there.
    return moment.astimezone(timezone(timedelta(hours=9))).isoformat()


def day_first(moment, exact):
    return moment.strftime("%d/%m/%Y %H:%M" if exact else "%d/%m/%Y")


def month_first(moment, exact):
    return moment.strftime("%m/%d/%Y %I:%M %p" if exact else "%m/%d/%Y")


def epoch(moment, exact):
    return str(int(moment.timestamp() * (1000 if exact else 1)))


def tables(style):
    """The five tables as lists of rows; only the dates depend on `style`."""
    rng = random.Random(3)
    start = date(2025, 1, 1)

    def at(day, exact=False):
        clock = time(rng.randrange(1, 23), rng.randrange(60))
        return style(datetime.combine(day, clock, ZONE), exact)

    def flag(value):
        return rng.choice(FLAGS[value])

    def number(value):
        return rng.choice([str(value), f"{value:,}", f"{value}.0"]) if rng.random() > 0.1 else ""

    accounts, subscriptions, usage, tickets, churn = [], [], [], [], []
    for n in range(40):
        ref, joined = f"00{n:04d}", start + timedelta(days=rng.randrange(300))
        gone = n % 8 == 0
        accounts.append(
            {
                "Customer Ref": ref,
                "Customer Title": f"Customer {n}",
                "Vertical": rng.choice(["DevTools", "FinTech", "-"]),
                "Nation": rng.choice(["DE", "US", "n/a"]),
                "Signed Up": at(joined),
                "Staff": number(rng.randrange(5, 5000)),
                "Gone?": flag(gone),
                "Yearly Value (k)": rng.choice(["12.5", "$8", ""]),
                "Internal Test": flag(n == 39),
            }
        )
        subscriptions.append(
            {
                "Contract": f"S-{n:06x}",
                "Customer Ref": ref,
                "Package": rng.choice(["Basic", "Pro"]),
                "Licence Count": number(rng.randrange(1, 300)),
                "Yearly Value (cents)": number(rng.randrange(100_000, 9_000_000)),
                "Begin": at(joined),
                "Finish": at(joined + timedelta(days=365)) if rng.random() > 0.3 else "",
            }
        )
        usage += [
            {
                "Contract": f"S-{n:06x}",
                "Measured": at(joined + timedelta(days=back)),
                "Sign-ins": number(rng.randrange(100)),
                "Calls": number(rng.randrange(20_000)),
            }
            for back in range(0, 60, 7)
        ]
        tickets.append(
            {
                "Case Ref": f"T-{n}",
                "Customer Ref": ref,
                "Raised": at(joined + timedelta(days=20), exact=True),
                "Solved": at(joined + timedelta(days=22)) if n % 3 else "",
                "First Answer (h)": rng.choice(["1.5", "0:30", ""]),
                "Heat": rng.choice(["hot", "Warm", "cold", "None"]),
                "Escalation": flag(n % 5 == 0),
            }
        )
        if gone:
            left = at(joined + timedelta(days=200))
            churn.append({"Leaver": f"C{n}", "Customer Ref": ref, "Left": left, "Why": "price"})
    return {
        "accounts": accounts,
        "subscriptions": subscriptions,
        "usage": usage,
        "tickets": tickets,
        "churn": churn,
    }


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def facts():
    """Every fact there is, without what depends on the database."""
    ref = "account__external_id"
    return [
        list(Account.objects.order_by("external_id").values_list(
            "external_id", "name", "industry", "country", "customer_since", "churn_flag",
            "arr_amount", "lifecycle_stage", "churned_on")),
        list(Reading.objects.order_by(ref).values_list(ref, "on", "metrics")),
        list(Subscription.objects.order_by("external_id").values_list(
            "external_id", ref, "product", "seats", "arr_amount", "started_on", "ends_on")),
        list(Usage.objects.order_by(ref, "measure__key", "on").values_list(
            ref, "measure__key", "on", "value")),
        list(Ticket.objects.order_by("external_id").values_list(
            "external_id", ref, "opened_on", "opened_at", "closed_on", "severity",
            "first_response_minutes", "escalated_on")),
        list(LifecycleEvent.objects.order_by("external_id").values_list(
            "external_id", ref, "stage", "on", "reason")),
        list(SubscriptionEvent.objects.order_by("external_id").values_list(
            "external_id", ref, "kind", "on", "reason")),
    ]  # fmt: skip


def wipe():
    HeldRow.objects.all().delete()
    Account.objects.all().delete()


def test_all_styles_of_dates_give_the_same_facts(write, load):
    assert len(MAPPING.splitlines()) < 60
    mapping = write(MAPPING, "orbit.yaml")
    seen = []
    for style in (iso, day_first, month_first, epoch):
        wipe()
        made = tables(style)
        paths = {name: write(as_csv(rows), f"{name}.csv") for name, rows in made.items()}
        results = {}
        for feed, name in (
            ("accounts", "accounts"),
            ("subscriptions", "subscriptions"),
            ("usage", "usage"),
            ("tickets", "tickets"),
            ("lifecycle", "churn"),
            ("subscription_events", "churn"),
        ):
            results[feed] = load(paths[name], feed=feed, mapping=mapping)
            assert results[feed].rejected == 0, results[feed].errors[:3]
        assert results["accounts"].created == 39
        assert results["tickets"].held == 1
        seen.append(facts())
    accounts, _, subscriptions, usage, tickets, churn, _ = seen[0]
    assert (len(accounts), len(subscriptions), len(tickets), len(churn)) == (39, 39, 39, 5)
    assert len(usage) > 600
    for other in seen[1:]:
        assert other == seen[0]
