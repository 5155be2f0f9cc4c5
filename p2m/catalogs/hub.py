"""A Hub, through its own client: what a repository holds at a commit, files whole or in ranges, and why not.

What is amiss with one repository (gated, gone, renamed, changed under its pin) is a `RepositoryFault`, which
leaves the others alone. What is amiss with the way there (no network, a server that fails for long) is a
DataError, for nothing is known of any repository then.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from p2m.catalogs.front_matter import FrontMatter
from p2m.errors import DataError

T = TypeVar("T")
_BLOCK = 2**16  # bytes that a range asks for at least
_TRIALS = 4  # of a range whose connection breaks
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds, where the Hub does not say how long
_LONGEST_WAIT = 600  # seconds
_PASSING = (429, 500, 502, 503, 504)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class RepositoryFault(DataError):
    """One repository cannot be used; the message says why, in words that follow its name."""


class ClosedFault(RepositoryFault):
    """The Hub does not let this user in, today: somebody may change that."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository, with what its content must come to."""

    path: str
    size: int  # bytes
    sha256: str  # of large files, else ""
    blob: str  # git's digest of the others


@dataclass(frozen=True, slots=True)
class Repository:
    """A dataset or model of a Hub at a commit."""

    id: str
    kind: str  # "dataset" or "model"
    commit: str
    files: Mapping[str, RemoteFile]
    license: str = ""  # as its card says, in lower case
    parameters: int = 0  # of a model's safetensors; 0 where the Hub does not say

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files.values())


def opened(name: str, kind: str, revision: str) -> Repository:
    """A repository at a revision, or at its head where that is "", with all of its files.

    Raises:
        RepositoryFault: it is gated or gone (`ClosedFault`), renamed, or has no such revision any more.
        DataError: the Hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    with _told(name, kind, revision):
        info = patiently(lambda: api.repo_info(name, repo_type=kind, revision=revision or None))
        commit = str(info.sha or "")
        if info.id != name and "/" in name:  # the Hub itself gave owners to names without one
            raise RepositoryFault(f"it is called {info.id} now: refresh the catalogue, or name that one")
        if not _COMMIT.fullmatch(commit) or (_COMMIT.fullmatch(revision) and commit != revision):
            raise RepositoryFault(
                f"it changed under its pin: {revision[:12] or 'its head'} is {commit[:12] or 'no commit'} now"
            )
        tree = list(api.list_repo_tree(name, recursive=True, revision=commit, repo_type=kind))
    files = {}
    for item in tree:
        path = str(item.path)
        if not isinstance(item, RepoFile):
            continue
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
            raise RepositoryFault(f"its file {path!r} leads out of its folder")
        files[path] = RemoteFile(path, int(item.size), item.lfs.sha256 if item.lfs else "", str(item.blob_id))
    card: Any = getattr(info, "card_data", None)
    front = FrontMatter(card.to_dict() if card else {}, "", Path())
    tensors = getattr(info, "safetensors", None)
    count = int(getattr(tensors, "total", 0))
    return Repository(name, kind, commit, files, front.license(), count)


def fetched(repository: Repository, file: RemoteFile, folder: Path) -> Path:
    """A whole file below a folder, verified; a download that broke goes on from where it was.

    Raises:
        RepositoryFault: it is not what the commit says.
        DataError: the Hub cannot be reached.
    """
    from huggingface_hub import hf_hub_download

    with _told(repository.id, repository.kind, repository.commit):
        place: dict[str, Any] = {
            "repo_type": repository.kind,
            "revision": repository.commit,
            "local_dir": folder,
        }
        path = Path(patiently(lambda: hf_hub_download(repository.id, file.path, **place)))
    if not _is(path, file):
        path.unlink()
        raise RepositoryFault(
            f"{file.path} is not the file of its pinned revision: its digest is another one"
        )
    return path


def _is(path: Path, file: RemoteFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        if file.sha256:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        blob = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
        for block in iter(lambda: stream.read(2**20), b""):
            blob.update(block)
    return blob.hexdigest() == file.blob


class Ranges(io.RawIOBase):
    """A remote file that is read where it is looked at; `taken` says how many bytes came so far."""

    def __init__(self, repository: Repository, file: RemoteFile) -> None:
        from huggingface_hub import hf_hub_url

        self._repository, self._file = repository, file
        self._url = hf_hub_url(
            repository.id, file.path, repo_type=repository.kind, revision=repository.commit
        )
        self._place = 0
        self._start, self._block = 0, b""
        self.taken = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._file.size - self._place)
        if wanted <= 0:
            return 0
        inside = self._place - self._start
        if not 0 <= inside < len(self._block):
            self._fill(wanted)
            inside = 0
        piece = self._block[inside : inside + wanted]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def _fill(self, wanted: int) -> None:
        from huggingface_hub.utils._headers import build_hf_headers
        from huggingface_hub.utils._http import hf_raise_for_status, http_stream_backoff

        first = self._place
        last = min(self._file.size, first + max(wanted, _BLOCK)) - 1
        headers = {**build_hf_headers(), "Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        repository = self._repository
        for _ in range(_TRIALS):
            with (
                _told(repository.id, repository.kind, repository.commit),
                http_stream_backoff("GET", self._url, headers=headers, timeout=30) as response,
            ):
                hf_raise_for_status(response)
                if response.status_code != 206 and last - first + 1 < self._file.size:
                    raise RepositoryFault(
                        f"{self._file.path} cannot be read in parts: its host sends it whole"
                    )
                block = _body(response, last - first + 1)
            if len(block) == last - first + 1:
                self._start, self._block = first, block
                self.taken += len(block)
                return
        raise DataError(
            f"{repository.id}: the connection broke {_TRIALS} times\n    the same command goes on"
        )


def _body(response: Any, size: int) -> bytes:
    """The body as far as it came: the connection may break."""
    import httpx2

    pieces, there = [], 0
    try:
        for piece in response.iter_bytes():
            pieces.append(piece)
            there += len(piece)
            if there > size:
                raise RepositoryFault("its host sends more than it was asked for")
    except httpx2.TransportError:
        pass
    return b"".join(pieces)


def patiently(call: Callable[[], T]) -> T:
    """What a call gives; where the Hub limits requests or fails for a while, it is waited for."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    for wait in _WAITS:
        try:
            return call()
        except HfHubHTTPError as error:
            after = error.response.headers.get("Retry-After", "")
            if error.response.status_code not in _PASSING or (after.isdigit() and int(after) > _LONGEST_WAIT):
                raise
            time.sleep(int(after) if after.isdigit() else wait)
        except httpx2.TransportError:
            time.sleep(wait)
    return call()


@contextmanager
def _told(name: str, kind: str, revision: str) -> Iterator[None]:
    """What the client raises, as what it means for one repository, or for the way to all of them."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        DisabledRepoError,
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError:
        place = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"
        raise ClosedFault(f"it is gated: ask its owner at {place}, then set HF_TOKEN") from None
    except RepositoryNotFoundError:
        raise ClosedFault("the Hub has none of that name: it was deleted, or is private") from None
    except RevisionNotFoundError:
        raise RepositoryFault(f"it changed under its pin: its revision {revision[:12]} is gone") from None
    except DisabledRepoError:
        raise ClosedFault("the Hub has disabled it") from None
    except LocalEntryNotFoundError as error:
        raise _unreached(name, str(error.__cause__ or error)) from None
    except EntryNotFoundError:
        raise RepositoryFault("a file of its pinned revision is gone") from None
    except HFValidationError:
        raise RepositoryFault(f"{name!r} is no name of a repository") from None
    except OfflineModeIsEnabled:
        reason = "the Hub may not be reached here: HF_HUB_OFFLINE is set, by you or by constraints.network"
        raise DataError(f"{name}: {reason}\n    allow it: constraints.network=hub") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ClosedFault(f"the Hub does not let you in ({status}); set HF_TOKEN") from None
        wait = "; it limits requests: try again later, or with a token in HF_TOKEN" if status == 429 else ""
        raise DataError(f"{name}: the Hub answered {status}{wait}\n    the same command goes on") from None
    except httpx2.HTTPError as error:
        raise _unreached(name, f"{type(error).__name__}: {error}") from None


def _unreached(name: str, reason: str) -> DataError:
    from huggingface_hub import constants

    first = (reason.splitlines() or [""])[0].strip(": ")
    return DataError(
        f"{name}: {constants.ENDPOINT} cannot be reached ({first})\n    the same command goes on"
    )


def listed(
    kind: str, expand: Sequence[str], filters: Sequence[str], following: str
) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """Pages of all datasets or models, newest first, each with the address of the next ("": there is none).

    Raises:
        DataError: the Hub cannot be reached, or answers something else.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session, hf_raise_for_status

    def page(address: str, asked: Any) -> Any:
        response = get_session().get(address, params=asked or None, headers=build_hf_headers(), timeout=60)
        hf_raise_for_status(response)
        return response

    asked = [("sort", "lastModified"), ("limit", "1000"), *(("expand", name) for name in expand)]
    asked += [("filter", name) for name in filters]
    address, asked = (following, []) if following else (f"{constants.ENDPOINT}/api/{kind}s", asked)
    while address:
        if not address.startswith(f"{constants.ENDPOINT}/"):
            raise DataError(f"the Hub's next page is elsewhere: {address[:100]}")
        with _told(f"the list of {kind}s", kind, ""):
            response = patiently(lambda: page(address, asked))  # noqa: B023  # called at once
            try:
                found = response.json()
            except ValueError:
                found = None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise DataError(f"{constants.ENDPOINT} does not answer as a Hub does; is HF_ENDPOINT right?")
        address, asked = str(response.links.get("next", {}).get("url", "")), []
        yield found, address
