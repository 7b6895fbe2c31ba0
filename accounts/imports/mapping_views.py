"""Saying how an upload is read. For admins; others get 404."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import require_admin
from accounts.imports import jobs, reading, specs
from accounts.imports.forms import (
    MappingForm,
    SaveMappingForm,
    UploadForm,
    known_sources,
    too_large,
)
from accounts.imports.uploads import NO_ROOM, has_no_room, is_too_large
from accounts.ingest.errors import IngestError
from accounts.ingest.feeds import FEEDS
from accounts.ingest.feeds.further import columns_of
from accounts.models import ImportRun, SavedMapping


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """Choose a file."""
    require_admin(request)
    return _upload_page(request, UploadForm(limit=settings.IMPORT_MAX_BYTES))


def _upload_page(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "sources": known_sources(), "feeds": FEEDS.values()}
    return render(request, "accounts/import_new.html", context, status=status)


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Keep a file, guess what it is of, and go on to its columns."""
    user = require_admin(request)
    limit = settings.IMPORT_MAX_BYTES
    form = UploadForm(request.POST, request.FILES, limit=limit)
    if has_no_room(request):
        form.errors["file"] = form.error_class([NO_ROOM])
        return _upload_page(request, form, 507)
    if is_too_large(request):
        form.errors["file"] = form.error_class([too_large(limit)])
    if not form.is_valid():
        return _upload_page(request, form, 422)
    said: dict[str, Any] = form.cleaned_data
    try:
        run = jobs.store(
            said["file"],
            feed=said["feed"],
            source=said["source"],
            mapping=said["mapping"],
            as_of=said["as_of"],
            by=user,
            beside=said["beside"],
        )
    except jobs.NoRoom as error:
        form.add_error("file", str(error))
        return _upload_page(request, form, 507)
    try:
        reading.guess(run)
    except IngestError as error:
        # Nothing can be read from it: it is not kept, and the form says why.
        sentence = reading.public(str(error), run)
        jobs.discard(run)
        form.add_error("file", sentence)
        return _upload_page(request, form, 422)
    return redirect("import_mapping", run.pk)


def _upload_of(request: HttpRequest, pk: int) -> ImportRun:
    require_admin(request)
    return get_object_or_404(ImportRun.objects.select_related("started_by"), pk=pk)


@require_safe
def mapping(request: HttpRequest, pk: int) -> HttpResponse:
    """How each column is read, the first rows as they would be, and what loading would change."""
    run = _upload_of(request, pk)
    if run.state != ImportRun.State.UPLOADED:
        return redirect("import", run.pk)
    feed = FEEDS[run.feed]
    columns = columns_of(feed)
    look = reading.look(run, columns)
    context = {
        "run": run,
        "look": look,
        "form": MappingForm.of(run),
        "groups": reading.target_groups(feed, columns),
        "saved": SaveMappingForm(
            initial={"name": run.mapping if run.mapping not in specs.shipped() else ""}
        ),
        "sources": known_sources(),
        "tried": run.options.get("tried"),
    }
    return render(request, "accounts/import_mapping.html", context)


def take_over(request: HttpRequest, run: ImportRun) -> bool:
    """Store what the mapping form says; False, with messages, when it cannot be used as it stands."""
    form = MappingForm(request.POST)
    if not form.is_valid():
        for name, errors in form.errors.items():
            label = form.fields[name].label if name in form.fields else ""
            messages.error(request, f"{label}: {' '.join(map(str, errors))}".removeprefix(": "))
        return False
    changes = reading.described(run, form.cleaned_data, request.POST)
    jobs.describe(run, **changes)
    if faults := reading.look(run).faults:
        for fault in faults:
            messages.error(request, fault)
        return False
    return True


@require_POST
def mapping_save(request: HttpRequest, pk: int) -> HttpResponse:
    """Store the form and show what it makes of the rows; `keep` also saves it by name."""
    user = require_admin(request)
    run = _upload_of(request, pk)
    try:
        usable = take_over(request, run)
    except jobs.ImportRefused as error:
        messages.error(request, str(error))
        return redirect("import", run.pk)
    if "keep" in request.POST and usable:
        form = SaveMappingForm({"name": request.POST.get("name", "")})
        if form.is_valid():
            name = form.cleaned_data["name"]
            SavedMapping.objects.update_or_create(
                name=name,
                defaults={"feed": run.feed, "spec": run.options.get("spec", {}), "saved_by": user},
            )
            audit.record(audit.Kind.TUNING, f"saved the mapping {name}", by=user)
            jobs.describe(run, mapping=name)
            messages.success(
                request, f"Saved as {name}: choose it for the next file of this shape."
            )
        else:
            messages.error(request, " ".join(map(str, form.errors["name"])))
    return redirect("import_mapping", run.pk)
