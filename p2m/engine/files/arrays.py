"""Arrays in an .npz that need not be in memory: written in pieces, read where they are looked at."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

MAPPED = 64 << 20  # bytes of an array from which on it is left in its file
_HEADER = 30  # bytes of a file's header in a zip, before its name


class Writer:
    """An .npz as `numpy.savez` writes it, array after array, of each the rows as they come."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()

    def add(self, name: str, rows: int, pieces: Iterable[Any]) -> None:
        """An array of float32 of so many rows; `pieces` are (some, columns), and tell how many columns."""
        import numpy as np

        found = iter(pieces)
        first = next(found, np.zeros((0, 0), dtype=np.float32))
        described = {"descr": "<f4", "fortran_order": False, "shape": (rows, first.shape[1])}
        with self._zip.open(f"{name}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, described)
            for piece in chain((first,), found):
                stream.write(np.ascontiguousarray(piece, dtype="<f4").tobytes())


def read(path: Path, name: str) -> Any:
    """An array of an .npz; a large one mapped, so that only what is looked at is read.

    Raises:
        KeyError: it has no such array.
    """
    import numpy as np

    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size < MAPPED:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[name]
    with path.open("rb") as stream:
        stream.seek(info.header_offset + _HEADER - 4)
        sizes = stream.read(4)
        stream.seek(int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little"), os.SEEK_CUR)
        np.lib.format.read_magic(stream)
        shape, _, kind = np.lib.format.read_array_header_1_0(stream)
        return np.memmap(path, dtype=kind, mode="r", offset=stream.tell(), shape=shape)
