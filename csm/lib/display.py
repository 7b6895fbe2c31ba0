"""Figures as people read them. Text only; `csm.lib.markup` puts it into HTML."""

from __future__ import annotations

import datetime as dt

from csm.lib.money import exponent, per_unit

MISSING = "—"
MINUS = "\N{MINUS SIGN}"

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CHF": "CHF ", "INR": "₹"}
STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def number(value: float | None, digits: int = 0) -> str:
    """`value` with thousands separators and a true minus; a dash when unknown."""
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}"
    # Rounding must not leave a signed zero.
    if text.lstrip("-0.,") == "":
        return text.lstrip("-")
    return text.replace("-", MINUS)


def compact(value: float | None) -> str:
    """`value` with about three significant digits: 950, 9.5K, 12.3M, 2.54B."""
    if value is None:
        return MISSING
    size = abs(value)
    for index, (step, letter) in enumerate(STEPS):
        # 999,950 rounds up into the next step, not to 1,000K.
        if size >= step * 0.99995:
            scaled = value / step
            digits = 2 if letter in "TB" and abs(scaled) < 10 else int(abs(scaled) < 99.95)
            if abs(round(scaled, digits)) >= 1000 and index:
                step, letter = STEPS[index - 1]
                scaled, digits = value / step, 1
            return number(scaled, digits) + letter
    return number(value)


def major_units(minor: int, currency: str) -> float:
    """Integer minor units (cents) as major units of `currency`."""
    return minor / per_unit(currency)


def money(minor: int | None, currency: str = "USD", *, full: bool = False) -> str:
    """An amount in integer minor units as `$1.2M`, or with `full` as `$1,234,567.00`."""
    if minor is None:
        return MISSING
    amount = major_units(minor, currency)
    text = number(abs(amount), exponent(currency)) if full else compact(abs(amount))
    sign = MINUS if minor < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, currency + ' ')}{text}"


def percent(ratio: float | None, digits: int = 0) -> str:
    """A ratio 0..1 as a percentage; a share that is not none never reads 0 %."""
    if ratio is None:
        return MISSING
    if 0 < ratio * 100 < 0.5 * 10**-digits:
        return f"<{10**-digits:.{digits}f}%"
    return f"{number(ratio * 100, digits)}%"


def score(value: float | None, top: float = 100) -> str:
    """A score stored on 0..100 on the scorecard's display scale 0..`top`, one decimal."""
    return MISSING if value is None else number(value * top / 100, 1)


def signed(value: float | None, digits: int = 1) -> str:
    """A change: +2.3, −1.1, 0.0; a dash when unknown."""
    if value is None:
        return MISSING
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def day(value: dt.date | dt.datetime | None) -> str:
    """21 Nov 2026."""
    return MISSING if value is None else f"{value.day} {value:%b %Y}"


def days(value: int | None) -> str:
    """A count of days with its unit."""
    return MISSING if value is None else f"{number(value)} d"


def initials(name: str | None) -> str:
    """One or two letters for an avatar."""
    words = [word for word in (name or "").split() if word[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [w[:2] for w in words]
    return "".join(letters).upper() or "?"


def about(seconds: float) -> str:
    """An estimate of time as people say it, without digits nobody can know: 40 s, 6 min, 2 h 10 min."""
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{max(1, minutes)} min"
    minutes = round(minutes / 10) * 10
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def duration(seconds: float) -> str:
    """Seconds as people say them: 3.1 s, 2 min 5 s, 1 h 4 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
