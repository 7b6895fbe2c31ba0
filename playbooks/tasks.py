"""Celery's doors to playbooks: fetch by id, call one service, log one line."""

import logging

from celery import shared_task
from django.utils import timezone

from playbooks.models import TriggerNight
from playbooks.services import clocks, delivery, night, replays

log = logging.getLogger("playbooks.tasks")


@shared_task
def work_night(night_id: int) -> None:
    """Go on with a trigger night, unless somebody is at it already."""
    done = night.work(TriggerNight.objects.get(pk=night_id), at=timezone.now())
    log.info("triggers of %s: %s", done.as_of, done.state)


@shared_task
def tick_clocks() -> None:
    """Mark clocks that ran out and escalate them."""
    escalated = clocks.tick(at=timezone.now())
    if escalated:
        log.info("clocks: %s escalations", escalated)


@shared_task
def work_replay(replay_id: int) -> None:
    """Work on one replay, unless somebody is at it already."""
    replay = replays.work(replay_id)
    if replay is not None:
        log.info("replay %s: %s", replay.pk, replay.state)


@shared_task
def sweep_replays() -> None:
    """Wake workers for replays nobody is at work on."""
    for pk in replays.waiting().values_list("pk", flat=True):
        work_replay.delay(pk)


@shared_task
def send_notices() -> None:
    """Send the e-mails, digests and webhooks that are due."""
    done = delivery.send_due(at=timezone.now())
    if done.sent or done.failed or done.given_up:
        log.info("%s sent, %s failed, %s given up", done.sent, done.failed, done.given_up)
