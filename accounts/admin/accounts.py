"""Accounts in the admin. What an import or an export did is read here, never edited."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.admin.records import RecordAdmin
from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import undo
from accounts.models import (
    Account,
    AuditEvent,
    ChangedAccount,
    ImportChange,
    ImportRun,
    Reading,
    Team,
)
from accounts.services.changes import mark
from accounts.services.owners import note_owners
from csm.lib.dates import today


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = (
        "name",
        "external_id",
        "industry",
        "size_segment",
        "owner",
        "team",
        "renewal_on",
    )
    list_filter = ("size_segment", "lifecycle_stage", "team", "source")
    list_select_related = ("owner", "team")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name", "external_id")
    raw_id_fields = ("owner", "parent")
    # Merging moves facts as well: the page of duplicates does it.
    readonly_fields = ("merged_into", "created_at", "updated_at")

    def save_model(
        self, request: HttpRequest, obj: Account, form: forms.ModelForm, change: bool
    ) -> None:
        """Also keep from which day on the account has its owner."""
        if change:
            mark([obj.pk], at=timezone.now())
        super().save_model(request, obj, form, change)
        if "owner" in form.changed_data:
            note_owners(
                {obj.pk: (obj.owner_id, today())}, previous={obj.pk: form.initial.get("owner")}
            )


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("name",)
    search_fields = ("name",)
    filter_horizontal = ("members",)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Also record who may see the accounts of the team from now on."""
        before = sorted(str(user) for user in form.initial.get("members", ()))
        super().save_related(request, form, formsets, change)
        if not change or form.changed_data:
            after = sorted(str(user) for user in form.instance.members.all())
            what = f"{'changed' if change else 'made'} the team {form.instance.name}"
            _record(request, what, before={"members": before}, after={"members": after})

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        with transaction.atomic():
            super().delete_model(request, obj)
            _record(request, f"removed the team {obj.name}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        teams = list(queryset)
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            for team in teams:
                _record(request, f"removed the team {team.name}")


def _record(request: HttpRequest, what: str, **detail: Any) -> None:
    audit.record(audit.Kind.ACCESS, what, by=request.user, at=timezone.now(), detail=detail)


@admin.register(Reading)
class ReadingAdmin(RecordAdmin):
    list_display = ("account", "on", "source", "import_run")
    list_filter = ("source",)
    list_select_related = ("account", "import_run")
    date_hierarchy = "on"
    search_fields = ("account__name", "account__external_id")


@admin.register(ImportRun)
class ImportRunAdmin(RecordAdmin):
    list_display = (
        "id",
        "feed",
        "file_name",
        "source",
        "as_of",
        "state",
        "rows_read",
        "rows_rejected",
        "started_at",
        "started_by",
    )
    list_filter = ("state", "feed", "source")
    list_select_related = ("started_by",)
    search_fields = ("file_name",)
    actions = ("undo_imports",)

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Undoing changes accounts and readings, so it asks for the right to change accounts."""
        return request.user.has_perm("accounts.change_account")

    @admin.action(description="Undo the selected imports", permissions=["undo"])
    def undo_imports(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> None:
        # The newest first: an import that a later one built upon can go once that one is gone.
        for run in queryset.order_by("-pk"):
            try:
                counts = undo(run, by=request.user)
            except UndoRefused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                continue
            self.message_user(
                request,
                f"Import {run.pk} ({run}) is undone: {counts.accounts_deleted:,} accounts deleted, "
                f"{counts.accounts_restored:,} restored; {counts.readings_deleted:,} readings deleted, "
                f"{counts.readings_restored:,} restored; {counts.facts_deleted:,} other facts deleted, "
                f"{counts.facts_restored:,} restored; {counts.kept:,} later edits kept.",
                messages.SUCCESS,
            )


@admin.register(ImportChange)
class ImportChangeAdmin(RecordAdmin):
    list_display = ("id", "import_run", "table", "row_id")
    list_select_related = ("import_run",)
    list_filter = ("table",)


@admin.register(AuditEvent)
class AuditEventAdmin(RecordAdmin):
    list_display = ("at", "kind", "by_name", "what", "address")
    list_filter = ("kind",)
    date_hierarchy = "at"


@admin.register(ChangedAccount)
class ChangedAccountAdmin(RecordAdmin):
    """What waits to be scored by day."""

    list_display = ("account", "changed_at", "times", "scored_times", "attempts", "worker")
    list_select_related = ("account",)
