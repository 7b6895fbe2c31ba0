"""Who is away and who stands in."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import may_write
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms.team import AbsenceForm
from playbooks.models import Absence
from playbooks.services import absences as service
from playbooks.services.assignment_plans import receivers


def _seen(user: Any) -> QuerySet[Absence]:
    """One's own, those one covers, and those of one's teams."""
    rows = Absence.objects.select_related("user", "cover")
    if user.is_admin or user.role == "executive":
        return rows
    mine = rows.filter(user=user) | rows.filter(cover=user)
    ids = rows.filter(user__teams__in=user.team_ids).values("pk")
    return rows.filter(pk__in=mine.values("pk")) | rows.filter(pk__in=ids)


@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest) -> HttpResponse:
    """The list from today on, the form, and `end` to end one."""
    user: Any = request.user
    on = today()
    writes = may_write(user)
    ended = request.POST.get("end", "")
    form = AbsenceForm(
        user,
        request.POST if request.method == "POST" and not ended else None,
        initial={"user": user.pk},
    )
    if request.method == "POST" and not writes:
        raise Http404("No such page.")
    if ended:
        row = get_object_or_404(_seen(user), pk=whole(ended))
        try:
            service.end(row, by=user, on=on)
            messages.success(request, f"{row.user} is back.")
        except WorkbenchError as error:
            messages.error(request, str(error))
        return redirect("absences")
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            service.create(
                given["user"],
                cover=given["cover"],
                first_on=given["first_on"],
                last_on=given["last_on"],
                note=given["note"],
                by=user,
                at=timezone.now(),
            )
        except WorkbenchError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{given['user']} is noted as away.")
            return redirect("absences")
    manages = set(receivers(user).values_list("pk", flat=True)) | {user.pk}
    context = {
        "form": form,
        "writes": writes,
        "rows": [
            {
                "row": row,
                "now": row.first_on <= on,
                "may_end": writes and row.user_id in manages,
            }
            for row in _seen(user).filter(last_on__gte=on).order_by("first_on", "pk")
        ],
    }
    return render(request, "playbooks/absences.html", context)
