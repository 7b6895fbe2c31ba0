"""Which header of a file is which column."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from typing import Final

from accounts.ingest.cells import PLAIN, Style
from accounts.ingest.columns import (
    AS_OF,
    CURRENCY,
    IGNORE,
    KEY,
    MEASURE_PREFIX,
    Column,
    Kind,
    fold,
    is_source_score,
)
from accounts.ingest.errors import AmbiguousColumns, MissingColumn
from accounts.ingest.feeds import FEEDS
from accounts.ingest.feeds.feed import Feed, by_header
from accounts.ingest.feeds.further import measure_column
from accounts.ingest.mapping_spec import Mapping

_ID_KINDS: Final = frozenset({Kind.ID, Kind.IDS})
_FIGURES: Final = frozenset({Kind.AMOUNT, Kind.MONEY})

# Why a header is taken for a column whose name it has not.
ALIAS: Final = "a name known for it"


@dataclass(frozen=True)
class Place:
    """Where in a record a column stands, how its cells are written, and why it is taken for this column."""

    index: int
    header: str
    column: Column
    style: Style = PLAIN
    why: str = ""


@dataclass(frozen=True)
class Layout:
    """What each header of one file is taken for."""

    places: tuple[Place, ...]
    unmapped: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    source_scores: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=(), compare=False)

    @property
    def metrics(self) -> list[str]:
        return [place.column.field for place in self.places if place.column.is_metric]

    def place_of(self, target: str) -> Place | None:
        """The place of the column called `target`."""
        return next((place for place in self.places if place.column.target == target), None)

    @property
    def left_blank(self) -> list[str]:
        """What lenient columns could not read so far, one sentence a column."""
        sentences = []
        for place in self.places:
            if cells := place.style.left_blank:
                count = len(cells)
                what = "1 value" if count == 1 else f"{count:,} different values"
                text, reason = next(iter(cells.items()))
                sentences.append(
                    f"Column {place.header}: {what} could not be used and count as unknown, "
                    f"e.g. {text[:60]!r}, which {reason}"
                )
        return sentences


def lay_out(
    header: Sequence[str],
    mapping: Mapping,
    *,
    feed: str,
    columns: Dict[str, Column] | None = None,
    strict: bool = True,
) -> Layout:
    """What each of the file's headers is.

    `columns` are those of the feed by target, own ones of this company included (default: those that ship).
    MissingColumn or AmbiguousColumns when `feed` cannot use the file; with `strict` false, what is missing is
    listed in the layout instead, and of several headers for one column the first counts.
    """
    kind = FEEDS[feed]
    known = kind.by_target if columns is None else columns
    aliases = by_header(known.values())
    chosen = _chosen(header, mapping)
    spoken_for = {target for target, _ in chosen.values()}
    places: list[Place] = []
    unmapped, ignored, scores = [], [], []
    for index, text in enumerate(header):
        target, why = chosen.get(index, (None, ""))
        alias = aliases.get(fold(text)) or _own_measure(text, kind) if text else None
        if target == IGNORE:
            ignored.append(text)
        elif target is not None:
            column = known.get(target) or measure_column(target.removeprefix(MEASURE_PREFIX))
            places.append(Place(index, text, column, _style(column, mapping), why))
        elif is_source_score(text):
            scores.append(text)
        elif alias is not None and alias.target not in spoken_for:
            exact = fold(text) == fold(alias.target)
            why = "its own name" if exact else ALIAS
            places.append(Place(index, text, alias, _style(alias, mapping), why))
        elif text or any(header[:index]):
            unmapped.append(text or f"(column {index + 1} has no header)")
    if strict:
        _refuse_clashes(places)
    else:
        firsts: dict[str, Place] = {}
        for place in places:
            firsts.setdefault(place.column.target, place)
        places = list(firsts.values())
    missing = _missing(places, header, kind, mapping, known, strict=strict)
    present = {fold(text) for text in header}
    absent = [mapping.headers[folded] for folded in mapping.headers if folded not in present]
    warnings = [f"The mapping names {text!r}, which the file does not have." for text in absent]
    return Layout(
        tuple(places), tuple(unmapped), tuple(ignored), tuple(scores), tuple(warnings), missing
    )


def _chosen(header: Sequence[str], mapping: Mapping) -> dict[int, tuple[str, str]]:
    """What the mapping says of the headers, by index: (target, why)."""
    made = mapping.made_headers()
    folded = [fold(text) for text in header]
    found: dict[int, tuple[str, str]] = {}
    for index, name in enumerate(folded):
        if name and (target := mapping.columns.get(name)):
            found[index] = (target, f"the mapping {mapping.name} names it")
        elif name in made:
            found[index] = (made[name], f"added by the mapping {mapping.name}")
    taken = {target for target, _ in found.values()}
    first_at = {name: index for index, name in reversed(list(enumerate(folded))) if name}
    for target, names in mapping.spellings.items():
        if target not in taken:
            place = next((first_at[name] for name in names if name in first_at), None)
            if place is not None and place not in found:
                found[place] = (target, f"the mapping {mapping.name} knows the name")
    return found


def named_targets(header: Sequence[str], mapping: Mapping) -> set[str]:
    """The columns of a file that the mapping itself names, whatever the generic names say."""
    return {target for target, _ in _chosen(header, mapping).values()}


def _own_measure(text: str, feed: Feed) -> Column | None:
    """The column of a header `measure:some_key` that is no measure yet."""
    key = text.removeprefix(MEASURE_PREFIX)
    if MEASURE_PREFIX not in feed.prefixes or key == text or not key.isidentifier():
        return None
    return measure_column(key.lower())


def _style(column: Column, mapping: Mapping) -> Style:
    target, kind = column.target, column.kind
    unit = mapping.units.get(target) or (mapping.units.get("") if kind in _FIGURES else None)
    style = Style(
        date_order=mapping.order_of(target) if kind in (Kind.DATE, Kind.DATETIME) else None,
        unit=unit,
        salesforce=kind in _ID_KINDS and not mapping.salesforce_ids.isdisjoint({target, ""}),
        lenient=target in mapping.lenient,
    )
    return PLAIN if style == PLAIN else style


def _refuse_clashes(places: Iterable[Place]) -> None:
    by_target: dict[str, list[str]] = {}
    for place in places:
        by_target.setdefault(place.column.target, []).append(place.header)
    clashes = {target: headers for target, headers in by_target.items() if len(headers) > 1}
    if clashes:
        raise AmbiguousColumns(clashes)


def _missing(
    places: Sequence[Place],
    header: Sequence[str],
    feed: Feed,
    mapping: Mapping,
    columns: Dict[str, Column],
    *,
    strict: bool,
) -> tuple[str, ...]:
    """What the feed needs and the header lacks; MissingColumn for the first of it when `strict`."""
    targets = {place.column.target for place in places}
    needs: list[tuple[str, list[str]]] = []
    key = feed.key_target
    for target in feed.required:
        if target not in targets:
            words = "key column (the account's id)" if target == key else f"column for {target}"
            needs.append((words, _accepted(target, columns)))
    for group in feed.one_of:
        if not targets & set(group) and not _has_prefixed(targets, group, feed):
            names = [_accepted(target, columns)[0] for target in group]
            words = "metric column" if feed.key == "account_metrics" else "column of these"
            needs.append((words, names))
    if feed.key == "accounts" and targets <= {KEY, AS_OF, CURRENCY}:
        names = [target for target in columns if target not in {KEY, AS_OF, CURRENCY}]
        needs.append(("column to load besides the key", names))
    if needs and strict:
        hints = [
            f" It may come from another file: --with {join.name}=FILE."
            for join in mapping.joins
            if set(join.take.values()) & set(feed.required) - targets
        ]
        raise MissingColumn(needs[0][0], [text for text in header if text], needs[0][1], *hints[:1])
    return tuple(
        f"{words}: {', '.join(names)}" if words.endswith("of these") else words
        for words, names in needs
    )


def _has_prefixed(targets: set[str], group: Sequence[str], feed: Feed) -> bool:
    """Whether `targets` has a column of this company's own of the kind `group` lists."""
    kinds = [prefix for prefix in feed.prefixes if any(t.startswith(prefix) for t in group)]
    return any(target.startswith(prefix) for target in targets for prefix in kinds)


def _accepted(target: str, columns: Dict[str, Column]) -> list[str]:
    column = columns.get(target)
    return list(column.spellings) if column else [target]


def with_orders(layout: Layout, orders: Dict[str, str]) -> Layout:
    """`layout` with the order of day and month of its date columns, by target."""
    places = tuple(
        replace(place, style=replace(place.style, date_order=orders[place.column.target]))
        if place.column.target in orders
        else place
        for place in layout.places
    )
    return replace(layout, places=places)
