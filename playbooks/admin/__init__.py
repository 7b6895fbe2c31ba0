"""The administration of alerts, plans and clocks: records are read there, tuning has pages of its own."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.records import RecordAdmin, TunedAdmin
from playbooks import models

# Model → what its list shows. Written by services alone.
_RECORDS: dict[Any, tuple[str, ...]] = {
    models.AccountWork: ("account", "alerts_open", "plans_open", "priority"),
    models.Alert: ("account", "trigger", "state", "severity", "opened_on", "owner"),
    models.AlertChange: ("alert", "kind", "on", "by", "reason"),
    models.Assignment: ("to", "by", "on", "reason", "undone_at"),
    models.CalendarFeed: ("user", "created_at", "last_read_at"),
    models.Clock: ("account", "rule", "state", "started_at", "due_at"),
    models.Delivery: ("channel", "about", "state", "attempts", "status", "sent_at"),
    models.EffectReport: ("as_of", "made_at"),
    models.Escalation: ("clock", "level", "at"),
    models.Handover: ("account", "previous", "to", "on"),
    models.Intervention: ("account", "title", "state", "owner", "target_on", "outcome"),
    models.InterventionChange: ("intervention", "kind", "on", "by"),
    models.InterventionKpi: ("intervention", "metric", "baseline", "target", "current"),
    models.InterventionTask: ("intervention", "title", "state", "assignee", "due_on"),
    models.Note: ("account", "kind", "by", "at"),
    models.NoteFile: ("note", "name", "size"),
    models.Notice: ("user", "kind", "title", "at", "read_at"),
    models.NoticeSetting: ("user", "mail", "min_severity", "digest_hour"),
    models.Playbook: ("name", "kind", "is_active"),
    models.PlaybookKpi: ("version", "metric", "target_kind", "target_value"),
    models.PlaybookStep: ("version", "position", "title", "role"),
    models.PlaybookVersion: ("playbook", "number", "state", "published_at"),
    models.Replay: ("name", "as_of", "days", "state", "asked_by"),
    models.Risk: ("intervention", "text", "likelihood", "impact", "state"),
    models.ShareLink: ("intervention", "created_by", "expires_at", "revoked_at", "opened"),
    models.Trigger: ("name", "family", "severity", "is_active", "revision"),
    models.TriggerChange: ("trigger", "revision", "at", "by"),
    models.TriggerNight: ("as_of", "state", "stage", "position", "finished_at"),
    models.Webhook: ("name", "format", "team", "user", "is_active"),
}
# Shown once, or never again; the address of a chat room is a secret of its own.
_SECRET: dict[Any, tuple[str, ...]] = {
    models.CalendarFeed: ("digest",),
    models.ShareLink: ("digest",),
    models.Webhook: ("secret", "url"),
}
# Tuned here by admins.
_TUNED: dict[Any, tuple[str, ...]] = {
    models.Absence: ("user", "cover", "first_on", "last_on"),
    models.BusinessCalendar: ("name", "team", "opens", "closes", "country"),
    models.ClockRule: ("key", "hours", "in_business_time", "is_active"),
    models.Holiday: ("calendar", "on", "name"),
    models.RoleHolder: ("role", "team", "user"),
}

for base, shown in ((RecordAdmin, _RECORDS), (admin.ModelAdmin, _TUNED)):
    for model, columns in shown.items():
        admin.site.register(
            model,
            type(
                f"{model.__name__}Admin",
                (base,),
                {
                    "list_display": ("__str__", *columns),
                    "list_select_related": True,
                    "exclude": _SECRET.get(model, ()),
                },
            ),
        )


@admin.register(models.Policy)
class PolicyAdmin(TunedAdmin):
    """The one row of it: added where the defaults were never tuned, changed from then on."""

    list_display = ("__str__", "alert_cap", "reopen_days", "share_days", "attachment_max_bytes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not models.Policy.objects.exists()

    def save_model(self, request: HttpRequest, obj: models.Policy, form: Any, change: bool) -> None:
        # Numbered by hand: SQLite gives a deleted row's number to nobody else.
        obj.pk = 1
        super().save_model(request, obj, form, change)
