"""What people read when the database is slow, busy or gone; and that most of it they never see."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.urls import reverse

PASSWORD = "a long pass phrase"

pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no server to lose"
)
sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has one writer")


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """Somebody else's connection."""
    other = connections["default"].copy()
    yield other
    other.close()


@pytest.fixture
def reader(owner: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    return client


@pytest.fixture
def session(reader: Client) -> Iterator[None]:
    """Settings made on our connection end with the test."""
    yield
    connection.close()


def run(sql: str, on: BaseDatabaseWrapper = connection) -> None:
    with on.cursor() as cursor:
        cursor.execute(sql)


@postgresql
def test_a_page_whose_connection_was_cut_comes_all_the_same(reader, other):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    run(f"SELECT pg_terminate_backend({pid}, 2000)", other)

    assert reader.get(reverse("portfolio")).status_code == 200


@postgresql
def test_a_form_is_not_sent_twice_by_itself(reader, other, owner):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    run(f"SELECT pg_terminate_backend({pid}, 2000)", other)

    answer = reader.post(reverse("password_change"), {})

    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "The database does not answer" in answer.content.decode()
    assert reader.get("/").status_code == 200


@postgresql
def test_a_page_that_takes_too_long_says_so(reader, other, session):
    run("SET statement_timeout = 50")
    other.set_autocommit(False)
    run("LOCK TABLE accounts_account IN ACCESS EXCLUSIVE MODE", other)

    answer = reader.get(reverse("portfolio"))

    assert answer.status_code == 503
    assert "This took too long" in answer.content.decode()
    assert "add a filter" in answer.content.decode()


@postgresql
def test_a_program_reads_json(reader, other, session):
    run("SET lock_timeout = 20")
    other.set_autocommit(False)
    run("LOCK TABLE accounts_account IN ACCESS EXCLUSIVE MODE", other)

    answer = reader.get("/api/v1/accounts/")

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer["Retry-After"]


@sqlite
@pytest.mark.parametrize("table", ["csm_user", "django_session"])
def test_a_log_in_waits_for_whoever_writes(owner, other, table):
    other.set_autocommit(False)
    run(f"DELETE FROM {table} WHERE 0", other)
    writer = threading.Timer(0.05, other.connection.rollback)
    writer.start()

    client = Client(raise_request_exception=False)
    answer = client.post(reverse("login"), {"username": "owner", "password": PASSWORD})
    writer.join()

    assert answer.status_code == 302
    assert client.get("/").status_code == 200
    assert get_user_model().objects.get(pk=owner.pk).last_login


@sqlite
def test_a_log_in_that_waited_in_vain_is_told_to_come_again(owner, other):
    other.set_autocommit(False)
    run("DELETE FROM csm_user WHERE 0", other)

    client = Client(raise_request_exception=False)
    answer = client.post(reverse("login"), {"username": "owner", "password": PASSWORD})
    other.rollback()

    assert answer.status_code == 503
    assert "The database is busy" in answer.content.decode()
