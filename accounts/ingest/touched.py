"""Whose facts an import told: for what is done after it was taken back."""

from typing import Any

from django.apps import apps

from accounts.models import Account, ImportChange, ImportRun, Usage
from accounts.services.changes import MOST


def accounts_of(run: ImportRun) -> set[int]:
    """Accounts with rows the import made or changed; where there are many, some more than `MOST`."""
    found: set[int] = set()
    for model in _tables():
        rows = model._default_manager.filter(import_run=run)
        if model is Usage and run.feed != "usage":
            # No index leads from an import to its usage.
            continue
        found |= _some(rows.values_list("account_id", flat=True))
    models = {str(model._meta.model_name): model for model in _tables()}
    changes = ImportChange.objects.filter(import_run=run, before__isnull=False).order_by()
    for table in set(changes.values_list("table", flat=True).distinct()):
        rows = changes.filter(table=table).values("row_id")
        if table == "account":
            found |= _some(Account.objects.filter(pk__in=rows).values_list("pk", flat=True))
        elif table in models:
            edited = models[table]._default_manager.filter(pk__in=rows)
            found |= _some(edited.values_list("account_id", flat=True))
    return found


def _tables() -> list[type[Any]]:
    """Tables whose rows name their import and their account."""
    return [
        model
        for model in apps.get_app_config("accounts").get_models()
        if {"import_run", "account"} <= {field.name for field in model._meta.fields}
    ]


def _some(account_ids: Any) -> set[int]:
    return set(account_ids.order_by().distinct()[: MOST + 1])
