"""Facts in the admin: to be read. They come from imports, the API and events, and go by undoing those."""

from typing import Any

from django.contrib import admin

from accounts import models
from accounts.admin.records import RecordAdmin, TunedAdmin

# Model → what its list shows after the account.
_FACTS: dict[Any, tuple[str, ...]] = {
    models.Contact: ("name", "email", "role", "is_champion", "left_on"),
    models.Opportunity: ("name", "stage", "status", "amount", "closed_on"),
    models.Activity: ("kind", "on", "direction", "outcome", "topic"),
    models.Ticket: ("subject", "severity", "category", "opened_on", "closed_on"),
    models.FeatureUse: ("feature", "on", "uses"),
    models.Survey: ("kind", "sent_on", "answered_on", "score"),
    models.Invoice: ("number", "issued_on", "due_on", "paid_on", "amount"),
    models.Payment: ("invoice", "on", "amount"),
    models.Subscription: ("product", "seats", "arr_amount", "started_on", "ends_on", "ended_on"),
    models.SubscriptionEvent: ("kind", "on", "arr_amount", "arr_change", "reason"),
    models.Goal: ("kind", "title", "due_on", "achieved_on", "target"),
    models.LifecycleEvent: ("stage", "on", "reason"),
}

for model, shown in _FACTS.items():
    admin.site.register(
        model,
        type(
            f"{model.__name__}Admin",
            (RecordAdmin,),
            {
                "list_display": ("account", *shown, "source"),
                "list_select_related": True,
                "list_filter": ("source",),
                "search_fields": ("account__name", "external_id"),
            },
        ),
    )


@admin.register(
    models.ContactState,
    models.OpportunityState,
    models.GoalProgress,
    models.OwnerPeriod,
    models.Usage,
)
class PeriodAdmin(RecordAdmin):
    list_select_related = ("account",)
    search_fields = ("account__name",)


@admin.register(models.UsageMeasure)
class UsageMeasureAdmin(TunedAdmin):
    list_display = ("key", "label", "unit", "aggregate", "built_in")
    search_fields = ("key", "label")


@admin.register(models.Feature)
class FeatureAdmin(TunedAdmin):
    list_display = ("key", "label", "is_core")
    search_fields = ("key", "label")


@admin.register(models.CustomField)
class CustomFieldAdmin(TunedAdmin):
    list_display = ("key", "label", "kind")


@admin.register(models.AccountAlias)
class AccountAliasAdmin(admin.ModelAdmin):
    list_display = ("source", "external_id", "account")
    list_select_related = ("account",)
    search_fields = ("external_id", "account__name")
    raw_id_fields = ("account", "import_run")


@admin.register(models.Source)
class SourceAdmin(TunedAdmin):
    list_display = ("key", "label", "interval_days", "watched")


@admin.register(models.SavedMapping)
class SavedMappingAdmin(TunedAdmin):
    list_display = ("name", "feed", "saved_by", "saved_at")


@admin.register(models.EventRule)
class EventRuleAdmin(TunedAdmin):
    list_display = ("event", "source", "how", "property", "measure", "feature", "is_active")
    list_select_related = ("measure", "feature")


@admin.register(
    models.HeldRow,
    models.LookAlike,
    models.Watermark,
    models.FeedDay,
    models.Freeze,
    models.Merge,
    models.NotADuplicate,
    models.Event,
    models.EventUser,
    models.MetricDefinition,
    models.IdempotentRequest,
)
class QuietAdmin(RecordAdmin):
    list_display: Any = ("__str__",)


@admin.register(models.WriteKey)
class WriteKeyAdmin(QuietAdmin):
    exclude = ("digest",)
