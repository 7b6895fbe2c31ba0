"""Log-in: single sign-on, second factor, lock-out, sessions; everything the environment decides of it."""

from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

_LOCAL = {"localhost", "127.0.0.1", "::1"}
_MINUTE = 60

APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]


def sign_in(env: Env) -> dict[str, Any]:
    """Settings of log-in, to be taken over as they are.

    Raises ImproperlyConfigured with every fault of the environment at once.
    """
    issuer: str = env.str("OIDC_ISSUER", "").rstrip("/")
    client: str = env.str("OIDC_CLIENT_ID", "")
    required: str = env.str("REQUIRE_SECOND_FACTOR", "none")
    create: str = env.str("OIDC_CREATE", "")
    only: bool = env.bool("OIDC_ONLY", False)
    proxies: list[str] = env.list("TRUSTED_PROXIES", [])
    found = {
        # Whose X-Forwarded-For is believed: addresses, networks, or "unix" for a local socket.
        "TRUSTED_PROXIES": proxies,
        "REQUIRE_SECOND_FACTOR": required,
        # Whether the provider's own second factor is enough for those who come from it.
        "OIDC_IS_SECOND_FACTOR": env.bool("OIDC_IS_SECOND_FACTOR", False),
        "OIDC_CREATE": create,
        "OIDC_ONLY": only,
        "OIDC_NAME": env.str("OIDC_NAME", "Single sign-on"),
        "OIDC_ON": bool(issuer),
        "LOGIN_TRIES": env.int("LOGIN_TRIES", 5),
        "LOGIN_TRIES_PER_ADDRESS": env.int("LOGIN_TRIES_PER_ADDRESS", 50),
        "LOGIN_LOCK_MINUTES": env.int("LOGIN_LOCK_MINUTES", 15),
        "SESSION_IDLE_MINUTES": env.int("SESSION_IDLE_MINUTES", 240),
        "SESSION_COOKIE_AGE": env.int("SESSION_HOURS", 12) * 60 * _MINUTE,
    }
    secret: str = env.str("OIDC_CLIENT_SECRET", "")
    if wrong := _faults(issuer, client, secret, required, create, proxies, only=only):
        raise ImproperlyConfigured("The workbench refuses to start:\n- " + "\n- ".join(wrong))
    return found | _ALLAUTH | {"SOCIALACCOUNT_PROVIDERS": _provider(issuer, client, secret, found)}


def _faults(
    issuer: str,
    client: str,
    secret: str,
    required: str,
    create: str,
    proxies: list[str],
    *,
    only: bool,
) -> list[str]:
    found = []
    if required not in ("none", "admins", "all"):
        found.append(f"REQUIRE_SECOND_FACTOR={required!r}: say none, admins or all.")
    if create not in ("", "csm"):
        found.append(f"OIDC_CREATE={create!r}: leave it empty or say csm.")
    if issuer and not (client and secret):
        found.append("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.")
    address = urlsplit(issuer)
    # Without TLS anybody on the way could answer as the provider.
    if issuer and address.scheme != "https" and address.hostname not in _LOCAL:
        found.append(f"OIDC_ISSUER={issuer!r} must be an https address.")
    if only and not issuer:
        found.append("OIDC_ONLY hides the password form: it needs OIDC_ISSUER.")
    for proxy in proxies:
        try:
            if proxy != "unix":
                ip_network(proxy)
        except ValueError:
            found.append(f"TRUSTED_PROXIES: {proxy!r} is neither an address nor a network.")
    return found


def _provider(issuer: str, client: str, secret: str, found: dict[str, Any]) -> dict[str, Any]:
    if not issuer:
        return {}
    app = {
        "provider_id": "sso",
        "name": found["OIDC_NAME"],
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


_ALLAUTH: dict[str, Any] = {
    # Refuses whoever is not active; one backend, so that every door leads through the same room.
    "AUTHENTICATION_BACKENDS": ["csm.sign_in.backend.WithTeams"],
    "LOGIN_URL": "login",
    "LOGIN_REDIRECT_URL": "home",
    "LOGOUT_REDIRECT_URL": "login",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "ACCOUNT_ADAPTER": "csm.sign_in.adapters.AccountAdapter",
    "ACCOUNT_FORMS": {"login": "csm.sign_in.forms.LogInForm"},
    "ACCOUNT_LOGIN_METHODS": {"username"},
    "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_PREVENT_ENUMERATION": True,
    # Its limits live in a cache, which may be per process or gone: csm.sign_in.tries counts in rows.
    "ACCOUNT_RATE_LIMITS": False,
    "MFA_ADAPTER": "csm.sign_in.adapters.SecondFactorAdapter",
    "MFA_FORMS": {
        "authenticate": "csm.sign_in.forms.CodeForm",
        "reauthenticate": "csm.sign_in.forms.CodeAgainForm",
        "activate_totp": "csm.sign_in.forms.SetUpForm",
    },
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
    "MFA_TOTP_ISSUER": "CSM workbench",
    # Phones' clocks are off by half a minute.
    "MFA_TOTP_TOLERANCE": 1,
    "MFA_RECOVERY_CODE_DIGITS": 10,
    "MFA_RECOVERY_CODES_SHOW_ONCE": True,
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
    "SOCIALACCOUNT_ADAPTER": "csm.sign_in.adapters.SingleSignOnAdapter",
    "SOCIALACCOUNT_AUTO_SIGNUP": True,
    "SOCIALACCOUNT_EMAIL_VERIFICATION": "none",
    # A form that is led on to another site is stopped by the content policy; csm.sign_in.views guards
    # the link instead.
    "SOCIALACCOUNT_LOGIN_ON_GET": True,
    "SOCIALACCOUNT_STORE_TOKENS": False,
    # Ours writes when a session was seen, every few minutes instead of with every request.
    "USERSESSIONS_TRACK_ACTIVITY": False,
}
