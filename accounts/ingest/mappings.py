"""Which header of a file is which column: the generic aliases, or a YAML file that says more.

    feed: account_metrics          # optional; refuses to be used for another feed
    source: billing                # optional; the system the ids come from
    columns:
      Customer No: external_id     # an attribute,
      Open deals: metric:current_pipeline_amount     # a metric,
      Internal note: ignore        # or nothing
    values:
      size_segment: {KEY-A: Enterprise}
    delimiter: semicolon           # comma, semicolon, tab, pipe; found out when absent
    encoding: windows-1252         # found out when absent
    date_order: dmy                # or mdy, for dates that are not written YYYY-MM-DD
    decimal: ","                   # for numbers written 1.234,50

Headers the file names and the mapping does not are recognised by the generic aliases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from accounts.ingest.columns import (
    AS_OF,
    COLUMNS,
    CURRENCY,
    IGNORE,
    KEY,
    METRIC_PREFIX,
    METRICS,
    Column,
    accepted_headers,
    column_for,
    fold,
    is_source_score,
)
from accounts.ingest.errors import AmbiguousColumns, MappingFault, MissingColumn
from accounts.ingest.parsers import DELIMITERS

FEEDS: Final = ("accounts", "account_metrics")
GENERIC: Final = "generic"

_KEYS: Final = (
    "feed",
    "source",
    "columns",
    "values",
    "delimiter",
    "encoding",
    "date_order",
    "decimal",
)
_DATE_ORDERS: Final = ("dmy", "mdy")
_LARGEST_FILE: Final = 1 << 20


@dataclass(frozen=True)
class Mapping:
    """How to read one kind of file. `columns` has folded headers, `values` case-folded cells by target."""

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


@dataclass(frozen=True)
class Place:
    """Where in a record a column stands."""

    index: int
    header: str
    column: Column


@dataclass(frozen=True)
class Layout:
    """What each header of one file is taken for."""

    places: tuple[Place, ...]
    unmapped: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    source_scores: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def metrics(self) -> list[str]:
        return [place.column.field for place in self.places if place.column.is_metric]


def read_mapping(name: str | Path, *, feed: str) -> Mapping:
    """The mapping called `name`, or of the YAML file `name`; MappingFault listing everything wrong with it."""
    if str(name) == GENERIC:
        return Mapping()
    path = Path(name)
    if not path.is_file():
        raise MappingFault(
            str(name),
            [f"There is no mapping and no file of that name. Mappings: {GENERIC}, or a YAML file."],
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise MappingFault(path.name, ["It is larger than 1 MB; a mapping is a short YAML file."])
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise MappingFault(path.name, ["It is not UTF-8 text."]) from None
    except yaml.YAMLError as error:
        raise MappingFault(
            path.name, [f"It is not valid YAML: {' '.join(str(error).split())}"]
        ) from None
    return _checked(path.name, data, feed)


def _checked(name: str, data: Any, feed: str) -> Mapping:
    if not isinstance(data, dict):
        raise MappingFault(
            name, ["It must have the keys " + ", ".join(_KEYS) + "; only columns is needed."]
        )
    faults = [
        f"Unknown key {key!r}{_suggestion(str(key), _KEYS)}. Keys: {', '.join(_KEYS)}."
        for key in data
        if key not in _KEYS
    ]
    if (meant := data.get("feed")) not in (None, feed):
        faults.append(f"It is for the feed {meant!r}, not for {feed!r}.")
    source = data.get("source")
    if source is not None and not (isinstance(source, str) and 0 < len(source) <= 40):
        faults.append(f"source {source!r} must be a name of at most 40 characters.")
    columns, headers = _columns(data.get("columns"), faults)
    values = _values(data.get("values"), faults)
    delimiter = data.get("delimiter")
    delimiter = DELIMITERS.get(delimiter, delimiter) if isinstance(delimiter, str) else delimiter
    if delimiter is not None and delimiter not in DELIMITERS.values():
        faults.append(f"delimiter {delimiter!r} must be one of {', '.join(DELIMITERS)}.")
    encoding = data.get("encoding")
    if encoding is not None and not _is_text_encoding(encoding):
        faults.append(f"encoding {encoding!r} is unknown: use utf-8, utf-16 or windows-1252.")
    date_order = data.get("date_order")
    if date_order not in (None, *_DATE_ORDERS):
        faults.append(f"date_order {date_order!r} must be dmy or mdy.")
    decimal = data.get("decimal", ".")
    if decimal not in (".", ","):
        faults.append(f'decimal {decimal!r} must be "." or ",".')
    if faults:
        raise MappingFault(name, faults)
    return Mapping(
        name,
        meant,
        source,
        columns,
        values,
        headers,
        delimiter,
        encoding,
        date_order,
        decimal == ",",
    )


def _columns(data: Any, faults: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Targets and spellings by folded header; what is wrong is added to `faults`."""
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        faults.append("columns must list `header in the file: column`.")
        return {}, {}
    columns: dict[str, str] = {}
    headers: dict[str, str] = {}
    by_target: dict[str, str] = {}
    for header, target in data.items():
        if isinstance(header, bool):
            faults.append(
                "columns: put quotes around yes, no, on and off: YAML reads them as true and false."
            )
            continue
        text, folded = str(header), fold(str(header))
        if folded in columns:
            faults.append(f"columns: {text!r} and {headers[folded]!r} are the same header.")
        columns[folded], headers[folded] = str(target), text
        if target == IGNORE:
            continue
        if target not in COLUMNS:
            faults.append(
                f"columns: {text!r} is mapped to the unknown column {target!r}{_suggest_target(target)}."
            )
        elif is_source_score(text):
            faults.append(
                f"columns: {text!r} is the source's own score, which is never an input: map it to {IGNORE}."
            )
        elif target in by_target:
            faults.append(
                f"columns: {by_target[target]!r} and {text!r} are both mapped to {target}."
            )
        else:
            by_target[target] = text
    return columns, headers


def _values(data: Any, faults: list[str]) -> dict[str, dict[str, str]]:
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(pairs, dict) for pairs in data.values()):
        faults.append("values must list `column: {value in the file: value}`.")
        return {}
    values: dict[str, dict[str, str]] = {}
    for target, pairs in data.items():
        column = COLUMNS.get(target)
        if column is None:
            faults.append(f"values: unknown column {target!r}{_suggest_target(target)}.")
            continue
        accepted = dict(column.synonyms)
        for raw, value in pairs.items():
            if isinstance(raw, bool):
                faults.append(f"values: {target}: put quotes around yes, no, on and off.")
            if accepted and value not in ("", None) and fold(str(value)) not in accepted:
                faults.append(
                    f"values: {target}: {value!r} is not accepted. Accepted: {', '.join(column.accepted)}."
                )
        values[target] = {
            str(raw).strip().casefold(): "" if value is None else str(value)
            for raw, value in pairs.items()
        }
    return values


def _is_text_encoding(name: Any) -> bool:
    try:
        # Not of nothing: that would be answered without looking the encoding up.
        return isinstance(name, str) and isinstance(b"a".decode(name, "ignore"), str)
    except (LookupError, ValueError):
        return False


def _suggestion(text: str, known: Iterable[str]) -> str:
    close = get_close_matches(text, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _suggest_target(target: object) -> str:
    text = str(target)
    if f"{METRIC_PREFIX}{text}" in COLUMNS:
        return f"; did you mean {METRIC_PREFIX}{text}?"
    alias = column_for(text)
    if alias is not None:
        return f"; did you mean {alias.target}?"
    return _suggestion(text, [*COLUMNS, IGNORE]) or _suggestion(f"{METRIC_PREFIX}{text}", COLUMNS)


def lay_out(header: Sequence[str], mapping: Mapping, *, feed: str) -> Layout:
    """What each of the file's headers is; MissingColumn or AmbiguousColumns when `feed` cannot use them."""
    present = {fold(text) for text in header}
    spoken_for = {target for folded, target in mapping.columns.items() if folded in present}
    places: list[Place] = []
    unmapped, ignored, scores = [], [], []
    for index, text in enumerate(header):
        target = mapping.columns.get(fold(text)) if text else None
        alias = column_for(text)
        if target == IGNORE:
            ignored.append(text)
        elif target is not None:
            places.append(Place(index, text, COLUMNS[target]))
        elif is_source_score(text):
            scores.append(text)
        elif alias is not None and alias.target not in spoken_for:
            places.append(Place(index, text, alias))
        else:
            unmapped.append(text or f"(column {index + 1} has no header)")
    _refuse_clashes(places)
    _refuse_missing(places, header, feed)
    absent = [mapping.headers[folded] for folded in mapping.columns if folded not in present]
    warnings = [f"The mapping names {text!r}, which the file does not have." for text in absent]
    return Layout(tuple(places), tuple(unmapped), tuple(ignored), tuple(scores), tuple(warnings))


def _refuse_clashes(places: Iterable[Place]) -> None:
    by_target: dict[str, list[str]] = {}
    for place in places:
        by_target.setdefault(place.column.target, []).append(place.header)
    clashes = {target: headers for target, headers in by_target.items() if len(headers) > 1}
    if clashes:
        raise AmbiguousColumns(clashes)


def _refuse_missing(places: Sequence[Place], header: Sequence[str], feed: str) -> None:
    targets = {place.column.target for place in places}
    if KEY not in targets:
        raise MissingColumn("key column (the account's id)", header, accepted_headers(KEY))
    if feed == "account_metrics" and not any(place.column.is_metric for place in places):
        keys = [column.field for column in METRICS]
        raise MissingColumn("metric column", header, keys)
    if feed == "accounts" and targets <= {KEY, AS_OF, CURRENCY}:
        names = [target for target in COLUMNS if target not in {KEY, AS_OF, CURRENCY}]
        raise MissingColumn("column to load besides the key", header, names)
