"""Rows of Parquet files, values as they are: dates and decimals too, 32-bit numbers by their own digits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .lines import Exact, Row, TableError

BATCH = 1000  # rows that are read at once


def parquet_rows(path: Path) -> Iterator[Row]:
    """Each row with its `file row n`.

    Raises:
        TableError: no pyarrow, two columns of one name, or bytes in a text that are no UTF-8.
    """
    return rows_of_groups(path, None)


def rows_of_groups(path: Path, groups: Sequence[int] | None) -> Iterator[Row]:
    """The rows of some row groups alone; None: of all.

    Raises:
        TableError: no pyarrow, two columns of one name, or bytes in a text that are no UTF-8.
    """
    number = 0
    with pyarrow_for(path).parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TableError(f"{path}: two columns are called {', '.join(map(repr, twice))}; name each once")
        for batch in file.iter_batches(batch_size=BATCH, row_groups=groups):
            try:
                columns = [_values(column) for column in batch.columns]
            except UnicodeDecodeError as error:
                rows = f"rows {number + 1} to {number + batch.num_rows}"
                raise TableError(f"{path} {rows}: a text is not UTF-8 ({error.reason})") from None
            for row in zip(*columns, strict=True):
                number += 1
                yield Row(dict(zip(names, row, strict=True)), f"{path} row {number}")


def pyarrow_for(path: Path) -> Any:
    """The library.

    Raises:
        TableError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise TableError(f"{path}: Parquet needs pyarrow; type: pip install pyarrow") from None
    return pyarrow


def _values(column: Any) -> list[Any]:
    """A column of a batch as Python values that lose nothing."""
    import numpy as np
    import pyarrow

    kind = column.type
    if pyarrow.types.is_float16(kind) or pyarrow.types.is_float32(kind):
        # 0.1 in 32 bits is 0.10000000149011612 in 64
        return [
            Exact(str(np.float32(item))) if item is not None and math.isfinite(item) else item
            for item in column.to_pylist()
        ]
    if getattr(kind, "unit", "") == "ns":  # finer than Python's datetimes
        fine = column.cast(pyarrow.string())
        coarse = {"timestamp": pyarrow.timestamp, "time64": pyarrow.time64, "duration": pyarrow.duration}
        made = coarse[str(kind).partition("[")[0]]
        to = made("us", kind.tz) if pyarrow.types.is_timestamp(kind) else made("us")
        try:
            column = column.cast(to)
        except pyarrow.ArrowInvalid:  # digits would be lost
            column = fine
    return list(column.to_pylist())
