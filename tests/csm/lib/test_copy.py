"""Columns arrive as they were sent: nulls, empty and long texts, bytes, the last bit of a number."""

from datetime import date

import numpy as np
import pytest
from django.db import connection

from csm.lib.copy import Column, read_columns, write_columns

pytestmark = pytest.mark.django_db
WORDS = ["", "At risk", "Größe", "x" * 100]


@pytest.fixture
def table():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE copied (id bigint, small smallint, four integer, score float8, amount bigint, "
            "day date, name varchar(100), packed "
            + ("bytea" if connection.vendor == "postgresql" else "blob")
            + ")"
        )
    yield "copied"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE copied")


def _columns(n):
    rng = np.random.default_rng(5)
    score = rng.random(n) * 100
    score[rng.random(n) < 0.3] = np.nan
    amount = np.rint(rng.random(n) * 1e15)
    amount[rng.random(n) < 0.3] = np.nan
    return [
        Column("id", "int8", np.arange(n) + 2**40),
        Column("small", "int2", rng.integers(-300, 300, n)),
        Column.same("four", "int4", -7, n),
        Column.floats("score", score),
        Column.whole("amount", amount),
        Column.same("day", "date", date(1999, 12, 31), n),
        Column("name", "text", rng.integers(0, len(WORDS), n), words=WORDS),
        Column("packed", "bytea", rng.random((n, 3)).astype("<f4")),
    ]


@pytest.mark.parametrize("n", [1, 5, 20_003])
def test_what_is_written_is_there(table, n):
    columns = _columns(n)
    write_columns(table, columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        found = cursor.fetchall()
    wanted = list(zip(*(column.plain() for column in columns), strict=True))
    assert [(*row[:5], str(row[5]), row[6], bytes(row[7])) for row in found] == [
        (*row[:5], str(row[5]), row[6], row[7]) for row in wanted
    ]


def test_columns_are_read_as_they_were_written(table):
    if connection.vendor != "postgresql":
        pytest.skip("reads arrays of PostgreSQL")
    columns = _columns(700)
    write_columns(table, columns)
    sql = f"SELECT * FROM {table} WHERE small > %s ORDER BY id"
    kinds = {"id": "int8", "score": "float8", "packed": "bytea", "name": "json"}
    found = read_columns(sql, [-1000], kinds)
    by_name = {column.name: column for column in columns}
    np.testing.assert_array_equal(found["id"], by_name["id"].values)
    np.testing.assert_array_equal(found["score"], by_name["score"].values)
    assert found["packed"] == by_name["packed"].values.tobytes()
    assert found["name"] == by_name["name"].plain()
    nothing = read_columns(sql, [1000], kinds)
    assert [len(column) for column in nothing.values()] == [0, 0, 0, 0]
