"""Script in every text of every model, and in every address and form: no page lets it come alive."""

import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.forms import BaseForm
from django.test import Client
from django.urls import resolve
from django_filters import FilterSet

from scoring.metrics.catalogue import forget_definitions
from scoring.selectors import newest_run
from scoring.services import versions
from tests.pages import admin_pages, pages
from tests.security import hostile
from tests.security.addresses import addresses, administration
from tests.security.page_forms import forms_of, parameters_of
from tests.security.rows import APPS
from tests.security.test_every_address import thrown_away

TEXT = hostile.text_for("zq99")
OPENAPI = "application/vnd.oai.openapi"
ROOT = Path(__file__).parents[2]
# Fields whose text is on one of our own pages for them.
SHOWN = {"admin": 135, "manager": 125, "owner": 125}


@pytest.fixture
def spoilt(filled, book, owner):
    rows = {**filled(), "account": book[0], "owner": owner}
    found = addresses(rows) | administration(rows) | pages(book[0], newest_run()) | admin_pages()
    missing = hostile.spoil()
    versions.published_spec.cache_clear()
    forget_definitions()
    assert {key for key in missing if key.partition(".")[0] not in hostile.NO_ROW} == set()
    return found


def body(answer) -> str:
    content = answer.getvalue() if answer.streaming else answer.content
    return content.decode("utf-8", "replace")


def faults_of(answer) -> set[str]:
    """What is wrong with one answer, whatever its type."""
    if answer.status_code >= 500:
        return {f"answers {answer.status_code}"}
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    found = set()
    if answer.headers.get("X-Content-Type-Options") != "nosniff":
        found.add("may be taken for another type")
    if kind == "text/html":
        return found | hostile.alive(body(answer))
    # Types a browser runs nothing of, even opened by themselves.
    harmless = ("application/json", "text/csv", "text/calendar", "text/plain", "application/yaml")
    if kind.endswith("json") or kind in (*harmless, "application/problem+json", OPENAPI, ""):
        return found
    if "attachment" not in answer.headers.get("Content-Disposition", ""):
        found.add(f"is {kind}")
    return found


def test_what_finds_it_finds_it():
    assert not hostile.alive("<p title='&quot;&gt;&lt;b zq00&gt;'>&lt;img src=x zq00&gt;</p>")
    for text in (
        f"<p>{TEXT}</p>",
        f'<p title="{TEXT}">',
        f"<p title={escape(TEXT)}>",
        f'<script type="application/json">"{TEXT}"</script>',
        f"<title>{hostile.text_for('zq00', 12)}</title>",
        f"<textarea>{TEXT}</textarea>",
        f'<a href="{escape(TEXT)}">',
        "<a href='java\nscript:x'>",
        "<b onclick='x'>",
    ):
        assert hostile.alive(text), text


def test_every_text_of_every_model_is_filled_or_has_a_reason():
    fields = hostile.text_fields()
    assert set(hostile.LEFT_OUT) <= set(fields)
    json = {key for key, field in fields.items() if field.get_internal_type() == "JSONField"}
    assert json - set(hostile.LEFT_OUT) == set(hostile.SHAPES)


# What opens a door, or would help to guess it.
SECRETS = {
    "CalendarFeed": ("digest",),
    "ShareLink": ("digest",),
    "User": ("password",),
    "Webhook": ("secret", "url"),
    "WriteKey": ("digest",),
}


def test_no_secret_is_shown_again(filled, book, owner, admin, client):
    rows = {**filled(), "account": book[0], "owner": owner}
    every = addresses(rows) | administration(rows) | pages(book[0], newest_run()) | admin_pages()
    client.force_login(admin)
    client.get("/")
    for model, row in rows.items():
        for name in SECRETS.get(getattr(model, "__name__", ""), ()):
            type(row).objects.filter(pk=row.pk).update(**{name: f"https://a.test/secret-{name}"})
    shown = {name for name, url in every.items() if "test/secret-" in body(client.get(url))}
    assert not shown


@pytest.mark.parametrize("who", ["admin", "manager", "owner"])
def test_no_stored_text_comes_alive(who, spoilt, people):
    browser = Client(raise_request_exception=False)
    browser.force_login(people[who])
    faults, seen = {}, set()
    for name, url in spoilt.items():
        with thrown_away():
            answer = browser.get(url)
            if found := faults_of(answer):
                faults[name] = found
            kind = answer.headers.get("Content-Type", "")
            if name.startswith("api_") and name not in ("api_docs", "api_schema"):
                assert "json" in kind, (name, kind)
            if not name.startswith("admin:"):
                seen |= set(hostile.MARKER.findall(body(answer)))
    assert not {name: told(found) for name, found in faults.items()}
    # Of the administration's own pages nothing counts: what ours show is what is tried here.
    assert len(seen) >= SHOWN[who], len(seen)


def told(found: set[str]) -> set[str]:
    """Faults with the fields named whose text came alive."""
    named = {marker: key for key, marker in hostile.markers().items()}
    return {re.sub(hostile.MARKER, lambda m: named.get(m[0], m[0]), each) for each in found}


def every_parameter() -> set[str]:
    """Every name any filter, form or view of ours reads from an address."""
    found = {"q", "sort", "cols", "page", "cursor", "after", "before", "format"}
    for base, attribute in ((BaseForm, "base_fields"), (FilterSet, "base_filters")):
        classes = [base]
        while classes:
            kind = classes.pop()
            classes += kind.__subclasses__()
            if kind.__module__.partition(".")[0] in (*APPS, "csm"):
                found |= set(getattr(kind, attribute, {}))
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        found |= set(re.findall(r"""GET(?:\.get|\.getlist)?[(\[]"(\w+)\"""", path.read_text()))
    return found


def test_nothing_in_an_address_comes_alive(filled, book, admin, client):
    filled()
    client.force_login(admin)
    client.raise_request_exception = False
    names, faults, tried = every_parameter(), {}, 0
    for name, url in (pages(book[0], newest_run()) | admin_pages()).items():
        path, _, query = url.partition("?")
        asked = dict(parse_qsl(query))
        known = parameters_of(url, body(client.get(url)))
        turns = [dict.fromkeys(names, TEXT), *({**asked, each: TEXT} for each in known)]
        for turn in turns:
            with thrown_away():
                answer = client.get(path, turn)
                tried += 1
                if found := faults_of(answer):
                    faults[name, *(turn if len(turn) < 9 else ["all"])] = found
                if "evil" in answer.get("Location", ""):
                    faults[name, "redirect"] = answer["Location"]
    assert not faults
    assert tried > 300


def test_nothing_sent_in_a_form_comes_alive(filled, book, admin, client):
    """Every form of every page, once with its free fields hostile, once with all; what answers too."""
    filled()
    client.force_login(admin)
    client.raise_request_exception = False
    faults, sent = {}, set()
    for name, url in (pages(book[0], newest_run()) | admin_pages()).items():
        for form in forms_of(url, body(client.get(url))):
            where = resolve(urlsplit(form.action).path).url_name
            which = (where, *sorted(form.values))
            if form.method != "post" or where == "logout" or which in sent:
                continue
            sent.add(which)
            free = dict.fromkeys(form.free - {"version", "seen"}, TEXT)
            for values in (form.values | free, dict.fromkeys(form.values, TEXT)):
                with thrown_away():
                    answer = client.post(form.action, values, follow=True)
                    if found := faults_of(answer):
                        faults[name, where, len(values)] = found
    assert not faults
    assert len(sent) > 60, len(sent)
