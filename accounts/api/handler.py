"""What went wrong as an answer. Apart from `errors`, which DRF's own settings lead to."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.api.errors import Refused
from csm.lib.errors import WorkbenchError


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
