"""Celery's doors: fetch by id, call one service, log one line."""

import logging

from celery import shared_task
from django.utils import timezone

from playbooks.services import clocks

log = logging.getLogger("playbooks.tasks")


@shared_task
def tick_clocks() -> None:
    """Mark clocks that ran out and escalate them."""
    escalated = clocks.tick(at=timezone.now())
    if escalated:
        log.info("clocks: %s escalations", escalated)
