"""By day over a real Redis, a real worker and a real web server."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import redis

from accounts.services import changes
from csm.bench.day import ROOT, Api, celery_worker, change, redis_server, web_server
from csm.lib.dates import today

pytestmark = pytest.mark.services

ACCOUNTS = 40
TOKEN = """
from django.utils import timezone
from csm.models import Role, User
from csm.tokens.services import create
user = User.objects.create(username="program", role=Role.ADMIN)
print(create(user, name="t", scopes=["facts:read", "facts:write"], days=1, by=user, at=timezone.now())[1])
"""


class Place:
    """A scored book in a database file, a Redis and a web server."""

    def __init__(self, path, url):
        self.path, self.url = path, url
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{path}",
            "REDIS_URL": url,
            "API_RATE": "1000000/min",
            "DJANGO_SETTINGS_MODULE": "csm.settings",
        }

    def manage(self, *args):
        command = [sys.executable, "manage.py", *args]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, sql):
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def waits(self):
        return self.ask("SELECT COUNT(*) FROM accounts_changedaccount")[0][0]

    def wait_until_nothing_waits(self, seconds=60):
        deadline = time.monotonic() + seconds
        while self.waits():
            assert time.monotonic() < deadline, self.ask("SELECT * FROM accounts_changedaccount")
            time.sleep(0.05)

    def messages(self):
        with redis.Redis.from_url(self.url) as broker:
            return sum(broker.llen(queue) for queue in ("day", "default", "night"))

    def account(self, number):
        ((pk,),) = self.ask(f"SELECT id FROM accounts_account WHERE external_id = 'c{number}'")
        return {"id": pk, "external_id": f"c{number}", "source": "generic"}

    def rows(self, value, count=ACCOUNTS):
        return [
            {
                "account_id": f"c{number}",
                "on": today().isoformat(),
                "metric": "days_since_last_activity",
                "value": value,
            }
            for number in range(count)
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    with redis_server() as url:
        place = Place(folder / "book.sqlite3", url)
        place.manage("migrate", "-v0")
        lines = [
            "account_id,account_name,total_activities_30d,days_since_last_activity,total_contacts"
        ]
        lines += [f"c{n},Company {n},{n * 7 % 60},{n % 30},{n % 12}" for n in range(ACCOUNTS)]
        feed = folder / "book.csv"
        feed.write_text("\n".join(lines) + "\n")
        place.manage("import_feed", "account_metrics", str(feed))
        place.manage("run_nightly")
        # What the import marked is scored by the night's time already, or now.
        place.manage("judge_changes")
        place.token = place.manage("shell", "-c", TOKEN).split()[-1]
        with web_server(place.environment) as port:
            place.api = Api(port, place.token)
            yield place


def test_a_change_is_scored_within_seconds_and_then_nothing_happens(place, record_property):
    with celery_worker(place.environment):
        took = [change(place.api, place.account(n), today().isoformat(), 200 + n) for n in range(6)]
        record_property("seconds", json.dumps([round(each, 2) for each in took]))
        print("T14, SQLite:", [round(each, 2) for each in took])
        # The first one waits for the worker to start.
        assert max(took[1:]) < 10
        place.wait_until_nothing_waits()
        with redis.Redis.from_url(place.url) as broker:
            size = place.ask("PRAGMA data_version")
            sent = broker.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0)
            rows = place.ask("SELECT MAX(rescored_at) FROM scoring_accounthealth")
            time.sleep(5)
            assert place.ask("SELECT MAX(rescored_at) FROM scoring_accounthealth") == rows
            assert broker.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0) == sent
            assert place.ask("PRAGMA data_version") == size
        assert (place.waits(), place.messages()) == (0, 0)


def test_a_burst_of_changes_is_few_messages(place):
    with redis.Redis.from_url(place.url) as broker:
        before = broker.info("commandstats")["cmdstat_lpush"]["calls"]
    began = time.monotonic()
    for number in range(500):
        row = place.rows(300 + number, count=ACCOUNTS)[number % ACCOUNTS]
        place.api.post("/api/v1/metrics/", {"source": "generic", "rows": [row]})
    with redis.Redis.from_url(place.url) as broker:
        sent = broker.info("commandstats")["cmdstat_lpush"]["calls"] - before
    # Nobody reads them: one each time the word of the last one has grown old.
    assert place.waits() == ACCOUNTS
    lasted = time.monotonic() - began
    assert 1 <= sent <= max(20, lasted / changes._WOKEN_SECONDS + 2), (sent, lasted)
    with celery_worker(place.environment):
        place.wait_until_nothing_waits()
        # The first message was the work; the others are read and find nothing.
        deadline = time.monotonic() + 30
        while place.messages():
            assert time.monotonic() < deadline, place.messages()
            time.sleep(0.05)


def test_a_worker_killed_in_the_middle_loses_nothing(place):
    before = dict(place.ask("SELECT account_id, rescored_at FROM scoring_accounthealth"))
    value = 900
    place.api.post("/api/v1/metrics/", {"source": "generic", "rows": place.rows(value)})
    with celery_worker(place.environment) as first:
        deadline = time.monotonic() + 60
        while not place.ask("SELECT COUNT(*) FROM accounts_changedaccount WHERE worker <> ''")[0][
            0
        ]:
            assert time.monotonic() < deadline
            # On a busy machine it may be done between two looks.
            if not place.waits():
                value += 1
                place.api.post("/api/v1/metrics/", {"source": "generic", "rows": place.rows(value)})
            time.sleep(0.002)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    with celery_worker(place.environment):
        place.manage("judge_changes")
        place.wait_until_nothing_waits()
    after = dict(place.ask("SELECT account_id, rescored_at FROM scoring_accounthealth"))
    assert all(after[pk] != before[pk] for pk in before)
    place.manage("verify_snapshots")
