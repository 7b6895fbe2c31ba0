"""Indexes for the search by name and id on PostgreSQL; SQLite scans, which is quick on books of its size."""

from typing import Any

from django.db import migrations, transaction
from django.db.utils import OperationalError, ProgrammingError

# `icontains` compares UPPER(name::text): the indexes hold just that.
_PLAIN = (
    "CREATE INDEX IF NOT EXISTS account_name_begins ON accounts_account "
    "(UPPER(name::text) text_pattern_ops)",
    "CREATE INDEX IF NOT EXISTS account_id_in_any_case ON accounts_account "
    "(UPPER(external_id::text) text_pattern_ops)",
)
_TRIGRAM = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX IF NOT EXISTS account_trigrams ON accounts_account "
    "USING gin (UPPER(name::text) gin_trgm_ops, UPPER(external_id::text) gin_trgm_ops)",
)


def create(apps: Any, editor: Any) -> None:
    if editor.connection.vendor != "postgresql":
        return
    with editor.connection.cursor() as cursor:
        for statement in _PLAIN:
            cursor.execute(statement)
    try:
        with transaction.atomic(editor.connection.alias), editor.connection.cursor() as cursor:
            for statement in _TRIGRAM:
                cursor.execute(statement)
    except (OperationalError, ProgrammingError) as error:
        # A server without the extension, or that lets nobody create it: search scans, and says nothing.
        print(f"  search works without its trigram index: {error}")  # noqa: T201 - told to who migrates


def drop(apps: Any, editor: Any) -> None:
    if editor.connection.vendor != "postgresql":
        return
    with editor.connection.cursor() as cursor:
        for name in ("account_trigrams", "account_name_begins", "account_id_in_any_case"):
            cursor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_lists_in_order")]

    operations = [migrations.RunPython(create, drop)]
