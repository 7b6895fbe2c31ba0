"""The formulas of `crm-engagement` once more, in plain Python: nothing here comes from the engine.

Written from the specification (sections 2, 3.1 and 6) so that an error would have to be made twice.
"""

from collections.abc import Mapping, Sequence
from statistics import median

SIZE_POINTS = {"Enterprise": 100.0, "Large": 75.0, "Mid-Market": 50.0, "Small Business": 25.0}
NUMBERS = (
    "days_since_last_activity",
    "total_activities_30d",
    "total_contacts",
    "contacts_with_email",
    "annual_revenue",
    "total_won_amount",
    "number_of_employees",
    "current_pipeline_amount",
)

Row = Mapping[str, str]


def number(row: Row, key: str) -> float | None:
    return float(row[key]) if row.get(key) not in (None, "") else None


def min_max(rows: Sequence[Row], key: str, *, invert: bool = False) -> list[float | None]:
    values = [number(row, key) for row in rows]
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def scaled(value: float | None) -> float | None:
        if value is None:
            return None
        if high == low:
            return 50.0
        return 100 * ((high - value) if invert else (value - low)) / (high - low)

    return [scaled(value) for value in values]


def weighted(parts: Sequence[tuple[float, float | None]]) -> float | None:
    """Mean of the known values by their weights; the weight of the missing goes to the others."""
    known = [(weight, value) for weight, value in parts if value is not None]
    total = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / total if known else None


def quantile(values: Sequence[float], share: float) -> float:
    """With linear interpolation."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def accounts(rows: Sequence[Row]) -> dict[str, dict]:
    """By account id: score, band, predicted (major units) and tier; None and "" are unknown."""
    volume = min_max(rows, "total_activities_30d")
    recency = min_max(rows, "days_since_last_activity", invert=True)
    revenue = min_max(rows, "annual_revenue")
    won = min_max(rows, "total_won_amount")
    people = min_max(rows, "number_of_employees")
    found = {}
    for place, row in enumerate(rows):
        contacts, reached = number(row, "total_contacts"), number(row, "contacts_with_email")
        share = 100 * min(reached / contacts, 1.0) if contacts and reached is not None else None
        size = SIZE_POINTS.get(row["account_size_segment"])
        components = (
            (40, [(0.5, volume[place]), (0.5, recency[place])]),
            (30, [(1.0, share)]),
            (20, [(0.5, revenue[place]), (0.5, won[place])]),
            (10, [(0.6, size), (0.4, people[place])]),
        )
        score = weighted([(weight, weighted(parts)) for weight, parts in components])
        coverage = sum(
            weight * sum(part for part, value in parts if value is not None)
            for weight, parts in components
        )
        found[row["account_id"]] = {
            "score": score,
            "band": band(score, coverage / 100),
            "predicted": predicted(score, row),
        }
    amounts = [each["predicted"] for each in found.values() if each["predicted"] is not None]
    cuts = (quantile(amounts, 0.25), quantile(amounts, 0.75)) if amounts else (0.0, 0.0)
    for each in found.values():
        each["tier"] = tier(each["predicted"], cuts)
    return found


def band(score: float | None, coverage: float) -> str:
    if score is None or coverage < 0.5:
        return "Unknown"
    return "High" if score >= 80 else "Medium" if score >= 50 else "Low"


def predicted(score: float | None, row: Row) -> float | None:
    pipeline, won = number(row, "current_pipeline_amount"), number(row, "total_won_amount")
    if None in (score, pipeline, won):
        return None
    p = score / 100
    return pipeline * p + 0.5 * won * (0.05 + 0.25 * p)


def tier(amount: float | None, cuts: tuple[float, float]) -> str:
    if amount is None:
        return ""
    return "A" if amount > cuts[1] else "C" if amount < cuts[0] else "B"


def segment_rates(rows: Sequence[Row], scored: Mapping[str, dict]) -> dict[tuple[str, str], tuple]:
    """(accounts with a band, high-risk ones) by industry and size."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        cell = found.setdefault(
            (row["industry_normalized"] or "Unknown", row["account_size_segment"] or "Unknown"),
            [0, 0],
        )
        word = scored[row["account_id"]]["band"]
        cell[0] += word != "Unknown"
        cell[1] += word == "Low"
    return {cell: tuple(counts) for cell, counts in found.items() if counts[0]}


def medians(rows: Sequence[Row], scored: Mapping[str, dict]) -> dict[str, tuple]:
    """(median of the high-risk, median of all) by metric; None without any."""

    def of(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def ratio(row: Row) -> float | None:
        contacts, reached = number(row, "total_contacts"), number(row, "contacts_with_email")
        return reached / contacts if contacts and reached is not None else None

    high = [row for row in rows if scored[row["account_id"]]["band"] == "Low"]
    found = {
        key: (of([number(r, key) for r in high]), of([number(r, key) for r in rows]))
        for key in NUMBERS
    }
    found["contact_ratio"] = (of([ratio(r) for r in high]), of([ratio(r) for r in rows]))
    return {key: pair for key, pair in found.items() if pair[1] is not None}
