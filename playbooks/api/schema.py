"""The OpenAPI description of the work, made from its fields, filters and acts."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from accounts.api.fields import Schema
from accounts.api.filters import PAGING
from accounts.api.schema import JSON, MISSING, UNWRITTEN, ApiSchema, made_of
from accounts.api.scopes import WORK_READ, WORK_WRITE

# What an act adds: somebody was quicker.
_TAKEN: Final = {
    409: "Somebody else changed it meanwhile, or this Idempotency-Key is still being worked on."
}


class WorkSchema(ApiSchema):
    """The operations on alerts, plans and tasks."""

    @property
    def work(self) -> Any:
        return self.view.what

    @property
    def is_one(self) -> bool:
        return "{" in self.path

    @property
    def act(self) -> Any:
        """What a POST does: an act below a row, or the start of a plan."""
        from_row = self.work.acts.get(self.view.act)
        return from_row or self.work.start

    def get_tags(self) -> list[str]:
        return [self.work.key]

    def get_operation_id(self) -> str:
        if self.method == "POST":
            return f"{self.work.key}_{self.view.act or 'start'}"
        return f"{self.work.key}_{'read' if self.is_one else 'list'}"

    def get_summary(self) -> str:
        if self.method == "POST":
            return str(self.act.summary)
        return f"Read one {self.work.noun}" if self.is_one else f"List {self.work.noun}s"

    def get_description(self) -> str:
        if self.method == "POST":
            return f"Scope `{WORK_WRITE}`. {self.act.words}".strip()
        if self.is_one:
            return f"Scope `{WORK_READ}`."
        return f"Scope `{WORK_READ}`. In the order of `id`; follow `next` until it is null."

    def get_override_parameters(self) -> list[Any]:
        found = super().get_override_parameters()
        if self.is_one:
            schema: Schema = {"type": "integer", "minimum": 1}
            found.append(OpenApiParameter("id", schema, OpenApiParameter.PATH))
        if self.method == "POST":
            return [*found, *self.idempotency()]
        if self.is_one:
            return found
        filters = {name: (each.schema, each.words) for name, each in self.work.filters.items()}
        return [
            *found,
            *(
                OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=words)
                for name, (schema, words) in (filters | PAGING).items()
            ),
        ]

    def get_request_serializer(self) -> Any:
        if self.method != "POST":
            return None
        body = made_of(
            {
                name: _optional(name, schema, self.act)
                for name, schema in self.act.properties.items()
            },
            required=list(self.act.required),
        )
        name = f"{_title(self.work.noun)}{_title(self.view.act or 'start')}"
        return {JSON: self.component(name, body)}

    def get_response_serializers(self) -> Any:
        one = self.component(
            _title(self.work.noun),
            made_of({field.name: field.schema for field in self.work.fields}),
        )
        if self.method == "POST":
            status = 200 if self.is_one else 201
            words = f"The {self.work.noun} as it now stands."
            return {status: OpenApiResponse(one, description=words)} | self.refusals(
                UNWRITTEN, MISSING, _TAKEN
            )
        if self.is_one:
            words = f"The {self.work.noun}."
            return {200: OpenApiResponse(one, description=words)} | self.refusals(MISSING)
        listed = made_of(
            {
                "next": {"type": ["string", "null"], "description": "The next page; null: none."},
                "results": {"type": "array", "items": one},
            }
        )
        answer = self.component(f"{_title(self.work.noun)}Page", listed)
        return {200: OpenApiResponse(answer, description="A page.")} | self.refusals()


def _optional(name: str, schema: Schema, act: Any) -> Schema:
    if name in act.required:
        return schema
    return schema | {"type": [schema["type"], "null"]}


def _title(word: str) -> str:
    return "".join(part.capitalize() for part in word.replace("-", " ").split())
