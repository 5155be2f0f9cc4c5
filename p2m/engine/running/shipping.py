"""The code of a build as one file, for machines that have not got it; there it is checked as ever."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from p2m.engine.code.closure import place_of
from p2m.engine.hashing import digest_bytes
from p2m.errors import UserError

LARGEST = 200 << 20  # bytes, before they are made smaller
_WHEN = (2000, 1, 1, 0, 0, 0)  # of every file, so that the same code is the same file


def packed(tops: Iterable[str]) -> tuple[str, bytes]:
    """Packages and lone modules of those names, and this one, as a zip file, and a digest of it.

    Raises:
        UserError: that is too large to be code.
    """
    stream, size = io.BytesIO(), 0
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for top in sorted({__name__.partition(".")[0], *tops}):
            for path, name in _files(top):
                size += path.stat().st_size
                if size > LARGEST:
                    raise UserError(
                        f"{path.parent} is too large to be sent to other machines"
                        f" ({LARGEST >> 20} MiB of code at most)\n    install {top} there, or keep data apart"
                    )
                content = path.read_bytes()
                archive.writestr(zipfile.ZipInfo(name, _WHEN), content, zipfile.ZIP_DEFLATED, 1)
    content = stream.getvalue()
    return digest_bytes(content), content


def _files(top: str) -> Iterator[tuple[Path, str]]:
    folders, file = place_of(top)
    for folder in map(Path, folders):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, f"{top}/{path.relative_to(folder).as_posix()}"
    if not folders and file is not None:
        yield Path(file), Path(file).name
