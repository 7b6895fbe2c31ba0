"""What the pages of notices show: one's own, and how messages fared."""

from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from playbooks.models import Delivery, Notice, NoticeSetting, Webhook

# The bell counts no further: "99+" says as much as any number beyond it.
MOST: Final = 99


def unread(user: Any) -> str:
    """What the bell shows: "" for nothing, "7", "99+". One query on the index of the unread."""
    many = Notice.objects.filter(user=user, read_at=None).order_by()[: MOST + 1].count()
    return "" if not many else f"{MOST}+" if many > MOST else str(many)


def notices_of(user: Any, *, kind: str = "", unread_only: bool = False) -> QuerySet[Notice]:
    """One's own notices, the newest first."""
    found = Notice.objects.filter(user=user).select_related("account")
    if unread_only:
        found = found.filter(read_at=None)
    return found.filter(kind=kind) if kind else found


def counts(user: Any) -> dict[str, tuple[int, int]]:
    """Kind → (all, unread) of one's own notices. One query."""
    rows = (
        Notice.objects.filter(user=user)
        .order_by()
        .values("kind")
        .annotate(n=Count("pk"), new=Count("pk", filter=Q(read_at=None)))
    )
    return {row["kind"]: (row["n"], row["new"]) for row in rows}


def setting_of(user: Any) -> NoticeSetting:
    """How `user` wants to be told: the row, or the defaults."""
    return NoticeSetting.objects.filter(user=user).first() or NoticeSetting(user=user)


def mails_to(user: Any) -> QuerySet[Delivery]:
    """E-mails and digests to oneself, the newest first."""
    return Delivery.objects.filter(user=user).select_related("notice")


def with_log(hooks: QuerySet[Webhook]) -> QuerySet[Webhook]:
    """Webhooks with how many messages were `sent`, `waiting` and `lost` (given up)."""
    states = {
        "sent": Delivery.State.SENT,
        "waiting": Delivery.State.WAITING,
        "lost": Delivery.State.GIVEN_UP,
    }
    return hooks.annotate(
        **{
            name: Count("deliveries", filter=Q(deliveries__state=state))
            for name, state in states.items()
        }
    )
