"""What a mapping says, checked."""

from dataclasses import dataclass, field
from typing import Final

from accounts.ingest.columns import fold

GENERIC: Final = "generic"
OTHERWISE: Final = "otherwise"


@dataclass(frozen=True)
class Join:
    """A table of links or names beside the file: `here` = `there`, and then `take` of it.

    `here` are spellings of a header of the imported file, `there` one of the joined file. `take` is target
    by header of the joined file. Without `optional` the import needs the file, unless the imported one has
    the targets itself. `--with name=FILE` names it; else it is one of `files` beside the imported file.
    """

    name: str
    files: tuple[str, ...]
    here: tuple[str, ...]
    there: str
    take: dict[str, str]
    optional: bool = False

    def header(self, taken: str) -> str:
        """What the column taken from the joined file is called."""
        return f"{taken} (from {self.name})"


@dataclass(frozen=True)
class Mapping:
    """How to read one kind of file.

    `columns` has targets by folded header, `headers` those headers as written, for what the file must have.
    `spellings` has folded headers by target, the preferred first. `values` has case-folded cells by target.
    `constants` has, by target, a value, or values by header the file may have. `skip_if` has, by header or
    target, the cells that leave a row out: case-folded text, True for any yes, "" for a blank one.
    `date_orders`, `units` and `salesforce_ids` go by target, "" standing for every column that can take it.
    """

    name: str = GENERIC
    feed: str | None = None
    source: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    date_order: str | None = None
    decimal_comma: bool = False
    spellings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str | dict[str, str]] = field(default_factory=dict)
    skip_if: dict[str, tuple[str | bool, ...]] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    account_source: str | None = None
    date_orders: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    salesforce_ids: frozenset[str] = frozenset()
    lenient: frozenset[str] = frozenset()

    def order_of(self, target: str) -> str | None:
        """The order of day and month the mapping states for a column."""
        return self.date_orders.get(target, self.date_order)

    def constant_header(self, target: str) -> str:
        """What the column of a constant is called."""
        return f"{target} (set by {self.name})"

    def made_headers(self) -> dict[str, str]:
        """Targets by folded header of the columns that this mapping adds to a file."""
        made = {fold(self.constant_header(target)): target for target in self.constants}
        for join in self.joins:
            made |= {fold(join.header(taken)): target for taken, target in join.take.items()}
        return made
