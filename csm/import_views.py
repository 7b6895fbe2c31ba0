"""Starting an import from a page: who does the work depends on how the workbench runs, so it lives here."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.access import require_admin
from accounts.imports import jobs
from accounts.imports.mapping_views import take_over
from accounts.models import ImportRun
from csm.lib.errors import WorkbenchError
from csm.tasks import load_import


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
    transaction.on_commit(lambda: load_import.delay(run.pk))
    return redirect("import", run.pk)
