"""Every filter of the lists of accounts, alone and together, and the chips that name them."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache

from csm.portfolio.filters import AccountFilter
from scoring.models import AccountHealth, BandChange
from tests.csm.portfolio.asking import NIGHT, ask, health, names


@pytest.fixture(autouse=True)
def _forget_choices():
    cache.clear()


def test_text_finds_names_and_ids_in_any_case(client, book, owner):
    assert names(ask(client, owner, q="HATS")) == ["Healthy Hats"]
    assert names(ask(client, owner, q=book[1].external_id.lower())) == ["Poor Pots"]
    assert names(ask(client, owner, q="%")) == []


def test_text_folds_the_case_of_other_alphabets(client, book, make_account, owner):
    make_account("Örtliche Öfen", owner=owner)
    assert names(ask(client, owner, q="örtliche")) == ["Örtliche Öfen"]


def test_band_by_name_several_at_once(client, book, owner):
    everyone = names(ask(client, owner))
    low, unknown = (names(ask(client, owner, band=band)) for band in ("Low", "Unknown"))
    assert "Poor Pots" in low
    assert unknown == ["Thin Things"]
    assert names(ask(client, owner, band=["Low", "Unknown"])) == sorted(low + unknown)
    rest = names(ask(client, owner, band=["Medium", "High"]))
    assert sorted(low + unknown + rest) == everyone


def test_never_scored_counts_as_unknown(client, book, make_account, owner):
    make_account("Brand New", owner=owner)
    assert names(ask(client, owner, band="Unknown")) == ["Brand New", "Thin Things"]


def test_industry_size_and_stage_with_the_empty_ones(client, book, owner):
    assert names(ask(client, owner, industry="Retail")) == ["Ordinary Oats"]
    assert names(ask(client, owner, industry="-")) == ["Nobody's Nuts"]
    assert names(ask(client, owner, size=["Enterprise", "-"])) == ["Healthy Hats", "Thin Things"]
    book[0].lifecycle_stage = "Growth"
    book[0].save()
    assert names(ask(client, owner, lifecycle="Growth")) == ["Healthy Hats"]


def test_owner_and_nobody(client, book, owner, colleague):
    assert names(ask(client, owner, owner="nobody")) == ["Nobody's Nuts"]
    mine = names(ask(client, owner, owner=colleague.pk))
    assert mine == ["Middling Mills", "Ordinary Oats"]
    assert names(ask(client, owner, owner=[colleague.pk, "nobody"])) == sorted(
        [*mine, "Nobody's Nuts"]
    )


def test_renewal_counts_from_the_night_shown(client, book, owner):
    def renewing_on(day):
        book[0].renewal_on = day
        book[0].save()

    renewing_on(NIGHT + timedelta(days=30))
    assert names(ask(client, owner, renewal=30)) == ["Healthy Hats", "Middling Mills"]
    renewing_on(NIGHT + timedelta(days=31))
    assert names(ask(client, owner, renewal=30)) == ["Middling Mills"]
    renewing_on(NIGHT)
    assert "Healthy Hats" in names(ask(client, owner, renewal=30))
    renewing_on(NIGHT - timedelta(days=1))
    assert names(ask(client, owner, renewal="overdue")) == ["Healthy Hats"]


def test_tier(client, book, owner):
    health(book[0], tier="A")
    health(book[1], tier="C")
    assert "Healthy Hats" in names(ask(client, owner, tier="A"))
    assert "Poor Pots" not in names(ask(client, owner, tier="A"))


def test_score_range_holds_its_ends(client, book, owner):
    for account, score in zip(book, (80, 20, 50, 60, 70, None), strict=True):
        health(account, score=score)
    assert names(ask(client, owner, score_min=60, score_max=80)) == [
        "Healthy Hats",
        "Middling Mills",
        "Ordinary Oats",
    ]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"change": "down7"}, ["Healthy Hats", "Poor Pots"]),
        ({"change": "down7", "by": "5"}, ["Poor Pots"]),
        ({"change": "up7"}, ["Middling Mills"]),
        ({"change": "down30"}, ["Middling Mills"]),
        ({"change": "up30", "by": "2.5"}, ["Healthy Hats"]),
    ],
)
def test_change_in_7_or_30_days(client, book, owner, params, found):
    """Thin Things is Unknown: its fall of 9 points is a change of data, not of the customer."""
    AccountHealth.objects.update(change_7d=None, change_30d=None)
    health(book[0], change_7d=-1.0, change_30d=2.5)
    health(book[1], change_7d=-5.0, change_30d=0.0)
    health(book[2], change_7d=-9.0, change_30d=-9.0)
    health(book[3], change_7d=0.5, change_30d=-3.0)
    assert names(ask(client, owner, **params)) == found


@pytest.fixture
def moves(book):
    """Hats fell 13 days ago, Pots rose 14 days ago, Mills became unknown today; written by the last night."""
    of = AccountHealth.objects.get(account=book[0])

    def move(account, days, old, new):
        BandChange.objects.create(
            account=account,
            version=of.version,
            run=of.run,
            as_of=NIGHT - timedelta(days=days),
            previous_as_of=NIGHT - timedelta(days=days + 1),
            old_band=old,
            new_band=new,
            old_band_name=str(old),
            new_band_name=str(new),
            old_score=50,
            new_score=60,
        )

    move(book[0], 13, 2, 1)
    move(book[1], 14, 0, 1)
    move(book[3], 0, 1, -1)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"moved": "down"}, ["Healthy Hats"]),
        ({"moved": "up"}, []),
        ({"moved": "up", "days": 15}, ["Poor Pots"]),
        ({"moved": "unknown"}, ["Middling Mills"]),
        ({"moved": "any"}, ["Healthy Hats", "Middling Mills"]),
        ({"moved": "any", "days": 1}, ["Middling Mills"]),
    ],
)
def test_changed_band_in_the_last_days(client, book, moves, owner, params, found):
    assert names(ask(client, owner, **params)) == found


def test_churned_accounts_are_shown_on_request(client, book, owner):
    book[0].churned_on = NIGHT
    book[0].save()
    assert "Healthy Hats" not in names(ask(client, owner))
    assert names(ask(client, owner, churned="yes")) == ["Healthy Hats"]
    assert len(names(ask(client, owner, churned="all"))) == 6


def test_every_declared_filter_is_tested_here():
    work = Path(__file__).with_name("test_work_in_lists.py")
    texts = Path(__file__).read_text(encoding="utf-8") + work.read_text(encoding="utf-8")
    tested = set(re.findall(r"\b([a-z_]+)(?:=|\": )", texts))
    assert set(AccountFilter.base_filters) <= tested


def test_filters_are_named_as_chips_and_each_can_be_taken_off(client, book, owner):
    response = ask(client, owner, q="o", band=["Low", "Medium"], renewal=60, change="down7", by=5)
    chips = {chip["label"]: chip["remove_url"] for chip in response.context["chips"]}
    assert list(chips) == [
        "“o”",
        "Band: Low",
        "Band: Medium",
        "Renewal: in 60 days",
        "Declined in 7 days by 5.0 points or more",
    ]
    assert "band=Medium" in chips["Band: Low"]
    assert "band=Low" not in chips["Band: Low"]
    assert "by=" not in chips["Declined in 7 days by 5.0 points or more"]
