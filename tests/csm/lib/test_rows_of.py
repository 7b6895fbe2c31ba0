"""What hangs on a row comes with it."""

from django.db.models import OuterRef

from accounts.models import Account, Team
from csm.lib.rows_of import RowsOf


def test_rows_come_in_their_order_and_none_are_an_empty_list(make_account, north, south):
    make_account("Zinc & “Zebra”", team=north, arr_amount=None)
    make_account("Apple", team=north, arr_amount=5)
    listed = RowsOf(
        Account.objects.filter(team=OuterRef("pk")).order_by("name"), "name", "arr_amount"
    )
    found = dict(Team.objects.annotate(listed=listed).values_list("name", "listed"))
    assert found == {
        "North": [
            {"name": "Apple", "arr_amount": 5},
            {"name": "Zinc & “Zebra”", "arr_amount": None},
        ],
        "South": [],
    }
