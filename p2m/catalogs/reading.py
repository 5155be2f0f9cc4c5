"""Rows of files that nobody vouches for, read in a process of its own that may not grow without bounds.

A Parquet file of some kilobytes may unpack to terabytes, a row may be two gigabytes long: what does not fit
ends that process, and the dataset is refused. Nothing is unpickled and no code of a dataset is run.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from p2m.catalogs.rows import data_format, read_rows
from p2m.deploy.serving.parquet import rows_of_groups
from p2m.errors import DataError

MEMORY = 4 * 2**30  # bytes of address space
_SECONDS = 1200
_ROW = 2_000_000  # characters; curation drops texts of a fortieth of it
_SMALL = 2**26  # bytes of a file of lines that needs no care
_GROWTH = 50  # times that rows may be larger than their files, small ones aside
_UNPACKED = 2**30  # bytes that an archive may unpack to


@dataclass(frozen=True, slots=True)
class Piece:
    """A file on this disk; of a Parquet file the row groups that are there, None where all are."""

    path: str
    part: str
    groups: tuple[int, ...] | None = None


def sampled(pieces: Sequence[Piece], target: Path, *, rows: int, seed: str) -> dict[str, int]:
    """At most `rows` rows a part, a uniform sample in the order of the files, as `target/PART.jsonl`.

    Returns:
        part -> how many.

    Raises:
        DataError: the files are broken, or do not fit into MEMORY bytes.
    """
    target.mkdir(parents=True, exist_ok=True)
    memory = MEMORY
    if not any(_may_grow(Path(piece.path)) for piece in pieces):
        return _all_written(pieces, target, rows, seed)
    work = {"pieces": [asdict(piece) for piece in pieces], "target": str(target), "rows": rows, "seed": seed}
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {__name__} as reading; reading.main({memory})"],
            input=json.dumps(work), text=True, capture_output=True, timeout=_SECONDS,
            env={**os.environ, "PYTHONPATH": path, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DataError(f"reading it took longer than {_SECONDS // 60} minutes") from None
    with suppress(ValueError, IndexError):
        told = json.loads(done.stdout.splitlines()[-1])
        if "fault" in told:
            raise DataError(str(told["fault"]))
        return {str(part): int(number) for part, number in told["rows"].items()}
    if done.returncode < 0 or "MemoryError" in done.stderr or "bad_alloc" in done.stderr:
        raise DataError(_too_large(memory))
    raise DataError(f"its files cannot be read: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")


def _too_large(memory: int) -> str:
    return f"its rows do not fit into {memory / 2**30:g} GiB of memory"


def main(memory: int) -> None:
    """The child's part: what to read comes as JSON, what became of it goes out as JSON."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        import pyarrow.parquet  # noqa: F401  # before the limit: libraries reserve much that they never use

        there = _address_space()
        resource.setrlimit(resource.RLIMIT_AS, (there + memory, there + memory))
    work = json.load(sys.stdin)
    pieces = [
        Piece(one["path"], one["part"], one["groups"] and tuple(one["groups"])) for one in work["pieces"]
    ]
    try:
        told: dict[str, Any] = {
            "rows": _all_written(pieces, Path(work["target"]), work["rows"], work["seed"])
        }
    except DataError as error:
        told = {"fault": _too_large(memory) if _of_memory(error) else str(error)}
    except (MemoryError, RecursionError, OverflowError):
        told = {"fault": _too_large(memory)}
    except OSError as error:
        told = {"fault": _too_large(memory) if _of_memory(error) else str(error)}
    print(json.dumps(told))


def _of_memory(error: Exception) -> bool:
    return any(word in str(error) for word in ("malloc", "bad_alloc", "Cannot allocate", "out of memory"))


def _address_space() -> int:
    """What this process has reserved so far, in bytes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _may_grow(path: Path) -> bool:
    """Whether it may unpack to more than its size, or is large itself."""
    packed = data_format(path) in ("parquet", "xlsx") or path.suffix == ".gz"
    return packed or path.stat().st_size > _SMALL


def _all_written(pieces: Sequence[Piece], target: Path, most: int, seed: str) -> dict[str, int]:
    return {
        part: _written(
            [piece for piece in pieces if piece.part == part],
            target / f"{part}.jsonl",
            most,
            f"{seed}:{part}",
        )
        for part in dict.fromkeys(piece.part for piece in pieces)
    }


def _written(pieces: Sequence[Piece], target: Path, most: int, seed: str) -> int:
    """A uniform sample of the rows (algorithm R, Vitter 1985)."""
    chance = random.Random(seed)
    kept: list[tuple[int, str]] = []
    left = _GROWTH * max(_SMALL, sum(Path(piece.path).stat().st_size for piece in pieces))
    for number, line in enumerate(line for piece in pieces for line in _lines(piece)):
        left -= len(line)
        if left < 0:
            raise DataError(f"its rows come to more than {_GROWTH} times the size of its files")
        if len(kept) < most:
            kept.append((number, line))
        elif (place := chance.randrange(number + 1)) < most:
            kept[place] = (number, line)
    with target.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for _, line in sorted(kept))
    return len(kept)


def _lines(piece: Piece) -> Iterator[str]:
    path = Path(piece.path)
    if path.suffix == ".xlsx":
        check_archive(path)
    rows = rows_of_groups(path, piece.groups) if piece.groups is not None else read_rows(path)
    for row in rows:
        line = json.dumps(_plain(row.values), ensure_ascii=False)
        if len(line) > _ROW:
            raise DataError(f"{path.name}: a row of {len(line):,} characters; at most {_ROW:,} are read")
        yield line


def check_archive(path: Path) -> list[str]:
    """The names in a zip archive.

    Raises:
        DataError: it is none, a name leads out of it, or it would unpack to more than anyone needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            there = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path.name}: not an archive that can be read: {error}") from None
    for one in there:
        name = one.filename.replace("\\", "/")
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or ":" in name:
            raise DataError(f"{path.name}: its file {one.filename!r} leads out of the archive")
    if (size := sum(one.file_size for one in there)) > _UNPACKED:
        raise DataError(f"{path.name}: it would unpack to {size:,} bytes; at most {_UNPACKED:,} are unpacked")
    return [one.filename for one in there if not one.is_dir()]


def unpacked(path: Path, folder: Path) -> list[Path]:
    """The data files of a zip archive, unpacked below a folder, never more bytes than the archive owns up to.

    Raises:
        DataError: see `check_archive`; or it lies about its sizes.
    """
    names = [name for name in check_archive(path) if data_format(Path(name))]
    found, left = [], _UNPACKED
    with zipfile.ZipFile(path) as archive:
        for name in names:
            target = folder / path.stem / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(name) as source, target.open("wb") as stream:
                    while block := source.read(2**20):
                        left -= len(block)
                        if left < 0:
                            raise DataError(f"{path.name}: it unpacks to more than {_UNPACKED:,} bytes")
                        stream.write(block)
            except (zipfile.BadZipFile, RuntimeError, OSError) as error:
                raise DataError(f"{path.name}: {name} cannot be unpacked: {error}") from None
            found.append(target)
    return found


def _plain(value: Any) -> Any:
    """A value as JSON has it; bytes are left out, dates and exact numbers are as they are written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items() if not isinstance(inner, bytes)}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value if not isinstance(inner, bytes)]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)
