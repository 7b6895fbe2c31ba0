"""Search: by name or id, only what one may see, as a page and as the palette's fragment."""

import pytest


def found(client, user, q, **headers):
    client.force_login(user)
    response = client.get("/search/", {"q": q}, headers=headers)
    assert response.status_code == 200
    return [account["name"] for account in response.context["accounts"]]


def test_finds_names_and_ids(client, book, owner):
    assert found(client, owner, "hats") == ["Healthy Hats"]
    assert found(client, owner, book[4].external_id.lower()) == ["Ordinary Oats"]


def test_an_exact_id_comes_before_names_and_beginnings_before_middles(client, owner, make_account):
    make_account("Zoo X1", owner=owner, external_id="a")
    make_account("Another X1", owner=owner, external_id="b")
    make_account("X1 Works", owner=owner, external_id="c")
    make_account("Last", owner=owner, external_id="X1")
    assert found(client, owner, "x1") == ["Last", "X1 Works", "Another X1", "Zoo X1"]


def test_never_more_than_eight(client, owner, make_account):
    for number in range(12):
        make_account(f"Same {number}", owner=owner)
    assert len(found(client, owner, "same")) == 8


def test_an_outsider_finds_nothing(client, book, outsider):
    for account in book:
        assert found(client, outsider, account.name) == []
        assert found(client, outsider, account.external_id) == []


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
def test_works_for_every_role(client, book, people, who):
    assert found(client, people[who], "Poor") == ["Poor Pots"]


def test_pages_by_their_name_and_staff_pages_for_staff_only(client, owner, admin):
    def pages(user, q):
        client.force_login(user)
        return [page["label"] for page in client.get("/search/", {"q": q}).context["pages"]]

    assert pages(owner, "portf") == ["Portfolio"]
    assert pages(owner, "gallery") == []
    assert pages(admin, "gallery") == ["Gallery"]


def test_the_palette_gets_a_fragment(client, book, owner):
    client.force_login(owner)
    fragment = client.get(
        "/search/", {"q": "hats"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Healthy Hats" in fragment
    assert "<html" not in fragment


@pytest.mark.parametrize(
    "q", ["", " ", "%", "_", "\0", "'", "a" * 10_000, "<script>alert(1)</script>"]
)
def test_no_question_breaks_it(client, book, owner, q):
    client.force_login(owner)
    response = client.get("/search/", {"q": q})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def meant(client, user, q):
    client.force_login(user)
    return [account["name"] for account in client.get("/search/", {"q": q}).context["similar"]]


def test_a_typing_error_is_answered_with_what_may_have_been_meant(client, book, owner, outsider):
    assert meant(client, owner, "helthy hats") == ["Healthy Hats"]
    assert meant(client, owner, "ordinry oats") == ["Ordinary Oats"]
    assert meant(client, owner, "zzzzzz") == []
    assert meant(client, owner, "hats") == [], "it was found"
    assert meant(client, outsider, "helthy hats") == []
