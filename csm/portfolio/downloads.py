"""What every download has in common: it is recorded, and no cache keeps it."""

from django.http.response import HttpResponseBase

from accounts.downloads import record_export as record

__all__ = ["attach", "record"]


def attach(response: HttpResponseBase, name: str) -> None:
    """Let the browser save `response` under `name`."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
