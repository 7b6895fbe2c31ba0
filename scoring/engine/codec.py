"""A snapshot's figures as they are stored: 4 bytes per input, 2 per points figure, null for unknown."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.engine.pack import Floats, Packed

POINTS_PER_UNIT = 200.0
_MISSING = -32768
_INPUTS = np.dtype("<f4")
_POINTS = np.dtype("<i2")


def _sliced(matrix: npt.NDArray[np.generic]) -> list[bytes]:
    width = matrix.shape[1] * matrix.itemsize
    data = matrix.tobytes()
    return [data[start : start + width] for start in range(0, width * len(matrix), width or 1)] or (
        [b""] * len(matrix)
    )


def inputs_matrix(packed: Packed) -> npt.NDArray[np.float32]:
    """A packed matrix (n, slots) as it is stored: little-endian float32; lossless."""
    return np.ascontiguousarray(packed, dtype=_INPUTS)


def points_matrix(values: Floats) -> npt.NDArray[np.int16]:
    """Points or component scores (n, k), each 0-100 or NaN, as they are stored: to the nearest 1/200."""
    units = np.rint(np.asarray(values) * POINTS_PER_UNIT)
    units = np.where(np.isnan(units), _MISSING, np.clip(units, -32767, 32767))
    return np.ascontiguousarray(units, dtype=_POINTS)


def encode_inputs(packed: Packed) -> list[bytes]:
    """The rows of `inputs_matrix`."""
    return _sliced(inputs_matrix(packed))


def decode_inputs(rows: Sequence[bytes], width: int) -> Packed:
    """Packed matrix (n, width) of encoded rows; raises ValueError if a row has another width."""
    return _joined(rows, width, _INPUTS).astype(np.float32)


def encode_points(values: Floats) -> list[bytes]:
    """The rows of `points_matrix`."""
    return _sliced(points_matrix(values))


def decode_points(rows: Sequence[bytes], width: int) -> Floats:
    """Points (n, width) of encoded rows, NaN where missing; raises ValueError on another width."""
    units = _joined(rows, width, _POINTS)
    return np.where(units == _MISSING, np.nan, units / POINTS_PER_UNIT)


def nullable(values: Floats) -> list[float | None]:
    """A column (n,) as plain numbers, None where it is NaN."""
    return [None if value != value else value for value in values.tolist()]


def _joined(rows: Sequence[bytes], width: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    # A database may hand out memoryviews; every row must have the version's own width.
    if any(len(row) != width * dtype.itemsize for row in rows):
        raise ValueError(f"A stored vector does not have {width} entries of {dtype.itemsize} B.")
    return np.frombuffer(b"".join(rows), dtype=dtype).reshape(len(rows), width)
