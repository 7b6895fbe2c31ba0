"""What is tried again, and what is not; on PostgreSQL with connections that are really cut."""

import sqlite3
from pathlib import Path

import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from accounts.models import Team
from csm.lib import retry
from csm.lib.retry import Patience, retrying

QUICK = Patience(tries=3, first=0.001, longest=0.01)

postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="cuts connections of PostgreSQL"
)


def cut() -> None:
    """End our own connection from outside, as a restart of the server does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])
    finally:
        other.close()


@postgresql
@pytest.mark.django_db(transaction=True)
def test_work_cut_off_within_its_transaction_is_done_once() -> None:
    calls = []

    @retrying(QUICK)
    def found(name: str) -> Team:
        calls.append(name)
        with transaction.atomic():
            team = Team.objects.create(name=name)
            if len(calls) == 1:
                cut()
            Team.objects.filter(pk=team.pk).update(name=f"{name} again")
        return team

    found("North")

    assert calls == ["North", "North"]
    assert list(Team.objects.values_list("name", flat=True)) == ["North again"]


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_cut_between_two_pieces_is_opened_again() -> None:
    Team.objects.create(name="North")
    cut()

    assert retrying(QUICK)(Team.objects.count)() == 1


@postgresql
@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_of_the_caller_nothing_is_tried_again() -> None:
    calls = []

    @retrying(QUICK)
    def work() -> None:
        calls.append(1)
        cut()
        Team.objects.count()

    @transaction.atomic
    def caller() -> None:
        Team.objects.create(name="North")
        work()

    with pytest.raises(DatabaseError) as caught:
        caller()

    assert calls == [1]
    assert retry.is_lost(caught.value)
    assert Team.objects.count() == 0


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_row_somebody_else_holds_is_tried_again_until_it_is_free() -> None:
    team = Team.objects.create(name="North")
    other = connections["default"].copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("UPDATE accounts_team SET name = 'South' WHERE id = %s", [team.pk])
    failures = []

    @retrying(QUICK)
    def rename() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 20")
            try:
                cursor.execute("UPDATE accounts_team SET name = 'West' WHERE id = %s", [team.pk])
            except OperationalError as error:
                failures.append(retry.is_busy(error) and not retry.is_lost(error))
                other.commit()
                raise

    try:
        rename()
    finally:
        other.close()

    team.refresh_from_db()
    assert (failures, team.name) == ([True], "West")


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_statement_that_took_too_long_is_not_tried_again() -> None:
    calls = []

    @retrying(QUICK)
    def slow() -> None:
        calls.append(1)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(5)")

    with pytest.raises(OperationalError) as caught:
        slow()

    assert calls == [1]
    assert retry.is_cancelled(caught.value)
    assert not retry.is_passing(caught.value)


# Between the tries our own connection is looked at, where a test before this one left it open.
@pytest.mark.django_db(transaction=True)
def test_a_locked_file_is_tried_again_and_the_last_failure_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (n)")
    holder.execute("BEGIN IMMEDIATE")
    asker = sqlite3.connect(path, timeout=0)
    calls = []

    @retrying(QUICK)
    def write(free_at: int) -> None:
        calls.append(1)
        if len(calls) == free_at:
            holder.execute("ROLLBACK")
        with asker:
            asker.execute("INSERT INTO t VALUES (1)")

    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write(free_at=0)
        assert len(calls) == QUICK.tries

        write(free_at=5)
        assert len(calls) == 5
    finally:
        holder.close()
        asker.close()


def test_a_mistake_is_not_tried_again() -> None:
    calls = []

    @retrying(QUICK)
    def wrong() -> None:
        calls.append(1)
        with sqlite3.connect(":memory:") as asker:
            try:
                asker.execute("SELECT * FROM nowhere")
            except sqlite3.OperationalError as error:
                raise OperationalError("no such table") from error

    with pytest.raises(OperationalError, match="no such table"):
        wrong()

    assert calls == [1]


def test_pauses_grow_to_a_limit() -> None:
    patience = Patience(tries=10, first=0.1, longest=1)

    assert 0.05 <= patience.pause(1) <= 0.1
    assert 0.2 <= patience.pause(3) <= 0.4
    assert 0.5 <= patience.pause(9) <= 1
