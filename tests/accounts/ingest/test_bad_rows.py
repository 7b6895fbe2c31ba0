"""Files in which much is wrong: through every feed, each bad row is told of and every good one loads."""

import csv
import os
from collections import Counter

import pytest

from accounts.ingest.feeds import FEEDS
from accounts.models import Account

# Ten times as many take a minute; worth it after changes to the loader.
ROWS = int(os.environ.get("BAD_ROWS_AMONG", "1000"))
OF_EACH = ROWS // 100
# Header, a good row ({i} the row, {a} its account, {d} a day), and a column with a cell nobody can read.
SHAPES = {
    "accounts": ("id,name,arr", "n{i},N{i},100", "arr", "much"),
    "contacts": ("id,account_id,name,created_at", "c{i},{a},Ann,{d}", "created_at", "then"),
    "opportunities": ("id,account_id,created_date,amount", "o{i},{a},{d},5", "amount", "much"),
    "activities": ("id,account_id,kind,date", "v{i},{a},call,{d}", "date", "2026-13-01"),
    "tickets": ("id,account_id,opened_at", "t{i},{a},{d}T10:00:00Z", "opened_at", "then"),
    "usage": ("account_id,on,measure,value", "{a},{d},logins,{i}", "value", "NaN"),
    "features": ("account_id,feature,on,uses", "{a},Reports,{d},3", "uses", "-1"),
    "surveys": ("id,account_id,kind,sent_on,score", "s{i},{a},NPS,{d},9", "score", "11"),
    "invoices": ("id,account_id,issued_on,amount", "i{i},{a},{d},10", "amount", "ten"),
    "payments": ("id,account_id,invoice_id,on,amount", "p{i},{a},i0,{d},1", "on", "soon"),
    "subscriptions": ("id,account_id,start_date,seats", "b{i},{a},{d},5", "seats", "2.5"),
    "subscription_events": ("id,account_id,kind,on", "e{i},{a},upgrade,{d}", "kind", "sideways"),
    "goals": ("id,account_id,kind,title,target", "g{i},{a},kpi,Faster,5", "target", "far"),
    "lifecycle": ("id,account_id,stage,on", "l{i},{a},Adoption,{d}", "stage", "Nowhere"),
    "metrics": ("account_id,date,metric,value", "{a},{d},nps,40", "value", "high"),
    "account_metrics": ("id,name,total_contacts", "n{i},N{i},5", "total_contacts", "-5"),
}


def spoil(number, cells, names, kind, column, bad, first):
    """`cells` with one thing wrong."""
    cells = list(cells)
    account = names.index("account_id" if "account_id" in names else "id")
    if kind == "unreadable":
        cells[names.index(column)] = bad
    elif kind == "no account":
        cells[account] = ""
    elif kind == "unknown account":
        cells[account] = f"nobody-{number}"
    elif kind == "cut":
        cells.pop()
    elif kind == "too long":
        cells.append("more")
    elif kind == "used twice":
        return list(first)
    return cells


def test_every_feed_has_its_shape():
    assert set(SHAPES) == set(FEEDS)


@pytest.mark.parametrize("feed", SHAPES)
def test_bad_rows_of_every_kind_among_good_ones(load, tmp_path, feed):
    Account.objects.bulk_create(Account(external_id=f"a{i}", name=f"A{i}") for i in range(200))
    if feed == "payments":
        load("id,account_id,issued_on,amount\ni0,a0,2026-01-01,10\n", feed="invoices")
    header, shape, column, bad = SHAPES[feed]
    names = header.split(",")
    kinds = ["unreadable", "no account", "cut", "too long", "used twice"]
    if "account_id" in names:
        kinds.append("unknown account")
    if feed == "payments":
        # The account is the invoice's: a blank one is no fault.
        kinds.remove("no account")
    lines, wrong, first = [], {}, None
    for i in range(ROWS):
        # Days repeat once all accounts have had them.
        day = f"{2016 + i // 56_000}-{1 + i // 5_600 % 12:02d}-{1 + i // 200 % 28:02d}"
        cells = shape.format(i=i, a=f"a{i % 200}", d=day).split(",")
        first = first or cells
        place = i % 100
        if i > 100 and 10 <= place < 10 + len(kinds):
            kind = kinds[place - 10]
            cells = spoil(i, cells, names, kind, column, bad, first)
            wrong[i + 2] = kind
        lines.append(cells)
    text = "\n".join([header, *(",".join(cells) for cells in lines)]) + "\n"
    errors = tmp_path / "errors.csv"
    result = load(text, feed=feed, errors_path=errors)

    held = [row for row, kind in wrong.items() if kind == "unknown account"]
    rejected = [row for row in wrong if row not in held]
    assert Counter(wrong.values())["unreadable"] == OF_EACH - 1
    assert (result.held, result.rejected) == (len(held), len(rejected))
    assert result.created == ROWS - len(wrong)
    with errors.open(newline="") as file:
        told = list(csv.DictReader(file))
    assert sorted({int(row["row"]) for row in told}) == rejected
    assert all(row["reason"] and row["remedy"] for row in told)
    unreadable = {(int(row["row"]), row["column"], row["value"]) for row in told}
    for row, kind in wrong.items():
        if kind == "unreadable":
            assert (row, column, bad) in unreadable
    again = load(text, feed=feed)
    assert (again.created, again.updated, again.unchanged) == (0, 0, result.created)
