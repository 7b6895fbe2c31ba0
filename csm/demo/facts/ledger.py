"""Where facts are booked: the accounts' keys, and an import for every feed of every system."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils import timezone

from accounts.models import ImportRun
from csm.demo.facts.world import World

LABEL = "back-fill of the demo's systems"
CRM, SUPPORT, PRODUCT, BILLING, SUCCESS = (
    "demo-crm",
    "demo-support",
    "demo-product",
    "demo-billing",
    "demo-success",
)
HELP_CENTRE, TRACKING = "demo-helpcentre", "demo-tracking"
SOURCES = {
    CRM: "CRM (contacts, deals, activities)",
    SUPPORT: "Support desk (tickets, surveys)",
    PRODUCT: "Product telemetry",
    BILLING: "Billing (contracts, invoices)",
    SUCCESS: "Success plans",
    HELP_CENTRE: "Help centre",
    TRACKING: "Web app events",
}


@dataclass
class Ledger:
    """`ids` are primary keys by row of the company frame; `users` by username."""

    world: World
    ids: np.ndarray
    users: Mapping[str, Any]
    runs: dict[tuple[str, str], ImportRun] = field(default_factory=dict)

    def run(self, source: str, feed: str) -> int:
        """The import that brought the facts of a feed from a system."""
        if (source, feed) not in self.runs:
            self.runs[source, feed] = ImportRun.objects.create(
                feed=feed,
                source=source,
                file_name=LABEL,
                as_of=self.world.plan.as_of,
                state=ImportRun.State.DONE,
            )
        return int(self.runs[source, feed].pk)

    def facts(self, source: str, feed: str, rows: np.ndarray, prefix: str) -> dict[str, Any]:
        """The columns every fact has; `rows` name the accounts."""
        run = self.run(source, feed)
        self.count(source, feed, len(rows))
        return {
            "account": self.ids[rows],
            "source": source,
            "external_id": [f"{prefix}-{number:06d}" for number in range(1, len(rows) + 1)],
            "import_run": run,
        }

    def count(self, source: str, feed: str, rows: int) -> None:
        """Add rows to what an import loaded."""
        self.run(source, feed)
        run = self.runs[source, feed]
        run.rows_read += rows
        run.created_count += rows

    def close(self) -> None:
        """Store the counts; the imports ended on the morning the systems were connected."""
        at = timezone.make_aware(dt.datetime.combine(self.world.plan.connected_on, dt.time(8, 15)))
        for run in self.runs.values():
            run.finished_at = at + dt.timedelta(seconds=20 + run.rows_read // 20_000)
            run.save(update_fields=["rows_read", "created_count", "finished_at"])
        ImportRun.objects.filter(pk__in=[run.pk for run in self.runs.values()]).update(
            started_at=at
        )
