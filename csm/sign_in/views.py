"""Coming in, going out, one's own password and sessions."""

from typing import Any
from urllib.parse import urlencode

from allauth.account import views as allauth_account
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.logout import logout
from allauth.mfa.base import views as allauth_mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import views as allauth_totp
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import audit
from csm.models import ApiToken
from csm.sign_in import identities, second_factor, sessions
from csm.sign_in.forms import BreakGlassForm, NewPasswordForm


class LogIn(allauth_account.LoginView):
    """Name and password, and the way to single sign-on; the password goes where OIDC_ONLY says so."""

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD", "POST"):
            return self.http_method_not_allowed(request)
        if request.method == "POST" and not self._takes_passwords():
            raise Http404("Nobody logs in by password here.")
        return super().dispatch(request, *args, **kwargs)

    def _takes_passwords(self) -> bool:
        return not settings.OIDC_ONLY

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "takes_passwords": self._takes_passwords(),
            "sso": settings.OIDC_NAME if settings.OIDC_ON else "",
            "sso_url": reverse("sso"),
        }


class BreakGlass(LogIn):
    """The password form for admins alone, for the day the provider is down; only where OIDC_ONLY is on."""

    def _takes_passwords(self) -> bool:
        return bool(settings.OIDC_ONLY)

    def get_form_class(self) -> type[BreakGlassForm]:
        return BreakGlassForm

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.OIDC_ONLY:
            raise Http404("The log-in takes passwords.")
        return super().dispatch(request, *args, **kwargs)


@login_not_required
@never_cache
@require_GET
def sso(request: HttpRequest) -> HttpResponseBase:
    """On to the provider. A link from another site leads to the log-in page instead: it cannot start one."""
    if not settings.OIDC_ON:
        raise Http404("No single sign-on here.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return redirect("login")
    if request.user.is_authenticated:
        return redirect("home")
    # allauth would take further scopes, parameters and another process from the address.
    asked = QueryDict(mutable=True)
    if "next" in request.GET:
        asked["next"] = request.GET["next"]
    request.GET = asked  # type: ignore[assignment]
    answer: HttpResponseBase = oidc.login(request, provider_id="sso")
    return answer


@login_not_required
@never_cache
@require_GET
def sso_callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Back from the provider."""
    if not settings.OIDC_ON:
        raise Http404("No single sign-on here.")
    answer: HttpResponseBase = oidc.callback(request, provider_id=provider_id)
    return answer


@login_not_required
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End this session, or a log-in that waits for its code."""
    logout(request, show_message=False)
    return redirect("login")


@require_POST
def admin_log_out(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """The same from the administration."""
    return log_out(request)


@login_not_required
@never_cache
def to_log_in(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """The administration has no door of its own: the log-in with its second factor and lock-out is the one."""
    user: Any = request.user
    if not user.is_authenticated:
        asked = request.GET.get("next", reverse("admin:index"))
        return redirect(f"{reverse('login')}?{_next(asked)}")
    if user.is_staff:
        return redirect("admin:index")
    raise Http404("No such page.")


def _next(asked: str) -> str:
    return urlencode({"next": asked})


@method_decorator(never_cache, name="dispatch")
class ChangePassword(PasswordChangeView):
    """One's own password; other sessions end."""

    form_class = NewPasswordForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user: Any = request.user
        if user.is_authenticated and not user.has_usable_password():
            raise Http404("Whoever comes by single sign-on has no password here.")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        old = self.request.session.session_key
        answer = super().form_valid(form)
        user: Any = self.request.user
        at = timezone.now()
        audit.record(audit.Kind.ACCESS, "changed the own password", by=user, at=at)
        # The key of this session changed with the password; its old row names nobody's session now.
        sessions.UserSession.objects.filter(session_key=old).delete()
        sessions.note(self.request, at=at)
        this = self.request.session.session_key
        sessions.end_all(user, by=user, at=at, but=this, why="password changed")
        return answer


class SetUp(allauth_totp.ActivateTOTPView):
    """Set up a second factor; recorded."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        at = timezone.now()
        audit.record(audit.Kind.ACCESS, "set up the own second factor", by=self.request.user, at=at)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        must = second_factor.is_required_of(user)
        return super().get_context_data(**kwargs) | {"must": must}


class TakeAway(allauth_totp.DeactivateTOTPView):
    """Take away one's own second factor where none is required; other sessions end. Recorded."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        user: Any = self.request.user
        at = timezone.now()
        audit.record(audit.Kind.ACCESS, "took away the own second factor", by=user, at=at)
        this = self.request.session.session_key
        sessions.end_all(user, by=user, at=at, but=this, why="second factor taken away")
        messages.success(self.request, "Your second factor is taken away.")
        return answer


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """One's own sessions, second factor, tokens."""
    user: Any = request.user
    factors = {each.type: each for each in Authenticator.objects.filter(user=user)}
    codes = factors.get(Authenticator.Type.RECOVERY_CODES)
    totp = factors.get(Authenticator.Type.TOTP)
    return render(
        request,
        "account/security.html",
        {
            "sessions": sessions.of(user, this=request.session.session_key),
            "factor_since": totp.created_at if totp else None,
            "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
            "must": second_factor.is_required_of(user),
            "tokens": list(ApiToken.objects.filter(user=user)),
            "identity": identities.of(user),
            "may_detach": identities.has_another_way(user),
            "sso": settings.OIDC_NAME,
            "hours": settings.SESSION_COOKIE_AGE // 3600,
            "idle": _in_words(settings.SESSION_IDLE_MINUTES),
        },
    )


def _in_words(minutes: int) -> str:
    if minutes and minutes % 60 == 0:
        return f"{minutes // 60} hour{'s' if minutes != 60 else ''}"
    return f"{minutes} minutes" if minutes else ""


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own sessions."""
    user: Any = request.user
    if not sessions.end(user, pk, by=user, at=timezone.now()):
        raise Http404("No such session.")
    messages.success(request, "The session is ended.")
    return redirect("security")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """End all of one's own sessions but this one."""
    user: Any = request.user
    this = request.session.session_key
    many = sessions.end_all(user, by=user, at=timezone.now(), but=this)
    messages.success(request, f"{many} other session{'s are' if many != 1 else ' is'} ended.")
    return redirect("security")


@require_POST
@reauthentication_required
def detach(request: HttpRequest) -> HttpResponse:
    """Detach oneself from single sign-on, after the proof that one gets in without it."""
    user: Any = request.user
    if not identities.has_another_way(user):
        raise Http404("It is the only way in.")
    this = request.session.session_key
    if identities.detach(user, by=user, at=timezone.now(), but=this):
        messages.success(request, f"{settings.OIDC_NAME} is detached. Other sessions are ended.")
    return redirect("security")


confirm_code = allauth_mfa.authenticate
confirm_again = allauth_mfa.reauthenticate
password_again = allauth_account.reauthenticate
