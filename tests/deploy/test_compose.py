"""What can be said of deploy/ without Docker: names meet, little is open, all that runs is in the image."""

import ast
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
GUIDE = (ROOT / "docs" / "operations.md").read_text("utf-8")
OURS = {name for name, service in SERVICES.items() if service["image"] == "csm-workbench"}
QUEUES = {queue.name for queue in settings.CELERY_TASK_QUEUES}


def text(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def command(service: str) -> list[str]:
    given = SERVICES[service].get("command", "")
    return given if isinstance(given, list) else shlex.split(given)


def served(commands: str) -> set[str]:
    return {queue for each in re.findall(r"-Q ([a-z,]+)", commands) for queue in each.split(",")}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_comes_back_or_runs_once(name):
    service = SERVICES[name]
    once = name == "migrate" or "profiles" in service
    assert service["restart"] == ("no" if once else "unless-stopped")
    # Logs that nobody cuts fill the disk.
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_can_come_about(name):
    waits = SERVICES[name].get("depends_on", [])
    for other in waits:
        condition = waits[other]["condition"] if isinstance(waits, dict) else "service_started"
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if condition == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


def test_the_database_is_up_only_when_others_reach_it():
    """While its image makes the empty database, a server answers on the socket, and goes away again."""
    assert "-h" in SERVICES["database"]["healthcheck"]["test"]


def test_only_the_proxy_is_open_to_the_world():
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert name == "proxy" or port.startswith("127.0.0.1:"), f"{name} publishes {port}"
    for proxy in ("Caddyfile", "nginx.conf.example"):
        assert {"/metrics", "/readyz"} <= set(re.findall(r"/metrics|/readyz", text(proxy)))


def test_one_image_is_built_once_and_never_fetched():
    assert [name for name in OURS if "build" in SERVICES[name]] == ["migrate"]
    assert {SERVICES[name]["pull_policy"] for name in OURS} == {"never"}


def test_a_back_up_before_an_upgrade_changes_nothing():
    assert set(SERVICES["backup"]["depends_on"]) == {"database"}


def test_every_queue_has_somebody_who_serves_it():
    units = "".join(path.read_text("utf-8") for path in (DEPLOY / "systemd").glob("*.service"))
    for way in ("\n".join(" ".join(command(name)) for name in SERVICES), text("Procfile"), units):
        assert served(way) == QUEUES


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_container_runs_is_in_the_image(name):
    copied = {
        word.rstrip("/")
        for line in re.findall(r"^COPY (.+) \S+$", text("Dockerfile"), re.M)
        for word in line.split()
    }
    for word in [*command(name), *SERVICES[name].get("healthcheck", {}).get("test", [])]:
        if word.endswith((".py", ".sh")):
            assert (ROOT / word).exists()
            assert word.split("/")[0] in copied
        if word.endswith(".sh"):
            assert os.access(ROOT / word, os.X_OK)


def test_every_package_of_ours_is_in_the_image():
    copied = set(re.findall(r"^COPY (\w+) \1$", text("Dockerfile"), re.M))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages >= {"csm", "accounts"}
    folders = {"templates", "static", "deploy"}
    assert packages | folders <= copied
    ignored = set(text("Dockerfile.dockerignore").split())
    assert not ignored & (packages | folders)
    assert {".env", "var", ".git"} <= ignored


def test_the_image_reads_what_root_wrote():
    """Collected files are made for their owner alone, and the owner is root."""
    assert settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS == 0o700
    build = text("Dockerfile")
    readable = re.search(r"chmod -R a\+rX ([\w. /]+)", build)
    assert readable is not None
    assert "staticfiles" in readable[1].split()
    assert build.index("collectstatic") < readable.start() < build.index("USER csm")


def test_ready_asks_as_the_proxy_does():
    asked = {
        node.value
        for node in ast.walk(ast.parse(text("ready.py")))
        if isinstance(node, ast.Constant)
    }
    assert {"X-Forwarded-Proto", "https", "Host", "ALLOWED_HOSTS"} <= asked
    assert SERVICES["web"]["environment"]["WEB_BIND"].endswith(":8000")
    assert "reverse_proxy web:8000" in text("Caddyfile")


def test_the_guide_names_services_and_files_there_are():
    lines = re.findall(r"^ {4}dc (.+)$|`dc ([^`]+)`", GUIDE, re.M)
    named = set()
    for line in ("".join(pair) for pair in lines):
        verb, *rest = shlex.split(line, comments=True)
        if verb in ("run", "exec"):
            while rest[0].startswith("-"):
                rest = rest[2 if rest[0] in ("-v", "-e", "-u") else 1 :]
            named.add(rest[0])
        elif verb in ("stop", "restart"):
            named |= set(rest)
    assert {"web", "database", "backup", "worker"} <= named <= set(SERVICES)
    for name in re.findall(r"deploy/[\w./-]+\w\b(?!\*)", GUIDE):
        assert (ROOT / name).exists(), name
