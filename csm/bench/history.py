"""T10: what the pages ask of 90 nights of history, each through the selector its page uses.

One account's trend: `explanations.history` as the account page calls it. Weekly movers:
`home_selectors.shortlists` of the whole book, which lists those who fell and rose most and the next renewals in
one query. Daily averages: `home_selectors.trend`, with what it remembers thrown away each time. The history is
one scored night under 89 more dates, each score up to eight points elsewhere; then the newest is scored again,
so that accounts have moved.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection

from accounts.models import Account
from csm.bench.data import SEED, tidy
from csm.bench.night import copy_night, score_night
from csm.demo.people import PEOPLE
from csm.models import Role, User
from csm.portfolio import home_selectors
from scoring.models import DailyRollup, NightTotal, ScoreRun, Snapshot
from scoring.services import explanations, partitions

NIGHTS, ASKED = 90, 200
Say = Callable[[str], None]


def write(newest: dt.date, say: Say) -> ScoreRun:
    """The newest night scored after 89 copies of it (nights that are there stay)."""
    run = score_night(newest)
    there = set(ScoreRun.objects.filter(state=ScoreRun.State.DONE).values_list("as_of", flat=True))
    columns = {"as_of": "%(as_of)s::date", "run_id": "%(run_id)s"}
    moved = "LEAST(100, GREATEST(0, score + 8 * sin(account_id + %(run_id)s)))"
    with connection.cursor() as cursor:
        for ago in range(NIGHTS - 1, 0, -1):
            on = newest - dt.timedelta(days=ago)
            if on in there:
                continue
            partitions.ensure(on)
            copied = ScoreRun.objects.get(pk=run.pk)
            copied.pk, copied.as_of = None, on
            copied.save(force_insert=True)
            for model in (Snapshot, DailyRollup, NightTotal):
                values = {"as_of": on, "run_id": copied.pk}
                changed = columns | ({"score": moved} if model is Snapshot else {})
                copy_night(cursor, model._meta.db_table, newest, changed, values)
            if ago % 30 == 0:
                say(f"… {NIGHTS - ago} nights of history")
    run = score_night(newest)
    tidy()
    return run


def measure(newest: dt.date, say: Say) -> dict[str, Any]:
    """Milliseconds, warm: p50 and p95 of `ASKED` times each."""
    run = write(newest, say)
    person = next(each for each in PEOPLE if each.role == Role.ADMIN)
    user = User.objects.get(username=person.username)
    random = np.random.default_rng(SEED)
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    chosen = random.choice(ids, min(ASKED, len(ids)), replace=False).tolist()
    since = newest - dt.timedelta(days=NIGHTS - 1)
    first = explanations.history(chosen[0], since)
    if len(first) != NIGHTS:
        raise RuntimeError(f"The history has {len(first)} nights, not {NIGHTS}.")
    listed = home_selectors.shortlists(user, "all", newest, 7)
    if not (listed.declined and listed.improved and listed.renewals):
        raise RuntimeError("No account has moved within the week: there is nothing to list.")
    asked: dict[str, Callable[[int], object]] = {
        "account_trend": lambda pk: explanations.history(pk, since),
        "weekly_movers": lambda _: home_selectors.shortlists(user, "all", newest, 7),
        "daily_averages": lambda _: _averages(user, run),
    }
    found: dict[str, Any] = {}
    for name, ask in asked.items():
        say(f"Asking for {name.replace('_', ' ')} …")
        for pk in chosen:
            ask(pk)
        taken = [_milliseconds(ask, pk) for pk in chosen]
        p50, p95 = (float(np.percentile(taken, share)) for share in (50, 95))
        found[name] = {"p50_ms": round(p50, 2), "p95_ms": round(p95, 2), "asked": len(taken)}
    return found | {"snapshots": len(ids) * NIGHTS, "nights": NIGHTS}


def _averages(user: User, run: ScoreRun) -> object:
    cache.clear()
    return home_selectors.trend(user, "all", run)


def _milliseconds(ask: Callable[[int], object], pk: int) -> float:
    started = time.perf_counter()
    ask(pk)
    return (time.perf_counter() - started) * 1000
