"""All facts of a book into the database, feed by feed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db import transaction

from accounts.models import ImportRun
from csm.demo.facts import (
    activities,
    billing,
    contacts,
    deals,
    goals,
    history,
    imports,
    stream,
    surveys,
    tickets,
    usage,
)
from csm.demo.facts.ledger import CRM, LABEL, Ledger
from csm.demo.facts.touches import Touches
from csm.demo.facts.world import World


def are_there() -> bool:
    """Whether the facts of the book have been written."""
    return ImportRun.objects.filter(source=CRM, file_name=LABEL).exists()


@transaction.atomic
def write_facts(
    world: World, touches: Touches, *, ids: np.ndarray, users: Mapping[str, Any], source: str
) -> int:
    """Store every fact, all or nothing; returns how many rows of feeds. `source` is the accounts' own."""
    ledger = Ledger(world, ids, users)
    people = contacts.write(ledger)
    activities.write(ledger, touches, people)
    deals.write(ledger)
    tickets.write(ledger)
    surveys.write(ledger, people)
    usage.write(ledger)
    usage.write_features(ledger)
    billing.write_subscriptions(ledger)
    billing.write_invoices(ledger)
    goals.write(ledger)
    history.write_stages(ledger)
    history.write_owners(ledger)
    history.write_relations(ledger)
    ledger.close()
    imports.write(ledger)
    stream.write(ledger, source)
    return sum(run.created_count for run in ledger.runs.values())
