"""T1's other side: the night as plain SQL writes it ("job e").

One INSERT … SELECT computes score, band, coverage, predicted revenue and every measure's input and points from
the same readings, into a table with a column for each; one UPDATE puts the score on the accounts, which are
wide rows with the score indexed. Accounts and snapshots are tables of the bench's own (`bench_…`); the accounts
have the indexes of the product's, but not those of trigrams, which every update would have to add to.
"""

import datetime as dt

from django.db import connection, transaction

from csm.bench.compare.formulas import Formulas
from csm.bench.compare.tables import indexes_like
from scoring.engine.spec import ScorecardSpec

SNAPSHOT, ACCOUNT = "bench_plain_snapshot", "bench_plain_account"


class Plain:
    """Plain SQL for one scorecard; `setup` once, `night` as often as wanted."""

    def __init__(self, spec: ScorecardSpec) -> None:
        self.formulas = Formulas(spec)
        self.parts = [f"s{n}" for n in range(len(self.formulas.layout))]
        self.parts += [f"p{n}" for n in range(self.formulas.size)]
        self.parts += [f"c{n}" for n in range(len(spec.components))]

    def setup(self) -> None:
        columns = ", ".join(f"{name} double precision" for name in self.parts)
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE {SNAPSHOT} (account_id bigint NOT NULL, as_of date NOT NULL, "
                "score double precision, band smallint NOT NULL, coverage double precision, "
                f"predicted bigint, {columns}, PRIMARY KEY (as_of, account_id))"
            )
            cursor.execute(
                f"CREATE TABLE {ACCOUNT} (LIKE accounts_account INCLUDING ALL EXCLUDING INDEXES)"
            )
            cursor.execute(f"INSERT INTO {ACCOUNT} SELECT * FROM accounts_account ORDER BY id")
            cursor.execute(
                f"ALTER TABLE {ACCOUNT} ADD COLUMN score double precision, "
                "ADD COLUMN band smallint, ADD COLUMN scored_on date"
            )
            for index in indexes_like(cursor, "accounts_account", ACCOUNT, method="btree"):
                cursor.execute(index)
            cursor.execute(f"CREATE INDEX ON {ACCOUNT} (score, id)")

    def night(self, on: dt.date) -> None:
        names = ", ".join(self.parts)
        formulas = self.formulas
        insert = (
            f"WITH read AS MATERIALIZED ({formulas.read()}), "
            f"limits AS ({formulas.limits('read')}) "
            f"INSERT INTO {SNAPSHOT} (account_id, as_of, score, band, coverage, predicted, {names}) "
            f"SELECT id, %(on)s::date, score, band, coverage, predicted, {names} "
            f"FROM ({formulas.all_of('read', 'limits')}) s"
        )
        update = (
            f"UPDATE {ACCOUNT} a SET score = s.score, band = s.band, scored_on = s.as_of "
            f"FROM {SNAPSHOT} s WHERE s.account_id = a.id AND s.as_of = %(on)s"
        )
        with transaction.atomic(), connection.cursor() as cursor:
            # Compiling so many expressions takes longer than it saves.
            cursor.execute("SET LOCAL jit = off")
            cursor.execute(insert, {"on": on})
            cursor.execute(update, {"on": on})

    def scores(self) -> str:
        """Select of (account_id, score) on `%(on)s`."""
        return f"SELECT account_id, score FROM {SNAPSHOT} WHERE as_of = %(on)s"

    def tidy(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE {ACCOUNT}")
            cursor.execute(f"VACUUM ANALYZE {SNAPSHOT}")
