"""CSV that people open in a spreadsheet."""

# Without the mark Excel reads a file in the machine's own code page and breaks names.
MARK = "\ufeff"
# A spreadsheet takes a cell that begins with one of these for a formula; those of double width where
# people write so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """`text` as a spreadsheet shows it instead of running it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


class Line:
    """A file for `csv.writer` that hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line
