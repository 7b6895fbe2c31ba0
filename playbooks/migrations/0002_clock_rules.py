"""The clocks that ship. What an admin has tuned stays."""

from typing import Any

from django.db import migrations


def ship(apps: Any, schema_editor: Any) -> None:
    rules = apps.get_model("playbooks", "ClockRule").objects
    for key, values in SHIPPED.items():
        rules.get_or_create(key=key, defaults=values)


SHIPPED = {
    "first_response": {
        "description": "Somebody answers when a health score is very low: takes the alert, starts a "
        "plan, or says here what was done.",
        "hours": 48,
        "params": {"below": 30, "again_after_days": 30},
        "escalate_after_hours": {"executive": 8},
    },
    "root_cause": {
        "description": "An account in the lowest band with an open alert or plan gets a root cause "
        "written down.",
        "hours": 168,
        "params": {"again_after_days": 30},
        "escalate_after_hours": {"executive": 24},
    },
    "executive": {
        "description": "The largest accounts in the lowest band by ARR are brought to executives at "
        "once. Kept when a plan has a sponsor, or when somebody says they look after it.",
        "hours": 24,
        "params": {"top": 200, "again_after_days": 90},
        "escalate_after_hours": {},
    },
    "weekly_review": {
        "description": "An account in the lowest band with an open plan is looked at every week: a "
        "note, or the review confirmed here. Starts again each time.",
        "hours": 168,
        "params": {},
        "escalate_after_hours": {"executive": 40},
    },
}


class Migration(migrations.Migration):
    dependencies = [("playbooks", "0001_initial")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop, elidable=True)]
