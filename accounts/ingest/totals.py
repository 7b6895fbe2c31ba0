"""What an import has counted so far."""

from collections import Counter
from dataclasses import dataclass, field, fields

from accounts.ingest.plans import CREATED, UNCHANGED, UPDATED, BasePlan
from accounts.models import ImportRun


@dataclass
class Totals:
    """Counts so far, kept with every chunk; `errors_at` is where its errors end in the errors file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    held: int = 0
    rejected: int = 0
    readings_created: int = 0
    readings_changed: int = 0
    error_count: int = 0
    errors_at: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, run: ImportRun | None) -> "Totals":
        kept = run.options.get("totals", {}) if run is not None else {}
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in names})

    @property
    def loaded(self) -> int:
        return self.created + self.updated + self.unchanged

    @property
    def read(self) -> int:
        return self.loaded + self.held + self.rejected

    def add(self, planned: BasePlan) -> None:
        counts = Counter(planned.outcomes.values())
        self.created += counts[CREATED]
        self.updated += counts[UPDATED]
        self.unchanged += counts[UNCHANGED]
        self.held += len({row.number for row in planned.held})
        self.readings_created += planned.readings_created
        self.readings_changed += planned.readings_changed
        self.notes = dict(Counter(self.notes) + planned.notes)
