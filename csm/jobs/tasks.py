"""Celery's door to background jobs."""

import logging

from celery import shared_task

from csm.jobs import engine, kinds

log = logging.getLogger("csm.jobs")


@shared_task(name="csm.tasks.work_job")
def work_job(job_id: int) -> None:
    """Do what is left of a job, unless somebody is at it already."""
    job = engine.work(job_id, kinds.STEPS)
    if job is not None:
        log.info("job %s: %s, %s rows", job.pk, job.state, job.done)


def wake_waiting() -> None:
    """Wake a worker for every job nobody is at work on."""
    engine.release_dead()
    for pk in engine.waiting().values_list("pk", flat=True)[:20]:
        work_job.delay(pk)
