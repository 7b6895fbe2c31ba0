"""The demo's work goes with its accounts; triggers, playbooks and settings stay, as people do."""

from django.db.models import QuerySet

from accounts.models import Account
from csm.demo.people import MAIL_DOMAIN
from playbooks.models import Assignment, Clock, Intervention, Note, Notice


def forget(accounts: QuerySet[Account]) -> None:
    """Delete plans, clocks and notes of these accounts, and what the demo's people were told and gave."""
    for model in (Note, Clock, Intervention):
        model.objects.filter(account__in=accounts).delete()
    Notice.objects.filter(user__email__endswith=f"@{MAIL_DOMAIN}").delete()
    Assignment.objects.filter(by__email__endswith=f"@{MAIL_DOMAIN}").delete()
