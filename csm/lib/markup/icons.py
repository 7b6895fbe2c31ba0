"""Inlined icons, and the definition button that stands beside a figure."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

FOLDER = Path(__file__).resolve().parents[3] / "static" / "vendor" / "tabler-icons"


@lru_cache(maxsize=256)
def _drawing(name: str) -> str:
    """The paths of the vendored file; KeyError when there is no icon of that name."""
    path = FOLDER / f"{name}.svg"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise KeyError(f"no vendored icon named {name!r}; add it to vendor_frontend.ICONS")
    source = path.read_text(encoding="utf-8")
    inner = source[source.index(">") + 1 : source.rindex("</svg>")]
    return "".join(line.strip() for line in inner.splitlines())


@lru_cache(maxsize=512)
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A vendored outline icon; hidden from assistive technology unless it has a `label`."""
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    classes = f"ico {escape(css)}" if css else "ico"
    return mark_safe(
        f'<svg class="{classes}" viewBox="0 0 24 24" width="16" height="16" fill="none" '
        'stroke="currentColor" stroke-width="1.75" stroke-linecap="round" '
        f'stroke-linejoin="round" {role}>{_drawing(name)}</svg>'
    )


@lru_cache(maxsize=512)
def defn(text: str) -> SafeString:
    """A small button that tells a figure's definition on hover, focus and touch.

    Without JavaScript the title still shows it and the label still speaks it.
    """
    words = escape(text)
    return mark_safe(
        f'<button type="button" class="defn" title="{words}" aria-label="Definition: {words}">'
        f"{icon('info-circle')}</button>"
    )
