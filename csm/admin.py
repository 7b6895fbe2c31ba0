"""Colleagues in the admin: role, teams, password. Only admins get in, and a role is all it takes."""

from typing import Any

from allauth.account import admin as _account  # noqa: F401 - registers what is taken out below
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _mfa  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _social  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as _sessions  # noqa: F401
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.generic import RedirectView
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts import audit
from accounts.admin.records import RecordAdmin
from accounts.models import Team
from csm.models import ApiToken, Job, LogInTries, Role, ScheduledResult, User
from csm.sign_in import sessions
from csm.sign_in.views import admin_log_out, to_log_in
from csm.tokens import services as tokens

# The schedule has a page of its own, where a change is checked and recorded.
for each in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(each)

# Rights come from the role; Django's groups would be a second, silent way to give them.
admin.site.unregister(Group)
# Secrets, and rights given past the page of the colleague: their pages are csm.sign_in's.
for model in (
    EmailAddress,
    Authenticator,
    SocialAccount,
    SocialApp,
    SocialToken,
    UserSession,
):
    admin.site.unregister(model)
# One door: the log-in with its second factor and lock-out.
admin.site.login = to_log_in  # type: ignore[method-assign]
admin.site.logout = admin_log_out  # type: ignore[method-assign,assignment]
admin.site.password_change = RedirectView.as_view(  # type: ignore[method-assign,assignment]
    pattern_name="password_change"
)


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
        if change and "is_active" in form.changed_data and not obj.is_active:
            by: Any = request.user
            at = timezone.now()
            sessions.end_all(obj, by=by, at=at, why="not active any more")
            tokens.revoke_all(obj, by=by, at=at)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "teams" in form.cleaned_data:
            form.instance.teams.set(form.cleaned_data["teams"])
        if change and not form.changed_data:
            return
        what = "changed" if change else "made"
        _record(request, f"{what} the user {form.instance.username}", form.instance, form, change)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: User) -> None:
        _record(request, f"removed the user {obj.username}", obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            _record(request, f"removed the user {user.username}", user)
        super().delete_queryset(request, queryset)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Also recorded; the colleague's sessions end."""
        answer: Any = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            user = User.objects.get(pk=id)
            _record(request, f"set the password of {user.username}", user)
            if user.pk != request.user.pk:
                by: Any = request.user
                sessions.end_all(user, by=by, at=timezone.now(), why="password set")
        return answer

    def view_on_site(self, obj: User) -> str:
        """The page with the colleague's sessions, second factor and tokens."""
        return reverse("person", args=[obj.pk])


def _record(
    request: HttpRequest, what: str, user: User, form: Any = None, change: bool = False
) -> None:
    detail: dict[str, Any] = {"user": user.username}
    if form is not None:
        # A new colleague's form asks for fewer things than that of one who is there.
        names = [name for name in ("role", "is_active", "email", "teams") if name in form.fields]
        detail["after"] = {name: _plain(form.cleaned_data.get(name)) for name in names}
        detail["before"] = {
            name: _plain(form.get_initial_for_field(form.fields[name], name)) if change else None
            for name in names
        }
    audit.record(audit.Kind.ACCESS, what, by=request.user, at=timezone.now(), detail=detail)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    return ", ".join(sorted(str(each) for each in value))


@admin.register(ApiToken)
class ApiTokenAdmin(RecordAdmin):
    """Whose programs may call the API. An admin revokes a token by deleting it."""

    list_display = ("name", "user", "token_key", "scopes", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("user",)
    fields = ("name", "user", "token_key", "scopes", "created", "expiry", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        tokens.revoke(obj, by=request.user, at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.select_related("user"):
            tokens.revoke(token, by=request.user, at=timezone.now())


@admin.register(LogInTries)
class LogInTriesAdmin(RecordAdmin):
    """Who is locked out. The page of colleagues lifts it."""

    list_display = ("key", "tries", "since", "locked_until")


@admin.register(ScheduledResult)
class ScheduledResultAdmin(RecordAdmin):
    list_display = ["name", "ended_at", "seconds", "error"]


@admin.register(Job)
class JobAdmin(RecordAdmin):
    """Its page says how far it is, and cancels it."""

    list_display = ("title", "kind", "state", "asked_by", "asked_at", "done", "total", "attempts")
    list_select_related = ("asked_by",)
    list_filter = ("state", "kind")
