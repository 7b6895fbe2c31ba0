"""What the catalogue knows of a metric."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "days", "money", "ratio", "number", "score", "category"]


@dataclass(frozen=True)
class Metric:
    """One number (or category) per account as of a date.

    `direction` says which way is better. `unit` is what stands beside the figure where the kind alone does
    not say it. `sources` name the tables it is read from; "reading" is a dated value a source reported.
    """

    key: str
    label: str
    kind: Kind
    direction: Literal["up", "down"]
    description: str
    unit: str = ""
    window_days: int | None = None
    signed: bool = False
    sources: tuple[str, ...] = ("reading",)

    @property
    def is_category(self) -> bool:
        return self.kind == "category"
