"""Rows that wait for their account."""

import threading

import pytest
from django.db import connection, connections, transaction

from accounts.ingest import held
from accounts.models import Account, HeldRow, Ticket


@pytest.mark.django_db(transaction=True)
def test_two_releases_at_once_load_a_row_once(load, monkeypatch):
    load("ticket_id,account_id,opened_on\nT1,Y,2026-11-01\n", feed="tickets")
    Account.objects.create(source="generic", external_id="Y", name="Yew")
    found, begun = [], threading.Event()

    def release():
        begun.set()
        try:
            found.append(held.release(["Y"]))
        except Exception as error:
            found.append(error)
        finally:
            connections.close_all()

    second = threading.Thread(target=release)
    with transaction.atomic():
        found.append(held.release(["Y"]))
        if connection.vendor == "postgresql":
            # Without the lock it would read the row as waiting, and insert the ticket again.
            second.start()
            assert begun.wait(10)
            second.join(1)
            assert second.is_alive()
    if second.ident:
        second.join(20)
    else:
        found.append(held.release(["Y"]))
    assert found == [1, 0]
    assert Ticket.objects.count() == 1
    assert HeldRow.objects.get().state == "loaded"
