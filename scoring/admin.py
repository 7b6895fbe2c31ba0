"""Tuning in the admin. A draft is edited, a published version is read; publishing is a page of its own."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse

from accounts.admin.records import RecordAdmin, TunedAdmin
from scoring.metrics.catalogue import catalogue
from scoring.models import (
    AccountHealth,
    Band,
    BandChange,
    Cap,
    Component,
    DailyRollup,
    Measure,
    MetricProfile,
    NightTotal,
    Scorecard,
    ScorecardVersion,
    ScoreRun,
    ScoreShard,
)
from scoring.scorecard_selectors import read

_JSON = forms.Textarea(attrs={"rows": 2, "cols": 34})


def _is_draft(version: Any) -> bool:
    return isinstance(version, ScorecardVersion) and version.is_draft


class DraftInline(admin.TabularInline):
    """Parts of a version: editable while it is a draft."""

    extra = 0
    formfield_overrides = {
        models.JSONField: {"widget": _JSON},
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 2, "cols": 24})},
    }

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_draft(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_draft(obj) and super().has_delete_permission(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Metrics are chosen from the catalogue, so that a draft cannot name one there is not."""
        if db_field.name in {"metric", "denominator"}:
            labels = ((key, metric.label) for key, metric in catalogue().items())
            return forms.ChoiceField(
                choices=[("", "---------"), *sorted(labels, key=lambda pair: pair[1])],
                required=not db_field.blank,
                label=db_field.verbose_name.capitalize(),
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ComponentInline(DraftInline):
    model = Component
    fields = ("key", "label", "weight", "lights", "position")


class MeasureInline(DraftInline):
    model = Measure
    fields = (
        "component",
        "key",
        "label",
        "weight",
        "metric",
        "denominator",
        "normaliser",
        "params",
        "missing",
        "position",
        "description",
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Measure]:
        return super().get_queryset(request).select_related("component")

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Components of this version only, asked for once and not once a row."""
        if db_field.name != "component":
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        version_id = request.resolver_match.kwargs.get("object_id")
        kwargs["queryset"] = Component.objects.filter(version_id=version_id)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            rows = kwargs["queryset"].order_by("position", "id")
            field.choices = [("", "---------"), *((row.pk, row.label) for row in rows)]
        return field


class BandInline(DraftInline):
    model = Band
    fields = ("key", "name", "low", "high", "tone")


class CapInline(DraftInline):
    model = Cap
    fields = ("key", "label", "metric", "op", "value", "limit")


@admin.register(ScorecardVersion)
class ScorecardVersionAdmin(TunedAdmin):
    """Drafts come from "Edit draft" on the scorecard's page; what is published never changes."""

    change_form_template = "scoring/admin_version_form.html"
    inlines = (ComponentInline, MeasureInline, BandInline, CapInline)
    list_display = ("__str__", "state", "published_at", "published_by", "note")
    list_filter = ("state", "scorecard")
    list_select_related = ("scorecard", "published_by")
    readonly_fields = (
        "scorecard",
        "number",
        "state",
        "note",
        "spec_hash",
        "created_at",
        "created_by",
        "published_at",
        "published_by",
    )
    fieldsets = (
        (None, {"fields": ("scorecard", "number", "state", "note")}),
        ("Judging and showing", {"fields": ("min_coverage", "scale_max", "decimals", "scope")}),
        (
            "Six-month revenue",
            {
                "fields": (
                    "pipeline_metric",
                    "won_metric",
                    "upsell_share",
                    "upsell_base",
                    "upsell_slope",
                    "tiers",
                )
            },
        ),
        (
            "Record",
            {
                "classes": ("collapse",),
                "fields": ("created_at", "created_by", "published_at", "published_by", "spec_hash"),
            },
        ),
    )
    formfield_overrides = {models.JSONField: {"widget": _JSON}}

    class Media:
        js = ("app/js/admin-weights.js",)
        css = {"all": ("app/css/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or _is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_draft(obj) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # The bulk delete asks nobody whether a row is published.
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if isinstance(version, ScorecardVersion):
            spec, faults = read(version)
            context |= {
                "faults": faults,
                "weight_total": sum(part.weight for part in spec.components) if spec else None,
            }
        return super().change_view(request, object_id, form_url, context)

    def response_change(self, request: HttpRequest, obj: ScorecardVersion) -> HttpResponse:
        """A draft may be saved half done; what is left to do is said at once."""
        faults = read(obj)[1]
        if faults:
            text = f"{obj} is saved. Before it can be published: {' '.join(faults)}"
            messages.warning(request, text)
        return super().response_change(request, obj)


@admin.register(Scorecard)
class ScorecardAdmin(TunedAdmin):
    list_display = ("name", "key", "is_active", "is_default", "position")
    search_fields = ("name", "key")
    # Changed on the scorecard's page, where exactly one stays the default.
    readonly_fields = ("is_default",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The key is what files, reports and commands call it by.
        return (*self.readonly_fields, "key") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or obj.versions.exclude(state=ScorecardVersion.State.DRAFT).exists():
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}


class PartAdmin(TunedAdmin):
    """A part on its own, to find it; it is edited with its version."""

    list_display: tuple[str | Callable[[Any], str], ...] = ("__str__", "version")
    list_select_related = ("version__scorecard",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Discarding a draft takes its parts along; nothing else may.
        return obj is not None and _is_draft(obj.version) and request.user.is_superuser

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}


admin.site.register(Component, PartAdmin)
admin.site.register(Measure, PartAdmin)
admin.site.register(Band, PartAdmin)
admin.site.register(Cap, PartAdmin)


@admin.register(ScoreRun)
class ScoreRunAdmin(RecordAdmin):
    list_display = (
        "as_of",
        "state",
        "accounts",
        "unknown",
        "band_changes",
        "started_at",
        "started_by",
    )
    list_filter = ("state",)
    list_select_related = ("started_by",)
    # Whole populations: megabytes that no form should carry.
    exclude = ("statistics",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ScoreRun]:
        return super().get_queryset(request).defer("statistics", "report")


@admin.register(ScoreShard)
class ScoreShardAdmin(RecordAdmin):
    list_display = ("run", "number", "state", "first_id", "last_id", "attempts", "worker")
    list_select_related = ("run",)
    exclude = ("partial",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ScoreShard]:
        heavy = ("partial", "report", "run__statistics", "run__report", "run__plan")
        return super().get_queryset(request).select_related("run").defer(*heavy)


@admin.register(AccountHealth)
class AccountHealthAdmin(RecordAdmin):
    list_display = ("account", "score", "band_name", "coverage", "as_of", "version")
    list_select_related = ("account", "version__scorecard")
    search_fields = ("account__name", "account__external_id")


@admin.register(BandChange)
class BandChangeAdmin(RecordAdmin):
    list_display = ("as_of", "account", "old_band_name", "new_band_name", "old_score", "new_score")
    list_select_related = ("account",)
    search_fields = ("account__name", "account__external_id")


@admin.register(DailyRollup)
class DailyRollupAdmin(RecordAdmin):
    list_display = ("as_of", "owner", "team", "industry", "size_segment", "band_name", "accounts")
    list_select_related = ("owner", "team")


@admin.register(NightTotal)
class NightTotalAdmin(RecordAdmin):
    list_display = ("as_of", "is_whole", "owner", "team", "band_name", "accounts")
    list_select_related = ("owner", "team")


@admin.register(MetricProfile)
class MetricProfileAdmin(RecordAdmin):
    list_display = ("as_of", "metric", "accounts", "known", "mean")
    search_fields = ("metric",)
