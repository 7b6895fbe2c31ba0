"""Lists of work to read, and what a program may do about one of them."""

import json
from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from accounts.api import idempotency
from accounts.api.base import ApiView
from accounts.api.errors import Refused
from accounts.api.filters import narrow
from accounts.api.paging import page
from accounts.api.scopes import WORK_READ, WORK_WRITE
from accounts.api.views import MayWrite
from csm.lib.errors import WorkbenchError
from playbooks.api import acts
from playbooks.api.bodies import read
from playbooks.api.resources import INTERVENTIONS, Work
from playbooks.api.schema import WorkSchema

_BIGGEST_ID = 2**63 - 1


class WorkView(ApiView):
    """An address of one kind of work; `work` and `act` are given where it is mounted."""

    permission_classes = [*ApiView.permission_classes, MayWrite]
    read_scope = WORK_READ
    write_scope = WORK_WRITE
    http_method_names = ["get", "head"]
    work: Work | None = None
    act: str = ""
    schema = WorkSchema()

    @property
    def what(self) -> Work:
        assert self.work is not None
        return self.work

    def one(self, request: Request, pk: int) -> dict[str, Any]:
        """The row as it stands, or Http404 when it is not theirs to see."""
        if pk > _BIGGEST_ID:
            raise Http404
        found = self.what.as_json(self.what.seen_by(request.user).filter(pk=pk))
        if not found:
            raise Http404
        return found[0]


class WorkList(WorkView):
    """GET: a page of rows."""

    def get(self, request: Request) -> Response:
        rows = narrow(self.what.seen_by(request.user), self.what.filters, request._request.GET)
        results, after = page(rows, request, self.what.key, self.what.as_json)
        return Response({"next": after, "results": results})


class InterventionList(WorkList):
    """GET: a page of plans. POST: start one."""

    http_method_names = ["get", "head", "post"]
    work = INTERVENTIONS

    def post(self, request: Request) -> Response:
        _ = request._request.body
        values = read(request.data, acts.START.properties, acts.START.required)

        def do() -> idempotency.Answer:
            made = acts.start(values, by=request.user, at=timezone.now())
            return 201, _kept(self.one(request, made.pk))

        return idempotency.answered(request, do)


class WorkDetail(WorkView):
    """GET: one row. Another team's does not exist."""

    def get(self, request: Request, pk: int) -> Response:
        return Response(self.one(request, pk))


class WorkAct(WorkView):
    """POST: do one thing about one row; answers with the row as it then stands."""

    http_method_names = ["post"]

    def post(self, request: Request, pk: int) -> Response:
        if pk > _BIGGEST_ID:
            raise Http404
        _ = request._request.body
        act = self.what.acts[self.act]
        values = read(request.data, act.properties, act.required)
        at: datetime = timezone.now()

        def do() -> idempotency.Answer:
            row = act.changeable_by(request.user).filter(pk=pk).first()
            if row is None:
                raise Http404
            try:
                act.do(row, values, by=request.user, at=at)
            except WorkbenchError as error:
                now = type(row).objects.values_list("version", flat=True).get(pk=pk)
                if now != values.get("version", row.version):
                    # Not the request is wrong, the row has moved on: read it again and decide anew.
                    raise Refused(str(error), code="changed", status_code=409) from error
                raise
            return 200, _kept(self.one(request, pk))

        return idempotency.answered(request, do)


def _kept(row: dict[str, Any]) -> Any:
    """An answer as it is sent, so that the one kept for an Idempotency-Key reads the same."""
    return json.loads(json.dumps(row, cls=JSONEncoder))
