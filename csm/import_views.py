"""Starting an import from a page: who does the work depends on how the workbench runs, so it lives here."""

import logging
from threading import Lock, Thread

from django.conf import settings
from django.contrib import messages
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import require_admin
from accounts.imports import jobs
from accounts.imports.mapping_views import take_over
from accounts.models import ImportRun
from csm.lib.errors import WorkbenchError
from csm.tasks import load_import
from playbooks.services import day

log = logging.getLogger("csm.imports")

# One database file has one writer: without workers imports are loaded one after the other.
_one_at_a_time = Lock()


@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Load an upload as the mapping form says, try it out (`try`), or go on with one that stopped."""
    require_admin(request)
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        if run.state == ImportRun.State.UPLOADED and not take_over(request, run):
            return redirect("import_mapping", run.pk)
        jobs.release_dead()
        jobs.queue(run, dry_run="try" in request.POST)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("import", run.pk)
    if settings.REDIS_URL:
        transaction.on_commit(lambda: load_import.delay(run.pk))
    else:
        transaction.on_commit(
            lambda: Thread(
                target=_work, args=(run.pk,), name=f"import-{run.pk}", daemon=True
            ).start()
        )
    return redirect("import", run.pk)


def _work(run_id: int) -> None:
    """The import in a thread of the web process; a killed process leaves a position to resume at."""
    try:
        with _one_at_a_time:
            jobs.work(run_id)
            # Those whose thread went with an earlier process.
            for pk in list(jobs.waiting().values_list("pk", flat=True)):
                jobs.work(pk)
        day.look(at=timezone.now())
    except Exception:
        log.exception("import %s: the worker thread failed", run_id)
    finally:
        connections.close_all()
