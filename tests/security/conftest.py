"""The book of the attacks: a row of everything, all of team North's, and those who have no business with it."""

import pytest

from scoring.selectors import newest_run
from tests.pages import admin_pages, pages
from tests.security.rows import fill

MARK = "Northern Secret"


@pytest.fixture
def filled(book, owner, north):
    """A row of every model by model, all of North's; its texts name MARK."""

    def make(text=MARK, shared="Of the house"):
        pages(book[0], newest_run())
        admin_pages()
        return fill(book[0], owner, north, text, shared)

    return make
