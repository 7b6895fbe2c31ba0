"""Every address of the resolver, asked and sent to as everybody who has no business there."""

import json
import re
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from csm.models import ApiToken
from playbooks import models as work
from tests.security.addresses import addresses, administration
from tests.security.conftest import MARK

SCOPES = ["facts:read", "facts:write", "work:read", "work:write"]
# What one changes of oneself, and what nobody is asked for.
OWN = {
    "absences",
    "calendar_feed",
    "effect_refresh",
    "notice_settings",
    "notices_read",
    "password_change",
    "tokens",
    "webhooks",
}
# What is written down of visits, whoever comes.
NOISE = {"django_session", "usersessions_usersession", "csm_logintries", "accounts_auditevent"}
WRITES = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


@contextmanager
def thrown_away():
    """Whatever happens within did not happen; yields the tables it wrote to, once it is over."""
    changed = set()

    def notice(execute, sql, params, many, context):
        if wrote := WRITES.match(sql):
            changed.add(wrote[1])
        return execute(sql, params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(notice):
            yield changed
        changed -= NOISE
        transaction.set_rollback(True)


def body_of(rows, who) -> dict:
    """What any form might ask for, of rows that are not theirs."""
    alert, task, plan = rows[work.Alert], rows[work.InterventionTask], rows[work.Intervention]
    return {
        "action": "take",
        "do": "done",
        "act": "edit",
        "id": [alert.pk, task.pk],
        "ids": f"{rows['account'].pk}",
        "chosen": f"{alert.pk}.{alert.version}",
        "account": rows["account"].pk,
        "alert": alert.pk,
        "intervention": plan.pk,
        "task": task.pk,
        "plan": plan.pk,
        "to": who.pk,
        "user": who.pk,
        "owner": who.pk,
        "cover": rows["owner"].pk,
        "what": "accounts",
        "seen": 1,
        "reason": "because",
        "note": "because",
        "word": "because",
        "body": "because",
        "kind": "note",
        "title": "Changed",
        "name": "Changed",
        "text": "Changed",
        "first_on": "2026-11-20",
        "last_on": "2026-11-30",
        "target_on": "2026-12-30",
        "outcome": "success",
        "cause": "other",
        "days": 7,
        "all": "1",
        "with_accounts": "on",
    }


@pytest.fixture
def attacked(filled, book, owner):
    """The rows, with the account and the owner they belong to."""
    return {**filled(), "account": book[0], "owner": owner}


def careless(response) -> list[str]:
    """What an answer forgets to tell browsers."""
    said = response.headers
    policy = said.get("Content-Security-Policy", "")
    told = {
        "policy": "default-src 'self'" in policy and "unsafe" not in policy,
        "framed": said.get("X-Frame-Options") == "DENY" and "frame-ancestors 'none'" in policy,
        "type": said.get("X-Content-Type-Options") == "nosniff",
        "referrer": said.get("Referrer-Policy") == "same-origin",
        "opener": said.get("Cross-Origin-Opener-Policy") == "same-origin",
        "robots": "noindex" in said.get("X-Robots-Tag", ""),
        "camera": "camera=()" in said.get("Permissions-Policy", ""),
        "kept": "no-store" in said.get("Cache-Control", ""),
        "405": response.status_code != 405 or bool(response.content and said.get("Allow")),
    }
    return [what for what, good in told.items() if not good]


def visits(rows, who, every, methods=("get", "post"), leaves=False, **options):
    """(name, method, response, text, tables written to) of each address, each from the same beginning."""
    client = Client(raise_request_exception=False, **options)
    headers = {}
    if who is not None:
        client.force_login(who)
        client.get("/account/security/")
        token = ApiToken.objects.create(who, name="t", scopes=SCOPES, last_used_at=timezone.now())
        # A browser of another site has the cookie and no token.
        headers = {} if options else {"Authorization": f"Bearer {token[1]}"}
    if leaves:
        type(who).objects.filter(pk=who.pk).update(is_active=False)
    body = body_of(rows, who or rows["owner"])
    session = client.cookies.get("sessionid")
    for name, url in every.items():
        of_the_api = name.startswith("api_")
        for method in methods:
            with thrown_away() as changed:
                if of_the_api and method == "post":
                    sent = json.dumps({"source": "generic", "rows": [body], "version": 1} | body)
                    response = client.post(url, sent, "application/json", headers=headers)
                elif method == "post":
                    response = client.post(url, body)
                else:
                    response = client.get(url, headers=headers if of_the_api else {})
                text = response.getvalue() if response.streaming else response.content
            # The log-out was thrown away, the browser's cookie with it was not.
            if session is not None:
                client.cookies["sessionid"] = session.value
            assert not careless(response), (name, method)
            yield name, method, response, text.decode("utf-8", "replace"), changed


def test_an_outsider_reads_and_changes_nothing_anywhere(attacked, outsider):
    every = addresses(attacked) | administration(attacked)
    faults, refused = [], 0
    for name, method, response, text, changed in visits(attacked, outsider, every):
        if response.status_code >= 500:
            faults.append((name, method, response.status_code))
        if MARK in text:
            faults.append((name, method, "shows what is North's"))
        if changed and name not in OWN:
            faults.append((name, method, changed))
        refused += response.status_code in (403, 404)
    assert not faults
    assert refused > 150


def test_an_executive_reads_and_changes_nothing(attacked, executive):
    every = addresses(attacked) | administration(attacked)
    faults = {
        (name, response.status_code, *changed)
        for name, _, response, _, changed in visits(attacked, executive, every, ["post"])
        if (changed and name not in OWN) or response.status_code >= 500
    }
    assert not faults


def test_the_same_bodies_change_much_for_an_admin(attacked, admin):
    """Or the two above would pass on forms nobody could send."""
    found = [
        name
        for name, _, response, _, changed in visits(attacked, admin, addresses(attacked), ["post"])
        if changed
    ]
    assert len(found) > 30


@pytest.mark.parametrize("who", ["nobody", "somebody who left"])
def test_who_is_not_logged_in_reads_and_changes_nothing(who, attacked, admin):
    every = addresses(attacked) | administration(attacked)
    left = admin if who == "somebody who left" else None
    faults, sent_away = [], 0
    for name, method, response, text, changed in visits(
        attacked, left, every, leaves=left is not None
    ):
        if MARK in text or changed or response.status_code >= 500:
            faults.append((name, method, response.status_code, changed))
        sent_away += response.status_code in (302, 401)
    assert not faults
    assert sent_away > 300


def test_no_form_is_taken_without_its_token(attacked, admin):
    """Every POST from another site is refused; senders of events have keys instead of cookies."""
    every = addresses(attacked) | administration(attacked)
    taken = {
        (name, response.status_code, *changed)
        for name, _, response, _, changed in visits(
            attacked, admin, every, ["post"], enforce_csrf_checks=True
        )
        if not (response.status_code in (403, 404, 405) or name.startswith("events_")) or changed
    }
    assert not taken


def test_a_log_out_asked_for_by_an_image_does_nothing(client, owner):
    client.force_login(owner)
    client.get("/logout/")
    assert client.get("/account/security/").status_code == 200
