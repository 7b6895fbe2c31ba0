"""Tiles from the metric catalogue: the same numbers the score is made of, for one account."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from accounts.models import Account
from csm.lib import markup
from csm.lib.money import per_unit
from scoring import wording
from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.read import frame


def tiles(account: Account, keys: Sequence[str], as_of: date) -> list[dict[str, Any]]:
    """One tile per metric key as of a day: label, value, unit, definition; unknown stays unknown."""
    found = frame(keys, as_of=as_of, first_id=account.pk, last_id=account.pk)
    row = None if found.empty else found.iloc[0]
    return [
        {
            "label": CATALOGUE[key].label,
            "value": _value(key, None if row is None else row[key], account.currency),
            "unit": wording.unit(key),
            "definition": CATALOGUE[key].description,
            "as_of": as_of,
        }
        for key in keys
    ]


def _value(key: str, value: Any, currency: str) -> Any:
    if value is None or value != value:
        return None
    match CATALOGUE[key].kind:
        case "money":
            return markup.money(round(value * per_unit(currency)), currency)
        case "ratio":
            return markup.percent(value)
        case "category":
            return str(value)
        case "count" | "days":
            return markup.number(value)
    return markup.number(value, 1)
