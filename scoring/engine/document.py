"""A scorecard as a plain document (YAML or JSON), there and back, and its hash."""

import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from scoring.engine.definition import (
    Band,
    Cap,
    Component,
    Display,
    Measure,
    Revenue,
    Scope,
    ScorecardSpec,
    SpecError,
)


class _Reader:
    """Reads one mapping and notes every fault instead of stopping at the first."""

    def __init__(self, data: Any, where: str, faults: list[str], known: Iterable[str]) -> None:
        self.where = where
        self.faults = faults
        known = list(known)
        if not isinstance(data, Mapping):
            found = "nothing" if data is None else type(data).__name__
            faults.append(f"{where}: write 'key: value' lines here; found {found}.")
            data = {}
            self.broken = True
        else:
            self.broken = False
        self.data = {str(key): value for key, value in data.items()}
        for key in self.data:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(known)}."
                faults.append(f"{where}: '{key}' is not a known key; {hint}")

    def _value(self, key: str, default: Any, kind: str) -> Any:
        value = self.data.get(key)
        if value is None:
            if default is None and not self.broken:
                self.faults.append(f"{self.where}: '{key}' is missing; add it ({kind}).")
            return default
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default, "text")
        if value is None:
            return ""
        if isinstance(value, bool | Mapping | list):
            self.faults.append(f"{self.where}: '{key}' must be text, found {value!r}.")
            return default or ""
        return str(value).strip()

    def optional_text(self, key: str) -> str | None:
        return self.text(key, "") or None

    def number(self, key: str, default: float | None = None) -> float:
        value = self._value(key, default, "a number")
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.faults.append(f"{self.where}: '{key}' must be a number, found {value!r}.")
            return default or 0.0
        return float(value)

    def whole(self, key: str, default: int) -> int:
        value = self.number(key, default)
        if not math.isfinite(value) or value != int(value):
            self.faults.append(f"{self.where}: '{key}' must be a whole number, found {value}.")
            return default
        return int(value)

    def items(self, key: str, required: bool = False) -> list[Any]:
        value = self._value(key, None if required else [], "a list")
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.faults.append(f"{self.where}: '{key}' must be a list of entries ('- ...').")
            return []
        return list(value)

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(str(item) for item in self.items(key))

    def child(self, key: str) -> Any:
        return self.data.get(key) or {}


def _fields(cls: type) -> list[str]:
    return list(getattr(cls, "__dataclass_fields__", {}))


def _plain(value: Any) -> Any:
    """Params as plain JSON values, so that equal scorecards compare and hash equal."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _name(data: Any, number: int) -> str:
    key = data.get("key") if isinstance(data, Mapping) else None
    return f"'{key}'" if key else f"number {number}"


def _band(data: Any, where: str, faults: list[str]) -> Band:
    read = _Reader(data, where, faults, _fields(Band))
    key = read.text("key")
    return Band(
        key=key,
        name=read.text("name", key),
        low=read.number("low"),
        high=read.number("high"),
        tone=read.text("tone"),  # type: ignore[arg-type]  # the words are checked by validate
    )


def _bands(items: list[Any], where: str, faults: list[str]) -> tuple[Band, ...]:
    bands = [
        _band(item, f"{where} {_name(item, index)}", faults) for index, item in enumerate(items, 1)
    ]
    return tuple(sorted(bands, key=lambda band: band.low))


def _measure(data: Any, where: str, faults: list[str]) -> Measure:
    read = _Reader(data, where, faults, _fields(Measure))
    key = read.text("key")
    params = read.child("params")
    if not isinstance(params, Mapping):
        faults.append(f"{where}: 'params' must be 'name: value' lines.")
        params = {}
    return Measure(
        key=key,
        label=read.text("label", key),
        metric=read.text("metric"),
        normaliser=read.text("normaliser"),  # type: ignore[arg-type]
        params=_plain(params),
        weight=read.number("weight"),
        missing=read.text("missing", "redistribute"),  # type: ignore[arg-type]
        denominator=read.optional_text("denominator"),
        description=read.text("description", ""),
    )


def _component(data: Any, where: str, faults: list[str]) -> Component:
    read = _Reader(data, where, faults, _fields(Component))
    key = read.text("key")
    return Component(
        key=key,
        label=read.text("label", key),
        weight=read.number("weight"),
        measures=tuple(
            _measure(item, f"{where}, measure {_name(item, index)}", faults)
            for index, item in enumerate(read.items("measures", required=True), 1)
        ),
        bands=_bands(read.items("bands"), f"{where}, light", faults),
    )


def _cap(data: Any, where: str, faults: list[str]) -> Cap:
    read = _Reader(data, where, faults, _fields(Cap))
    key = read.text("key")
    return Cap(
        key=key,
        label=read.text("label", key),
        metric=read.text("metric"),
        op=read.text("op"),  # type: ignore[arg-type]
        value=read.number("value"),
        limit=read.number("limit"),
    )


def _revenue(data: Any, faults: list[str]) -> Revenue:
    read = _Reader(data, "Revenue", faults, _fields(Revenue))
    base = Revenue()
    return Revenue(
        pipeline_metric=read.text("pipeline_metric", base.pipeline_metric),
        won_metric=read.text("won_metric", base.won_metric),
        upsell_share=read.number("upsell_share", base.upsell_share),
        upsell_base=read.number("upsell_base", base.upsell_base),
        upsell_slope=read.number("upsell_slope", base.upsell_slope),
        tiers=read.text("tiers", base.tiers),  # type: ignore[arg-type]
    )


def from_dict(data: Mapping[str, Any]) -> ScorecardSpec:
    """Read a document; weights and bands are not judged here, see `validate`.

    Raises SpecError with every structural fault: unknown or missing keys, wrong types.
    """
    faults: list[str] = []
    read = _Reader(data, "Scorecard", faults, _fields(ScorecardSpec))
    key = read.text("key")
    display = _Reader(read.child("display"), "Display", faults, _fields(Display))
    scope = _Reader(read.child("scope"), "Scope", faults, _fields(Scope))
    spec = ScorecardSpec(
        key=key,
        name=read.text("name", key),
        description=read.text("description", ""),
        components=tuple(
            _component(item, f"Component {_name(item, index)}", faults)
            for index, item in enumerate(read.items("components", required=True), 1)
        ),
        bands=_bands(read.items("bands", required=True), "Band", faults),
        min_coverage=read.number("min_coverage", 0.5),
        caps=tuple(
            _cap(item, f"Cap {_name(item, index)}", faults)
            for index, item in enumerate(read.items("caps"), 1)
        ),
        revenue=_revenue(read.child("revenue"), faults),
        display=Display(display.number("scale_max", 100.0), display.whole("decimals", 1)),
        scope=Scope(*(scope.names(name) for name in _fields(Scope))),
    )
    if faults:
        raise SpecError(faults)
    return spec


def _band_dict(band: Band) -> dict[str, Any]:
    return {name: _plain(getattr(band, name)) for name in _fields(Band)}


def _measure_dict(measure: Measure) -> dict[str, Any]:
    data = {name: _plain(getattr(measure, name)) for name in _fields(Measure)}
    if measure.denominator is None:
        del data["denominator"]
    return data


def to_dict(spec: ScorecardSpec) -> dict[str, Any]:
    """The whole scorecard as JSON values, every default written out; inverse of `from_dict`."""
    data: dict[str, Any] = {
        name: _plain(getattr(spec, name)) for name in ("key", "name", "description")
    }
    data["display"] = {name: _plain(getattr(spec.display, name)) for name in _fields(Display)}
    data["min_coverage"] = _plain(spec.min_coverage)
    data["bands"] = [_band_dict(band) for band in spec.bands]
    data["components"] = []
    for component in spec.components:
        entry: dict[str, Any] = {
            name: _plain(getattr(component, name)) for name in ("key", "label", "weight")
        }
        entry["measures"] = [_measure_dict(measure) for measure in component.measures]
        if component.bands:
            entry["bands"] = [_band_dict(band) for band in component.bands]
        data["components"].append(entry)
    data["caps"] = [
        {name: _plain(getattr(cap, name)) for name in _fields(Cap)} for cap in spec.caps
    ]
    data["revenue"] = {name: _plain(getattr(spec.revenue, name)) for name in _fields(Revenue)}
    data["scope"] = {name: list(getattr(spec.scope, name)) for name in _fields(Scope)}
    return data


def spec_hash(spec: ScorecardSpec) -> str:
    """SHA-256 (64 hex digits) of the canonical document: sorted keys, 40.0 written as 40."""
    text = json.dumps(to_dict(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
