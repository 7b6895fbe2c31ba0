"""Lists of facts to read and to write, one record at a time or a thousand."""

from typing import Any

from django.http import Http404
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import may_write
from accounts.api import idempotency
from accounts.api.base import ApiView
from accounts.api.filters import narrowed
from accounts.api.paging import page
from accounts.api.resources import Resource
from accounts.api.schema import FactSchema
from accounts.api.writing import write

_BIGGEST_ID = 2**63 - 1


class MayWrite(BasePermission):
    """Executives and unknown roles read only."""

    code = "read_only"
    message = "Your role reads facts and changes none."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or may_write(request.user)


class FactView(ApiView):
    """An address of one kind of fact; `resource` is given where it is mounted."""

    permission_classes = [*ApiView.permission_classes, MayWrite]
    resource: Resource | None = None
    schema = FactSchema()

    @property
    def what(self) -> Resource:
        assert self.resource is not None
        return self.resource


class FactList(FactView):
    """GET: a page of rows. POST: up to 1,000 rows to create or update."""

    def get(self, request: Request) -> Response:
        user = request.user
        rows = narrowed(self.what.rows(user), self.what, request._request.GET)
        results, after = page(
            rows, request, self.what.key, lambda found: self.what.as_json(found, user)
        )
        return Response({"next": after, "results": results})

    def post(self, request: Request) -> Response:
        # Read as bytes first: once parsed, the body a key is compared by is gone.
        _ = request._request.body
        body = request.data
        return idempotency.answered(request, lambda: write(self.what.feed, body, by=request.user))


class FactDetail(FactView):
    """GET: one row. Another team's does not exist."""

    def get(self, request: Request, pk: int) -> Response:
        if pk > _BIGGEST_ID:
            raise Http404
        found = self.what.as_json(self.what.rows(request.user).filter(pk=pk), request.user)
        if not found:
            raise Http404
        return Response(found[0])
