"""Notes: written, changed, kept, taken away; their files handed out."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import changeable_by, may_write, visible_to
from accounts.downloads import record_export
from accounts.imports.uploads import NO_ROOM, has_no_room, is_too_large
from accounts.models import Account
from csm.lib.addresses import back_to
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.typed import whole
from playbooks.access import interventions_seen_by, notes_seen_by, readers_of
from playbooks.forms.notes import NoteForm
from playbooks.models import NoteFile
from playbooks.selectors import notes as selectors
from playbooks.services import notes as services

# The list of whom to mention offers so many.
_MENTIONED: Final = 100


def panel(
    request: HttpRequest,
    account: Account,
    intervention: Any = None,
    *,
    readers: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """Context of `playbooks/_notes.html` for an account's page or a plan's. Some six queries.

    `readers` are those `readers_of` the account, where they are at hand.
    """
    promises = request.GET.get("notes") == "promises"
    found = selectors.notes_of(request.user, account, intervention=intervention, promises=promises)
    page, pager = numbered(request, found, "notes")
    writes = may_write(request.user)
    return {
        "account": account,
        "intervention": intervention,
        "notes": selectors.shown(request.user, account, page.object_list, on=today()),
        "note_form": NoteForm() if writes else None,
        "note_people": list((readers_of(account) if readers is None else readers)[:_MENTIONED])
        if writes
        else [],
        "note_pager": pager if page.paginator.num_pages > 1 else None,
        "note_promises": promises,
        "notes_here": request.get_full_path(),
    }


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Write a note on an account one may see; a faulty one comes back to be put right."""
    if not may_write(request.user):
        raise Http404("No such page.")
    account = get_object_or_404(visible_to(request.user), pk=_number(request, "account"))
    plan = None
    if request.POST.get("intervention"):
        plans = interventions_seen_by(request.user).filter(account=account)
        plan = get_object_or_404(plans, pk=_number(request, "intervention"))
    form = NoteForm(request.POST, request.FILES)
    if has_no_room(request):
        form.add_error("uploads", NO_ROOM)
    if is_too_large(request):
        form.add_error("uploads", "A file was too large and was not taken.")
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.add(
                account,
                by=request.user,
                at=timezone.now(),
                on=today(),
                body=given["body"],
                kind=given["kind"],
                due_on=given["due_on"],
                intervention=plan,
                files=given["uploads"],
            )
        except WorkbenchError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The note is kept.")
            return redirect(back_to(request, _notes_of(account.pk)))
    return _form(request, form, account, intervention=plan)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one's own note."""
    note = get_object_or_404(_seen(request).filter(by=_user(request)), pk=pk)
    if not may_write(request.user):
        raise Http404("No such note.")
    form = NoteForm(request.POST or None, instance=note)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.edit(
                note,
                by=request.user,
                at=timezone.now(),
                body=given["body"],
                kind=given["kind"],
                due_on=given["due_on"],
            )
        except WorkbenchError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The note is changed.")
            return redirect(back_to(request, _notes_of(note.account_id)))
    return _form(request, form, note.account, note=note)


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a note away, or say whether its promise was kept."""
    if not may_write(request.user):
        raise Http404("No such note.")
    note = get_object_or_404(_seen(request), pk=pk)
    user: Any = request.user
    do = request.POST.get("do", "")
    own = note.by_id == user.pk
    if do == "delete" and not (own or user.is_admin):
        raise Http404("No such note.")
    if do != "delete" and not (own or changeable_by(user).filter(pk=note.account_id).exists()):
        raise Http404("No such note.")
    try:
        match do:
            case "delete":
                services.delete(note, by=user)
                said = "The note is gone."
            case "kept" | "open":
                services.keep(note, by=user, on=today(), kept=do == "kept")
                said = "The promise is kept." if do == "kept" else "The promise is open again."
            case _:
                raise WorkbenchError("Nothing was changed: say what to do.")
        messages.success(request, said)
    except WorkbenchError as error:
        messages.error(request, str(error))
    return redirect(back_to(request, _notes_of(note.account_id)))


@require_safe
def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Hand a file to whoever may see its account: always to be saved, never to be opened in the page."""
    seen = _seen(request).order_by().values("pk")
    row = get_object_or_404(NoteFile.objects.filter(note__in=seen), pk=pk)
    try:
        stored = row.file.open("rb")
    except FileNotFoundError:
        raise Http404("The file is gone.") from None
    record_export(request, f"file of note {row.note_id}", None, query=row.name)
    response = FileResponse(
        stored, as_attachment=True, filename=row.name, content_type=row.content_type
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _form(request: HttpRequest, form: NoteForm, account: Account, **more: Any) -> HttpResponse:
    return render(
        request,
        "playbooks/note_form.html",
        {
            "form": form,
            "account": account,
            "next": request.POST.get("next", request.GET.get("next", "")),
            "note_people": list(readers_of(account)[:_MENTIONED]),
            "crumbs": [
                {"label": account.name, "url": reverse("account", args=[account.pk])},
                {"label": "Notes", "url": reverse("account_notes", args=[account.pk])},
                {"label": "Change" if more.get("note") else "New note"},
            ],
            **more,
        },
    )


def _seen(request: HttpRequest) -> Any:
    return notes_seen_by(request.user).select_related("account")


def _user(request: HttpRequest) -> Any:
    return request.user


def _number(request: HttpRequest, name: str) -> int:
    return whole(request.POST.get(name, ""), 18) or 0


def _notes_of(account_id: int) -> str:
    return reverse("account_notes", args=[account_id])
