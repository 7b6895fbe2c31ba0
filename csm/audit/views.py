"""The audit trail for admins: a page and a file."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import require_admin
from accounts.downloads import as_csv
from accounts.models import AuditEvent
from csm.audit import selectors
from csm.lib.addresses import with_params


@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Who did what to the workbench itself, newest first."""
    require_admin(request)
    asked = selectors.asked(request.GET)
    rows, before = selectors.page(asked)
    return render(
        request,
        "csm/audit.html",
        {
            "events": [(row, list(selectors.told(row.detail))) for row in rows],
            "asked": asked,
            "kinds": AuditEvent.Kind.choices,
            "next_url": with_params(request.GET, before=before) if before else "",
            "first_url": with_params(request.GET, before=None) if asked.before else "",
            "csv_url": reverse("audit_csv") + with_params(request.GET, before=None),
        },
    )


@require_safe
def trail_csv(request: HttpRequest) -> HttpResponseBase:
    """The trail as filtered; that it was taken is the newest line of it."""
    require_admin(request)
    found = selectors.events(selectors.asked(request.GET))
    count = found.count()

    def lines() -> Iterator[Sequence[Any]]:
        yield ["id", "at", "kind", "who", "what", "address", "detail"]
        for row in found.iterator(chunk_size=2_000):
            detail = "; ".join(f"{key}: {value}" for key, value in selectors.told(row.detail))
            at = row.at.isoformat(timespec="seconds")
            yield [row.pk, at, row.kind, row.by_name, row.what, row.address, detail]

    return as_csv(request, "audit trail", "audit-trail", lines(), count)
