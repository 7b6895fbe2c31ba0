"""Starting a night from a page: it needs the order of the night, so it lives above scoring."""

import logging
from threading import Thread

from django.conf import settings
from django.contrib import messages
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import require_admin
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.nightly import after_night, start_night
from csm.tasks import wake
from scoring.models import ScoreRun
from scoring.services import nights

log = logging.getLogger("csm.nights")


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Score tonight now, or go on with the night that was interrupted."""
    user = require_admin(request)
    try:
        run = start_night(today(), by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("nights")
    if settings.REDIS_URL:
        wake(run)
    else:
        Thread(target=_work, args=(run,), name=f"night-{run.pk}", daemon=True).start()
    return redirect("night", run.pk)


def _work(run: ScoreRun) -> None:
    """The night in a thread of the web process; a killed process leaves shards that anyone may claim."""
    try:
        after_night(nights.work(run))
    except Exception:
        log.exception("night %s: the worker thread failed", run.as_of)
        nights.fail(run, "The worker stopped with an error: see the log of the web process.")
    finally:
        connections.close_all()
