"""Home: what the book is worth, where it stands, and what moved since one last looked."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.models import Account
from csm.lib import display, markup
from csm.lib.dates import today
from csm.lib.htmx import whether_counted
from csm.lib.remembered import told
from csm.lib.scopes import scope_of
from csm.nav import night_of
from csm.portfolio import gathering, home_charts, home_work
from csm.portfolio.home_selectors import (
    CHANGED_DAYS,
    LISTED,
    MOVER_POINTS,
    RENEWAL_DAYS,
    Amount,
    Day,
    Figures,
    figures,
    newest_changes,
    shortlists,
    trend,
)
from csm.portfolio.large_books import OfHome, completed, is_large_night, summed
from csm.portfolio.links import list_url, with_params
from csm.portfolio.reasons import renewal_words
from csm.portfolio.rows import Cell, Record
from csm.portfolio.selectors import book
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE
from scoring.models import ScoreRun
from scoring.services.versions import published_spec

_CURRENCY = settings.DEFAULT_CURRENCY
MOVER_DAYS = (7, 30)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The book of the scope at a glance; `?days=` 7 or 30 is the span of the movers."""
    user: Any = request.user
    scope, run = scope_of(request), night_of(request)
    as_of = run.as_of if run else today()
    days = 30 if request.GET.get("days") == "30" else 7
    accounts = book(user, scope, run)
    nights = trend(user, scope, run) if run else []
    found, counted_at, counting = _figures(user, scope, run, days, nights)
    if (asked := whether_counted(request, counting)) is not None:
        return asked
    context: dict[str, Any] = {
        "name": user.first_name or user.username,
        "scope": scope,
        "night_as_of": run.as_of if run else None,
        "empty": _empty(user, scope, run, found),
        "counting": counting,
        "counted_at": counted_at,
    }
    if run is None or not found.all.accounts:
        return render(request, "portfolio/home.html", context)
    few = gathering.pays(found.all.accounts, run.accounts, rows=LISTED)
    lists = shortlists(user, scope, as_of, days, few=few)
    context |= {
        "work_tiles": home_work.tiles(user, scope, on=today(), now=timezone.now()),
        "tiles": _tiles(found, scope, counting, counted_at),
        "split": markup.split_bar(
            [(band.name, band.tone, band.accounts) for band in found.bands], "Accounts per band"
        ),
        "bands_headers": [("", "Band"), ("r", "Accounts"), ("r", "Share"), ("r", "ARR")],
        "bands_rows": _bands(found, scope),
        "changes_links": _changes_links(found, scope, counting),
        "changes_headers": [("", "Account"), ("", "Band"), ("r", "Points"), ("r", "On")],
        "changes_rows": [_change_row(change) for change in newest_changes(accounts, run)],
        "movers": _movers(found, (lists.declined, lists.improved), scope, days, counting),
        "mover_spans": [
            {
                "label": f"{span} days",
                "url": with_params(request.GET, days=span),
                "active": span == days,
            }
            for span in MOVER_DAYS
        ],
        "renewals_headers": [("", "Account"), ("", "Band"), ("r", "ARR"), ("r", "Renewal")],
        "renewals_rows": [_renewal_row(record, as_of) for record in lists.renewals],
        "renewals_url": list_url("portfolio", scope, renewal=RENEWAL_DAYS, sort="renewal"),
        "renewals_count": None if counting else found.renewing.accounts,
        "mean_chart": home_charts.mean_score(nights, run),
        "share_chart": home_charts.band_shares(nights),
    }
    return render(request, "portfolio/home.html", context)


def _figures(
    user: Any, scope: str, run: ScoreRun | None, days: int, nights: list[Day]
) -> tuple[Figures, datetime | None, bool]:
    """The figures; of a large book with the time its counts were made, or whether they still are."""
    if run is None or run.scorecard_id is not None or not is_large_night(nights, run):
        as_of = run.as_of if run else today()
        few = bool(run and nights and gathering.pays_one_by_one(nights[-1].accounts, run.accounts))
        return figures(book(user, scope, run), run, as_of, days, few=few), None, False
    found = summed(user, scope, run)
    counted = told(OfHome(user, scope, run, [days]), at=timezone.now())
    if counted is None:
        return found, None, True
    return completed(found, counted.value), counted.at, False


def _empty(user: Any, scope: str, run: ScoreRun | None, found: Figures) -> dict[str, str] | None:
    """What stands in place of figures, and what to do about it."""
    if not found.all.accounts:
        if user.is_admin and not Account.objects.exists():
            return {
                "title": "No accounts yet",
                "text": "Import a file of accounts, one row per customer. Then score a night under Nights.",
                "url": reverse("import_new"),
                "label": "Import a file",
            }
        if scope != "all" and not (scope == "team" and user.role == "manager"):
            return {
                "title": "No accounts in this scope",
                "text": "None of the accounts you may see are in it. Look at all of them, or ask a manager to "
                "assign some to you.",
                "url": list_url("home", "all"),
                "label": "Show all",
            }
        return {
            "title": "No accounts yet",
            "text": "Nobody has imported accounts for you or your teams. Ask an administrator to do so.",
            "url": "",
            "label": "",
        }
    if run is None:
        many = f"{found.all.accounts:,} account{'' if found.all.accounts == 1 else 's'}"
        how = "Start one under Nights." if user.is_admin else "Health appears after the next one."
        return {
            "title": "No night has been scored yet",
            "text": f"This scope holds {many}. {how}",
            "url": list_url("portfolio", scope),
            "label": "Open the portfolio",
        }
    return None


def _arr(amount: Amount) -> str:
    return display.money(amount.arr if amount.known else None, _CURRENCY)


def _tiles(
    found: Figures, scope: str, counting: bool, counted_at: datetime | None
) -> list[dict[str, Any]]:
    total = found.all.accounts
    when = f", counted at {timezone.localtime(counted_at):%H:%M}" if counted_at else ""
    tiles = [
        {
            "label": "Value of the book",
            "value": _arr(found.all),
            "unit": "ARR",
            "n": f"known for {found.all.known:,} of {total:,} accounts",
            "definition": f"Sum of the annual recurring revenue of current customers, in {_CURRENCY}. Accounts "
            "with unknown ARR are left out, not counted as zero.",
            "url": list_url("portfolio", scope, sort="-arr"),
        },
        {
            "label": "Accounts",
            "value": display.number(total),
            "n": f"{total - found.unknown.accounts:,} with a band",
            "definition": "Current customers in this scope: accounts that have not churned.",
            "url": list_url("portfolio", scope),
        },
        {
            "label": "At risk",
            "value": display.number(found.at_risk.accounts),
            "unit": display.percent(found.at_risk.accounts / total),
            "n": f"{_arr(found.at_risk)} ARR, known for {found.at_risk.known:,}",
            "definition": "Accounts in the lowest band of their scorecard. Unknown is not among them.",
            "url": list_url("at_risk", scope),
        },
        {
            "label": "Unknown",
            "value": display.number(found.unknown.accounts),
            "unit": display.percent(found.unknown.accounts / total),
            "n": f"{_arr(found.unknown)} ARR, known for {found.unknown.known:,}",
            "definition": "Too little data for a band, or not scored yet. Neither healthy nor at risk.",
            "url": list_url("at_risk", scope, tab="unknown"),
        },
        {
            "label": f"Renewals in {RENEWAL_DAYS} days",
            "value": display.number(found.renewing.accounts),
            "n": f"{_arr(found.renewing)} ARR, known for {found.renewing.known:,}{when}",
            "definition": "Customers whose renewal date lies between the night shown and "
            f"{RENEWAL_DAYS} days later.",
            "url": list_url("portfolio", scope, renewal=RENEWAL_DAYS, sort="renewal"),
        },
        {
            "label": "Predicted, 6 months",
            "value": display.money(found.predicted if found.predicted_known else None, _CURRENCY),
            "unit": "heuristic",
            "n": f"known for {found.predicted_known:,} of {total:,} accounts{when}",
            "definition": "A rule of thumb, not a forecast: open pipeline × health/100, plus half of the won "
            "amount × (5% + 25% × health/100). The scorecard sets the constants.",
            "url": list_url("portfolio", scope, sort="-predicted"),
        },
    ]
    if counting:
        tiles[-2:] = [each | {"value": "…", "n": "being counted"} for each in tiles[-2:]]
    return tiles


def _bands(found: Figures, scope: str) -> list[list[Cell]]:
    return [
        [
            (
                "",
                _linked(
                    list_url("portfolio", scope, band=band.name),
                    markup.band(band.name, band.tone, True),
                ),
            ),
            ("r", display.number(band.accounts)),
            ("r", markup.percent(band.accounts / found.all.accounts)),
            (
                "r",
                format_html(
                    '<span class="num">{}</span><span class="detail">known for {}</span>',
                    _arr(band),
                    display.number(band.known),
                ),
            ),
        ]
        for band in found.bands
    ]


def _linked(url: str, text: SafeString | str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def _changes_links(found: Figures, scope: str, counting: bool) -> list[dict[str, str]]:
    counted = (
        ("down", "moved down", found.moved_down, "change_7d"),
        ("up", "moved up", found.moved_up, "-change_7d"),
        ("unknown", "to or from Unknown", found.to_or_from_unknown, "change_7d"),
    )
    return [
        {
            "label": label,
            "count": "…" if counting else display.number(count),
            "url": list_url("portfolio", scope, moved=move, days=CHANGED_DAYS, sort=sort),
        }
        for move, label, count, sort in counted
    ]


def _change_row(change: dict[str, Any]) -> list[Cell]:
    spec = published_spec(change["version_id"])
    top = spec.display.scale_max
    points = None
    if change["old_score"] is not None and change["new_score"] is not None:
        points = (change["new_score"] - change["old_score"]) * top / 100
    words = spec.band_words
    bands = [markup.band(*words[change[f"{when}_band"]], True) for when in ("old", "new")]
    return [
        (
            "clip",
            _account(change["account_id"], change["account__name"], change["account__industry"]),
        ),
        (
            "",
            format_html(
                '{} <span aria-hidden="true">→</span><span class="visually-hidden">to</span> {}',
                *bands,
            ),
        ),
        ("r", markup.delta(points, period="since the night before")),
        ("r", markup.day(change["as_of"])),
    ]


def _account(pk: int, name: str, detail: str = "") -> SafeString:
    return markup.link(reverse("account", args=[pk]), name, detail)


def _movers(
    found: Figures, listed: tuple[list[Record], list[Record]], scope: str, days: int, counting: bool
) -> list[dict[str, Any]]:
    """Two lists with the count of what they begin."""
    sides = (
        ("Declined", f"down{days}", listed[0], found.declined, f"change_{days}d"),
        ("Improved", f"up{days}", listed[1], found.improved, f"-change_{days}d"),
    )
    headers = [("", "Account"), ("r", "Score"), ("r", "Points"), ("", "Costs most points now")]
    return [
        {
            "title": title,
            "count": None if counting else count,
            "label": f"{'…' if counting else display.number(count)} by {MOVER_POINTS} points or more",
            "url": list_url("portfolio", scope, change=change, by=MOVER_POINTS, sort=sort),
            "headers": headers,
            "rows": [_mover_row(record, days) for record in records],
        }
        for title, change, records, count, sort in sides
    ]


def _mover_row(record: Record, days: int) -> list[Cell]:
    change = record.change_30d if days == 30 else record.change_7d
    driver = record.top_driver or ""
    if record.top_driver_lost:
        lost = display.number(record.top_driver_lost * record.scale / 100, 1)
        driver = f"{driver} {display.MINUS}{lost}"
    return [
        ("clip", _account(record.pk, record.name, record.band_name or "")),
        ("r", markup.score(record.score, record.scale)),
        (
            "r",
            markup.delta(
                None if change is None else change * record.scale / 100, period=f"over {days} days"
            ),
        ),
        ("clip", driver or markup.unknown("nothing lost")),
    ]


def _renewal_row(record: Record, as_of: date) -> list[Cell]:
    left = (record.renewal_on - as_of).days if record.renewal_on else 0
    return [
        ("clip", _account(record.pk, record.name, record.owner_name or "no owner")),
        ("", markup.band(record.band_name or UNKNOWN_NAME, record.tone or UNKNOWN_TONE, True)),
        ("r", markup.money(record.arr_amount, record.currency)),
        (
            "r",
            format_html(
                '{}<span class="detail">{}</span>',
                markup.day(record.renewal_on),
                renewal_words(left),
            ),
        ),
    ]
