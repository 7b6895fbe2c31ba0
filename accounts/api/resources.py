"""One list per kind of fact: what its rows hold, and what they can be asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.access import visible_to
from accounts.api.fields import ReadField, read, read_model_field
from accounts.ingest.columns import Kind
from accounts.ingest.feeds import FEEDS, Feed
from accounts.models import Account, GoalProgress, Reading, Usage

# Foreign keys as the source knows them: model field → (key in the row, path, kind, words).
_REFERENCES: Final[dict[str, tuple[str, str, Kind, str]]] = {
    "contact": ("contact_id", "contact__external_id", Kind.ID, "The contact's id in the source"),
    "feature": ("feature", "feature__key", Kind.SLUG, "The feature's key"),
    "invoice": ("invoice_id", "invoice__external_id", Kind.ID, "The invoice's id in the source"),
    "measure": ("measure", "measure__key", Kind.SLUG, "The usage measure's key"),
    "owner": ("owner", "owner__username", Kind.OWNER, ""),
    "subscription": (
        "subscription_id",
        "subscription__external_id",
        Kind.ID,
        "The subscription's id in the source",
    ),
    "team": ("team", "team__name", Kind.TEAM, ""),
}
# Answered in their own way, or nobody's business.
_APART: Final = {"id", "account", "source", "external_id", "import_run", "merged_into", "parent"}
_OBJECT: Final = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True, eq=False)
class Resource:
    """A list of the API: the feed that writes it and the model it is read from."""

    feed: Feed
    model: Any

    @property
    def key(self) -> str:
        return self.feed.key

    @property
    def about(self) -> str:
        """How the account's columns are reached from a row."""
        return "" if self.model is Account else "account__"

    def rows(self, user: Any) -> QuerySet[Any]:
        """What `user` may read."""
        if self.model is Account:
            return visible_to(user)
        return self.model.objects.filter(account__in=visible_to(user))

    def as_json(self, rows: QuerySet[Any], user: Any) -> list[dict[str, Any]]:
        """`rows` as dictionaries for an answer, `id` first; one query."""
        fields = self.fields_for(user)
        names = [field.name for field in fields]
        converts = [
            (place, field.convert)
            for place, field in enumerate(fields)
            if field.convert is not None
        ]
        found = []
        for values in rows.values_list(*(field.path for field in fields)):
            changed = list(values)
            for place, convert in converts:
                changed[place] = convert(changed[place])
            found.append(dict(zip(names, changed, strict=True)))
        return found

    @cached_property
    def fields(self) -> tuple[ReadField, ...]:
        """What a row holds, for the schema; reading asks `fields_for`."""
        return self.fields_for(None)

    def fields_for(self, user: Any) -> tuple[ReadField, ...]:
        return (*_identity(self), *_own(self), *_further(self, user))

    @cached_property
    def columns_filtered(self) -> dict[str, models.Field]:
        """Fields of the model that a list can be narrowed by their exact value."""
        return {
            field.name: field
            for field in self.model._meta.concrete_fields
            if field.flatchoices or field.name in ("measure", "feature", "industry")
        }

    @cached_property
    def days(self) -> list[str]:
        """Fields that hold a day: a list can be narrowed to a range of each."""
        return [
            field.name
            for field in self.model._meta.concrete_fields
            if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField)
        ]


def _identity(resource: Resource) -> Iterable[ReadField]:
    yield read("id", "pk", Kind.COUNT, nullable=False, words="This workbench's own id of the row")
    yield read("source", "source", Kind.TEXT, nullable=False, words="The system it came from")
    if any(field.name == "external_id" for field in resource.model._meta.concrete_fields):
        yield read("external_id", "external_id", Kind.ID, nullable=False, words="Its id there")
    if resource.model is not Account:
        account = "This workbench's own id of the account"
        yield read("account", "account_id", Kind.COUNT, nullable=False, words=account)
        yield read(
            "account_id",
            "account__external_id",
            Kind.ID,
            nullable=False,
            words="The account's id in the system it came from",
        )
        system = "The system the account came from"
        yield read("account_source", "account__source", Kind.TEXT, nullable=False, words=system)


def _own(resource: Resource) -> Iterable[ReadField]:
    columns = {column.field: column for column in reversed(resource.feed.columns)}
    columns |= {c.target: c for c in resource.feed.columns if c.target == c.field}
    for field in resource.model._meta.concrete_fields:
        if field.name in _APART:
            continue
        if field.name in _REFERENCES:
            name, path, kind, words = _REFERENCES[field.name]
            yield read(name, path, kind, nullable=field.null, words=words)
        elif isinstance(field, models.JSONField):
            column = columns.get(field.name)
            if column is not None and column.kind is Kind.TAGS:
                yield read(column.target, field.name, Kind.TAGS, nullable=False)
            else:
                described = {"description": f"{str(field.verbose_name).capitalize()}, by key."}
                yield ReadField(field.name, field.name, _OBJECT | described)
        else:
            yield read_model_field(field, columns.get(field.name))


def _further(resource: Resource, user: Any) -> Iterable[ReadField]:
    """What lies in other tables and belongs to the row."""
    if resource.model is Account:
        # An account's group may be another team's: then it is not theirs to know.
        parents = visible_to(user) if user is not None else Account.objects.all()
        path = Subquery(parents.filter(pk=OuterRef("parent_id")).values("external_id"))
        yield read("parent_id", path, Kind.ID, words="The id of the group's account")
    elif resource.key == "goals":
        newest = GoalProgress.objects.filter(goal=OuterRef("pk")).order_by("-on")
        yield read("actual", Subquery(newest.values("actual")[:1]), Kind.NUMBER, words="Newest")
        yield read("actual_on", Subquery(newest.values("on")[:1]), Kind.DATE, words="Of that day")
    elif resource.key == "features":
        yield read("feature_label", "feature__label", Kind.TEXT, nullable=False)
        yield read("is_core", "feature__is_core", Kind.YES_NO, nullable=False)


def _model_of(feed: Feed) -> Any:
    own: dict[str, Any] = {"accounts": Account, "usage": Usage, "metrics": Reading}
    return feed.model or own[feed.key]


# Wide files of metrics are the accounts feed again; the API has one way to send them.
RESOURCES: Final = tuple(
    Resource(feed, _model_of(feed)) for feed in FEEDS.values() if feed.key != "account_metrics"
)
