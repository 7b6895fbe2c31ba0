"""T1, T2, T3, T5 and T9: our night beside the same night written otherwise, in turn, on the same rows.

Every side scores the same dates. A round is one night of each; before each night the server writes out what
is dirty (CHECKPOINT), so that nobody pays for another's pages; after a round every side's tables are
vacuumed. The first round warms up and is not counted. Scores are compared with ours after every round: a
comparison that computes something else is none.
"""

import datetime as dt
import statistics as figures
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection

from csm.bench import processor
from csm.bench.compare import loop, packed
from csm.bench.compare.plain import Plain
from csm.bench.data import Nights
from csm.nightly import run_nightly
from scoring.models import AccountHealth, ScoreRun, Snapshot
from scoring.services import nights, partitions, versions

SAMPLE = 2_000
CLOSE = 0.01
# Days of the nights that are timed: seven and thirty days before each there is a night to compare with.
FIRST, STEP = 30, 7
_BEFORE = (7, 14, 21, 23)

Say = Callable[[str], None]


def measure(newest: dt.date, *, only: set[str], rounds: int, say: Say) -> dict[str, Any]:
    """Results by id; raises RuntimeError when a night fails or a comparison computes something else."""
    return _Compared(newest, only, say).measure(rounds)


class _Compared:
    def __init__(self, newest: dt.date, only: set[str], say: Say) -> None:
        self.nights, self.only, self.say = Nights(newest), only, say
        (version,) = versions.active_versions()
        self.version, self.spec = version, versions.spec_of(version)
        self.plain = Plain(self.spec) if "T1" in only else None
        self.packed = packed.Packed(self.spec, version.pk) if "T2" in only else None
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.used: dict[str, list[float]] = defaultdict(list)
        self.wal: dict[str, list[int]] = defaultdict(list)
        self.stages: list[dict[str, float]] = []
        self.accounts = 0

    def measure(self, rounds: int) -> dict[str, Any]:
        for side in (self.plain, self.packed):
            if side is not None:
                side.setup()
        self._history()
        for number in range(rounds + 1):
            self.say(f"Round {number} of {rounds}: our night and its comparisons …")
            self._round(FIRST + STEP * number, timed=number > 0)
        return self._results()

    def _history(self) -> None:
        """The first night, and copies of it where the timed ones look a week and a month back."""
        first = self.nights.on(0)
        self.accounts = score_night(first).accounts
        if self.packed is not None:
            self.packed.night(first)
        with connection.cursor() as cursor:
            tables = [Snapshot._meta.db_table] + [packed.SNAPSHOT] * (self.packed is not None)
            for day in _BEFORE:
                on = {"on": self.nights.on(day)}
                partitions.ensure(on["on"])
                for table in tables:
                    copy_night(cursor, table, first, {"as_of": "%(on)s::date"}, on)

    def _round(self, day: int, *, timed: bool) -> None:
        on = self.nights.on(day)
        previous = _previous(on)
        self._timed("ours", lambda: self._ours(on), timed)
        if self.plain is not None:
            self._timed("T1", partial(self.plain.night, on), timed)
            self._same(self.plain.scores(), on, "T1")
        if self.packed is not None:
            self._timed("T2", partial(self.packed.night, on, 1, previous), timed)
            self._same(self.packed.scores(), on, "T2")
        if "T3" in self.only:
            self._one_by_one(self.nights.on(day + 1), timed)
        for side in (self.plain, self.packed):
            if side is not None:
                side.tidy()
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE {AccountHealth._meta.db_table}")
            cursor.execute(f"VACUUM ANALYZE {Snapshot._meta.db_table}")

    def _timed(self, name: str, work: Callable[[], object], timed: bool) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
            server = processor.of_server(cursor)
            before, used = _wal(cursor), processor.seconds(server)
            started = time.perf_counter()
            work()
            seconds = time.perf_counter() - started
            written, used = _wal(cursor) - before, processor.seconds(server) - used
        self.say(
            f"  {name}: {seconds:.2f} s, of processor {used:.2f} s, "
            f"{written / max(1, self.accounts):.0f} B of WAL an account"
        )
        if timed:
            self.taken[name].append(seconds)
            self.used[name].append(used)
            self.wal[name].append(written)

    def _ours(self, on: dt.date) -> None:
        stages: dict[str, float] = {}
        score_night(on, stages)
        self.stages.append(stages)

    def _one_by_one(self, on: dt.date, timed: bool) -> None:
        run = ScoreRun.objects.order_by("-pk").first()
        assert run is not None
        partitions.ensure(on)
        stats = nights.statistics_of(run, nights.plan_of(run))[self.version.pk]
        ids = list(AccountHealth.objects.order_by("pk").values_list("pk", flat=True)[:SAMPLE])
        for name, way in (("T3", loop.one_by_one), ("bulk_update", loop.in_bulk)):
            found: dict[int, float | None] = {}
            self._timed(
                name,
                lambda way=way, found=found: found.update(  # type: ignore[misc]
                    way(self.spec, stats, self.version.pk, run.pk, on, ids)
                ),
                timed,
            )
            self._check_loop(name, run.as_of, found)
            Snapshot.objects.filter(as_of=on).delete()

    def _check_loop(self, name: str, on: dt.date, found: dict[int, float | None]) -> None:
        """The day after ours: who was told something new since has another score, the others the same."""
        ours = dict(
            Snapshot.objects.filter(as_of=on, account_id__in=list(found)).values_list(
                "account_id", "score"
            )
        )
        apart = sum(not _close(ours[pk], score) for pk, score in found.items())
        if apart > len(found) / 10:
            raise RuntimeError(f"{name} computes other scores: {apart} of {len(found)} differ.")

    def _same(self, theirs: str, on: dt.date, name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*), COUNT(*) FILTER (WHERE t.account_id IS NULL OR o.account_id IS NULL "
                "OR (t.score IS NULL) <> (o.score IS NULL)), COALESCE(MAX(ABS(t.score - o.score)), 0) "
                f"FROM (SELECT account_id, score FROM {Snapshot._meta.db_table} WHERE as_of = %(on)s) o "
                f"FULL JOIN ({theirs}) t ON t.account_id = o.account_id",
                {"on": on},
            )
            count, apart, most = cursor.fetchone()
        if apart or most > CLOSE or count != self.accounts:
            raise RuntimeError(
                f"{name} computes other scores than ours on {on}: of {count} accounts {apart} are "
                f"unknown to one side only, the largest difference is {most:.4f}."
            )

    # --- What was found ---------------------------------------------------------------------------

    def _results(self) -> dict[str, Any]:
        ours = self.taken["ours"]
        found: dict[str, Any] = {
            "night": self._seconds("ours") | {"stages": _median(self.stages[1:])}
        }
        for name in ("T1", "T2"):
            if name in self.only:
                ratios = [mine / other for mine, other in zip(ours, self.taken[name], strict=True)]
                used = zip(self.used["ours"], self.used[name], strict=True)
                found[name] = spread(ratios) | {
                    # Steadier than wall time when the machine is busy; without parallel workers.
                    "of_processor": spread([mine / max(other, 0.01) for mine, other in used]),
                    "ours": self._seconds("ours"),
                    "theirs": self._seconds(name),
                }
        if "T3" in self.only:
            found["T3"] = self._per_account("T3") | {
                "bulk_update": self._per_account("bulk_update")
            }
        if "T5" in self.only:
            found["T5"] = spread([written / self.accounts for written in self.wal["ours"]])
        if "T9" in self.only:
            found["T9"] = self._bytes_per_row()
        return found

    def _seconds(self, name: str) -> dict[str, Any]:
        seconds = self.taken[name]
        return {
            "seconds": round(figures.median(seconds), 3),
            "all_seconds": [round(each, 3) for each in seconds],
            "processor_seconds": round(figures.median(self.used[name]), 3),
            "accounts_per_second": round(self.accounts / figures.median(seconds)),
            "wal_bytes_per_account": round(figures.median(self.wal[name]) / self.accounts),
        }

    def _per_account(self, name: str) -> dict[str, Any]:
        size = min(SAMPLE, self.accounts)
        ratios = [
            (theirs / size) / (mine / self.accounts)
            for mine, theirs in zip(self.taken["ours"], self.taken[name], strict=True)
        ]
        return spread(ratios) | {
            "sample": size,
            "theirs_accounts_per_second": round(size / figures.median(self.taken[name])),
        }

    def _bytes_per_row(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {Snapshot._meta.db_table}")
            size = table_bytes(cursor, Snapshot._meta.db_table)
            cursor.execute(f"SELECT COUNT(*) FROM {Snapshot._meta.db_table}")
            rows = cursor.fetchone()[0]
        return {"median": round(size / rows, 1), "rows": rows, "measures": len(self.spec.measures)}


def copy_night(
    cursor: Any, table: str, source: dt.date, changed: dict[str, str], values: dict[str, Any]
) -> None:
    """The rows of one night again; `changed` gives other columns, as SQL of `values`."""
    columns = [each.name for each in connection.introspection.get_table_description(cursor, table)]
    chosen = {name: changed.get(name, name) for name in columns if name != "id"}
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(chosen)}) SELECT {', '.join(chosen.values())} FROM {table} "
        "WHERE as_of = %(source)s ORDER BY 1",
        values | {"source": source},
    )


def table_bytes(cursor: Any, table: str) -> int:
    """Bytes of a table with its indexes, all of its partitions included."""
    cursor.execute(
        "SELECT pg_total_relation_size(%(table)s::regclass) + COALESCE((SELECT SUM("
        "pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = %(table)s::regclass), 0)",
        {"table": table},
    )
    return int(cursor.fetchone()[0])


def spread(values: list[float]) -> dict[str, Any]:
    """Median, least and most, and how many."""
    return {
        "median": round(figures.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
        "pairs": len(values),
    }


def score_night(on: dt.date, stages: dict[str, float] | None = None) -> ScoreRun:
    """Our night; `stages` takes the seconds at which counting, scoring and publishing were done."""
    started = time.perf_counter()

    def progress(state: str, done: int, total: int) -> None:
        if stages is None:
            return
        now = time.perf_counter() - started
        if state == ScoreRun.State.COUNTING:
            stages["counted"] = now
        elif done >= total:
            # The first time all are scored; the next call comes after publishing.
            stages.setdefault("scored", now)

    run = run_nightly(on, judge=False, progress=progress)
    if run.state != ScoreRun.State.DONE:
        raise RuntimeError(f"The night of {on} failed: {run.error}")
    if stages is not None:
        ended = time.perf_counter() - started
        counted, scored = stages.pop("counted", 0.0), stages.pop("scored", ended)
        stages |= {"counting": counted, "scoring": scored - counted, "publishing": ended - scored}
    return run


def _previous(on: dt.date) -> dt.date | None:
    run = (
        ScoreRun.objects.filter(as_of__lt=on, state=ScoreRun.State.DONE).order_by("-as_of").first()
    )
    return run.as_of if run else None


def _wal(cursor: Any) -> int:
    cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
    return int(cursor.fetchone()[0])


def _median(stages: list[dict[str, float]]) -> dict[str, float]:
    return (
        {name: round(figures.median([each[name] for each in stages]), 3) for name in stages[0]}
        if stages
        else {}
    )


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= CLOSE
