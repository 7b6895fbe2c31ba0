from typing import Any

from django.db import migrations


def copy(apps: Any, schema_editor: Any) -> None:
    """Every line of the export log as an event of the audit trail, in the order they were written."""
    ExportLog = apps.get_model("accounts", "ExportLog")
    AuditEvent = apps.get_model("accounts", "AuditEvent")
    User = apps.get_model("csm", "User")
    names = {
        user.pk: f"{user.first_name} {user.last_name}".strip() or user.username
        for user in User.objects.all()
    }
    rows = ExportLog.objects.order_by("pk").iterator(chunk_size=2_000)
    made = (
        AuditEvent(
            kind="export",
            what=f"exported {log.what}"[:200],
            by_id=log.user_id,
            by_name=names.get(log.user_id, "")[:150],
            at=log.at,
            detail={"rows": log.rows, "query": log.query},
        )
        for log in rows
    )
    while chunk := [event for _, event in zip(range(2_000), made, strict=False)]:
        AuditEvent.objects.bulk_create(chunk)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_changed_accounts_and_audit"),
        ("csm", "0001_initial"),
    ]
    operations = [migrations.RunPython(copy, migrations.RunPython.noop)]
