"""Statements written once and asked often: the ORM takes longer over some than the database over the answer."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

Row = tuple[Any, ...]


class Statement:
    """A `values_list` as it would be asked now, values included, to be asked again as it stands.

    Whoever keeps one keeps it by everything it was made of: who may see what, days, limits.
    """

    def __init__(self, rows: QuerySet[Any, Any]) -> None:
        compiler = rows.query.get_compiler(connection=connection)
        self._params: tuple[Any, ...] = ()
        try:
            self._sql, self._params = compiler.as_sql()
        except EmptyResultSet:
            self._sql = ""
            return
        columns = [column for column, *_ in compiler.select]
        self._converters = compiler.get_converters(columns)
        self._convert: Callable[..., Any] = compiler.apply_converters

    def rows(self) -> list[Row]:
        """The answer now. One query; none where there can be no row."""
        if not self._sql:
            return []
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._params)
            found: list[Row] = cursor.fetchall()
        if self._converters:
            found = [tuple(row) for row in self._convert(found, self._converters)]
        return found
