"""Probes, figures and log lines: what an operator's tools read."""

import json
import logging
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import sentry_sdk
from django.test import Client

from csm.conf.errors import report_errors
from csm.conf.logs import logging_config
from csm.models import Job
from csm.nightly import run_nightly, start_night
from scoring.services.nights import work
from tests.conftest import NIGHT

ROOT = Path(__file__).resolve().parents[3]


def figures(client: Client, **headers) -> dict[str, float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_probes_answer_without_a_log_in(client, db):
    assert client.get("/healthz").content == b"ok\n"
    assert client.get("/readyz").content == b"ready\n"


def test_pages_go_on_without_redis_and_the_probe_says_so(client, db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {
        "default": {
            "BACKEND": "csm.lib.cache.Tolerant",
            "LOCATION": settings.REDIS_URL,
        }
    }
    answer = client.get("/readyz")
    assert (answer.status_code, b"redis does not answer" in answer.content) == (200, True)
    found = figures(client)
    assert found["csm_redis_up"] == 0


def test_figures_of_the_night_and_of_what_waits(client, make_account, score_book, owner, manager):
    accounts = [make_account(owner=owner) for _ in range(3)]
    Job.objects.create(kind="assign_accounts", title="x", asked_by=manager, total=3)
    score_book({account: {} for account in accounts})
    found = figures(client)
    assert found["csm_database_up"] == 1
    assert found["csm_night_accounts"] == 3
    assert found["csm_night_accounts_per_second"] > 0
    assert 0 <= found["csm_snapshot_age_seconds"] < 600
    assert found['csm_waiting{kind="jobs"}'] == 1
    assert found['csm_waiting_oldest_seconds{kind="jobs"}'] >= 0
    assert found['csm_waiting{kind="imports"}'] == 0


def test_before_the_first_night_its_age_is_unknown_not_zero(client, db):
    assert "csm_snapshot_age_seconds" not in figures(client)


def test_request_times_are_counted(client, owner):
    client.force_login(owner)
    client.get("/portfolio/")
    key = 'django_http_requests_latency_seconds_by_view_method_count{method="GET",view="portfolio"}'
    assert figures(client)[key] >= 1


def test_a_stranger_does_not_read_figures(client, db, owner, admin):
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_with_a_token_only_the_token_counts(client, db, settings):
    settings.METRICS_TOKEN = "s3cret-token"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer ünïcode"}).status_code == 404
    figures(client, Authorization="Bearer s3cret-token")


@pytest.fixture
def lines():
    """Our loggers writing JSON into a string; afterwards as they were."""
    from django.conf import settings

    config = logging_config("json", "INFO")
    stream = StringIO()
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.config.dictConfig(settings.LOGGING)


def test_a_line_names_its_request_and_who_asked(lines, client, owner):
    client.force_login(owner)
    for _ in range(2):
        client.get("/portfolio/", headers={"X-Request-ID": "chosen by a stranger"})
    ended = [line for line in lines() if line["event"] == "request_finished"]
    assert [(line["code"], line["user_id"]) for line in ended] == [(200, owner.pk)] * 2
    ids = {line["request_id"] for line in ended}
    assert len(ids) == 2
    assert "chosen by a stranger" not in ids


def test_a_line_of_a_night_names_its_run(lines, make_account, report, owner):
    report(make_account(owner=owner))
    run = run_nightly(NIGHT)
    logging.getLogger("scoring.nights").info("between nights")
    work(
        start_night(NIGHT), progress=lambda *_: logging.getLogger("scoring.nights").info("a piece")
    )
    runs = {
        line["event"]: line.get("run") for line in lines() if line["logger"] == "scoring.nights"
    }
    assert runs["between nights"] is None
    assert runs["a piece"] > run.pk


def test_errors_are_reported_without_what_customers_are(monkeypatch):
    """Names stand in variables, addresses in requests: neither leaves the house."""
    sent = []
    report_errors("", environment="test")
    assert not sentry_sdk.get_client().is_active()
    report_errors("https://key@errors.example.com/1", environment="test")
    client = sentry_sdk.get_client()
    monkeypatch.setattr(client.transport, "capture_envelope", sent.append)
    try:
        customer = "Pots & Pans Ltd"
        try:
            raise ValueError("no number")
        except ValueError:
            sentry_sdk.capture_exception()
        sentry_sdk.flush()
        (event,) = [envelope.get_event() for envelope in sent if envelope.get_event()]
        assert event["exception"]["values"][0]["value"] == "no number"
        assert customer not in json.dumps(
            [frame.get("vars") for frame in event["exception"]["values"][0]["stacktrace"]["frames"]]
        )
        assert client.options["max_request_body_size"] == "never"
    finally:
        client.close()
        sentry_sdk.get_global_scope().set_client(None)


def test_a_mistyped_setting_is_refused():
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"LOG_FORMAT": "xml", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert done.returncode
    assert "LOG_FORMAT" in done.stderr
