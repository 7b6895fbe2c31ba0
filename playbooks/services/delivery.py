"""What leaves the house: e-mails, daily digests and webhooks. Each is a row, tried until it arrives."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from django.core.mail import EmailMessage
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from csm.lib.errors import WorkbenchError
from csm.lib.retry import retrying
from csm.lib.workers import unheld
from playbooks.models import Delivery, Severity, Webhook
from playbooks.services import digests, outbound
from playbooks.services.digests import link

log = logging.getLogger("playbooks.delivery")

# Waited after each failure; after the last the message is given up.
BACKOFF: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
# Longer than any single attempt may take.
LEASE: Final = timedelta(minutes=5)


@dataclass
class Sent:
    """What one round did."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


class Undelivered(Exception):
    """An attempt that did not arrive; `status` is the HTTP status, when there was one."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def send_due(*, at: datetime, limit: int = 200) -> Sent:
    """Write the digests that are due and send up to `limit` messages that wait.

    A message belongs to the worker whose claim changed its row; one that dies leaves a lease that runs out.
    Failures are written on the row and tried again after `BACKOFF`; nothing is raised.
    """
    digests.write_due(at=at)
    done = Sent()
    for delivery in _claimed(at, limit):
        outcome = attempt(delivery, at=at)
        setattr(done, outcome, getattr(done, outcome) + 1)
    return done


def _claimed(at: datetime, limit: int) -> Iterator[Delivery]:
    due = Delivery.objects.filter(unheld(at), state=Delivery.State.WAITING, next_at__lte=at)
    for pk in list(due.order_by("next_at", "pk").values_list("pk", flat=True)[:limit]):
        if due.filter(pk=pk).update(lease_until=at + LEASE, attempts=F("attempts") + 1):
            yield Delivery.objects.select_related("notice", "user", "webhook").get(pk=pk)


def attempt(delivery: Delivery, *, at: datetime) -> str:
    """Send one claimed message and write down how it went: "sent", "failed" or "given_up"."""
    status: int | None = None
    try:
        if delivery.channel == Delivery.Channel.WEBHOOK:
            status = _call(delivery, at)
        else:
            _mail(delivery)
    except Undelivered as error:
        return _failed(delivery, str(error), error.status, at)
    _note(
        delivery,
        state=Delivery.State.SENT,
        sent_at=at,
        lease_until=None,
        status=status,
        error="",
    )
    return "sent"


@retrying()
def _note(delivery: Delivery, **changes: Any) -> None:
    # What is sent and not written down is sent again.
    Delivery.objects.filter(pk=delivery.pk).update(**changes)


def _failed(delivery: Delivery, why: str, status: int | None, at: datetime) -> str:
    over = delivery.attempts > len(BACKOFF)
    changes: dict[str, Any] = {"lease_until": None, "error": why[:255], "status": status}
    if over:
        changes["state"] = Delivery.State.GIVEN_UP
    else:
        changes["next_at"] = at + BACKOFF[delivery.attempts - 1]
    _note(delivery, **changes)
    log.warning("%s was not delivered: %s", delivery.about, why)
    return "given_up" if over else "failed"


def retry(delivery: Delivery, *, by: Any, at: datetime) -> None:
    """Let a message that was given up be tried again from the start. Raises WorkbenchError otherwise."""
    again = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.GIVEN_UP).update(
        state=Delivery.State.WAITING, next_at=at, attempts=0, lease_until=None
    )
    if not again:
        raise WorkbenchError("Only a message that was given up can be sent again.")
    log.info("%s is tried again, asked by %s", delivery.about, by)


def _mail(delivery: Delivery) -> None:
    user, notice = delivery.user, delivery.notice
    if user is None or not user.email or not user.is_active:
        raise Undelivered("There is no address to send it to.")
    if notice is not None:
        subject, text = notice.title, _text_of(notice.body, notice.url)
    else:
        subject, text = delivery.payload["subject"], delivery.payload["text"]
    # A title with a line break would be refused as a header.
    message = EmailMessage(" ".join(subject.split()), text, None, [user.email])
    try:
        message.send()
    # Of smtplib everything is an OSError.
    except (OSError, ValueError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error


def _text_of(body: str, path: str) -> str:
    lines = [body, ""] if body else []
    return "\n".join(
        [*lines, link(path), "", digests.FOOT.format(url=link(reverse("notice_settings")))]
    )


def _call(delivery: Delivery, at: datetime) -> int:
    hook = delivery.webhook
    if hook is None or not hook.is_active:
        raise Undelivered("The webhook is gone or switched off.")
    body = json.dumps(body_for(hook, delivery.payload), separators=(",", ":")).encode()
    seconds = int(at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "CSM-workbench",
        "X-CSM-Delivery": str(delivery.pk),
        "X-CSM-Event": str(delivery.payload.get("kind", "")),
        "X-CSM-Signature": outbound.signature(hook.secret, body, seconds),
    }
    try:
        status = outbound.post(hook.url, body, headers)
    except outbound.AddressRefused as error:
        raise Undelivered(str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise Undelivered(f"The address answered {status}.", status)
    return status


def body_for(hook: Webhook, payload: dict[str, Any]) -> dict[str, Any]:
    """What is sent: the event as JSON, or text and blocks as Slack reads them."""
    told = {key: value for key, value in payload.items() if key != "path"}
    address = link(payload.get("path", "/"))
    if hook.format == Webhook.Format.JSON:
        severity = payload.get("severity")
        return told | {
            "url": address,
            "severity": Severity(severity).label.lower() if severity else None,
        }
    title = _slack(payload["title"])
    parts = [f"*<{address}|{title}>*"]
    if payload.get("body"):
        parts.append(_slack(payload["body"]))
    context = [
        _slack(text)
        for text in (
            Severity(payload["severity"]).label if payload.get("severity") else "",
            (payload.get("account") or {}).get("name", ""),
            timezone.localtime(datetime.fromisoformat(payload["at"])).strftime("%-d %b %H:%M"),
        )
        if text
    ]
    return {
        "text": title,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(parts)[:3000]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(context)}]},
        ],
    }


def _slack(text: str) -> str:
    """Text in which nothing is a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "/")
