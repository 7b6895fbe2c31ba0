"""From a frame of metrics to the float32 matrix that is stored and scored."""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scoring.engine.definition import Measure, ScorecardSpec, categories, measure_slots, slots

Floats = npt.NDArray[np.float64]
Packed = npt.NDArray[np.float32]

# Codes must survive float32, which holds whole numbers exactly up to 2**24.
_CODES = 2**24 - 1


def group_code(name: str) -> int:
    """Number from 1 to 2**24 - 1 for a peer group, the same in every shard, run and process."""
    return zlib.crc32(name.encode()) % _CODES + 1


def _text_codes(column: pd.Series, codes: dict[str, int] | None) -> Floats:
    """Category index (`codes` given) or group code per row; NaN where empty or unknown."""
    places, names = pd.factorize(column.to_numpy(dtype=object))
    table = np.full(len(names) + 1, np.nan)
    for place, name in enumerate(names):
        text = str(name).strip()
        if codes is None:
            table[place] = group_code(text) if text else np.nan
        else:
            table[place] = codes.get(text, np.nan)
    # factorize marks an empty cell with -1, which is the table's last entry.
    coded: Floats = table[places]
    return coded


def pack(spec: ScorecardSpec, frame: pd.DataFrame) -> Packed:
    """Inputs as a C-ordered float32 matrix (accounts, slots); NaN marks a missing value.

    Reads the columns of `required_columns(spec)`. Infinite values, and values too large for
    float32, count as missing. Raises ValueError if a column is absent or a number column
    holds text.
    """
    layout = slots(spec)
    absent = sorted({slot.column for slot in layout} - set(frame.columns))
    if absent:
        raise ValueError(f"The frame lacks the columns {', '.join(absent)}.")
    measures = {measure.key: measure for measure in spec.measures}
    packed = np.empty((len(frame), len(layout)), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for place, slot in enumerate(layout):
            column = frame[slot.column]
            if slot.role == "category":
                names = categories(measures[slot.owner])
                packed[:, place] = _text_codes(column, {name: i for i, name in enumerate(names)})
            elif slot.role == "peer_group":
                packed[:, place] = _text_codes(column, None)
            else:
                packed[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    packed[~np.isfinite(packed)] = np.nan
    return packed


def peer_names(spec: ScorecardSpec, frame: pd.DataFrame) -> dict[str, dict[int, str]]:
    """Names of the peer groups in a frame: column -> code -> name; for `partial`."""
    columns = {slot.column for slot in slots(spec) if slot.role == "peer_group"}
    found: dict[str, dict[int, str]] = {}
    for column in sorted(columns):
        texts = {str(name).strip() for name in frame[column].dropna().unique()} - {""}
        found[column] = {group_code(text): text for text in sorted(texts)}
    return found


def read_column(packed: Packed, place: int) -> Floats:
    """One slot as contiguous float64, non-finite values as NaN.

    Contiguous, because numpy may pick another code path, with other last bits, for strides.
    """
    column = packed[:, place].astype(np.float64)
    finite = np.isfinite(column)
    if not finite.all():
        column[~finite] = np.nan
    return column


def measure_inputs(
    spec: ScorecardSpec, packed: Packed
) -> Iterator[tuple[Measure, tuple[Floats, ...]]]:
    """Each measure with its usable input columns, in slot order, in the matrix's rows."""
    place = 0
    for measure in spec.measures:
        width = slot_width(measure)
        columns = tuple(read_column(packed, place + offset) for offset in range(width))
        place += width
        yield measure, usable(measure, columns)


def slot_width(measure: Measure) -> int:
    """Number of slots a measure takes in the packed vector."""
    return len(tuple(measure_slots(measure)))


def usable(measure: Measure, columns: tuple[Floats, ...]) -> tuple[Floats, ...]:
    """Inputs with every row that cannot be scored turned to NaN in the first column.

    A denominator or an own average of 0 or less, and a value log1p is not defined for
    (-1 or less), are missing, in the statistics as in the score.
    """
    first = columns[0]
    unusable: Any = None
    if measure.normaliser in ("share", "own_baseline"):
        unusable = ~(columns[1] > 0)
    elif measure.normaliser == "min_max" and measure.params.get("transform") == "log1p":
        unusable = first <= -1
    if unusable is not None and unusable.any():
        first = np.where(unusable, np.nan, first)
    return (first, *columns[1:])
