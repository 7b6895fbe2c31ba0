"""Which work waits in which queue, and how the broker is spoken to.

    night    long: shards of a night, its triggers, replays, imports, jobs, pruning
    day      short and urgent: accounts scored again within seconds of a change
    default  short: sweeps, clocks, notices, events

`celery -A csm worker` serves all three; a team gives `day` a worker of its own (`-Q day`), so that
nothing long stands in its way.
"""

from typing import Any, Final

from kombu import Queue

QUEUES: Final = tuple(Queue(name) for name in ("day", "default", "night"))

ROUTES: Final[dict[str, dict[str, str]]] = {
    **{
        name: {"queue": "night"}
        for name in (
            "csm.tasks.work",
            "csm.tasks.profile",
            "csm.tasks.warm",
            "csm.tasks.load_import",
            "csm.tasks.work_job",
            "csm.tasks.prune",
            "playbooks.tasks.work_night",
            "playbooks.tasks.work_replay",
        )
    },
    "csm.tasks.by_day": {"queue": "day"},
}


def transport(redis_url: str) -> dict[str, Any]:
    """Options of the broker's connection; seconds."""
    if not redis_url:
        # Messages stay within the process: it looks for them this often.
        return {"polling_interval": 0.2}
    return {
        # A message whose worker was killed is given out again after this; the sweep does not wait for it.
        "visibility_timeout": 3600,
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        "socket_keepalive": True,
    }
