"""What the workbench is doing, as figures a monitoring system reads: asked of the database when it asks."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.models import ChangedAccount, Event, ImportRun
from accounts.trust.freshness import freshness
from csm.conf.celery import QUEUES
from csm.lib.dates import today
from csm.models import Job
from playbooks.models import Delivery, TriggerNight
from scoring.models import ScoreRun, ScoreShard
from scoring.selectors import newest_run
from scoring.services.nights import OPEN

log = logging.getLogger("csm.observe")

_SECONDS_A_DAY: Final = 86_400


class Workbench(Collector):
    """Nights, queues, sources and what waits. About twelve short statements a scrape."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The figures; where the database does not answer only `csm_database_up` 0 is told."""
        up = GaugeMetricFamily("csm_database_up", "1 when the database answers.")
        try:
            found = [*self._night(), *self._waiting(), *self._sources()]
        except DatabaseError as error:
            log.warning("metrics: the database does not answer: %s", error)
            found = []
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        return [up, *found, *_queues()]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is asked of the database when the process registers."""
        return []

    def _night(self) -> Iterator[GaugeMetricFamily]:
        run = newest_run(defer=True)
        now = timezone.now()
        age = GaugeMetricFamily("csm_snapshot_age_seconds", "Since the night shown was published.")
        as_of = GaugeMetricFamily(
            "csm_snapshot_as_of_days", "Days between today and the night shown."
        )
        rate = GaugeMetricFamily(
            "csm_night_accounts_per_second", "Of the last finished night, start to end."
        )
        accounts = GaugeMetricFamily("csm_night_accounts", "Accounts of the last finished night.")
        stages = GaugeMetricFamily(
            "csm_night_stage_seconds", "Per stage of the last finished night.", labels=["stage"]
        )
        if run is not None and run.finished_at is not None:
            seconds = max((run.finished_at - run.started_at).total_seconds(), 1e-3)
            age.add_metric([], (now - run.finished_at).total_seconds())
            as_of.add_metric([], (today() - run.as_of).days)
            rate.add_metric([], run.accounts / seconds)
            accounts.add_metric([], run.accounts)
            for stage, took in run.stages.items():
                if isinstance(took, int | float):
                    stages.add_metric([stage], took)
        shards = GaugeMetricFamily(
            "csm_night_shards", "Shards of unfinished nights by state.", labels=["state"]
        )
        counted = ScoreShard.objects.filter(run__state__in=OPEN).order_by()
        for state, many in counted.values_list("state").annotate(n=Count("pk")):
            shards.add_metric([state], many)
        failed = GaugeMetricFamily(
            "csm_nights_failed", "Nights of the last seven days that failed."
        )
        recent = ScoreRun.objects.filter(
            state=ScoreRun.State.FAILED, started_at__gt=now - timedelta(days=7)
        )
        failed.add_metric([], recent.count())
        yield from (age, as_of, rate, accounts, stages, shards, failed)

    def _waiting(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        waiting = GaugeMetricFamily(
            "csm_waiting", "Rows of work that are not done, by kind.", labels=["kind"]
        )
        oldest = GaugeMetricFamily(
            "csm_waiting_oldest_seconds", "Age of the oldest of them, by kind.", labels=["kind"]
        )
        for kind, rows, at in (
            ("changed_accounts", ChangedAccount.objects.all(), "changed_at"),
            (
                "imports",
                ImportRun.objects.filter(state__in=("queued", "running")),
                "started_at",
            ),
            ("jobs", Job.objects.filter(state__in=("waiting", "running")), "asked_at"),
            ("deliveries", Delivery.objects.filter(state="waiting"), "created_at"),
            ("trigger_nights", TriggerNight.objects.exclude(state__in=("done", "failed")), None),
            ("events", Event.objects.filter(state="waiting"), "received_at"),
        ):
            many, first = _count(rows, at)
            waiting.add_metric([kind], many)
            if first is not None:
                oldest.add_metric([kind], max(0.0, (now - first).total_seconds()))
        yield from (waiting, oldest)

    def _sources(self) -> Iterator[GaugeMetricFamily]:
        silence = GaugeMetricFamily(
            "csm_source_silence_seconds",
            "Since the last sign of life of a feed, to the day.",
            labels=["source", "feed"],
        )
        frozen = GaugeMetricFamily(
            "csm_source_frozen", "1 while the breaker holds a feed.", labels=["source", "feed"]
        )
        for each in freshness(today()):
            if each.measure:
                continue
            if each.alive_on is not None:
                days = (today() - each.alive_on).days
                silence.add_metric([each.source, each.feed], days * _SECONDS_A_DAY)
            frozen.add_metric([each.source, each.feed], int(each.frozen is not None))
        yield from (silence, frozen)


def _count(rows: Any, at: str | None) -> tuple[int, datetime | None]:
    """How many rows and since when the oldest waits."""
    wanted: dict[str, Any] = {"n": Count("pk")}
    if at:
        wanted["first"] = Min(at)
    found = rows.order_by().aggregate(**wanted)
    return found["n"], found.get("first")


def _queues() -> Iterator[GaugeMetricFamily]:
    """Messages in the broker, and whether it answers; nothing without one."""
    if not settings.REDIS_URL:
        return
    import redis

    up = GaugeMetricFamily("csm_redis_up", "1 when Redis answers.")
    depth = GaugeMetricFamily(
        "csm_queue_depth", "Messages nobody has fetched, by queue.", labels=["queue"]
    )
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2
        ) as broker:
            for queue in QUEUES:
                depth.add_metric([queue.name], float(broker.llen(queue.name)))
        up.add_metric([], 1)
    except redis.RedisError:
        up.add_metric([], 0)
    yield from (up, depth)


def database_answers() -> bool:
    """Whether the database answers and is migrated."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM csm_user LIMIT 1")
    except DatabaseError:
        return False
    return True
