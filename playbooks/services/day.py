"""Between two nights: the triggers are judged again on accounts whose facts changed.

Which those are, and when, says `csm.by_day`; product events, calls of the API, small imports and what people
change on pages all end there.
"""

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from playbooks.models import Alert, Policy
from playbooks.services import alert_rows, attention, evaluation, notices, owner_changes


def evaluate(account_ids: Collection[int], *, at: datetime) -> evaluation.Report:
    """Judge the triggers on these accounts and let the lists and their owners know; repeating it is harmless.

    What came in may also have changed their owner: open work follows first.
    """
    ids = set(account_ids)
    on = timezone.localdate(at)
    owner_changes.follow(on=on, at=at, account_ids=ids)
    report = evaluation.evaluate_accounts(ids, at=at)
    alert_rows.spread_overflow(on, Policy.current().alert_cap, keep=True)
    attention.refresh(ids, at=at)
    opened = Alert.objects.filter(
        account__in=ids, opened_on=on, state=Alert.State.OPEN
    ).values_list("pk", flat=True)
    if found := set(opened):
        notices.night(as_of=on, at=at, opened=found)
    return report
