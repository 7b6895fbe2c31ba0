"""Celery: messages wake workers, rows say what is to be done. The schedule is rows too: `csm.schedule`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csm.settings")

app = Celery("csm", task_cls="csm.recorded:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
