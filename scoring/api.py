"""Health as programs read it: GET /api/v1/accounts/<id>/health/."""

from typing import Any, Final

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import visible_to
from accounts.api.base import ApiView
from accounts.api.fields import Schema
from accounts.api.schema import MISSING, ApiSchema, made_of
from accounts.api.scopes import FACTS_READ
from accounts.models import ChangedAccount
from scoring.models import AccountHealth

_BIGGEST_ID: Final = 2**63 - 1
_NUMBER: Final[Schema] = {"type": ["number", "null"]}
_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_FIELDS: Final[dict[str, Schema]] = {
    "account": {"type": "integer", "description": "This workbench's own id of the account."},
    "as_of": {"type": "string", "format": "date", "description": "The night it is of."},
    "rescored_at": _MOMENT
    | {
        "description": "When it was scored again after a change of facts; null: as the night left it."
    },
    "changed_at": _MOMENT
    | {"description": "Of the newest change that waits to be scored; null: none waits."},
    "score": _NUMBER | {"description": "0 to 100, higher is better; null is unknown."},
    "band": {"type": "string", "description": "The band's name."},
    "coverage": {"type": "number", "description": "Share of the weight with data, 0 to 1."},
    "change_7d": _NUMBER | {"description": "Points against 7 days before, same version."},
    "change_30d": _NUMBER | {"description": "Points against 30 days before, same version."},
    "top_driver": {"type": "string", "description": "The measure that costs the most points."},
    "version": {"type": "integer", "description": "The scorecard version's id."},
}


class HealthSchema(ApiSchema):
    """The operation on current health."""

    def get_tags(self) -> list[str]:
        return ["accounts"]

    def get_operation_id(self) -> str:
        return "accounts_health"

    def get_summary(self) -> str:
        return "Read the current health of an account"

    def get_description(self) -> str:
        return f"Scope `{FACTS_READ}`. 404 until a night has scored the account."

    def get_override_parameters(self) -> list[Any]:
        schema: Schema = {"type": "integer", "minimum": 1}
        place = OpenApiParameter("id", schema, OpenApiParameter.PATH)
        return [*super().get_override_parameters(), place]

    def get_response_serializers(self) -> Any:
        found = self.component("Health", made_of(_FIELDS, required=list(_FIELDS)))
        return {200: OpenApiResponse(found, "Current health."), **self.refusals(MISSING)}


class HealthView(ApiView):
    """GET: current health. Another team's account does not exist."""

    http_method_names = ["get", "head"]
    schema = HealthSchema()

    def get(self, request: Request, pk: int) -> Response:
        if pk > _BIGGEST_ID:
            raise Http404
        account = visible_to(request.user).select_related("health", "changed").filter(pk=pk).first()
        health: AccountHealth | None = getattr(account, "health", None)
        if account is None or health is None:
            raise Http404
        changed: ChangedAccount | None = getattr(account, "changed", None)
        waits = changed is not None and changed.scored_times != changed.times
        return Response(
            {
                "account": account.pk,
                "as_of": health.as_of,
                "rescored_at": health.rescored_at,
                "changed_at": changed.changed_at if changed is not None and waits else None,
                "score": health.score,
                "band": health.band_name,
                "coverage": health.coverage,
                "change_7d": health.change_7d,
                "change_30d": health.change_30d,
                "top_driver": health.top_driver,
                "version": health.version_id,
            }
        )


urlpatterns = [path("accounts/<int:pk>/health/", HealthView.as_view(), name="api_health")]
