"""Tasks that leave a note of how their last scheduled run ended, for the schedule's page."""

import logging
import time
from typing import Any

from celery import Task as CeleryTask
from django.db import DatabaseError
from django.utils import timezone

log = logging.getLogger("csm.tasks")


class Task(CeleryTask):
    """Celery's task; a run the schedule asked for is noted in `ScheduledResult` under the entry's name."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        self.request.csm_started = time.monotonic()

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        entry = self.request.get("periodic_task_name")
        if not entry:
            return
        from csm.models import ScheduledResult

        error = "" if status == "SUCCESS" else f"{type(retval).__name__}: {retval}"[:500]
        began = getattr(self.request, "csm_started", None)
        try:
            ScheduledResult.objects.update_or_create(
                name=entry,
                defaults={
                    "ended_at": timezone.now(),
                    "seconds": time.monotonic() - began if began is not None else 0.0,
                    "error": error,
                },
            )
        except DatabaseError:
            log.warning("the result of %s was not noted", entry, exc_info=True)
