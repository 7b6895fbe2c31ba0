"""Every refusal of the API as one JSON shape: `{"detail", "code", "errors"?}`.

`errors` lists faults one by one, in the shape of an import's row errors: column, value, reason, remedy.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from csm.lib.errors import WorkbenchError


def fault(column: str, value: object, reason: str, remedy: str) -> dict[str, str]:
    """One entry of `errors`; `value` is shortened."""
    text = "" if value is None else str(value)
    text = text.encode("utf-8", "replace").decode()
    return {
        "column": column,
        "value": text if len(text) <= 200 else f"{text[:200]}…",
        "reason": reason,
        "remedy": remedy,
    }


class Refused(APIException):
    """A request that cannot be met; `faults` are entries made by `fault`."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "invalid",
        faults: Sequence[dict[str, str]] = (),
        status_code: int = status.HTTP_400_BAD_REQUEST,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status_code
        self.faults = list(faults)
        self.headers = headers or {}


def answer(failure: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None lets Django answer: `csm.api.server_error` for what nobody expected."""
    if isinstance(failure, Http404):
        # The default says which model was asked for, and by what.
        failure = Refused("There is no such record.", code="not_found", status_code=404)
    elif isinstance(failure, RequestDataTooBig):
        failure = Refused(
            "The body is too large: send fewer rows at a time.", code="too_large", status_code=413
        )
    elif isinstance(failure, WorkbenchError):
        failure = Refused(str(failure))
    elif isinstance(failure, DatabaseError) and "locked" in str(failure):
        failure = Refused(
            "The database is busy with another import. Send the same request again.",
            code="busy",
            status_code=503,
            headers={"Retry-After": "5"},
        )
    response = exception_handler(failure, context)
    if response is None:
        return None
    if not isinstance(failure, APIException):
        response.data = {"detail": str(failure) or "Not allowed.", "code": "refused"}
        return response
    codes = failure.get_codes()
    code = codes if isinstance(codes, str) else failure.default_code
    response.data = {"detail": _sentence(failure.detail), "code": str(code)}
    if faults := getattr(failure, "faults", None):
        response.data["errors"] = faults
    for name, value in getattr(failure, "headers", {}).items():
        response[name] = value
    return response


def _sentence(detail: Any) -> str:
    return str(detail) if isinstance(detail, str) else "The request is not valid."
