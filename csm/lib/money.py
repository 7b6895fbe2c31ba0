"""Money is an integer of minor units with a currency; this is the one place that knows how many."""

from django.conf import settings

# ISO 4217 exponents other than 2, for the currencies a book is likely to hold.
EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3}


def exponent(currency: str | None = None) -> int:
    """Decimals of `currency`; of the book's own when absent."""
    return EXPONENTS.get(currency or settings.DEFAULT_CURRENCY, 2)


def per_unit(currency: str | None = None) -> int:
    """Minor units in one major unit: 100 for USD, 1 for JPY."""
    return int(10 ** exponent(currency))


def in_own_currency(amount: str, currency: str = "currency") -> str:
    """SQL for an amount of a row where it is in the book's currency, else unknown: nothing converts them."""
    return f"CASE WHEN {currency} = '{settings.DEFAULT_CURRENCY}' THEN {amount} END"
