"""What a feed is: a noun, the columns its files may carry, and how a row of it is found again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from accounts.ingest.columns import ACCOUNT, KEY, Column, Kind, fold
from accounts.models import Fact


@dataclass(frozen=True)
class Feed:
    """One kind of file.

    `required` are targets the header must have; of each tuple in `one_of` it must have at least one.
    `prefixes` are those of columns this company makes itself (`further.columns_of` lists them). Where a
    file has no `external_id`, a row is found again by the values of `natural`. `note` is one sentence for
    whoever prepares the file.
    """

    key: str
    label: str
    noun: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    prefixes: tuple[str, ...] = ()
    natural: tuple[str, ...] = ()
    model: type[Fact] | None = field(default=None, compare=False)
    note: str = ""

    @cached_property
    def by_target(self) -> dict[str, Column]:
        return {column.target: column for column in self.columns}

    @cached_property
    def _by_header(self) -> dict[str, Column]:
        return by_header(self.columns)

    def column_for(self, header: str) -> Column | None:
        """The column a header names under the feed's own names and aliases, or None."""
        return self._by_header.get(fold(header))

    def accepted_headers(self, target: str) -> list[str]:
        """What a header for `target` may be called."""
        return list(self.by_target[target].spellings)

    @property
    def key_target(self) -> str:
        """The column that says which account a row is of."""
        return ACCOUNT if ACCOUNT in self.by_target else KEY


def by_header(columns: Iterable[Column]) -> dict[str, Column]:
    """Columns by every folded spelling of theirs, full targets (`metric:nps_score`) included."""
    return {
        fold(spelling): column
        for column in columns
        for spelling in (column.target, *column.spellings)
    }


def column(
    target: str,
    kind: Kind,
    *aliases: str,
    field: str = "",
    day_field: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    max_length: int = 255,
    synonyms: tuple[tuple[str, str], ...] = (),
) -> Column:
    """A column kept in the model field of its name, unless `field` says otherwise."""
    return Column(
        target,
        field or target,
        kind,
        aliases,
        minimum,
        maximum,
        max_length,
        synonyms,
        day_field,
    )


def own_id(*aliases: str) -> Column:
    """The row's own id in its system."""
    return column(KEY, Kind.ID, "id", *aliases, "record_id", max_length=120)


ACCOUNT_ID: Final = column(
    ACCOUNT,
    Kind.ID,
    "account",
    "account_external_id",
    "customer_id",
    "customer",
    "company_id",
    "company",
    "client_id",
    "organization_id",
    "organisation_id",
    "org_id",
    "tenant_id",
    max_length=80,
)
UPDATED_ON: Final = column(
    "updated_on",
    Kind.DATE,
    "updated_at",
    "last_modified",
    "last_modified_date",
    "modified_on",
    "as_of",
    "snapshot_date",
)
MONEY_CODE: Final = column("currency", Kind.CURRENCY, "currency_code", "currency_iso_code")
