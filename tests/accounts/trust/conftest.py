"""Facts day by day, and a book that has one of everything."""

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import models
from accounts.measures import measure_ids

LAST = date(2026, 11, 20)


@pytest.fixture
def tell(db):
    """A usage measure of accounts on every day from `days` before `until` up to it."""

    def make(accounts, *, days=40, until=LAST, key="logins", source="product", value=10.0):
        measure = measure_ids([key])[key]
        models.Usage.objects.bulk_create(
            models.Usage(
                account=account,
                measure_id=measure,
                on=until - timedelta(days=n),
                source=source,
                value=value,
            )
            for account in accounts
            for n in range(days)
        )

    return make


@pytest.fixture
def one_of_each(make_user):
    """A row of every table that belongs to an account; `tag` keeps ids of two accounts apart."""

    def make(account, tag, on=LAST):
        fact = {"account": account, "source": "crm", "external_id": tag}
        contact = models.Contact.objects.create(name="Ann", known_on=on, **fact)
        models.ContactState.objects.create(account=account, contact=contact, valid_from=on)
        deal = models.Opportunity.objects.create(opened_on=on, **fact)
        models.OpportunityState.objects.create(
            account=account, opportunity=deal, valid_from=on, status="open"
        )
        models.Activity.objects.create(kind="call", on=on, contact=contact, **fact)
        models.Ticket.objects.create(opened_on=on, **fact)
        models.Survey.objects.create(kind="nps", sent_on=on, contact=contact, **fact)
        invoice = models.Invoice.objects.create(issued_on=on, due_on=on, **fact)
        models.Payment.objects.create(invoice=invoice, on=on, amount=1, **fact)
        contract = models.Subscription.objects.create(started_on=on, **fact)
        models.SubscriptionEvent.objects.create(subscription=contract, kind="new", on=on, **fact)
        goal = models.Goal.objects.create(agreed_on=on, **fact)
        models.GoalProgress.objects.create(account=account, goal=goal, on=on, actual=1)
        models.LifecycleEvent.objects.create(stage="Growth", on=on, **fact)
        feature, _ = models.Feature.objects.get_or_create(
            key="export", defaults={"label": "Export"}
        )
        models.FeatureUse.objects.create(feature=feature, on=on, **fact)
        models.Reading.objects.create(account=account, on=on, source="crm", metrics={"a": 1})
        measure = measure_ids(["logins"])["logins"]
        models.Usage.objects.create(account=account, measure_id=measure, on=on, value=3)
        models.AccountAlias.objects.create(account=account, source="erp", external_id=tag)
        models.Event.objects.create(
            account=account,
            source="web",
            message_id=tag,
            kind="track",
            on=on,
            at=timezone.make_aware(datetime(2026, 11, 20, 9)),
        )

    return make
