"""Which accounts a trigger is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from playbooks.rules.document import RuleError

_COLUMNS: Final = ("industry", "size_segment", "lifecycle_stage")
_KEYS: Final = (*_COLUMNS, "tags")


@dataclass(frozen=True)
class Scope:
    """Every list that is not empty must match; an account matches `tags` with one of them."""

    industry: tuple[str, ...] = ()
    size_segment: tuple[str, ...] = ()
    lifecycle_stage: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, document: Any) -> "Scope":
        """The scope a document describes. Raises RuleError with a sentence naming the fault."""
        if not isinstance(document, Mapping):
            raise RuleError("scope: an object with lists of names belongs here.")
        if extra := sorted(str(key) for key in set(document) - set(_KEYS)):
            raise RuleError(
                f"scope: {', '.join(extra)} does not belong here; {', '.join(_KEYS)} may."
            )
        found: dict[str, tuple[str, ...]] = {}
        for key, names in document.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise RuleError(f"scope.{key}: a list of names belongs here.")
            found[key] = tuple(name.strip() for name in names if name.strip())
        return cls(**found)

    def matches(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """(n,) per row of a frame with the account's attributes; what is not told matches no list."""
        inside = np.ones(len(frame), dtype=bool)
        for name in _COLUMNS:
            if wanted := getattr(self, name):
                inside &= frame[name].isin(wanted).to_numpy(dtype=bool)
        if self.tags:
            wanted = set(self.tags)
            tagged = (not wanted.isdisjoint(tags) for tags in frame["tags"])
            inside &= np.fromiter(tagged, dtype=bool, count=len(frame))
        return inside
