"""Redis as a cache that may be gone: nothing kept there is the truth, so pages do without it."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger("csm.cache")

# After a failure Redis is left alone for so long: a page asks several times and waits once.
_PAUSE_SECONDS: Final = 5.0


class Tolerant(RedisCache):
    """Django's Redis cache; while Redis does not answer, reads find nothing and writes are dropped.

    `add` then says the key was new: counters start again and marks of work under way let it begin, which rows
    guard anyway. `incr` of what cannot be read raises ValueError, as for any missing key.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._down_until = 0.0

    def _try(self, act: Callable[[], Any], otherwise: Any) -> Any:
        if time.monotonic() < self._down_until:
            return otherwise
        try:
            return act()
        except (RedisError, OSError) as error:
            self._down_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("the cache does not answer, going on without it: %s", error)
            return otherwise

    def answers(self) -> bool:
        """Whether Redis answers right now."""
        try:
            super().get("answers")
        except (RedisError, OSError):
            return False
        return True

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return bool(
            self._try(lambda: super(Tolerant, self).add(key, value, timeout, version), True)
        )

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._try(lambda: super(Tolerant, self).get(key, default, version), default)

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._try(lambda: super(Tolerant, self).set(key, value, timeout, version), None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._try(lambda: super(Tolerant, self).touch(key, timeout, version), False))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._try(lambda: super(Tolerant, self).delete(key, version), False))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        asked = list(keys)
        found: dict[Any, Any] = self._try(
            lambda: super(Tolerant, self).get_many(asked, version), {}
        )
        return found

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._try(lambda: super(Tolerant, self).has_key(key, version), False))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        found: int | None = self._try(lambda: super(Tolerant, self).incr(key, delta, version), None)
        if found is None:
            raise ValueError(f"Key {key!r} cannot be counted: the cache does not answer.")
        return found

    def set_many(
        self,
        data: Mapping[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        kept = dict(data)
        return list(
            self._try(lambda: super(Tolerant, self).set_many(kept, timeout, version), list(kept))
        )

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        gone = list(keys)
        self._try(lambda: super(Tolerant, self).delete_many(gone, version), None)

    def clear(self) -> None:
        self._try(lambda: super(Tolerant, self).clear(), None)
