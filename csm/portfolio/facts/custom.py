"""This company's own fields of an account."""

from datetime import date
from typing import Any

from accounts.models import Account, CustomField
from csm.lib import display


def custom_fields(account: Account) -> list[dict[str, Any]]:
    """Label and readable value of every own field the account has; no query when it has none."""
    if not account.custom:
        return []
    return [
        {"label": field.label, "value": _readable(field, account.custom[field.key])}
        for field in CustomField.objects.filter(key__in=account.custom)
    ]


def _readable(field: CustomField, value: Any) -> str:
    match field.kind:
        case CustomField.Kind.DATE:
            return display.day(date.fromisoformat(value))
        case CustomField.Kind.YES_NO:
            return "Yes" if value else "No"
        case CustomField.Kind.NUMBER:
            return display.number(value, 0 if value == round(value) else 2)
    return str(value)
