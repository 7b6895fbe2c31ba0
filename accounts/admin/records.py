"""The admin of what is read and never edited there."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts import audit


class RecordAdmin(admin.ModelAdmin):
    """A record of what happened: to be read, not to be written."""

    list_per_page = 50
    # The exact count of a table of millions costs more than the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class TunedAdmin(admin.ModelAdmin):
    """What decides how the workbench judges: every change is in the audit trail too."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _record(request, "made", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _record(request, "changed", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            _record(request, "removed", row, "")
        return super().log_deletions(request, queryset)


def _record(request: HttpRequest, what: str, obj: Model, message: Any) -> None:
    fields = [
        name
        for part in message
        if isinstance(part, dict)
        for name in part.get("changed", {}).get("fields", ())
    ]
    audit.record(
        audit.Kind.TUNING,
        f"{what} the {obj._meta.verbose_name} {obj}",
        by=request.user,
        detail={"fields": [str(name) for name in fields]} if fields else {},
    )
