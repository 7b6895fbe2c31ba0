"""What is wrong with one cell."""

from typing import Final

BLANK_REMEDY: Final = "Leave the cell blank if it is unknown."


class CellFault(ValueError):
    """Why one cell cannot be read, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)
