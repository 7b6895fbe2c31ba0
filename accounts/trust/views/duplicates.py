"""Accounts that look alike: the list, a merge looked at before it is done, and what was decided."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require_admin, visible_to
from accounts.downloads import as_csv
from accounts.models import Account, Merge, NotADuplicate, Watermark
from accounts.trust import duplicates, merge, selectors
from csm.lib import display
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.typed import whole

DECIDED_SHOWN = 20
_FIELDS = {
    "name": "Name",
    "industry": "Industry",
    "size_segment": "Size",
    "account_type": "Type",
    "country": "Country",
    "customer_since": "Customer since",
    "last_touch_on": "Last touch",
    "renewal_on": "Renewal",
    "arr_amount": "ARR",
    "owner_id": "Owner",
    "team_id": "Team",
    "parent_id": "Group",
}


@require_safe
def pairs(request: HttpRequest) -> HttpResponse:
    """Pairs that look alike, surest first, and the last decisions, which can be taken back."""
    require_admin(request)
    page, pager = numbered(request, selectors.pairs(), "pairs")
    merges = Merge.objects.select_related("kept", "merged", "by", "undone_by")
    settled = NotADuplicate.objects.select_related("first", "second", "by")
    return render(
        request,
        "accounts/quality_duplicates.html",
        {
            "pairs": page.object_list,
            "pager": pager,
            "searched": Watermark.objects.filter(key=duplicates.MARK).first(),
            "merges": merges[:DECIDED_SHOWN],
            "settled": settled[:DECIDED_SHOWN],
            "most_sharing": duplicates.MOST_SHARING,
        },
    )


@require_safe
def pairs_csv(request: HttpRequest) -> HttpResponseBase:
    """The pairs as a file."""
    require_admin(request)
    found = selectors.pairs()

    def table() -> Any:
        header = ["source", "account_id", "name"]
        yield [*(f"first_{n}" for n in header), *(f"second_{n}" for n in header), "score", "why"]
        for pair in found.iterator(chunk_size=2_000):
            sides = [(a.source, a.external_id, a.name) for a in (pair.first, pair.second)]
            yield [*sides[0], *sides[1], pair.score, "; ".join(pair.why)]

    return as_csv(request, "accounts that look alike", "look-alikes", table(), found.count())


@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Look for pairs among all accounts now."""
    require_admin(request)
    found = duplicates.search()
    messages.success(request, f"Looked through every account: {found} pairs look alike.")
    return redirect("quality_duplicates")


def _pair(request: HttpRequest, data: Any) -> tuple[Account, Account]:
    """Kept and merged account of the request; 404 for what is not there to be seen."""
    accounts = visible_to(request.user).select_related("owner", "team", "parent")
    found = []
    for name in ("kept", "merged"):
        found.append(get_object_or_404(accounts, pk=whole(data.get(name, ""), 18)))
    return found[0], found[1]


@require_safe
def merge_preview(request: HttpRequest) -> HttpResponse:
    """What would move and which values win, before anything is done."""
    require_admin(request)
    kept, merged = _pair(request, request.GET)
    try:
        preview = merge.preview(kept, merged)
    except merge.MergeError as error:
        messages.error(request, str(error))
        return redirect("quality_duplicates")
    return render(
        request,
        "accounts/quality_merge.html",
        {
            "kept": kept,
            "merged": merged,
            "preview": preview,
            "filled": [_shown(each, kept, merged) for each in preview.filled],
            "differing": [_shown(each, kept, merged) for each in preview.differing],
            "moving": sum(each.rows for each in preview.moving),
            "staying": sum(each.conflicts for each in preview.moving),
            "other_way": f"{reverse('quality_merge')}?kept={merged.pk}&merged={kept.pk}",
        },
    )


def _shown(change: tuple[str, Any, Any], kept: Account, merged: Account) -> dict[str, str]:
    name, mine, theirs = change
    return {
        "label": _FIELDS[name],
        "mine": _text(name, mine, kept),
        "theirs": _text(name, theirs, merged),
    }


def _text(name: str, value: Any, account: Account) -> str:
    if value in (None, ""):
        return display.MISSING
    if name == "arr_amount":
        return display.money(value, account.currency, full=True)
    if name.endswith("_id"):
        return str(getattr(account, name.removesuffix("_id")))
    return display.day(value) if name.endswith(("_on", "_since")) else str(value)


@require_POST
def merge_now(request: HttpRequest) -> HttpResponse:
    """Merge two accounts."""
    user = require_admin(request)
    kept, merged = _pair(request, request.POST)
    try:
        merge.merge(kept, merged, on=today(), by=user)
    except merge.MergeError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{merged.name} is now part of {kept.name}; the next night scores them as one."
        )
    return redirect("quality_duplicates")


@require_POST
def merge_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a merge back."""
    user = require_admin(request)
    done = get_object_or_404(Merge.objects.select_related("kept", "merged"), pk=pk)
    try:
        left = merge.undo(done, by=user)
    except merge.MergeError as error:
        messages.error(request, str(error))
    else:
        tail = f" Changed since and left as they are: {', '.join(left)}." if left else ""
        messages.success(request, f"{done.merged.name} stands by itself again.{tail}")
    return redirect("quality_duplicates")


@require_POST
def settle(request: HttpRequest) -> HttpResponse:
    """Say that two accounts are two."""
    user = require_admin(request)
    first, second = _pair(request, request.POST)
    try:
        duplicates.settle(first, second, by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{first.name} and {second.name} stay two and are not listed again."
        )
    return redirect("quality_duplicates")


@require_POST
def unsettle(request: HttpRequest, pk: int) -> HttpResponse:
    """Take that word back."""
    require_admin(request)
    duplicates.unsettle(get_object_or_404(NotADuplicate, pk=pk))
    messages.success(request, "Taken back: the next search lists them if they still look alike.")
    return redirect("quality_duplicates")
