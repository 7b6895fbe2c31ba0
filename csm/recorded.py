"""The workbench's kind of Celery task: a message that cannot be sent is no error, results are noted."""

import logging
import time
from typing import Any

from celery import Task as CeleryTask
from django.db import DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from csm import embedded

log = logging.getLogger("csm.tasks")


class Task(CeleryTask):
    """Celery's task with two differences.

    Messages are wake-ups: one that cannot be sent, as the broker is away or nobody in this process
    listens, is logged and left to the sweep. A run the schedule asked for is noted in `ScheduledResult`
    under the entry's name.
    """

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        conf = self.app.conf
        if embedded.is_unheard(conf.broker_url) and not conf.task_always_eager:
            return None
        options.setdefault("retry_policy", {"max_retries": 1, "interval_start": 0.1})
        try:
            return super().apply_async(*args, **options)
        except BrokerError as error:
            log.warning(
                "%s: the broker does not answer, the sweep will do it: %s", self.name, error
            )
            return None

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        self.request.csm_started = time.monotonic()

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        # In the headers, where beat put it; an attribute of the request once a worker has read them.
        entry = (self.request.headers or {}).get("periodic_task_name") or self.request.get(
            "periodic_task_name"
        )
        if not entry:
            return
        from csm.models import ScheduledResult

        began = getattr(self.request, "csm_started", None)
        try:
            ScheduledResult.objects.update_or_create(
                name=entry,
                defaults={
                    "ended_at": timezone.now(),
                    "seconds": time.monotonic() - began if began is not None else 0.0,
                    "error": ""
                    if status == "SUCCESS"
                    else f"{type(retval).__name__}: {retval}"[:500],
                },
            )
        except DatabaseError:
            log.warning("the result of %s was not noted", entry, exc_info=True)
