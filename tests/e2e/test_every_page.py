"""Every page, in light on a desktop or in dark on a phone: loads clean, fits, and passes axe.

`make test-browser` looks at each in both.
"""

import os

import pytest
from django.urls import reverse

from scoring.selectors import newest_run
from tests.pages import admin_pages, pages

# All four of colour scheme and width together take a quarter of an hour, these two half of it.
VIEWS = {"light desktop": ("light", 1440), "dark phone": ("dark", 390)}
IN_BOTH = bool(os.environ.get("EVERY_VIEW"))
# In parts, so that two processes share the work.
PARTS = 4


def look(page, accessibility) -> list[str]:
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    faults = [f"is {overflow} px too wide"] if overflow > 1 else []
    return faults + page.problems + accessibility(page)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("view", VIEWS)
def test_pages_are_clean_and_accessible(view, part, book, admin, visit, accessibility):
    scheme, width = VIEWS[view]
    found = {}
    addresses = pages(book[0], newest_run()) | admin_pages() | {"gallery": "/gallery/"}
    places = list(enumerate(addresses.items()))[part::PARTS]
    for place, (name, url) in places:
        if not IN_BOTH and (place // PARTS + list(VIEWS).index(view)) % 2:
            continue
        page = visit(url, admin, scheme=scheme, width=width)
        assert page.locator("h1").count() == 1, name
        if faults := look(page, accessibility):
            found[name] = faults
        page.close()
    assert not found


@pytest.mark.parametrize("view", VIEWS)
def test_the_log_in_page(view, db, visit, accessibility):
    scheme, width = VIEWS[view]
    page = visit("/login/", scheme=scheme, width=width)
    assert not look(page, accessibility)


def test_an_empty_workbench_says_what_to_do(admin, visit, accessibility):
    for url in (
        "/",
        "/portfolio/",
        "/at-risk/",
        "/insights/",
        "/scorecards/",
        "/nights/",
        "/imports/",
    ):
        page = visit(url, admin)
        assert page.locator("main").inner_text().strip()
        assert not look(page, accessibility), url


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["account", "account_health"])
def test_a_name_without_spaces_stays_on_the_page(name, width, book, owner, visit):
    book[0].name = "W" * 255
    book[0].save()
    page = visit(reverse(name, args=[book[0].pk]), owner, width=width)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
