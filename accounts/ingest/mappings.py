"""Which header of a file is which column: the generic names, a mapping that ships, or a YAML file.

    source: billing                # optional; the system the ids come from
    account_source: crm            # optional; the system the account ids come from, if it is another
    feed: tickets                  # optional; refuses to be used for another feed
    columns:
      Customer No: external_id     # an attribute,
      Open deals: metric:current_pipeline_amount     # a metric,
      Internal note: ignore        # or nothing
    headers:                       # several names a column may have; the first there is counts
      owner: [Account Owner, Owner Email]
    values:
      size_segment: {KEY-A: Enterprise}
    set: {stage: Churned}          # where the file has no such column, or a blank cell in a mapped one;
                                   # by what the file has: {kind: {Call Type: call, otherwise: meeting}}
    skip_if: {Deleted: yes, Region: [Test, ""]}        # rows to leave out; "" is a blank cell
    join:                          # a table of links beside the file (or --with links=FILE)
      {name: links, file: links.csv, on: {deal_no: Deal No}, take: {customer_no: account_id}}
    ids: salesforce                # 15-character ids become 18-character ones; {account_id: salesforce}
    unit: {arr: cents}             # or thousands, millions; percent for a share written as 85
    lenient: [owner]               # cells of these that cannot be read count as unknown
    date_order: dmy                # or mdy, or {renewal_on: dmy}; found out per column when absent
    decimal: ","                   # for numbers written 1.234,50
    delimiter: semicolon           # comma, semicolon, tab, pipe; found out when absent
    encoding: windows-1252         # found out when absent

One file may serve several feeds: `feeds: {accounts: {…}, tickets: {…}}` with these keys in each, on top of
what the file says outside. Headers the mapping does not name are recognised by the generic names.
"""

import re
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any, Final

import yaml

from accounts.ingest.columns import Column
from accounts.ingest.errors import MappingFault
from accounts.ingest.feeds import FEEDS as FEEDS
from accounts.ingest.layout import Layout as Layout
from accounts.ingest.layout import Place as Place
from accounts.ingest.layout import lay_out as lay_out
from accounts.ingest.layout import with_orders as with_orders
from accounts.ingest.mapping_check import KEYS, checked, listed, suggestion
from accounts.ingest.mapping_spec import GENERIC as GENERIC
from accounts.ingest.mapping_spec import Mapping as Mapping
from csm.lib import yaml_text

_LARGEST_FILE: Final = 1 << 20
# Keys that what a mapping says of all feeds and of one are put together under.
_MERGED: Final = frozenset({"columns", "headers", "values", "set", "skip_if", "ids", "unit"})
_SHIPPED: Final = Path(__file__).parent / "mappings"


class _Loader(yaml.SafeLoader):
    """YAML whose yes, no, on and off are words: `on` is a column, yes a cell."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")
)


def shipped() -> tuple[str, ...]:
    """Names of the mappings that come with the workbench."""
    return (GENERIC, *sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def feeds_of(name: str | Path) -> tuple[str, ...]:
    """The feeds a mapping is for; MappingFault when it cannot be read."""
    if str(name) == GENERIC:
        return tuple(FEEDS)
    data = _content(name)
    if isinstance(data, dict) and isinstance(data.get("feeds"), dict):
        return tuple(feed for feed in FEEDS if feed in data["feeds"])
    meant = data.get("feed") if isinstance(data, dict) else None
    return (meant,) if meant in FEEDS else tuple(FEEDS)


def spec_for(name: str | Path, feed: str) -> dict[str, Any]:
    """What the mapping called `name` says of `feed`, as a single-feed mapping file would hold it.

    Empty for the generic one and for one that says nothing of `feed`.
    """
    if str(name) == GENERIC:
        return {}
    data = _content(name)
    if isinstance(data, dict) and "feeds" in data and feed not in data["feeds"]:
        return {}
    return section_of(str(name), data, feed)


def read_mapping(
    name: str | Path | Dict[str, Any],
    *,
    feed: str,
    columns: Dict[str, Column] | None = None,
) -> Mapping:
    """The mapping called `name`, of the YAML file `name`, or with the content `name`, for `feed`.

    `columns` are those of the feed by target, own ones of this company included (default: those that ship).
    MappingFault lists everything wrong with it.
    """
    if str(name) == GENERIC:
        return Mapping()
    known = FEEDS[feed].by_target if columns is None else columns
    if isinstance(name, Dict):
        return checked("mapping", section_of("mapping", dict(name), feed), feed, known)
    label = str(name) if str(name) in shipped() else Path(name).name
    return checked(label, section_of(label, _content(name), feed), feed, known)


def _content(name: str | Path) -> Any:
    """The YAML of a mapping that ships, or of a file."""
    path = _SHIPPED / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        names = ", ".join(shipped())
        raise MappingFault(
            str(name),
            [f"There is no mapping and no file of that name. Mappings: {names}, or a YAML file."],
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise MappingFault(path.name, ["It is larger than 1 MB; a mapping is a short YAML file."])
    try:
        return yaml_text.parse(path.read_text(encoding="utf-8-sig"), _Loader)
    except UnicodeDecodeError:
        raise MappingFault(path.name, ["It is not UTF-8 text."]) from None
    except yaml_text.TooMuch as error:
        raise MappingFault(path.name, [f"I{str(error)[1:]}"]) from None
    except yaml.YAMLError as error:
        raise MappingFault(
            path.name, [f"It is not valid YAML: {' '.join(str(error).split())}"]
        ) from None


def section_of(name: str, data: Any, feed: str) -> dict[str, Any]:
    """What a mapping file says of `feed`: its section under `feeds`, on top of what it says of all feeds.

    MappingFault when it has sections and none is for `feed`.
    """
    if not isinstance(data, dict):
        keys = ", ".join(key for key in KEYS if key != "label")
        raise MappingFault(name, [f"It must have the keys {keys}; only columns is needed."])
    sections = data.get("feeds")
    if sections is None:
        return data
    faults = []
    if "feed" in data:
        faults.append("It has both feed and feeds: keep one of them.")
    if not isinstance(sections, dict) or not all(isinstance(s, dict) for s in sections.values()):
        faults.append("feeds must list `feed: {columns: …}`.")
        raise MappingFault(name, faults)
    faults += [
        f"feeds: there is no feed called {key!r}{suggestion(str(key), FEEDS)}."
        for key in sections
        if key not in FEEDS
    ]
    if feed not in sections and not faults:
        faults.append(f"It has no section for {feed!r}, only for {', '.join(sections)}.")
    if faults:
        raise MappingFault(name, faults)
    common = {key: value for key, value in data.items() if key != "feeds"}
    return _merged(common, sections[feed])


def _merged(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    result = common | own
    for key in _MERGED:
        both = common.get(key), own.get(key)
        if all(isinstance(part, dict) for part in both):
            result[key] = common[key] | own[key]
    for key in ("lenient", "join"):
        if key in common and key in own:
            result[key] = [*listed(common[key]), *listed(own[key])]
    return result
