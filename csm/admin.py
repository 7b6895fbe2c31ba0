"""Colleagues in the admin: role, teams, password. Only admins get in, and a role is all it takes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts.admin.records import RecordAdmin
from accounts.models import Team
from csm.models import ApiToken, Role, ScheduledResult, User

# The schedule has a page of its own, where a change is checked and recorded.
for each in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(each)

# Rights come from the role; Django's groups would be a second, silent way to give them.
admin.site.unregister(Group)


class _WithTeams(forms.ModelForm):
    teams = forms.ModelMultipleChoiceField(
        Team.objects.all(),
        required=False,
        help_text="A CSM sees the accounts of their teams; a manager changes them too.",
    )


class UserForm(_WithTeams, UserChangeForm):
    """A colleague's data with their teams."""

    class Meta(UserChangeForm.Meta):
        model = User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["teams"].initial = self.instance.teams.all()


class NewUserForm(_WithTeams, AdminUserCreationForm):
    """A new colleague."""

    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "role")


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """Rights follow the role: admins get into the admin, nobody else does."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("username", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active", "teams")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("role", "teams", "is_active")}),
        ("Record", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "role",
                    "teams",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Nobody locks themselves out, so one admin always stays.
        own = ("role", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.pk == request.user.pk:
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # Only a change of role moves rights: an account made by `createsuperuser` keeps its own.
        if not change or "role" in form.changed_data:
            obj.is_staff = obj.is_superuser = obj.role == Role.ADMIN
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "teams" in form.cleaned_data:
            form.instance.teams.set(form.cleaned_data["teams"])


@admin.register(ApiToken)
class ApiTokenAdmin(RecordAdmin):
    """Whose programs may call the API. An admin revokes a token by deleting it."""

    list_display = ("name", "user", "token_key", "scopes", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("user",)
    fields = ("name", "user", "token_key", "scopes", "created", "expiry", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(ScheduledResult)
class ScheduledResultAdmin(RecordAdmin):
    list_display = ["name", "ended_at", "seconds", "error"]
