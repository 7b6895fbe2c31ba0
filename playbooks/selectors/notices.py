"""What the pages of notices show: one's own, and how messages fared."""

from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from playbooks.models import Delivery, Notice, NoticeSetting, Webhook

# The bell counts no further: "99+" says as much as any number beyond it.
MOST: Final = 99


def unread(user: Any) -> int:
    """How many notices `user` has not read. One query on the index of the unread."""
    return _unread(user).count()


def unread_beside(user: Any) -> Coalesce:
    """The same as a column of another query, for a page that asks one anyway."""
    many = _unread(user).order_by().values("user").annotate(many=Count("pk")).values("many")
    return Coalesce(Subquery(many), 0)


def _unread(user: Any) -> QuerySet[Notice]:
    return Notice.objects.filter(user=user, read_at=None)


def bell(many: int) -> str:
    """What the bell shows of so many: "" for nothing, "7", "99+"."""
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
