"""The pages T11 asks for: every book, order, place in a list and filter, and the pages beside the lists."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from django.db.models import Count
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import reverse

from accounts.models import Account, LifecycleStage
from csm.bench.report import PORTFOLIO
from csm.demo.people import PEOPLE
from csm.models import Role, User
from csm.portfolio.lists import Listing, risk_listing
from csm.portfolio.tables import PortfolioTable
from csm.portfolio.totals import estimated
from scoring.selectors import newest_run, specs_of

# Of these T11 is the largest ratio; the other kinds are told beside it.
QUEUE: Final = "queue"
# Counted in the background where the book is large: at first asking they take their time.
COUNTED: Final = ("home", "insights")
# What an index sorts, and so a book of any size, the way a first click on the header sorts; then the other.
_SORTS: Final = (
    "account",
    "score",
    "change_7d",
    "change_30d",
    "-arr",
    "renewal",
    "last_touch",
    "-predicted",
)
_OTHER_WAY: Final = tuple(each[1:] if each.startswith("-") else f"-{each}" for each in _SORTS)
# What only a list of a few thousand accounts offers.
_SMALL_SORTS: Final = ("rank", "band", "driver", "owner", "coverage", "tier", "clock")
# A text for each way of finding: hardly any account, many, the end of the alphabet, an id, none at all.
_SEARCHES: Final = ("a", "gro", "re 1", "zen", "account 1", "nothing-like-it")
FIRST, MIDDLE, BACK, LAST = "first", "middle", "back", "last"


@dataclass(frozen=True)
class Case:
    """What `user` gets at `url`: `place` is where in a list of `kind` it is, `what` its order or filter."""

    kind: str
    book: str
    what: str
    place: str
    user: User
    url: str

    @property
    def name(self) -> str:
        parts = (self.kind, self.book, self.what, "" if self.place == FIRST else self.place)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class _Book:
    name: str
    user: User
    scope: str


def cases() -> Iterator[Case]:
    """Every page, first those of the portfolio."""
    books = _books()
    everything = books[0]
    small = next(each for each in books if each.name == "small book")
    for book in books:
        thorough = book in (everything, small)
        places = (FIRST, MIDDLE, BACK, LAST) if thorough else (FIRST, MIDDLE)
        for sort in _SORTS:
            yield from _places(PORTFOLIO, book, f"by {sort}", f"sort={sort}", places)
        for sort in _OTHER_WAY if thorough else ():
            yield from _places(PORTFOLIO, book, f"by {sort}", f"sort={sort}", (FIRST, LAST))
    for sort in _SMALL_SORTS:
        yield from _places(PORTFOLIO, small, f"by {sort}", f"sort={sort}", (FIRST,))
    for what, query in _filters():
        yield from _places(PORTFOLIO, books[1], what, query, (FIRST,))
        for book in (everything, small):
            for sort in ("", "score", "-arr"):
                words = f"{what} by {sort}" if sort else what
                query_ = f"{query}&sort={sort}" if sort else query
                yield from _places(PORTFOLIO, book, words, query_, (FIRST,))
    for book in books:
        thorough = book in (everything, small)
        yield from _places(
            QUEUE, book, "", "", (FIRST, MIDDLE, BACK, LAST) if thorough else (FIRST, MIDDLE)
        )
        yield from _places(QUEUE, book, "by score", "sort=score", (FIRST,))
        yield from _places(QUEUE, book, "unknown", "tab=unknown", (FIRST,))
    yield from _beside(everything, small)


def _beside(everything: _Book, small: _Book) -> Iterator[Case]:
    for book in (everything, small):
        account = _accounts(book).order_by("-health__top_driver_lost", "pk").first()
        if account is not None:
            for name in ("account", "account_health"):
                url = reverse(name, args=[account.pk])
                yield Case("account", book.name, name.partition("_")[2], FIRST, book.user, url)
        for kind in COUNTED:
            url = f"{reverse(kind)}?scope={book.scope}"
            yield Case(kind, book.name, "", FIRST, book.user, url)
        for text in _SEARCHES:
            url = f"{reverse('search')}?q={quote_plus(text)}"
            yield Case("search", book.name, f"“{text}”", FIRST, book.user, url)


def _books() -> list[_Book]:
    """The whole book, that of a team, and what colleagues with many and with few accounts see."""
    admin = next(person for person in PEOPLE if person.role == Role.ADMIN)
    owners = list(
        Account.objects.filter(owner__role=Role.CSM, owner__is_active=True)
        .order_by()
        .values_list("owner")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    large, small = (User.objects.get(pk=owners[place][0]) for place in (0, -1))
    manager = User.objects.filter(role=Role.MANAGER, teams__in=large.teams.all()).first() or large
    return [
        _Book("all", User.objects.get(username=admin.username), "all"),
        _Book("a team", manager, "team"),
        _Book("own and the team's", large, "all"),
        _Book("large book", large, "mine"),
        _Book("small book", small, "mine"),
        _Book("small book's team", small, "team"),
    ]


def _filters() -> Iterator[tuple[str, str]]:
    """Each filter of the list in the words of an address; band, tier and segment by values there are."""
    spec = next(iter(specs_of(newest_run()).values()))
    for band in spec.bands:
        yield f"band {band.name}", f"band={quote_plus(band.name)}"
    yield "tier A", "tier=A"
    industry = Account.objects.exclude(industry="").values_list("industry", flat=True).first()
    yield "a segment", f"industry={quote_plus(industry or '')}&size=Enterprise"
    yield "renewing", "renewal=30"
    yield "overdue", "renewal=overdue"
    yield "stage", f"lifecycle={LifecycleStage.ADOPTION}"
    yield "declined", "change=down30&by=10"
    yield "moved", "moved=down"
    yield "low scores", "score_max=20"
    yield "with a plan", "plan=open"
    yield "with alerts", "alerts=open"
    yield "churned too", "churned=all"
    for text in _SEARCHES:
        yield f"“{text}”", f"q={quote_plus(text)}"


def _places(
    kind: str, book: _Book, what: str, query: str, places: tuple[str, ...]
) -> Iterator[Case]:
    path = reverse("portfolio" if kind == PORTFOLIO else "at_risk")
    url = f"{path}?scope={book.scope}" + (f"&{query}" if query else "")
    cursor = _half_way(book, url) if MIDDLE in places else ""
    for place in places:
        more = {
            FIRST: "",
            LAST: "&page=last",
            MIDDLE: f"&after={cursor}",
            BACK: f"&before={cursor}",
        }
        if place in (FIRST, LAST) or cursor:
            yield Case(kind, book.name, what, place, book.user, url + more[place])


def _half_way(book: _Book, url: str) -> str:
    """The cursor in the middle of a list, empty for a list of less than two pages."""
    listing = _listing(book, url)
    # The planner knows well enough where the middle is.
    expected = estimated(listing.accounts)
    middle = (expected.rows if expected else listing.accounts.count()) // 2
    pages = listing.page.pages
    rows = pages.at(middle, 1).rows if middle >= listing.size else []
    return quote_plus(pages.cursor(rows[0], None).text()) if rows else ""


def _listing(book: _Book, url: str) -> Listing:
    request: HttpRequest = RequestFactory().get(url)
    request.user = book.user
    if url.startswith(reverse("portfolio")):
        return Listing(request, PortfolioTable)
    return risk_listing(request)


def _accounts(book: _Book) -> Any:
    return _listing(book, f"{reverse('portfolio')}?scope={book.scope}").accounts
