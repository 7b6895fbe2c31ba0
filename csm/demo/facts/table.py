"""Columns of numpy arrays into a table, past the ORM."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Max, Model

from csm.lib.copy import bulk_insert


def store(model: type[Model], columns: Mapping[str, Any]) -> None:
    """Append rows: `columns` are arrays or lists of one length, or scalars that hold for all rows.

    NaN and NaT become null; an array of whole floats becomes integers where the field is one. Includes
    `id` when the caller has numbered the rows (`next_id`). The caller holds the transaction.
    """
    length = max(len(column) for column in columns.values() if _is_column(column))
    values = [
        _plain(column, model._meta.get_field(name).get_internal_type())
        if _is_column(column)
        else [column] * length
        for name, column in columns.items()
    ]
    bulk_insert(model, tuple(columns), zip(*values, strict=True))
    if "id" in columns:
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)


def next_id(model: type[Model]) -> int:
    """The first free primary key."""
    return int(model._default_manager.aggregate(top=Max("pk"))["top"] or 0) + 1


def _is_column(column: Any) -> bool:
    return isinstance(column, (np.ndarray, list))


def _plain(column: Any, kind: str) -> list[Any]:
    if isinstance(column, list) or column.dtype == object:
        return list(column)
    if column.dtype.kind == "M":
        days = np.datetime_as_string(column, unit="D").tolist()
        return [None if day == "NaT" else day for day in days]
    if column.dtype.kind != "f":
        return column.tolist()
    gone = np.isnan(column)
    if kind == "FloatField":
        found = column.tolist()
    else:
        found = np.where(gone, 0, column).round().astype(np.int64).tolist()
    if gone.any():
        for at in np.flatnonzero(gone).tolist():
            found[at] = None
    return found
