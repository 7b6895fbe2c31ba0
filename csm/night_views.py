"""Starting a night from a page: it needs the order of the night, so it lives above scoring."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import require_admin
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.nightly import start_night
from csm.tasks import wake


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Score tonight now, or go on with the night that was interrupted."""
    user = require_admin(request)
    try:
        run = start_night(today(), by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("nights")
    wake(run)
    return redirect("night", run.pk)
