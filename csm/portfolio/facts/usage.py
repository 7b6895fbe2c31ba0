"""How one account uses the product: a line per measure, and what its last weeks add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from accounts.models import Account, Usage, UsageMeasure
from accounts.models.usage import Aggregate
from csm.lib import display, markup

DAYS: Final = 180
WINDOW: Final = 30
# Charts on the page; the table under them has every measure.
CHARTS: Final = 4
_WORDS: Final = {
    Aggregate.SUM: "sum of the days",
    Aggregate.MEAN: "mean of the days told",
    Aggregate.LAST: "last value told",
}


@dataclass(frozen=True)
class Series:
    """Values of one measure by day, oldest first.

    Of sources that tell of the same day sums add up; of other measures the first by name counts, as it does
    for the last value of a metric.
    """

    measure: UsageMeasure
    days: list[date]
    values: list[float]
    sources: list[str]

    def over(self, first: date, last: date) -> float | None:
        """The measure over the days `first` to `last` by its own aggregate; None without a value."""
        inside = [v for d, v in zip(self.days, self.values, strict=True) if first <= d <= last]
        if not inside:
            return None
        match self.measure.aggregate:
            case Aggregate.SUM:
                return sum(inside)
            case Aggregate.MEAN:
                return sum(inside) / len(inside)
        return inside[-1]


def series(account: Account, as_of: date) -> list[Series]:
    """Every measure told of in `DAYS` days up to `as_of`, the most told first; one query."""
    told = (
        Usage.objects.filter(account=account, on__lte=as_of, on__gt=as_of - timedelta(days=DAYS))
        .select_related("measure")
        .order_by("measure_id", "on", "source")
    )
    found = [_series(list(rows)) for _, rows in groupby(told, key=lambda row: row.measure_id)]
    return sorted(found, key=lambda each: (-len(each.days), each.measure.label))


def _series(rows: list[Usage]) -> Series:
    days: list[date] = []
    values: list[float] = []
    for row in rows:
        if days and days[-1] == row.on:
            if row.measure.aggregate == Aggregate.SUM:
                values[-1] += row.value
        else:
            days.append(row.on)
            values.append(row.value)
    return Series(rows[0].measure, days, values, sorted({row.source for row in rows}))


def charts(found: Iterable[Series]) -> list[dict[str, Any]]:
    """A line chart with its table for the measures told most."""
    made = []
    for each in list(found)[:CHARTS]:
        unit = each.measure.unit
        pairs = list(zip(each.days, each.values, strict=True))
        made.append(
            {
                "id": f"usage-{each.measure.key}",
                "kind": "line",
                "label": f"{each.measure.label}, {DAYS} days",
                "title": each.measure.label,
                "unit": unit,
                "size": "low",
                "data": {
                    "points": [{"x": day.isoformat(), "y": value} for day, value in pairs],
                    "name": each.measure.label,
                    "y": unit,
                    "min": 0,
                },
                "headers": [("", "Day"), ("r", unit or each.measure.label)],
                "rows": [
                    [("num", markup.day(day)), ("r", display.number(value, _digits(value)))]
                    for day, value in reversed(pairs)
                ],
            }
        )
    return made


HEADERS: Final = (
    ("wrap", "Measure"),
    ("r", f"Last {WINDOW} days"),
    ("r", f"{WINDOW} days before"),
    ("r", "Change"),
    ("wrap", "How it adds up"),
    ("num", "Last told"),
    ("wrap", "Source"),
)


def rows(found: Iterable[Series], as_of: date) -> list[list[tuple[str, Any]]]:
    """A row per measure: this window, the one before, the change, how it adds up, last day, source."""
    made = []
    for each in found:
        now = each.over(as_of - timedelta(days=WINDOW - 1), as_of)
        before = each.over(as_of - timedelta(days=2 * WINDOW - 1), as_of - timedelta(days=WINDOW))
        change = (now - before) / before * 100 if now is not None and before else None
        made.append(
            [
                ("wrap", each.measure.label),
                ("r", markup.number(now, _digits(now), each.measure.unit)),
                ("r", markup.number(before, _digits(before))),
                ("r", markup.unknown() if change is None else f"{display.signed(change, 0)}%"),
                ("wrap quiet", _WORDS[Aggregate(each.measure.aggregate)]),
                ("num", markup.day(each.days[-1])),
                ("wrap quiet", ", ".join(each.sources)),
            ]
        )
    return made


def _digits(value: float | None) -> int:
    return 0 if value is None or value == round(value) or abs(value) >= 100 else 2
