"""What production refuses to start with, seen from outside: a process with that environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from csm.conf.databases import process_kind

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "ALLOWED_HOSTS": "csm.example.com",
    "SECRET_KEY": "k3y-" * 5 + "abcdefghijklmnopqrstuvwxyz0123456789",
}
PRINT = "from django.conf import settings as s; print({})"


def start(expression: str = "s.DEBUG", **environment: str) -> subprocess.CompletedProcess:
    names = {"ALLOWED_HOSTS", "SECRET_KEY", "DEBUG", "DATABASE_URL", "REDIS_URL", "TIME_ZONE"}
    clean = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-c", PRINT.format(expression)],
        cwd=ROOT,
        env=clean | {"DJANGO_SETTINGS_MODULE": "csm.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_fault_is_listed_at_once_with_its_variable():
    refused = start(ALLOWED_HOSTS="csm.example.com,*", DEBUG="true", TIME_ZONE="Mars/Olympus")
    assert refused.returncode != 0
    for variable in (
        "DEBUG is on",
        "SECRET_KEY is missing",
        "ALLOWED_HOSTS=*",
        "TIME_ZONE='Mars/Olympus'",
    ):
        assert variable in refused.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (SAFE | {"SECRET_KEY": "short"}, "too weak"),
        (SAFE | {"SECRET_KEY": "a" * 60}, "too weak"),
        (SAFE | {"DEBUG": "ture"}, "DEBUG"),
        (SAFE | {"DEFAULT_CURRENCY": "euro"}, "DEFAULT_CURRENCY"),
    ],
)
def test_one_unsafe_value_is_enough(environment, said):
    refused = start(**environment)
    assert refused.returncode != 0
    assert said in refused.stderr


def test_safe_production_is_https_with_secure_cookies():
    names = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "DEBUG")
    started = start(", ".join(f"s.{name}" for name in names), **SAFE)
    assert started.stdout.split() == ["True", "True", "True", "False"], started.stderr


def test_with_nothing_set_it_answers_on_this_machine_only():
    started = start("s.PRODUCTION, sorted(s.ALLOWED_HOSTS)")
    assert started.stdout.startswith("False"), started.stderr
    assert "example" not in started.stdout


def test_the_policy_allows_no_inline_script(client, owner):
    client.force_login(owner)
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


SSO = {
    "OIDC_ISSUER": "https://login.example.com/",
    "OIDC_CLIENT_ID": "csm",
    "OIDC_CLIENT_SECRET": "secret",
}


def test_single_sign_on_is_set_up_by_the_environment() -> None:
    told = start(
        "s.OIDC_ON, s.OIDC_NAME, s.SOCIALACCOUNT_PROVIDERS", **SSO, OIDC_NAME="House"
    ).stdout
    assert told.startswith("True House ")
    assert "'server_url': 'https://login.example.com'" in told
    assert "'oauth_pkce_enabled': True" in told


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"OIDC_ISSUER": "https://login.example.com"}, "OIDC_CLIENT_ID"),
        (SSO | {"OIDC_ISSUER": "http://login.example.com"}, "must be an https address"),
        ({"OIDC_ONLY": "true"}, "needs OIDC_ISSUER"),
        (SSO | {"OIDC_CREATE": "admin"}, "OIDC_CREATE"),
        ({"REQUIRE_SECOND_FACTOR": "some"}, "none, admins or all"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,proxy"}, "neither an address nor a network"),
    ],
)
def test_log_in_refuses_what_it_cannot_mean(wrong: dict[str, str], said: str) -> None:
    refused = start(**wrong)
    assert refused.returncode != 0
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ([".venv/bin/celery", "-A", "csm", "worker", "-Q", "day"], "worker"),
        (["lib/celery/__main__.py", "-A", "csm", "beat"], "beat"),
        (["manage.py", "migrate"], "migrate"),
    ],
)
def test_a_process_is_known_by_how_it_was_started(
    monkeypatch: pytest.MonkeyPatch, command: list[str], kind: str
) -> None:
    monkeypatch.delenv("CSM_PROCESS", raising=False)
    monkeypatch.setattr("sys.argv", command)

    assert process_kind() == kind
