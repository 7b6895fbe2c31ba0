"""Figures too dear for a page: counted in the background, kept in the cache with the time they were counted.

Whoever asks first wakes a worker, the others are told that it is being counted: one count, however many ask.
A figure says itself by what it is kept, from what it is counted for; it is never kept under what the asker
thought that to be, as a colleague may have changed teams while a message waited.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from celery import shared_task
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

T = TypeVar("T")

_KEPT_SECONDS: Final = 36 * 3_600
# Older figures are still shown, with their time, while they are counted again.
_FRESH: Final = timedelta(hours=1)
# Until then nobody else asks for a count; then the message, or its worker, is taken for lost.
_ASKED_SECONDS: Final = 60
_COUNTING_SECONDS: Final = 600


@dataclass(frozen=True)
class Told(Generic[T]):
    """A figure and when it was counted."""

    value: T
    at: datetime


class Figure(ABC, Generic[T]):
    """Something to be counted, made of plain values: those of `args` make the same again elsewhere."""

    # How long a count is shown before it is counted again.
    fresh: ClassVar[timedelta] = _FRESH

    @property
    @abstractmethod
    def args(self) -> list[Any]:
        """What JSON can carry and `asked` understands."""

    @classmethod
    @abstractmethod
    def asked(cls, *args: Any) -> Self:
        """The figure of `args`; raises ObjectDoesNotExist where what it was of is gone."""

    @abstractmethod
    def depends_on(self) -> list[Any]:
        """Everything the figure depends on: what differs for whoever may not see the same."""

    @abstractmethod
    def count(self) -> T:
        """The figure now; anything that can be pickled."""

    @property
    def key(self) -> str:
        parts = repr([self.name, *self.depends_on()])
        return f"figure:{blake2b(parts.encode(), digest_size=16).hexdigest()}"

    @property
    def name(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"


def told(figure: Figure[T], *, at: datetime) -> Told[T] | None:
    """What was counted of `figure`, or None while it is being counted.

    Where no worker listens it is counted here, by the first who asks.
    """
    key = figure.key
    found: Told[T] | None = cache.get(key)
    if found is not None and at - found.at < figure.fresh:
        return found
    if cache.add(f"{key}:asked", "1", timeout=_ASKED_SECONDS):
        sent = count_figure.apply_async((figure.name, figure.args), expires=2 * _ASKED_SECONDS)
        if sent is None:
            return count_now(figure) or found
        found = cache.get(key, found)
    return found


def count_now(figure: Figure[T]) -> Told[T] | None:
    """Count and keep it; None when somebody is at it."""
    key = figure.key
    if not cache.add(f"{key}:counting", "1", timeout=_COUNTING_SECONDS):
        return None
    try:
        counted = Told(figure.count(), timezone.now())
        cache.set(key, counted, _KEPT_SECONDS)
        return counted
    finally:
        cache.delete_many([f"{key}:counting", f"{key}:asked"])


@shared_task(name="csm.lib.remembered.count_figure")
def count_figure(name: str, args: list[Any]) -> None:
    """Count one figure for whoever asked."""
    kind = import_string(name)
    if not (isinstance(kind, type) and issubclass(kind, Figure)):
        raise TypeError(f"{name} is no figure.")
    count_now(kind.asked(*args))


def rows_asked_for(rows: QuerySet[Any]) -> list[Any]:
    """A queryset as something to depend on: who sees other rows asks another question."""
    try:
        sql, params = rows.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return []
    return [sql, params]
