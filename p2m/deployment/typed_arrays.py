"""Numpy's .npz files as arrays.json and arrays.bin, which JavaScript reads as typed arrays without a copy."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

_TYPES = ("float32", "float64", "int8")  # that are kept; any other becomes float64
_ALIGNED = 8  # bytes that an array begins at a multiple of


def write_arrays(files: Mapping[str, Path], target: Path) -> None:
    """The arrays of each file, named by file and array; little-endian, row-major."""
    import numpy as np

    told, offset = [], 0
    with (target / "arrays.bin").open("wb") as stream:
        for file, path in files.items():
            with np.load(path, allow_pickle=False) as arrays:
                for name in arrays.files:
                    array = np.ascontiguousarray(arrays[name])
                    kept = array if array.dtype.name in _TYPES else array.astype(np.float64)
                    data = (
                        kept.astype(kept.dtype.newbyteorder("<")).tobytes()
                        if sys.byteorder == "big"
                        else kept.tobytes()
                    )
                    told.append({"file": file, "name": name, "type": kept.dtype.name,
                                 "shape": list(arrays[name].shape), "offset": offset})  # fmt: skip
                    padding = -len(data) % _ALIGNED
                    stream.write(data + bytes(padding))
                    offset += len(data) + padding
    (target / "arrays.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
