"""Celery's beat on the schedule's rows, which it sets up when it starts."""

from django.db import close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler

from csm import schedule


class Schedule(DatabaseScheduler):
    """django-celery-beat's scheduler; entries come from `csm.schedule`, never from Celery's settings."""

    def setup_schedule(self) -> None:
        schedule.ensure()

    def tick(self, *args: object, **kwargs: object) -> float:
        # Beat runs for weeks: a connection the database closed must not end it.
        close_old_connections()
        return float(super().tick(*args, **kwargs) or 0)
