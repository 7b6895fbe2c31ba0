"""What the catalogue knows of a metric."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from scoring.metrics.facts import Part

Kind = Literal["count", "days", "money", "ratio", "number", "score", "category"]
Floats = npt.NDArray[np.float64]

# The feeds a reported value comes with; every metric but an attribute can be reported.
REPORTED = "metrics"
ACCOUNT = "accounts"


def same(values: Floats) -> Floats:
    """The part itself."""
    return values


@dataclass(frozen=True)
class Metric:
    """One number (or category) per account as of a date.

    `direction` says which way is better. `unit` is what stands beside the figure where the kind alone does
    not say it. `parts` are what it reads of dated facts, and `value` makes the metric of them, one array
    per part; without parts it is known only where a source reports it. `attribute` names a figure of the
    account's own record that stands in where neither is there. `over` is how the reported values of the
    window become one (see `custom`); without it the newest one counts.
    """

    key: str
    label: str
    kind: Kind
    direction: Literal["up", "down"]
    description: str
    unit: str = ""
    window_days: int | None = None
    signed: bool = False
    parts: tuple[Part, ...] = ()
    value: Callable[..., Floats] = field(default=same, repr=False, compare=False)
    attribute: str = ""
    over: str = ""

    @property
    def is_category(self) -> bool:
        return self.kind == "category"

    @property
    def is_derived(self) -> bool:
        return bool(self.parts)

    @property
    def sources(self) -> tuple[str, ...]:
        """The feeds it can come from, those of dated facts first."""
        feeds = [part.table.feed for part in self.parts] + [REPORTED]
        return tuple(dict.fromkeys(feeds + [ACCOUNT] * bool(self.attribute)))
