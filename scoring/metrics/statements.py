"""Running the statements that read dated facts: columns come back, and PostgreSQL is told how to plan."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction

from csm.lib.copy import read_columns

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

# Account by account from its index, each account by one of the processes that share the range, its rows in the
# order of days: any other plan sorts the rows of all accounts on disk, reads the window of the whole book for
# each range, or adds floats in another order. The index of a shard's accounts is small, their facts are not.
_PLANS = (
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "enable_sort = off",
    "enable_bitmapscan = off",
    "min_parallel_index_scan_size = 0",
)


@contextmanager
def side_by_side() -> Iterator[None]:
    """Statements of `facts.Table.is_joined` inside may be shared among processes of the server."""
    names = [plan.split(" ")[0] for plan in _PLANS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {plan}" for plan in _PLANS))
        yield
        cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in names))


def numbers(sql: str, n: int) -> tuple[Ids, list[Floats]]:
    """The accounts a statement of `facts.Table.select` finds, and `n` columns of numbers (NaN for NULL)."""
    if connection.vendor == "postgresql":
        names = [f"v{number}" for number in range(n)]
        kinds = {"account_id": "int8", **dict.fromkeys(names, "float8")}
        found = read_columns(f"SELECT * FROM ({sql}) f ({', '.join(kinds)})", (), kinds)
        return found["account_id"], [found[name] for name in names]
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
    values = np.array(rows, dtype=np.float64).reshape(len(rows), n + 1)
    return values[:, 0].astype(np.int64), list(values[:, 1:].T)
