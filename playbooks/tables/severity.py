"""How loud something is: a word, and as many bars as it is loud."""

from functools import lru_cache

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from playbooks.models import Severity

_TONES = {Severity.CRITICAL: "poor", Severity.HIGH: "fair"}
_HEIGHTS = (4, 7, 10, 12)


@lru_cache(maxsize=32)
def severity(level: int, *, good: bool = False) -> SafeString:
    """The word of a severity with its bars; `good` for opportunities, which are no alarm."""
    tone = "good" if good else _TONES.get(Severity(level), "unknown")
    bars = "".join(
        f'<rect class="{"s-on" if place < level else "s-off"}" x="{place * 3.5}" '
        f'y="{12 - height}" width="2.5" height="{height}" rx=".75"/>'
        for place, height in enumerate(_HEIGHTS)
    )
    return mark_safe(
        f'<span class="severity tone-{tone}"><svg viewBox="0 0 13 12" width="13" height="12" '
        f'aria-hidden="true">{bars}</svg>{escape(Severity(level).label)}</span>'
    )
