"""Celery: messages wake workers, rows say what is to be done. The schedule is rows too: `csm.schedule`."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csm.settings")

app = Celery("csm", task_cls="csm.recorded:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Every line of a task names the task and the request that asked for it.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def _log_like_the_web(**_: Any) -> None:
    """Workers and beat write the same lines as the web server."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
