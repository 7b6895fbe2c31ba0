"""The export log goes; nobody changes or removes an event of the trail, whatever program asks.

Two things stay possible: a user who is removed leaves the trail nameless but for `by_name` (what SET_NULL
does), and events of more than a year may be removed where the house's rules say so. TRUNCATE is the
owner's of the table alone.
"""

from typing import Any

from django.db import migrations

_SAME = " AND ".join(
    f"NEW.{column} {{same}} OLD.{column}"
    for column in ("id", "kind", "what", "by_name", "at", "address", "detail")
)

POSTGRES = f"""
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.by_id IS NULL AND {_SAME.format(same="IS NOT DISTINCT FROM")} THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '365 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
"""
# No trigger on DELETE: SQLite empties tables by it, the test runner's among others.
SQLITE = f"""
CREATE TRIGGER audit_append_only BEFORE UPDATE ON accounts_auditevent
WHEN NOT (NEW.by_id IS NULL AND {_SAME.format(same="IS")})
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END
"""


def guard(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER audit_append_only ON accounts_auditevent")
        schema_editor.execute("DROP FUNCTION audit_is_append_only()")
    else:
        schema_editor.execute("DROP TRIGGER audit_append_only")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_exports_in_the_trail")]
    operations = [
        migrations.DeleteModel(name="ExportLog"),
        migrations.RunPython(guard, unguard),
    ]
