"""Snapshots by month on PostgreSQL, current health as a table whose content can be swapped.

The rows there are move month by month, in the transaction of the migration. Numbers of versions and runs
take 4 bytes instead of 8 in snapshots, and columns stand in the order that needs no padding: 24 bytes a row.
The database no longer checks version and run of every row: the one writer takes both from their tables.
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

_SNAPSHOTS = """
CREATE TABLE scoring_snapshot (
    account_id bigint NOT NULL,
    score double precision,
    computed double precision,
    coverage double precision NOT NULL,
    predicted_6m_amount bigint,
    version_id integer NOT NULL,
    run_id integer NOT NULL,
    as_of date NOT NULL,
    band smallint NOT NULL,
    components bytea NOT NULL,
    inputs bytea NOT NULL,
    points bytea NOT NULL,
    CONSTRAINT scoring_snapshot_pkey PRIMARY KEY (as_of, version_id, account_id)
) PARTITION BY RANGE (as_of)
"""


def partition(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        _months(cursor)
        _health(cursor)


def _months(cursor: Any) -> None:
    cursor.execute("ALTER TABLE scoring_snapshot RENAME TO scoring_snapshot_whole")
    cursor.execute("ALTER INDEX scoring_snapshot_pkey RENAME TO scoring_snapshot_whole_pkey")
    cursor.execute(_SNAPSHOTS)
    cursor.execute(
        "SELECT DISTINCT date_trunc('month', as_of)::date, "
        "(date_trunc('month', as_of) + interval '1 month')::date "
        "FROM scoring_snapshot_whole ORDER BY 1"
    )
    names = (
        "account_id, score, computed, coverage, predicted_6m_amount, version_id, run_id, as_of, band, "
        "components, inputs, points"
    )
    for first, after in cursor.fetchall():
        cursor.execute(
            f"CREATE TABLE scoring_snapshot_{first:%Y_%m} PARTITION OF scoring_snapshot "
            f"FOR VALUES FROM ('{first}') TO ('{after}')"
        )
        cursor.execute(
            f"INSERT INTO scoring_snapshot_{first:%Y_%m} ({names}) SELECT {names} "
            f"FROM scoring_snapshot_whole WHERE as_of >= '{first}' AND as_of < '{after}' "
            "ORDER BY as_of, version_id, account_id"
        )
    cursor.execute("DROP TABLE scoring_snapshot_whole")


def _health(cursor: Any) -> None:
    """One partition that holds every account: swapping it swaps the content, and what refers to the table
    stays."""
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'scoring_accounthealth'::regclass "
        "AND contype = 'f'"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE scoring_accounthealth DROP CONSTRAINT "{name}"')
    cursor.execute("ALTER TABLE scoring_accounthealth RENAME TO scoring_accounthealth_0")
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'scoring_accounthealth_0' "
        "AND schemaname = current_schema()"
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'ALTER INDEX "{name}" RENAME TO "{name}_0"')
    cursor.execute(
        "CREATE TABLE scoring_accounthealth (LIKE scoring_accounthealth_0 INCLUDING DEFAULTS, "
        "CONSTRAINT scoring_accounthealth_pkey PRIMARY KEY (account_id)) PARTITION BY RANGE (account_id)"
    )
    for name, sql in indexes:
        if name != "scoring_accounthealth_pkey":
            cursor.execute(
                sql.replace("scoring_accounthealth_0 USING", "scoring_accounthealth USING")
            )
    cursor.execute(
        "ALTER TABLE scoring_accounthealth ATTACH PARTITION scoring_accounthealth_0 "
        "FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
    )


def _unchecked(to: str, **options: Any) -> models.ForeignKey:
    return models.ForeignKey(
        to=to, db_constraint=False, on_delete=django.db.models.deletion.PROTECT, **options
    )


class Migration(migrations.Migration):
    dependencies = [("scoring", "0006_lists_in_order")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(partition, migrations.RunPython.noop)],
            # SQLite keeps its constraints: removing them would rewrite every snapshot there is.
            state_operations=[
                migrations.AlterField(
                    "snapshot",
                    "version",
                    _unchecked(
                        "scoring.scorecardversion", db_index=False, related_name="snapshots"
                    ),
                ),
                migrations.AlterField(
                    "snapshot",
                    "run",
                    _unchecked("scoring.scorerun", db_index=False, related_name="snapshots"),
                ),
                migrations.AlterField(
                    "accounthealth",
                    "version",
                    _unchecked("scoring.scorecardversion", db_index=False, related_name="+"),
                ),
                migrations.AlterField(
                    "accounthealth",
                    "run",
                    _unchecked("scoring.scorerun", db_index=False, related_name="+"),
                ),
                migrations.AlterField(
                    "accounthealth",
                    "account",
                    models.OneToOneField(
                        to="accounts.account",
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health",
                        serialize=False,
                        db_constraint=False,
                    ),
                ),
            ],
        )
    ]
