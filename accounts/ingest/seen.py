"""Which row of a file first used an id."""

from typing import Final

import numpy as np

_RECENT_IDS: Final = 100_000


class SeenIds:
    """The row each id was first used in, at 12 bytes an id: a file may have millions."""

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._hashes = np.empty(0, dtype=np.int64)
        self._rows = np.empty(0, dtype=np.uint32)

    def first(self, external_id: object) -> int | None:
        """The row `external_id` was added with; a false one once in 10^7 files of a million rows."""
        digest = hash(external_id)
        if digest in self._recent:
            return self._recent[digest]
        place = int(np.searchsorted(self._hashes, digest)) if len(self._hashes) else 0
        if place < len(self._hashes) and self._hashes[place] == digest:
            return int(self._rows[place])
        return None

    def add(self, external_id: object, row: int) -> None:
        self._recent[hash(external_id)] = row
        if len(self._recent) >= _RECENT_IDS:
            hashes = np.append(self._hashes, np.fromiter(self._recent.keys(), dtype=np.int64))
            rows = np.append(self._rows, np.fromiter(self._recent.values(), dtype=np.uint32))
            order = np.argsort(hashes, kind="stable")
            self._hashes, self._rows = hashes[order], rows[order]
            self._recent.clear()
