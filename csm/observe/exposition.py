"""The figures of this workbench as Prometheus reads them: of all web processes, and of the database."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from csm.observe.state import Workbench

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition() -> bytes:
    """Counts and times of requests, added up over the processes of the web server, and `Workbench`."""
    ours = CollectorRegistry()
    ours.register(Workbench())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        requests = CollectorRegistry()
        MultiProcessCollector(requests)  # registers itself
    else:
        requests = REGISTRY
    return generate_latest(requests) + generate_latest(ours)
