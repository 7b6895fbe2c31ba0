"""How a file was to be read, kept with its import, so that going on with it needs the file only."""

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any, Final

import orjson

from accounts.ingest.columns import Column
from accounts.ingest.mappings import GENERIC, Mapping, read_mapping, spec_for
from accounts.models import ImportRun

_KEY: Final = "how"

Given = str | Path | Dict[str, Any] | Mapping | None


@dataclass(frozen=True)
class How:
    """`kept` is what an ImportRun's options keep of it."""

    mapping: Mapping
    account_source: str | None
    files: dict[str, str]
    errors_path: str | None
    kept: dict[str, Any]


def how_to_read(
    run: ImportRun | None,
    *,
    feed: str,
    columns: dict[str, Column],
    mapping: Given = None,
    account_source: str | None = None,
    date_order: str | None = None,
    decimal: str | None = None,
    files: Dict[str, str | Path] | None = None,
    errors_path: str | Path | None = None,
) -> How:
    """What is given, and for what is not, what `run` began with. Raises MappingFault."""
    options = run.options if run is not None else {}
    before = options.get(_KEY, {})
    kept: dict[str, Any] = {
        "date_order": date_order or before.get("date_order"),
        "decimal": decimal or before.get("decimal"),
        "files": _absolute(files) or before.get("files"),
        "errors_path": _absolute({"": errors_path} if errors_path else {}).get("")
        or before.get("errors_path"),
    }
    if mapping is None:
        # An upload's mapping is its `spec`.
        mapping = before.get("mapping") or options.get("spec") or GENERIC
        how = read_mapping(mapping, feed=feed, columns=columns)
        how = with_changes(how, name=run.mapping if run is not None and run.mapping else how.name)
    elif isinstance(mapping, Mapping):
        how = mapping
    else:
        how = read_mapping(mapping, feed=feed, columns=columns)
    if not isinstance(mapping, Mapping):
        spec = mapping if isinstance(mapping, Dict) else spec_for(mapping, feed)
        packed = orjson.dumps(spec, default=str, option=orjson.OPT_NON_STR_KEYS)
        kept["mapping"] = orjson.loads(packed)
    if kept["date_order"]:
        how = with_changes(how, date_order=kept["date_order"])
    if kept["decimal"]:
        how = with_changes(how, decimal_comma=kept["decimal"] == ",")
    return How(
        how,
        account_source or options.get("account_source"),
        kept["files"] or {},
        kept["errors_path"],
        {_KEY: {name: value for name, value in kept.items() if value}},
    )


def _absolute(files: Dict[str, str | Path] | None) -> dict[str, str]:
    return {name: str(Path(path).resolve()) for name, path in (files or {}).items()}
