"""An import whose database is lost on the way: goes on behind the last whole chunk once it is back."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts.ingest.errors import ImportTaken, IngestError
from accounts.models import ImportRun
from csm.lib import retry

log = logging.getLogger("csm.imports")

_LEASE: Final = timedelta(minutes=2)
_OURS: Final = (ImportRun.State.RUNNING, ImportRun.State.FAILED)


def load_through(run: ImportRun, worker: str, load: Callable[[], None]) -> None:
    """Call `load`, which goes on where the row says, until no passing trouble of the database stops it.

    Raises ImportTaken when somebody else took it over meanwhile, and what `load` raises otherwise.
    """
    for failed in range(1, retry.WORK.tries):
        try:
            return load()
        except Exception as error:
            # The loader tells what the database refused in its own words; COPY's errors come as they are.
            if not retry.is_passing(error.__cause__ if isinstance(error, IngestError) else error):
                raise
            log.warning("import %s goes on behind row %s: %s", run.pk, run.position, error)
        retry.reconnect()
        time.sleep(retry.WORK.pause(failed))
        _take_up(run, worker)
    return load()


@retry.retrying()
def _take_up(run: ImportRun, worker: str) -> None:
    """Ours again, as we left it or as the failure noted it."""
    left = ImportRun.objects.filter(pk=run.pk, worker=worker, state__in=_OURS)
    until = timezone.now() + _LEASE
    running = ImportRun.State.RUNNING
    if not left.update(state=running, error="", finished_at=None, lease_until=until):
        raise ImportTaken(run.pk)
    run.refresh_from_db()
