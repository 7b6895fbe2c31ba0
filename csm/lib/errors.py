"""The error a door turns into a sentence for the person who asked."""


class WorkbenchError(Exception):
    """A request that cannot be met; `str()` is the sentence to show, with the remedy in it."""
