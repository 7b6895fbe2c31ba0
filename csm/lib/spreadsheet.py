"""CSV that people open in a spreadsheet."""

import re

# Without the mark Excel reads a file in the machine's own code page and breaks names.
MARK = "\ufeff"
# A spreadsheet takes a cell that begins with one of these for a formula; those of double width where
# people write so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Where the comma is the decimal sign a spreadsheet parts cells by these, in the middle of what we call one;
# a line that ends within our quotes then ends for it, too.
_INNER = re.compile(r"([;\t\r\n] *)(?=[=+\-@＝＋－＠])")


def guarded(text: str) -> str:
    """`text` as a spreadsheet shows it instead of running it."""
    text = _INNER.sub(r"\1'", text)
    return f"'{text}" if text.startswith(_FORMULA) else text


class Line:
    """A file for `csv.writer` that hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line
