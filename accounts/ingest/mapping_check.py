"""The content of a mapping file as a Mapping, or everything that is wrong with it."""

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from difflib import get_close_matches
from typing import Any, Final

from accounts.ingest.cells import is_yes
from accounts.ingest.columns import (
    CUSTOM_PREFIX,
    IGNORE,
    MEASURE_PREFIX,
    METRIC_PREFIX,
    Column,
    Kind,
    fold,
    is_source_score,
)
from accounts.ingest.dates import DATE_ORDERS
from accounts.ingest.errors import MappingFault
from accounts.ingest.feeds import FEEDS
from accounts.ingest.feeds.feed import by_header
from accounts.ingest.figures import UNITS
from accounts.ingest.mapping_spec import OTHERWISE, Join, Mapping
from accounts.ingest.surroundings import DELIMITERS

FEED_KEYS: Final = (
    "source",
    "account_source",
    "columns",
    "headers",
    "values",
    "set",
    "skip_if",
    "join",
    "ids",
    "unit",
    "lenient",
    "delimiter",
    "encoding",
    "date_order",
    "decimal",
)
KEYS: Final = ("feed", "feeds", "label", *FEED_KEYS)
_JOIN_KEYS: Final = ("name", "file", "on", "take", "optional")
_ALL_UNITS: Final = (*UNITS, "percent")


def listed(value: Any) -> list[Any]:
    """`value`, which may be a list already, as one."""
    return value if isinstance(value, list) else [value]


def checked(name: str, data: dict[str, Any], feed: str, columns: Dict[str, Column]) -> Mapping:
    """The Mapping that `data` (one feed's section) describes; MappingFault lists everything wrong with it."""
    return _Check(name, feed, columns).run(data)


class _Check:
    def __init__(self, name: str, feed: str, columns: Dict[str, Column]) -> None:
        self.name, self.feed, self.known = name, feed, columns
        self.faults: list[str] = []
        self.aliases = by_header(columns.values())

    def run(self, data: dict[str, Any]) -> Mapping:
        self.faults += [
            f"Unknown key {key!r}{suggestion(str(key), KEYS)}. Keys: {', '.join(KEYS)}."
            for key in data
            if key not in KEYS
        ]
        if (meant := data.get("feed")) not in (None, self.feed):
            self.faults.append(f"It is for the feed {meant!r}, not for {self.feed!r}.")
        columns, headers = self._columns(data.get("columns"))
        delimiter = data.get("delimiter")
        if isinstance(delimiter, str):
            delimiter = DELIMITERS.get(delimiter, delimiter)
        if delimiter is not None and delimiter not in DELIMITERS.values():
            self.faults.append(f"delimiter {delimiter!r} must be one of {', '.join(DELIMITERS)}.")
        encoding = data.get("encoding")
        if encoding is not None and not _is_text_encoding(encoding):
            self.faults.append(
                f"encoding {encoding!r} is unknown: use utf-8, utf-16 or windows-1252."
            )
        decimal = data.get("decimal", ".")
        if decimal not in (".", ","):
            self.faults.append(f'decimal {decimal!r} must be "." or ",".')
        orders = self._by_target(
            data, "date_order", DATE_ORDERS, {Kind.DATE, Kind.DATETIME}, "must be dmy or mdy"
        )
        ids = self._by_target(
            data, "ids", ("salesforce",), {Kind.ID, Kind.IDS}, "must be salesforce"
        )
        units = self._by_target(
            data,
            "unit",
            _ALL_UNITS,
            {Kind.AMOUNT, Kind.MONEY, Kind.NUMBER, Kind.COUNT, Kind.RATIO, Kind.PERCENT},
            f"must be one of {', '.join(_ALL_UNITS)}",
        )
        mapping = Mapping(
            name=self.name,
            feed=meant,
            source=self._name(data, "source"),
            columns=columns,
            values=self._values(data.get("values")),
            headers=headers,
            delimiter=delimiter,
            encoding=encoding,
            date_order=orders.pop("", None),
            decimal_comma=decimal == ",",
            spellings=self._spellings(data.get("headers")),
            constants=self._constants(data.get("set")),
            skip_if=self._skip_if(data.get("skip_if")),
            joins=self._joins(data.get("join")),
            account_source=self._name(data, "account_source"),
            date_orders=orders,
            units=units,
            salesforce_ids=frozenset(ids),
            lenient=self._lenient(data.get("lenient")),
        )
        if self.faults:
            raise MappingFault(self.name, self.faults)
        return mapping

    def _name(self, data: dict[str, Any], key: str) -> str | None:
        value = data.get(key)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= 40):
            self.faults.append(f"{key} {value!r} must be a name of at most 40 characters.")
            return None
        return value

    def column(self, target: object) -> Column | None:
        """The column called `target`, or None."""
        text = str(target)
        key = text.removeprefix(MEASURE_PREFIX)
        prefixes = FEEDS[self.feed].prefixes
        if MEASURE_PREFIX in prefixes and key != text and key.replace("-", "_").isidentifier():
            return self.known.get(text) or Column(text, key, Kind.NUMBER)
        return self.known.get(text)

    def _unknown(self, where: str, what: str, target: object) -> None:
        hint = self._suggest_target(str(target))
        if not hint and str(target).startswith(CUSTOM_PREFIX):
            hint = "; create that field first"
        self.faults.append(f"{where}: {what}unknown column {target!r}{hint}.")

    def _suggest_target(self, text: str) -> str:
        for prefix in (METRIC_PREFIX, MEASURE_PREFIX):
            if f"{prefix}{text}" in self.known:
                return f"; did you mean {prefix}{text}?"
        alias = self.aliases.get(fold(text))
        if alias is not None:
            return f"; did you mean {alias.target}?"
        found = suggestion(text, [*self.known, IGNORE])
        return found or suggestion(f"{METRIC_PREFIX}{text}", self.known)

    def _table(self, key: str, data: Any, what: str) -> dict[Any, Any]:
        """`data` when it is a table, else an empty one and a fault."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            self.faults.append(f"{key} must list `{what}`.")
            return {}
        if any(isinstance(name, bool) for name in data):
            self.faults.append(
                f"{key}: put quotes around true and false, which are no text in YAML."
            )
        return {name: value for name, value in data.items() if not isinstance(name, bool)}

    def _columns(self, data: Any) -> tuple[dict[str, str], dict[str, str]]:
        """Targets and spellings by folded header."""
        columns: dict[str, str] = {}
        headers: dict[str, str] = {}
        by_target: dict[str, str] = {}
        table = self._table("columns", data, "header in the file: column")
        for header, target in table.items():
            text, folded = str(header), fold(str(header))
            if folded in columns:
                self.faults.append(
                    f"columns: {text!r} and {headers[folded]!r} are the same header."
                )
            columns[folded], headers[folded] = str(target), text
            if target == IGNORE:
                continue
            if self.column(target) is None:
                self._unknown("columns", f"{text!r} is mapped to the ", target)
            elif is_source_score(text):
                self.faults.append(
                    f"columns: {text!r} is the source's own score, which is never an input: "
                    f"map it to {IGNORE}."
                )
            elif target in by_target:
                self.faults.append(
                    f"columns: {by_target[target]!r} and {text!r} are both mapped to {target}. "
                    "Of several names for one column, list them under `headers`."
                )
            else:
                by_target[target] = text
        return columns, headers

    def _spellings(self, data: Any) -> dict[str, tuple[str, ...]]:
        found = {}
        for target, names in self._table("headers", data, "column: [headers it may have]").items():
            if self.column(target) is None:
                self._unknown("headers", "", target)
            if scores := [str(name) for name in listed(names) if is_source_score(str(name))]:
                self.faults.append(
                    f"headers: {scores[0]!r} is the source's own score, which is never an input."
                )
            found[str(target)] = tuple(dict.fromkeys(fold(str(name)) for name in listed(names)))
        return found

    def _values(self, data: Any) -> dict[str, dict[str, str]]:
        table = self._table("values", data, "column: {value in the file: value}")
        values: dict[str, dict[str, str]] = {}
        for target, pairs in table.items():
            if not isinstance(pairs, dict):
                self.faults.append("values must list `column: {value in the file: value}`.")
                continue
            column = self.column(target)
            if column is None:
                self._unknown("values", "", target)
                continue
            if any(isinstance(raw, bool) for raw in pairs):
                self.faults.append(f"values: {target}: put quotes around true and false.")
            for value in pairs.values():
                self._accept(f"values: {target}", column, value)
            values[target] = {
                str(raw).strip().casefold(): _text(value) for raw, value in pairs.items()
            }
        return values

    def _accept(self, where: str, column: Column, value: object) -> None:
        text = _text(value)
        if column.synonyms and text and fold(text) not in dict(column.synonyms):
            self.faults.append(
                f"{where}: {value!r} is not accepted. Accepted: {', '.join(column.accepted)}."
            )
        if column.kind is Kind.YES_NO and text and is_yes(text) is None:
            self.faults.append(f"{where}: {value!r} is neither yes nor no.")

    def _constants(self, data: Any) -> dict[str, str | dict[str, str]]:
        found: dict[str, str | dict[str, str]] = {}
        for target, value in self._table("set", data, "column: value").items():
            column = self.column(target)
            if column is None:
                self._unknown("set", "", target)
                continue
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, (dict, list)):
                    self.faults.append(
                        f"set: {target} must have a value, or `header in the file: value`."
                    )
                else:
                    self._accept(f"set: {target}", column, each)
            if isinstance(value, dict):
                found[target] = {
                    header if header == OTHERWISE else fold(str(header)): _text(each)
                    for header, each in value.items()
                }
            else:
                found[target] = _text(value)
        return found

    def _skip_if(self, data: Any) -> dict[str, tuple[str | bool, ...]]:
        table = self._table("skip_if", data, "header or column: value that leaves the row out")
        return {
            str(name): tuple(
                True if each is True or each in ("yes", "true") else _text(each).strip().casefold()
                for each in listed(value)
            )
            for name, value in table.items()
        }

    def _joins(self, data: Any) -> tuple[Join, ...]:
        if data is None:
            return ()
        joins = []
        for each in listed(data):
            if not isinstance(each, dict) or not {"file", "on", "take"} <= set(each):
                self.faults.append(
                    "join must have file, on and take: "
                    "`{file: links.csv, on: {its header: header here}, take: {its header: column}}`."
                )
                continue
            self.faults += [
                f"join: unknown key {key!r}{suggestion(str(key), _JOIN_KEYS)}. "
                f"Keys: {', '.join(_JOIN_KEYS)}."
                for key in each
                if key not in _JOIN_KEYS
            ]
            on = self._table("join: on", each["on"], "its header: header here")
            take = self._table("join: take", each["take"], "its header: column")
            if len(on) != 1:
                self.faults.append("join: on must name one header of each file.")
                continue
            for target in take.values():
                if self.column(target) is None:
                    self._unknown("join: take", "", target)
            files = tuple(str(name) for name in listed(each["file"]))
            name = str(each.get("name") or files[0].rsplit("/", 1)[-1].rsplit(".", 1)[0])
            ((there, here),) = on.items()
            joins.append(
                Join(
                    name,
                    files,
                    tuple(str(header) for header in listed(here)),
                    str(there),
                    {str(header): str(target) for header, target in take.items()},
                    bool(each.get("optional", False)),
                )
            )
        return tuple(joins)

    def _by_target(
        self,
        data: dict[str, Any],
        key: str,
        allowed: Iterable[str],
        kinds: set[Kind],
        demand: str,
    ) -> dict[str, str]:
        """`{target: value}` of a key that has one value for all columns ("") or one for each."""
        value = data.get(key)
        if value is None:
            return {}
        pairs = value if isinstance(value, dict) else {"": value}
        for target, each in pairs.items():
            if each not in allowed:
                self.faults.append(f"{key} {each!r} {demand}.")
            column = self.column(target)
            if target and column is None:
                self._unknown(key, "", target)
            elif column is not None and column.kind not in kinds:
                self.faults.append(f"{key}: {target} is no column this can be said of.")
        return {str(target): str(each) for target, each in pairs.items()}

    def _lenient(self, data: Any) -> frozenset[str]:
        targets = [] if data is None else [str(target) for target in listed(data)]
        for target in targets:
            # What all feeds share may name columns that only some of them have.
            if not any(target in feed.by_target for feed in FEEDS.values()):
                self._unknown("lenient", "", target)
        return frozenset(targets)


def _text(value: object) -> str:
    """A YAML value as the file would write it."""
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _is_text_encoding(name: Any) -> bool:
    try:
        # Not of nothing: that would be answered without looking the encoding up.
        return isinstance(name, str) and isinstance(b"a".decode(name, "ignore"), str)
    except (LookupError, ValueError):
        return False


def suggestion(text: str, known: Iterable[str]) -> str:
    """`; did you mean …?` when one of `known` is close to `text`."""
    close = get_close_matches(text, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
