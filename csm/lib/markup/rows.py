"""Head and body of a list, put together without the template engine.

A template loop costs about 10 µs a cell; a page of 25 rows by 10 columns would spend more time
here than in its queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.http import QueryDict
from django.utils.formats import localize
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe

from csm.lib.addresses import PLACE
from csm.lib.markup.icons import icon


def table_head(table: Any, query: QueryDict) -> SafeString:
    """`<th>` of a django-tables2 table: sorting links that keep the rest of the address, from page one."""
    kept = query.copy()
    for name in (table.prefixed_order_by_field, table.prefixed_page_field, *PLACE):
        kept.pop(name, None)
    return _head(table, kept.urlencode())


# The lists share their table objects by order, so the head of a list is drawn once per address.
@lru_cache(maxsize=512)
def _head(table: Any, kept: str) -> SafeString:
    parts: list[str] = []
    first = "first "
    for column in table.columns:
        css = f"{first}{column.attrs['th'].get('class', '')}"
        first = ""
        if not column.orderable:
            parts.append(f'<th scope="col" class="{escape(css)}">{escape(column.header)}</th>\n')
            continue
        order = QueryDict(kept, mutable=True)
        order[table.prefixed_order_by_field] = column.order_by_alias.next
        sort, mark = "", "selector"
        if column.is_ordered:
            down = column.order_by_alias.is_descending
            sort = f' aria-sort="{"descending" if down else "ascending"}"'
            mark = "chevron-down" if down else "chevron-up"
        parts.append(
            f'<th scope="col" class="{escape(css)}"{sort}><a href="?{escape(order.urlencode())}">'
            f"{escape(column.header)}{icon(mark)}</a></th>\n"
        )
    return mark_safe("".join(parts))


def table_rows(rows: Iterable[Any], selectable: bool | str = False) -> SafeString:
    """`<tr>` of prepared rows: `.url`, `.cells` [(css class, html)], optional `.id .name .css`.

    A cell that is not marked safe is escaped. With `selectable` each row starts with a checkbox
    named "id"; when it names a form, the checkbox belongs to that one, wherever it stands.
    """
    parts: list[str] = []
    for row in rows:
        # A row that others see with other cells behind it remembers what they have in common.
        shared = getattr(row, "shared", None) or row
        drawn = getattr(shared, "drawn", None)
        text = None if drawn is None else drawn.get(selectable)
        if text is None:
            text = _drawn(shared, selectable)
            if drawn is not None:
                drawn[selectable] = text
        parts.append(text)
        if shared is not row:
            parts += _cells(row.cells[len(shared.cells) :], "")
        parts.append("</tr>\n")
    return mark_safe("".join(parts))


def figure_rows(rows: Iterable[Iterable[tuple[str, Any]]] | None) -> SafeString:
    """`<tr>` of rows [(css class, html)], the first cell their head; what is not marked safe is escaped."""
    parts: list[str] = []
    for row in rows or ():
        parts.append("<tr>")
        tag = 'th scope="row"'
        for css, html in row:
            # Figures that are still plain numbers or days, the way a template prints them.
            text = conditional_escape(html if isinstance(html, str) else localize(html))
            parts.append(f'<{tag} class="{escape(css)}">{text}</{tag[:2]}>')
            tag = "td"
        parts.append("</tr>")
    return mark_safe("".join(parts))


def _drawn(row: Any, selectable: bool | str) -> str:
    """A row without its end."""
    css = getattr(row, "css", "")
    kind = f' class="{escape(css)}"' if css else ""
    parts = [f'<tr data-url="{escape(row.url)}"{kind}>']
    if selectable:
        form = f' form="{escape(selectable)}"' if isinstance(selectable, str) else ""
        parts.append(
            f'<td class="pick"><label><input type="checkbox" name="id"{form} '
            f'value="{escape(row.id)}" aria-label="Select {escape(row.name)}"></label></td>'
        )
    return "".join([*parts, *_cells(row.cells, "first ")])


def _cells(cells: Iterable[Any], first: str) -> list[str]:
    found = []
    for css, html in cells:
        found.append(f'<td class="{first}{css}">{conditional_escape(html)}</td>')
        first = ""
    return found
