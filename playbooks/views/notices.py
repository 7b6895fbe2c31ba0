"""One's notices: the list behind the bell, marking them read, and how one wants to be told."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from csm.lib.addresses import with_params
from csm.lib.paging import numbered
from csm.lib.typed import whole
from playbooks.forms.notices import NoticeSettingForm
from playbooks.models import Delivery, Notice, Severity
from playbooks.selectors import notices as selectors
from playbooks.services import notices as service
from playbooks.views.moments import short

_MAILS = 10


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """What one was told, newest first; `?show=unread` and `?kind=` narrow it."""
    kind = request.GET.get("kind", "")
    if kind not in Notice.Kind.values:
        kind = ""
    unread_only = request.GET.get("show") == "unread"
    counted = selectors.counts(request.user)
    found = selectors.notices_of(request.user, kind=kind, unread_only=unread_only)
    page, pager = numbered(request, found, "notices")
    now = timezone.now()
    new = sum(unread for _, unread in counted.values())
    context = {
        "tabs": [
            {
                "label": label,
                "url": with_params(request.GET, show=show),
                "active": unread_only is (show is not None),
                "count": count,
            }
            for label, show, count in (
                ("All", None, sum(every for every, _ in counted.values())),
                ("Unread", "unread", new),
            )
        ],
        "kinds": [
            {
                "label": label,
                "url": with_params(request.GET, kind=value or None),
                "active": value == kind,
            }
            for value, label in [("", "Everything"), *Notice.Kind.choices]
            if not value or value in counted
        ],
        "rows": [
            {
                "notice": notice,
                "when": short(notice.at, now),
                "severity": Severity(notice.severity).label if notice.severity else "",
            }
            for notice in page.object_list
        ],
        "unread_count": new,
        "pager": pager,
        "narrowed": bool(kind or unread_only),
    }
    return render(request, "playbooks/notices.html", context)


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark notices read: `all`, one by `id`, or one by `open`, which then leads to what it is about."""
    own, at = selectors.notices_of(request.user), timezone.now()
    if request.POST.get("all"):
        many = service.mark_read(own, at=at)
        messages.success(request, f"{many} notice{'' if many == 1 else 's'} marked as read.")
        return redirect("notices")
    opened = request.POST.get("open", "")
    asked = opened or request.POST.get("id", "")
    notice = get_object_or_404(own, pk=whole(asked))
    service.mark_read(own.filter(pk=notice.pk), at=at)
    leads_on = opened and notice.url.startswith("/") and not notice.url.startswith("//")
    return redirect(notice.url if leads_on else "notices")


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """How one wants to be told, and which mails went out."""
    user: Any = request.user
    setting = selectors.setting_of(user)
    form = NoticeSettingForm.of(setting, request.POST or None)
    if request.method == "POST" and form.is_valid():
        service.save_setting(user, form.values)
        messages.success(request, "Saved. It holds from the next notice on.")
        return redirect("notice_settings")
    now = timezone.now()
    context = {
        "form": form,
        "address": user.email,
        "mails": [
            {
                "what": delivery.notice.title
                if delivery.notice
                else delivery.payload.get("subject", ""),
                "channel": delivery.get_channel_display(),
                "when": short(delivery.sent_at or delivery.created_at, now),
                "state": delivery.get_state_display(),
                "error": delivery.error if delivery.state != Delivery.State.SENT else "",
            }
            for delivery in selectors.mails_to(user)[:_MAILS]
        ],
    }
    return render(request, "playbooks/notice_settings.html", context)
