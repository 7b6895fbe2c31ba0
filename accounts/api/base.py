"""What every address of the API has in common."""

from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.scopes import FACTS_READ, FACTS_WRITE, HasScope
from accounts.api.throttling import RateLimit


class ApiView(APIView):
    """Tokens or a session, scopes, the rate limit and its headers. Answers are never cached on the way.

    DRF marks its views for LoginRequiredMiddleware: anonymous callers get 401 here, not a log-in page.
    """

    http_method_names = ["get", "head", "post"]
    permission_classes = [IsAuthenticated, HasScope]
    throttle_classes = [RateLimit]
    read_scope = FACTS_READ
    write_scope = FACTS_WRITE

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        allowance = getattr(getattr(request, "_request", request), "allowance", None)
        if allowance is not None:
            for name, value in allowance.headers.items():
                answer[name] = value
        return answer
