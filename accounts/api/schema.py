"""The OpenAPI description, made from feeds, models and filters: what is not in them is written here once."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from accounts.api.fields import Schema, written
from accounts.api.filters import parameters
from accounts.api.resources import Resource
from accounts.api.scopes import FACTS_READ, FACTS_WRITE
from accounts.api.writing import MAX_ROWS, STATUSES
from accounts.ingest.columns import PREFIXES

JSON: Final = "application/json"
_TEXT: Final[Schema] = {"type": "string"}


def made_of(properties: dict[str, Schema], *, required: list[str] | None = None) -> Schema:
    """A closed object; all its properties are required unless `required` names some."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


_FAULT: Final = made_of(
    {
        "column": _TEXT | {"description": "Where: a column, a parameter, or a place in the body."},
        "value": _TEXT | {"description": "What stood there, shortened; empty when nothing did."},
        "reason": _TEXT | {"description": "Why it cannot be used."},
        "remedy": _TEXT | {"description": "What to do about it."},
    }
)
_ERROR: Final = made_of(
    {
        "detail": _TEXT | {"description": "The sentence for a person."},
        "code": _TEXT | {"description": "The word for a program."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
    required=["detail", "code"],
)
_REFUSALS: Final = {
    400: "The request cannot be used; nothing was done.",
    401: "No token, or one that is wrong, expired, revoked, or of an inactive colleague.",
    403: "The token lacks the scope, or the role does not write.",
    429: "The rate limit of the token is used up; Retry-After says for how many seconds.",
}
MISSING: Final = {404: "There is no such record, or it is not yours to see."}
UNWRITTEN: Final = {
    409: "A request with this Idempotency-Key is still being worked on.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "This Idempotency-Key was used for another request.",
    503: "The database is busy with another import; send the same request again.",
}
_LIMITS: Final = {
    "RateLimit-Limit": "Calls allowed per window.",
    "RateLimit-Remaining": "Calls left in this window.",
    "RateLimit-Reset": "Seconds until the next window.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    """How tokens appear in the description and behind its "Authorize" button."""

    target_class = "accounts.api.auth.BearerTokens"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made at /account/tokens/.",
        }


class ApiSchema(AutoSchema):
    """One operation: errors, rate limit and scopes are the same everywhere."""

    def component(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema` under `name`, listed once."""
        made = ResolvedComponent(
            name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name
        )
        self.registry.register_on_missing(made)
        return made.ref

    def refusals(self, *more: dict[int, str]) -> dict[int, OpenApiResponse]:
        self.component("Fault", _FAULT)
        error = self.component("Error", _ERROR)
        found = dict(_REFUSALS)
        for each in more:
            found |= each
        return {
            status: OpenApiResponse(response=error, description=words)
            for status, words in sorted(found.items())
        }

    def get_override_parameters(self) -> list[Any]:
        limits = [
            OpenApiParameter(
                name, int, OpenApiParameter.HEADER, description=words, response=[200, 201, 207, 429]
            )
            for name, words in _LIMITS.items()
        ]
        retry = OpenApiParameter(
            "Retry-After",
            int,
            OpenApiParameter.HEADER,
            description="Seconds to wait.",
            response=[409, 429, 503],
        )
        return [*limits, retry]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and "requestBody" in operation:
            operation["requestBody"]["required"] = True
        return operation

    def idempotency(self) -> list[OpenApiParameter]:
        """The header that makes a write safe to send again, and the one that says it was."""
        return [
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 120, "pattern": "^[!-~]+$"},
                OpenApiParameter.HEADER,
                description="Any text of your own. Sent again within 7 days with the same body, the "
                "request is not done twice: the first answer comes again.",
            ),
            OpenApiParameter(
                "Idempotency-Replayed",
                str,
                OpenApiParameter.HEADER,
                description="true when this is the answer of an earlier request.",
                response=[200, 201, 207],
            ),
        ]


class FactSchema(ApiSchema):
    """The operations on one kind of fact."""

    @property
    def resource(self) -> Resource:
        return self.view.what

    @property
    def is_one(self) -> bool:
        return "{" in self.path

    def get_tags(self) -> list[str]:
        return [self.resource.key]

    def get_operation_id(self) -> str:
        if self.method == "POST":
            return f"{self.resource.key}_write"
        return f"{self.resource.key}_{'read' if self.is_one else 'list'}"

    def get_summary(self) -> str:
        label, noun = self.resource.feed.label.lower(), self.resource.feed.noun
        if self.method == "POST":
            return f"Create or update {label}"
        return f"Read one {noun}" if self.is_one else f"List {label}"

    def get_description(self) -> str:
        if self.method == "POST":
            reserved = (
                " Accounts are made by admins, who alone set team, parent_id and merged_ids; owner is set "
                "by managers too."
                if self.resource.key == "accounts"
                else ""
            )
            return (
                f"Scope `{FACTS_WRITE}`. Up to {MAX_ROWS:,} rows, validated like files of the feed "
                f"`{self.resource.key}`; good rows load although others do not. "
                "A row whose source and ids are known updates what is there. Rows of accounts that you may "
                "not change are rejected like rows of unknown accounts; an admin's rows of unknown "
                f"accounts are held until the account appears.{reserved} {self.resource.feed.note}"
            )
        if self.is_one:
            return f"Scope `{FACTS_READ}`."
        return (
            f"Scope `{FACTS_READ}`. In the order of `id`; follow `next` until it is null. Rows that "
            "are added meanwhile come at the end; none is skipped or sent twice."
        )

    def get_override_parameters(self) -> list[Any]:
        found = super().get_override_parameters()
        if self.method == "POST":
            return [*found, *self.idempotency()]
        if self.is_one:
            schema: Schema = {"type": "integer", "minimum": 1}
            return [*found, OpenApiParameter("id", schema, OpenApiParameter.PATH)]
        return [
            *found,
            *(
                OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=words)
                for name, (schema, words) in parameters(self.resource).items()
            ),
        ]

    def get_request_serializer(self) -> Any:
        if self.method != "POST":
            return None
        rows = {
            "type": "array",
            "items": self.component(f"{_name(self.resource)}Row", row(self.resource)),
            "minItems": 1,
            "maxItems": MAX_ROWS,
        }
        system = {"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"\S"}
        body = made_of(
            {
                "source": system | {"description": "The system the rows' ids come from."},
                "rows": rows,
                "account_source": {
                    "type": ["string", "null"],
                    "maxLength": 40,
                    "description": "The system the account ids come from, when it is another.",
                },
                "as_of": {
                    "type": ["string", "null"],
                    "format": "date",
                    "description": "The day the rows speak of, where they do not say; today if absent.",
                },
                "dry_run": {
                    "type": ["boolean", "null"],
                    "description": "Say what would become of each row, and load none.",
                },
            },
            required=["source", "rows"],
        )
        return {JSON: self.component(f"{_name(self.resource)}Write", body)}

    def get_response_serializers(self) -> Any:
        if self.method == "POST":
            return self._written()
        one = self.component(
            _name(self.resource),
            made_of({field.name: field.schema for field in self.resource.fields}),
        )
        if self.is_one:
            words = f"The {self.resource.feed.noun}."
            return {200: OpenApiResponse(one, description=words)} | self.refusals(MISSING)
        listed = made_of(
            {
                "next": {"type": ["string", "null"], "description": "The next page; null: none."},
                "results": {"type": "array", "items": one},
            }
        )
        answer = self.component(f"{_name(self.resource)}Page", listed)
        return {200: OpenApiResponse(answer, description="A page.")} | self.refusals()

    def _written(self) -> dict[int, OpenApiResponse]:
        faults = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}
        result = made_of(
            {
                "index": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Place in `rows`, from 0.",
                },
                "status": {"type": "string", "enum": list(STATUSES)},
                "id": {
                    "type": ["integer", "null"],
                    "description": "The row's id, to read it by; null when it has none (yet).",
                },
                "errors": faults,
            }
        )
        count: Schema = {"type": "integer", "minimum": 0}
        answer = made_of(
            {
                "counts": made_of(dict.fromkeys(STATUSES, count)),
                "dry_run": {"type": "boolean"},
                "results": {"type": "array", "items": self.component("RowResult", result)},
            }
        )
        written = self.component("Written", answer)
        return {
            200: OpenApiResponse(written, description="Every row was taken."),
            207: OpenApiResponse(written, description="At least one row was rejected; see each."),
        } | self.refusals(UNWRITTEN)


def row(resource: Resource) -> Schema:
    """A row that is sent: every column of the feed, and those this company makes itself by prefix."""
    feed = resource.feed
    made = made_of(
        {column.target: written(column) for column in feed.columns}, required=list(feed.required)
    )
    if feed.prefixes:
        own = "|".join(prefix.rstrip(":") for prefix in PREFIXES if prefix in feed.prefixes)
        made["patternProperties"] = {
            f"^({own}):": {"type": ["number", "string", "boolean", "null"]}
        }
    # The same in the words of a file is taken too, so a client need not parse what it read from one.
    made["description"] = feed.note
    return made


def _name(resource: Resource) -> str:
    """Contact, SubscriptionChange, …"""
    words = resource.feed.noun.split()
    return "".join(word.capitalize() for word in words)
