"""Promises about the code itself. An exemption that is no longer needed fails too."""

import ast
import re
from pathlib import Path
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver, reverse

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "scoring", "playbooks", "csm")
SOURCES = [
    path
    for app in APPS
    for path in sorted((ROOT / app).rglob("*.py"))
    if "migrations" not in path.parts
]
PUBLIC = {"favicon", "healthz", "readyz", "login", "admin:login", "admin:jsi18n"}
# Doors that are shut: single sign-on and the admins' own log-in answer 404 unless they are set up.
PUBLIC |= {"account_login", "login_admins", "sso", "openid_connect_callback"}
PUBLIC |= {"socialaccount_login_cancelled"}
# Figures for Prometheus ask for a token, or answer this machine alone.
PUBLIC |= {"metrics_exposition"}
# Event senders have no log-in: a write key is asked for instead.
PUBLIC |= {
    f"events_{name}"
    for name in ("batch", "import", "track", "identify", "group", "page", "screen", "alias")
}
# The secret in the address is what is asked for.
PUBLIC |= {"calendar_ics", "shared_plan"}
# A composite primary key cannot have an admin in Django 5.2.
WITHOUT_ADMIN = {"Snapshot"}


def imports(path: Path) -> set[str]:
    """Modules imported anywhere in the file, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(ROOT).parts
    floor = layer[:2] == ("csm", "lib")
    for module in imports(path):
        top = module.split(".")[0]
        if top not in APPS or module.startswith("csm.lib"):
            continue
        if floor:
            pytest.fail(f"{path}: the floor imports {module}")
        if layer[0] != "csm" and APPS.index(top) > APPS.index(layer[0]):
            pytest.fail(f"{path}: imports {module} from above")


def test_the_engine_is_arithmetic() -> None:
    allowed = {"numpy", "pandas", "scoring.engine"}
    import sys

    for path in (ROOT / "scoring/engine").rglob("*.py"):
        text = path.read_text()
        for module in imports(path):
            ours = any(module == name or module.startswith(f"{name}.") for name in allowed)
            assert ours or module.split(".")[0] in sys.stdlib_module_names, (
                f"{path} imports {module}"
            )
        assert not re.search(r"\b(today|now|utcnow)\(\)", text), f"{path} asks the clock"


def patterns(resolver: URLResolver, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            space = f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            found += patterns(entry, space)
        elif entry.name:
            found.append((f"{prefix}{entry.name}", entry))
    return found


def address(name: str, pattern: URLPattern) -> str | None:
    values = {"int": 1, "slug": "x", "str": "x", "path": "x", "uuid": UUID(int=1)}
    kwargs = {}
    for key, converter in pattern.pattern.converters.items():
        kwargs[key] = values[
            type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        ]
    if name.startswith("admin:") and re.search(r"\(\?P<", str(pattern.pattern)):
        return None
    return reverse(name, kwargs=kwargs or None)


def test_every_page_asks_for_a_log_in(client, db) -> None:
    checked, open_to_all = 0, set()
    for name, pattern in patterns(get_resolver()):
        url = address(name, pattern)
        if url is None:
            continue
        for method in (client.get, client.post):
            response = method(url)
            if response.status_code == 302 and "/login/" in response["Location"]:
                checked += 1
            elif name.startswith("api_") and response.status_code == 401:
                assert response["Content-Type"] == "application/json", url
                assert response["WWW-Authenticate"] == "Bearer", url
                checked += 1
            elif response.status_code != 405:
                open_to_all.add(name)
    assert checked > 20
    assert open_to_all - {"logout"} <= PUBLIC, f"open without a log-in: {open_to_all - PUBLIC}"
    assert PUBLIC - {"admin:login", "admin:jsi18n"} <= open_to_all, "stale exemption"


def test_migrations_are_complete(db) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def ours() -> list[type]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def test_every_model_reads_well() -> None:
    for model in ours():
        # Named by itself or by the framework's user class, never the bare "Model object (1)".
        assert "__str__" in vars(model), f"{model.__name__} has no __str__"
        assert model._meta.ordering, f"{model.__name__} has no ordering"
        assert (model.__doc__ or "").strip(), f"{model.__name__} has no docstring"


def test_every_model_has_an_admin() -> None:
    missing = {model.__name__ for model in ours() if model not in admin.site._registry}
    assert missing == WITHOUT_ADMIN


def test_names_and_sizes() -> None:
    for path in SOURCES:
        assert path.stem not in {"utils", "helpers", "misc", "signals"}, path
        assert len(path.read_text().splitlines()) <= 400, f"{path} is too long"


def test_no_query_count_that_counts_nothing() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = getattr(node.value.func, "attr", getattr(node.value.func, "id", ""))
                assert name not in {"assertNumQueries", "django_assert_num_queries"}, path


def test_filters_that_make_elements_stay_out_of_attributes() -> None:
    """A quotation mark of theirs ends the attribute, and the rest of it stands on the page."""
    inside = re.compile(r'="[^"<>]*\{\{[^}]*\|(day|money|number|percent)\b')
    for path in (ROOT / "templates").rglob("*.html"):
        assert not inside.search(path.read_text()), path.name


def test_templates_are_clean_for_a_strict_policy() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text), path
        assert not re.search(r"\sstyle=|\son[a-z]+=\"", text), path


def test_vendored_files_are_as_the_manifest_says() -> None:
    import hashlib
    import json

    folder = ROOT / "static/vendor"
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {
        f"{package['folder']}/{name}": entry["sha256"]
        for package in manifest["packages"]
        if not package["folder"].startswith("..")
        for name, entry in package["files"].items()
    }
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    licences = {f"{package['folder']}/LICENSE" for package in manifest["packages"]}
    assert present == set(listed) | {"manifest.json"} | (licences & present)
    assert {f"{name.split('/')[0]}/LICENSE" for name in listed} <= present
