"""Parts of remote files that are too large to take whole: what a sample costs follows from the sample.

Of Parquet some row groups are taken, drawn by seed, with the footer, into a file that has holes where the
others were; of lines some stretches, drawn by seed; of tables and packed lines the beginning. None of it is
parsed here beyond a footer and the ends of lines.
"""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from p2m.catalogs.hub import Ranges, RemoteFile, Repository, RepositoryFault
from p2m.catalogs.reading import Piece
from p2m.catalogs.rows import data_format

_STRETCHES = 16  # of a file of lines
_GROUPS = 32  # row groups at most, over all files
_FILES = 16  # of a part
_NEAR = 2**12  # bytes between two columns that are read along
_WINDOW = 2**16  # bytes that are unpacked at once
_LONGEST = 2**23  # bytes of a line


def parts_of(
    repository: Repository,
    files: Sequence[RemoteFile],
    folder: Path,
    part: str,
    *,
    rows: int,
    budget: int,
    seed: str,
) -> list[Piece]:
    """Pieces of about `rows` rows of some of the files, for at most about `budget` bytes.

    Raises:
        RepositoryFault: its format can only be read whole, or its rows are too long.
        DataError: the Hub cannot be reached.
    """
    chance = random.Random(f"{seed}:{repository.id}:{part}")
    drawn = list(files) if len(files) <= _FILES else chance.sample(list(files), _FILES)
    pieces: list[Piece] = []
    each, wanted = max(1, budget // len(drawn)), max(1, -(-rows // len(drawn)))
    for file in drawn:
        form = data_format(Path(file.path))
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if form == "parquet":
            groups = _row_groups(repository, file, target, chance, wanted, each)
            pieces.append(Piece(str(target), part, groups))
        elif form in ("jsonl", "csv", "tsv"):
            packed = PurePosixPath(file.path).suffix == ".gz"
            target = target.with_suffix("") if packed else target
            if packed or form != "jsonl":
                _beginning(repository, file, target, each, packed=packed, quoted=form != "jsonl")
            else:
                _stretches(repository, file, target, chance, each)
            pieces.append(Piece(str(target), part))
        else:
            raise RepositoryFault(
                f"{file.path} has {file.size:,} bytes, and {form} can only be read whole;"
                " raise retriever.max_download, or leave it"
            )
    return pieces


def _row_groups(
    repository: Repository, file: RemoteFile, target: Path, chance: random.Random, rows: int, budget: int
) -> tuple[int, ...]:
    """Footer and some row groups of a Parquet file, at their places in a file with holes."""
    import pyarrow
    import pyarrow.parquet

    remote = Ranges(repository, file)
    tail = _read(remote, max(0, file.size - 8), 8)
    footer = int.from_bytes(tail[:4], "little") + 8
    if tail[4:] != b"PAR1" or not 12 <= footer <= min(file.size, 2**28):
        raise RepositoryFault(f"{file.path} is not a Parquet file that can be read")
    end = _read(remote, file.size - footer, footer)
    with target.open("wb") as stream:
        stream.truncate(file.size)
        stream.write(b"PAR1")
        stream.seek(file.size - footer)
        stream.write(end)
    try:
        found = pyarrow.parquet.read_metadata(target)
    except (pyarrow.ArrowException, OSError) as error:
        raise RepositoryFault(
            f"{file.path} is not a Parquet file that can be read: {str(error)[:80]}"
        ) from None
    order = chance.sample(range(found.num_row_groups), found.num_row_groups)
    taken: list[int] = []
    there = spent = 0
    with target.open("r+b") as stream:
        for number in order[:_GROUPS]:
            spans = _spans(found.row_group(number))
            size = sum(stop - start for start, stop in spans)
            if spent + size > budget or any(not 0 < start < stop <= file.size for start, stop in spans):
                continue
            for start, stop in spans:
                stream.seek(start)
                stream.write(_read(remote, start, stop - start))
            taken.append(number)
            there, spent = there + found.row_group(number).num_rows, spent + size
            if there >= rows and len(taken) >= min(4, len(order)):
                break
    if not taken:
        raise RepositoryFault(
            f"{file.path} has no row group of at most {budget:,} bytes; raise retriever.max_download"
        )
    return tuple(sorted(taken))


def _spans(group: Any) -> list[tuple[int, int]]:
    """Where the columns of a row group stand, neighbours in one."""
    spans = []
    for number in range(group.num_columns):
        column = group.column(number)
        start = column.data_page_offset
        if column.has_dictionary_page and column.dictionary_page_offset:
            start = min(start, column.dictionary_page_offset)
        spans.append((start, start + column.total_compressed_size))
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and 0 <= start - joined[-1][1] < _NEAR:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _read(remote: Ranges, start: int, size: int) -> bytes:
    remote.seek(start)
    found = bytearray()
    while len(found) < size and (piece := remote.read(size - len(found))):
        found += piece
    return bytes(found)


def _stretches(
    repository: Repository, file: RemoteFile, target: Path, chance: random.Random, budget: int
) -> None:
    """Whole lines from some places of a file of lines, each place with the chance that its bytes are."""
    remote = Ranges(repository, file)
    size = min(max(1, budget // _STRETCHES), _LONGEST)
    slots = max(1, file.size // size)
    places = sorted(chance.sample(range(slots), min(_STRETCHES, slots)))
    with target.open("wb") as stream:
        for place in places:
            start = place * size
            block = _read(remote, start, size)
            if start:
                block = block[block.find(b"\n") + 1 :] if b"\n" in block else b""
            if start + size < file.size:
                block = block[: block.rfind(b"\n") + 1]
            stream.write(block if block.endswith(b"\n") or not block else block + b"\n")
        if not stream.tell():
            raise RepositoryFault(f"{file.path}: no line within {size:,} bytes; its rows are too long")


def _beginning(
    repository: Repository, file: RemoteFile, target: Path, budget: int, *, packed: bool, quoted: bool
) -> None:
    """The first lines of a file."""
    remote = io.BufferedReader(Ranges(repository, file), _WINDOW)
    unpack = zlib.decompressobj(31) if packed else None
    found = bytearray()
    taken = 0
    while taken < budget and len(found) < 8 * budget and (block := remote.read(min(_WINDOW, budget - taken))):
        taken += len(block)
        while block:
            found += unpack.decompress(block, _WINDOW) if unpack else block
            block = unpack.unconsumed_tail if unpack else b""
            if len(found) >= 8 * budget:
                break
        if len(found) > _LONGEST and b"\n" not in found:
            raise RepositoryFault(f"{file.path}: its first row is longer than {_LONGEST:,} bytes")
    end = found.rfind(b"\n")
    while quoted and end > 0 and found.count(b'"', 0, end) % 2:
        end = found.rfind(b"\n", 0, end)
    if end <= 0:
        raise RepositoryFault(f"{file.path}: no whole row within {taken:,} bytes")
    target.write_bytes(found[: end + 1])
