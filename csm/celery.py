"""Celery: messages wake workers, rows say what is to be done."""

import os
import sys

from celery import Celery
from celery.schedules import crontab

# Every process loads this; only Celery's own program is a worker, or beat, and settings ask which.
if "celery" in sys.argv[0]:
    for _kind in ("worker", "beat"):
        if _kind in sys.argv:
            os.environ.setdefault("CSM_PROCESS", _kind)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csm.settings")

app = Celery("csm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "night": {
        "task": "csm.tasks.night",
        "schedule": crontab(hour=2, minute=0),
        # A worker that was down all night must not find a week of nights waiting.
        "options": {"expires": 60 * 60 * 12},
    },
    # Picks up what a lost message or a killed worker left undone.
    "sweep": {"task": "csm.tasks.sweep", "schedule": 60.0, "options": {"expires": 55}},
    "events": {"task": "csm.tasks.apply_events", "schedule": 60.0, "options": {"expires": 55}},
    "replays": {
        "task": "playbooks.tasks.sweep_replays",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "clocks": {"task": "playbooks.tasks.tick_clocks", "schedule": 60.0, "options": {"expires": 55}},
    # Accounts whose facts changed are judged again without waiting for the night.
    "day": {"task": "playbooks.tasks.look", "schedule": 60.0, "options": {"expires": 55}},
    "notices": {
        "task": "playbooks.tasks.send_notices",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
}
