"""A filter with its values as lists show it."""

from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


@dataclass(frozen=True)
class Facet:
    """One filter with its values (value, label, on); `many` may be ticked together, `none` names no choice."""

    name: str
    label: str
    options: tuple[tuple[str, str, bool], ...]
    many: bool = True
    none: str = "Any"
    chosen: tuple[str, ...] = ()

    @property
    def html(self) -> SafeString:
        """The control."""
        return _html(self)


# The same few dozen options are printed on every page of a list.
@lru_cache(maxsize=512)
def _html(facet: Facet) -> SafeString:
    return render_to_string("portfolio/_facet.html", {"facet": facet})
