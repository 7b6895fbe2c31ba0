"""Colleagues as admins look after them: who is in, with what, and who is locked out."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import require_admin
from csm.models import ApiToken, User
from csm.sign_in import identities, second_factor, sessions, tries
from csm.tokens import services as tokens

_HAS_FACTOR = Exists(
    Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
)


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Every colleague, and the addresses that are locked out."""
    require_admin(request)
    now = timezone.now()
    locked = {row.key: row for row in tries.locked(now)}

    def count(rows: Any) -> Any:
        grouped = rows.filter(user=OuterRef("pk")).order_by().values("user").annotate(n=Count("pk"))
        return Coalesce(Subquery(grouped.values("n")), 0)

    found = list(
        User.objects.annotate(
            has_factor=_HAS_FACTOR,
            open_sessions=count(sessions.alive()),
            open_tokens=count(ApiToken.objects.all()),
        ).order_by("-is_active", "username")
    )
    rows = [
        (user, _lock_of(user, locked), second_factor.is_required_of(user) and not user.has_factor)
        for user in found
    ]
    addresses = [
        (key.partition(":")[2], row) for key, row in locked.items() if key.startswith("address:")
    ]
    return render(request, "account/people.html", {"people": rows, "addresses": addresses})


def _lock_of(user: User, locked: dict[str, Any]) -> Any:
    return locked.get(tries.of_name(user.username)) or locked.get(tries.of_factor(user))


@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """A colleague's sessions, second factor, identity and tokens."""
    admin = require_admin(request)
    user: Any = get_object_or_404(User.objects.annotate(has_factor=_HAS_FACTOR), pk=pk)
    locked = {row.key: row for row in tries.locked(timezone.now())}
    return render(
        request,
        "account/person.html",
        {
            "person": user,
            "is_self": user.pk == admin.pk,
            "sessions": sessions.of(user, this=request.session.session_key),
            "has_factor": user.has_factor,
            "must": second_factor.is_required_of(user),
            "identity": identities.of(user),
            "other_way": identities.has_another_way(user),
            "sso": settings.OIDC_NAME,
            "tokens": list(ApiToken.objects.filter(user=user)),
            "lock": _lock_of(user, locked),
        },
    )


def _act(do: Callable[[HttpRequest, User, User], str]) -> Callable[..., HttpResponse]:
    """A button of the page of a colleague: does it, says so, leads back."""

    @require_POST
    def view(request: HttpRequest, pk: int, **more: Any) -> HttpResponse:
        admin = require_admin(request)
        user = get_object_or_404(User, pk=pk)
        messages.success(request, do(request, admin, user, **more))
        return redirect("person", pk=pk)

    return view


@_act
def end_sessions(request: HttpRequest, admin: User, user: User) -> str:
    """End every session of a colleague; of one's own all but this."""
    this = request.session.session_key if admin.pk == user.pk else None
    many = sessions.end_all(user, by=admin, at=timezone.now(), but=this)
    return f"{many} session{'s' if many != 1 else ''} of {user} ended."


@_act
def reset_factor(request: HttpRequest, admin: User, user: User) -> str:
    """Take away the second factor a colleague lost."""
    if admin.pk == user.pk:
        raise Http404("One's own is taken away on the page of one's own security.")
    second_factor.reset(user, by=admin, at=timezone.now())
    return (
        f"{user} logs in without a second factor now, and sets up a new one where one is required."
    )


@_act
def detach(request: HttpRequest, admin: User, user: User) -> str:
    """Detach a colleague from single sign-on, whose account there is another one now."""
    if admin.pk == user.pk:
        raise Http404("One's own is detached on the page of one's own security.")
    if not identities.detach(user, by=admin, at=timezone.now()):
        return f"{user} is not attached to {settings.OIDC_NAME}."
    return f"{user} is detached from {settings.OIDC_NAME}; their sessions are ended."


@_act
def lift(request: HttpRequest, admin: User, user: User) -> str:
    """Let a colleague try again at once."""
    _lift(admin, [tries.of_name(user.username), tries.of_factor(user)], user.username)
    return f"{user} may try again."


@_act
def revoke(request: HttpRequest, admin: User, user: User, token: str = "") -> str:
    """Revoke a token of a colleague."""
    found = get_object_or_404(ApiToken, pk=token, user=user)
    tokens.revoke(found, by=admin, at=timezone.now())
    return f"“{found.name}” is revoked."


@require_POST
def lift_address(request: HttpRequest) -> HttpResponse:
    """Let an address try again at once."""
    admin = require_admin(request)
    address = request.POST.get("address", "")
    _lift(admin, [f"address:{address}"[:64]], address)
    messages.success(request, f"Who comes from {address} may try again.")
    return redirect("people")


def _lift(admin: User, keys: list[str], whose: str) -> None:
    with transaction.atomic():
        lifted = [key for key in keys if tries.lift(key)]
        if lifted:
            audit.record(
                audit.Kind.ACCESS,
                f"lifted the lock-out of {whose}",
                by=admin,
                at=timezone.now(),
            )
