"""Small pieces of safe HTML for rows that are prepared in Python.

Lower apps build table cells with these; templates reach the same functions through the tags of
`csm.templatetags.ui`. Nothing here reads a database, and nothing emits a style attribute.
"""

from csm.lib.markup.figures import (
    avatar,
    band,
    day,
    delta,
    link,
    money,
    number,
    owner,
    percent,
    score,
    unknown,
)
from csm.lib.markup.graphics import coverage, gauge, points_bar, sparkline, split_bar
from csm.lib.markup.icons import defn, icon
from csm.lib.markup.rows import figure_rows, table_head, table_rows

__all__ = [
    "avatar",
    "band",
    "coverage",
    "day",
    "defn",
    "delta",
    "figure_rows",
    "gauge",
    "icon",
    "link",
    "money",
    "number",
    "owner",
    "percent",
    "points_bar",
    "score",
    "sparkline",
    "split_bar",
    "table_head",
    "table_rows",
    "unknown",
]
