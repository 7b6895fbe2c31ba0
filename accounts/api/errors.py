"""Every refusal of the API as one JSON shape: `{"detail", "code", "errors"?}`.

`errors` lists faults one by one, in the shape of an import's row errors: column, value, reason, remedy.
"""

from collections.abc import Sequence

from rest_framework import status
from rest_framework.exceptions import APIException


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
