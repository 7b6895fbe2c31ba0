"""What people, forms and links send as text."""


def whole(text: str, digits: int = 15) -> int | None:
    """A whole number of ASCII digits, at most so many; None for anything else.

    Bounded because `int` refuses thousands of digits, and databases numbers beyond 64 bits.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
