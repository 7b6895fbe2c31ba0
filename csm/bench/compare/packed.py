"""T2's other side: the best SQL we know on our own layout, with everything our night leaves behind.

Into tables like the product's, with their keys and indexes: packed snapshots, changes of band, current health
built anew and swapped in, the day's roll-up and its totals; one transaction. Inputs are computed once into a
temporary table, which writes no WAL. `float4send` packs big-endian where we pack little-endian: the same bytes
in number.
"""

import datetime as dt
from typing import Any

from django.db import connection, transaction

from csm.bench.compare.formulas import Formulas
from csm.bench.compare.tables import indexes_like
from csm.lib.money import per_unit
from scoring.engine.spec import ScorecardSpec
from scoring.priority import ARR, ARR_FROM, ARR_TO, HEALTH, RENEWAL, RENEWAL_DAYS, TREND, WORST_FALL

SNAPSHOT, HEALTH_TABLE = "bench_packed_snapshot", "bench_packed_health"
ROLLUP, TOTALS = "bench_packed_rollup", "bench_packed_total"
CHANGES = "bench_packed_bandchange"
_LIKE = {
    SNAPSHOT: "scoring_snapshot",
    HEALTH_TABLE: "scoring_accounthealth",
    ROLLUP: "scoring_dailyrollup",
    TOTALS: "scoring_nighttotal",
    CHANGES: "scoring_bandchange",
}


class Packed:
    """SQL on our layout for one scorecard; `setup` once, `night` as often as wanted."""

    def __init__(self, spec: ScorecardSpec, version_id: int) -> None:
        self.spec, self.version_id = spec, version_id
        self.formulas = Formulas(spec)

    def setup(self) -> None:
        with connection.cursor() as cursor:
            for name, like in _LIKE.items():
                cursor.execute(f"CREATE TABLE {name} (LIKE {like} INCLUDING ALL)")

    def night(self, on: dt.date, run_id: int = 0, previous: dt.date | None = None) -> None:
        values: dict[str, Any] = {
            "on": on,
            "run": run_id,
            "version": self.version_id,
            "week": on - dt.timedelta(days=7),
            "month": on - dt.timedelta(days=30),
            "previous": previous,
        }
        formulas = self.formulas
        with transaction.atomic(), connection.cursor() as cursor:
            # Compiling so many expressions takes longer than it saves.
            cursor.execute("SET LOCAL jit = off")
            cursor.execute(
                f"CREATE TEMP TABLE bench_read ON COMMIT DROP AS {formulas.read()}", values
            )
            cursor.execute(
                f"CREATE TEMP TABLE bench_scored ON COMMIT DROP AS WITH limits AS "
                f"({formulas.limits('bench_read')}) {formulas.all_of('bench_read', 'limits')}"
            )
            cursor.execute(self._snapshots(), values)
            if previous is not None:
                cursor.execute(self._changes(), values)
            self._swap_health(cursor, values)
            cursor.execute(self._rollup(), values)
            for named in ("", "owner_id, team_id, "):
                cursor.execute(self._totals(named), values)

    def scores(self) -> str:
        """Select of (account_id, score) on `%(on)s`."""
        return f"SELECT account_id, score FROM {SNAPSHOT} WHERE as_of = %(on)s"

    def tidy(self) -> None:
        with connection.cursor() as cursor:
            for name in _LIKE:
                cursor.execute(f"VACUUM ANALYZE {name}")

    # --- The statements ---------------------------------------------------------------------------

    def _snapshots(self) -> str:
        inputs = [f"float4send(COALESCE(s{n}, 'NaN'))" for n in range(len(self.formulas.layout))]
        columns = {
            "account_id": "id",
            "as_of": "%(on)s::date",
            "version_id": "%(version)s",
            "run_id": "%(run)s",
            "score": "score",
            "band": "band",
            "coverage": "coverage",
            "predicted_6m_amount": "predicted",
            "components": self._components(),
            "inputs": " || ".join(inputs),
            "points": " || ".join(_units(f"p{n}") for n in range(self.formulas.size)),
        }
        columns = _those_of(SNAPSHOT, columns)
        return (
            f"INSERT INTO {SNAPSHOT} ({', '.join(columns)}) "
            f"SELECT {', '.join(columns.values())} FROM bench_scored"
        )

    def _components(self) -> str:
        return " || ".join(_units(f"c{n}") for n in range(len(self.spec.components)))

    def _changes(self) -> str:
        return (
            f"INSERT INTO {CHANGES} (account_id, version_id, run_id, as_of, previous_as_of, old_band, "
            "new_band, old_band_name, new_band_name, old_score, new_score) "
            "SELECT s.id, %(version)s, %(run)s, %(on)s, %(previous)s, o.band, s.band, "
            f"{self._words('o.band', 0)}, {self._words('s.band', 0)}, o.score, s.score "
            f"FROM bench_scored s JOIN {SNAPSHOT} o ON o.account_id = s.id "
            "AND o.as_of = %(previous)s AND o.version_id = %(version)s WHERE o.band <> s.band"
        )

    def _words(self, band: str, which: int) -> str:
        words = self.spec.band_words
        cases = " ".join(f"WHEN {n} THEN '{pair[which]}'" for n, pair in enumerate(words[:-1]))
        return f"CASE {band} {cases} ELSE '{words[-1][which]}' END"

    def _swap_health(self, cursor: Any, values: dict[str, Any]) -> None:
        """A table without indexes filled, then indexed, then renamed: cheaper than keeping indexes up."""
        new = "bench_packed_health_new"
        columns = _those_of(HEALTH_TABLE, self._health_columns())
        run = cursor.execute
        run(f"CREATE TABLE {new} (LIKE {HEALTH_TABLE} INCLUDING DEFAULTS)")
        run(
            f"INSERT INTO {new} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM "
            "(SELECT s.*, w.score AS week_score, m.score AS month_score "
            f"FROM (SELECT *, {self._drivers()} FROM bench_scored) s "
            f"LEFT JOIN {SNAPSHOT} w ON w.account_id = s.id AND w.as_of = %(week)s "
            "AND w.version_id = %(version)s "
            f"LEFT JOIN {SNAPSHOT} m ON m.account_id = s.id AND m.as_of = %(month)s "
            "AND m.version_id = %(version)s ORDER BY s.id) s "
            f"CROSS JOIN ({self._cuts()}) cuts",
            values,
        )
        # An account the night did not score keeps its last row.
        run(
            f"INSERT INTO {new} SELECT h.* FROM {HEALTH_TABLE} h LEFT JOIN bench_scored s "
            "ON s.id = h.account_id WHERE s.id IS NULL"
        )
        indexes = indexes_like(cursor, _LIKE[HEALTH_TABLE], HEALTH_TABLE)
        run(f"DROP TABLE {HEALTH_TABLE}")
        run(f"ALTER TABLE {new} RENAME TO {HEALTH_TABLE}")
        for index in indexes:
            run(index)

    def _drivers(self) -> str:
        lost = ", ".join(f"w{n} - p{n}" for n in range(self.formulas.size))
        return f"CASE WHEN score IS NOT NULL THEN GREATEST({lost}) END AS lost"

    def _health_columns(self) -> dict[str, str]:
        labels = " ".join(
            f"WHEN w{n} - p{n} >= lost THEN '{measure.label.replace(chr(39), chr(39) * 2)}'"
            for n, measure in enumerate(self.spec.measures)
        )
        return {
            "account_id": "id",
            "as_of": "%(on)s::date",
            "version_id": "%(version)s",
            "run_id": "%(run)s",
            "score": "score",
            "band": "band",
            "band_name": self._words("band", 0),
            "tone": self._words("band", 1),
            "coverage": "coverage",
            "components": self._components(),
            "change_7d": "score - week_score",
            "change_30d": "score - month_score",
            "top_driver": f"CASE WHEN lost > 0 THEN CASE {labels} ELSE '' END ELSE '' END",
            "top_driver_lost": "CASE WHEN lost > 0 THEN lost END",
            "priority": _priority("score - month_score"),
            "predicted_6m_amount": "predicted",
            "tier": self._tier(),
        }

    def _cuts(self) -> str:
        quantile = "percentile_cont(%s) WITHIN GROUP (ORDER BY predicted)"
        return (
            f"SELECT {quantile % 0.25} AS low, {quantile % 0.75} AS high FROM bench_scored"
            if self.spec.revenue.tiers == "quantile"
            else "SELECT 0 AS low, 0 AS high"
        )

    def _tier(self) -> str:
        if self.spec.revenue.tiers == "quantile":
            return (
                "CASE WHEN predicted IS NULL THEN '' WHEN predicted > high THEN 'A' "
                "WHEN predicted < low THEN 'C' ELSE 'B' END"
            )
        amount = f"predicted / {per_unit()}.0"
        return (
            f"CASE WHEN predicted IS NULL THEN '' WHEN {amount} > 1e7 THEN '1' "
            f"WHEN {amount} >= 1e6 THEN '2' WHEN {amount} >= 1e5 THEN '3' ELSE '4' END"
        )

    def _rollup(self) -> str:
        return (
            f"INSERT INTO {ROLLUP} (as_of, run_id, version_id, owner_id, team_id, industry, "
            "size_segment, band, band_name, tone, accounts, scored, score_sum, arr_amount, arr_known) "
            "SELECT %(on)s, %(run)s, %(version)s, owner_id, team_id, industry, size_segment, band, "
            f"{self._words('band', 0)}, {self._words('band', 1)}, COUNT(*), COUNT(score), "
            "COALESCE(SUM(score), 0), COALESCE(SUM(arr_amount), 0), COUNT(arr_amount) "
            "FROM bench_scored GROUP BY owner_id, team_id, industry, size_segment, band"
        )

    def _totals(self, named: str) -> str:
        sums = ("accounts", "scored", "score_sum", "arr_amount", "arr_known")
        return (
            f"INSERT INTO {TOTALS} (as_of, run_id, version_id, is_whole, {named}band, band_name, tone, "
            f"{', '.join(sums)}) SELECT as_of, run_id, version_id, {not named}, {named}band, band_name, "
            f"tone, {', '.join(f'SUM({each})' for each in sums)} FROM {ROLLUP} WHERE as_of = %(on)s "
            f"GROUP BY as_of, run_id, version_id, {named}band, band_name, tone"
        )


def _units(value: str) -> str:
    """Points as two bytes in 1/200, -32768 for none."""
    return f"int2send(COALESCE(ROUND({value} * 200), -32768)::smallint)"


def _priority(fall: str) -> str:
    days = "GREATEST(renewal_on - %(on)s::date, 0)"
    arr = f"LN(NULLIF(arr_amount, 0) / {per_unit()}::float8 / {ARR_FROM})"
    return (
        f"COALESCE({HEALTH} * (1 - score / 100), 0) "
        f"+ COALESCE({TREND} * LEAST(GREATEST(-({fall}) / {WORST_FALL}, 0), 1), 0) "
        f"+ COALESCE({RENEWAL} * LEAST(GREATEST(1 - {days} / {RENEWAL_DAYS}, 0), 1), 0) "
        f"+ COALESCE({ARR} * LEAST(GREATEST({arr} / LN({ARR_TO}::float8 / {ARR_FROM}), 0), 1), 0)"
    )


def _those_of(table: str, columns: dict[str, str]) -> dict[str, str]:
    """The columns `table` has; others that may be null stay so. Raises RuntimeError for the rest."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, table)
    strange = [each.name for each in found if each.name not in columns and not each.null_ok]
    if strange:
        raise RuntimeError(f"The comparison does not fill {', '.join(strange)} of {table}.")
    return {each.name: columns[each.name] for each in found if each.name in columns}
