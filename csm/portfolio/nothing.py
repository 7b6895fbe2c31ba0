"""What an empty list of accounts says, and what to do about it."""

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from csm.portfolio.links import with_params


def nothing(
    user: Any, query: QueryDict, scope: str, *, clear_url: str, queue: bool, scored: bool
) -> dict[str, str]:
    """Context of the empty state: `clear_url` where filters are on, `scored` once there was a night."""
    if clear_url:
        return {
            "empty_title": "No account matches",
            "empty_text": "Take a filter off, or clear them all.",
            "empty_url": clear_url,
        }
    if queue and not scored:
        return {
            "empty_title": "No night yet",
            "empty_text": "Accounts appear here once a night has been scored.",
        }
    if queue:
        return {
            "empty_title": "Nothing here",
            "empty_text": "No account of this scope is in the queue.",
        }
    wider = {"empty_url": with_params(query, scope="all"), "empty_label": "Show all"}
    imports = {"empty_url": reverse("import_new"), "empty_label": "Import a file"}
    return {
        "empty_title": "No accounts in this scope",
        "empty_text": "Look at all accounts, or import a file of them under Imports."
        if user.is_admin
        else "None of your accounts are in it. Look at all you may see, or ask an administrator.",
        **(wider if scope != "all" else imports if user.is_admin else {}),
    }
