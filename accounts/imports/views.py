"""Imports: their history, one of them, and what it left behind. For admins; others get 404."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require_admin
from accounts.downloads import record_export
from accounts.imports import jobs, rejected, selectors
from accounts.imports.forms import HistoryFilter
from accounts.ingest.errors import IngestError
from accounts.ingest.undo import undo
from accounts.models import ImportRun
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.spreadsheet import MARK, guarded

ERRORS_SHOWN = 50
State = ImportRun.State


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Imports, newest first."""
    require_admin(request)
    asked = HistoryFilter(request.GET, selectors.history())
    page, pager = numbered(request, asked.qs, "imports")
    query = request.GET.copy()
    query.pop("page", None)
    chosen = query.urlencode()
    return render(
        request,
        "accounts/import_list.html",
        {
            "filter": asked,
            "rows": [selectors.row_of(run) for run in page.object_list],
            "filtered": any(query.values()),
            "csv_url": reverse("imports_csv") + (f"?{chosen}" if chosen else ""),
            "pager": pager,
        },
    )


@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The history as filtered."""
    require_admin(request)
    runs = HistoryFilter(request.GET, selectors.history()).qs

    def lines() -> Iterator[str]:
        writer: Any = csv.writer(rejected.Line())
        yield MARK + writer.writerow(selectors.CSV_HEADER)
        for run in runs.iterator(chunk_size=2_000):
            yield writer.writerow(
                [guarded(x) if isinstance(x, str) else x for x in selectors.csv_row(run)]
            )

    return _download(request, "imports", "imports.csv", runs.count(), lines())


def _download(
    request: HttpRequest, what: str, name: str, rows: int, lines: Iterator[Any]
) -> StreamingHttpResponse:
    """`lines` as a file; who takes it is recorded first, and no cache keeps it."""
    record_export(request, what, rows)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One import; htmx asks for its progress alone, and for the whole page once it is over."""
    require_admin(request)
    run = get_object_or_404(ImportRun.objects.select_related("started_by", "undone_by"), pk=pk)
    if run.state == State.UPLOADED:
        target = reverse("import_mapping", args=[run.pk])
        if not request.headers.get("HX-Request"):
            return redirect(target)
        response = HttpResponse()
        response["HX-Redirect"] = target
        return response
    abandoned, stalled = jobs.is_abandoned(run), jobs.is_stalled(run)
    is_open = run.state in jobs.OPEN and not abandoned
    context = {
        "run": run,
        "is_open": is_open,
        "abandoned": abandoned,
        "progress": selectors.progress(run),
        "behind": selectors.queued_behind(run) if run.state == State.QUEUED else 0,
    }
    if request.headers.get("HX-Request"):
        response = render(request, "accounts/import_progress.html", context)
        # The same address answers with the whole page: a cache must tell them apart.
        patch_vary_headers(response, ["HX-Request"])
        if not is_open:
            response["HX-Refresh"] = "true"
        return response
    # Read to its end without a row that loads: going on would read nothing more.
    futile = 0 < run.rows_read == run.rows_rejected and run.bytes_read >= run.bytes_total
    may_go_on = bool(run.file) and not futile
    context |= {
        "row": selectors.row_of(run),
        "errors": run.errors[:ERRORS_SHOWN],
        "error_count": selectors.error_count(run),
        "warnings": run.options.get("warnings", []),
        "quarantine": selectors.quarantine_url(run),
        "has_file": bool(run.file),
        "may_undo": run.state == State.DONE or (run.state == State.FAILED and run.position > 0),
        "may_resume": abandoned or stalled or (run.state == State.FAILED and may_go_on),
        "took": selectors.span(selectors.progress(run).seconds),
    }
    return render(request, "accounts/import.html", context)


@require_safe
def rejected_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The refused rows as they stood in the file, with what is wrong, to mend and upload again."""
    run = _kept(request, pk)
    try:
        lines = rejected.rows_csv(run)
        first = next(lines, b"")
    except (IngestError, OSError):
        raise Http404("The file is no longer kept.") from None

    def all_lines() -> Iterator[bytes]:
        yield first
        yield from lines

    name = f"{slugify(run.file_name.rsplit('.', 1)[0]) or 'import'}-rejected.csv"
    return _download(request, f"import {pk} rejected rows", name, run.rows_rejected, all_lines())


@require_safe
def errors_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Every error: row, column, value, reason, remedy."""
    run = _kept(request, pk)
    name = f"{slugify(run.file_name.rsplit('.', 1)[0]) or 'import'}-errors.csv"
    count = selectors.error_count(run)
    return _download(request, f"import {pk} errors", name, count, rejected.errors_csv(run))


def _kept(request: HttpRequest, pk: int) -> ImportRun:
    require_admin(request)
    run = get_object_or_404(ImportRun, pk=pk)
    if not run.file:
        raise Http404("Only uploaded files are kept.")
    return run


@require_http_methods(["GET", "HEAD", "POST"])
def undo_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What undoing would take back; then takes it back."""
    user = require_admin(request)
    run = get_object_or_404(ImportRun.objects.select_related("started_by"), pk=pk)
    if request.method == "POST":
        try:
            undo(run, by=user)
        except WorkbenchError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Import {run.pk} is undone.")
        return redirect("import", run.pk)
    if run.state not in (State.DONE, State.FAILED):
        return redirect("import", run.pk)
    context = {
        "run": run,
        "feed": selectors.feed_label(run.feed),
        "preview": selectors.undo_preview(run),
    }
    return render(request, "accounts/import_undo.html", context)


@require_POST
def load_again(request: HttpRequest, pk: int) -> HttpResponse:
    """A new upload of the same file, to be looked at before it is loaded."""
    user = require_admin(request)
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        copy = jobs.again(run, by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("import", run.pk)
    return redirect("import_mapping", copy.pk)


@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete an upload that was never loaded."""
    require_admin(request)
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        jobs.discard(run)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("import", run.pk)
    messages.success(request, f"{run.file_name} is discarded; nothing of it was loaded.")
    return redirect("imports")
