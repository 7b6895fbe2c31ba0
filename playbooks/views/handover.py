"""Hand-over: the list of accounts one was given, and one page on each."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import visible_to
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from playbooks.forms.team import WordForm
from playbooks.models import Severity
from playbooks.selectors import handover as selectors
from playbooks.services import handovers as service
from playbooks.views.moments import moment
from scoring.services.versions import published_spec


@require_safe
def handovers(request: HttpRequest) -> HttpResponse:
    """Accounts that were given to me, those I have not read about first."""
    page, pager = numbered(request, selectors.handovers_to(request.user), "hand-overs")
    return render(request, "playbooks/handovers.html", {"rows": page.object_list, "pager": pager})


@require_http_methods(["GET", "HEAD", "POST"])
def handover(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about one account on a page; `do` = read, or word with the text."""
    user: Any = request.user
    account = get_object_or_404(visible_to(user).select_related("owner", "team", "health"), pk=pk)
    last = service.last_of(account)
    if request.method == "POST":
        try:
            if last is not None and request.POST.get("do") == "read":
                service.mark_read(last, by=user, at=timezone.now())
            elif last is not None and request.POST.get("do") == "word":
                form = WordForm(request.POST)
                if form.is_valid():
                    service.write_word(last, form.cleaned_data["word"], by=user)
                    messages.success(request, "Saved: it stands on top of the page.")
        except WorkbenchError as error:
            messages.error(request, str(error))
        return redirect("handover", pk=pk)
    on = today()
    found = selectors.pack(account, on=on)
    top = 100.0
    if found.health is not None:
        top = published_spec(found.health.version_id).display.scale_max
    context = {
        "crumbs": [{"label": account.name, "url": reverse("account", args=[pk])}],
        "pack": found,
        "account": account,
        "last": last,
        "top": top,
        "drivers": [(label, -lost * top / 100) for label, lost in found.drivers],
        "changes": [
            (days, None if change is None else change * top / 100)
            for days, change in (
                (7, found.health.change_7d if found.health else None),
                (30, found.health.change_30d if found.health else None),
            )
        ],
        "days_left": (account.renewal_on - on).days if account.renewal_on else None,
        "alerts": [
            {"alert": alert, "severity": Severity(alert.severity).label} for alert in found.alerts
        ],
        "clocks": [
            {"clock": clock, "due": moment(clock.due_at), "late": clock.due_at <= timezone.now()}
            for clock in found.clocks
        ],
        "on": on,
        "may_word": last is not None and service.may_write_word(last, user),
        "word_form": WordForm(initial={"word": last.word if last else ""}),
        "may_read": last is not None and last.to_id == user.pk and last.read_at is None,
    }
    return render(request, "playbooks/handover.html", context)
