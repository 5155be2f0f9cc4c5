"""A model repository of the Hub."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.deploy.serving.command import CHECKSUMS
from p2m.deployment.bundles import Opened
from p2m.errors import SECRET, P2MError, UserError

_NAME = re.compile(r"hf://(?P<repo>[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95})/?")
_CHUNK = 1 << 20  # bytes read at once
_OWN = (".gitattributes",)  # what the Hub itself writes into a new repository


@dataclass(frozen=True, slots=True)
class HubPlace:
    """`repo` is owner/name."""

    repo: str
    private: bool  # where it is made anew

    @classmethod
    def of(cls, address: str, *, private: bool) -> HubPlace:
        """Raises UserError where the address names no repository."""
        found = _NAME.fullmatch(address)
        if found is None or "--" in found["repo"] or ".." in found["repo"]:
            raise UserError(f"{SECRET.sub('[key]', address)}: names no repository; write hf://owner/name")
        try:
            import huggingface_hub  # noqa: F401
        except ImportError:
            raise UserError("hf:// needs huggingface_hub\n    next: pip install huggingface_hub") from None
        return cls(found["repo"], private)

    @property
    def shown(self) -> str:
        return f"hf://{self.repo}"

    def standing(self) -> tuple[str, ...]:
        return tuple(name for name in sorted(self._tree()) if name not in _OWN)

    def checksums(self) -> str:
        from huggingface_hub import HfApi

        with _translated(self.shown), tempfile.TemporaryDirectory() as cache:
            path = HfApi().hf_hub_download(self.repo, CHECKSUMS, cache_dir=cache)
            return Path(path).read_text(encoding="utf-8", errors="replace")

    def refuse(self, bundle: Opened) -> None:
        """No bundle lies on the Hub."""

    def visibility(self) -> str:
        """Who can read it: what it is, or what it will be."""
        info = self._info()
        private = self.private if info is None else bool(info.private)
        return f"{'private' if private else 'PUBLIC'}{', made now' if info is None else ''}"

    def send(self, bundle: Opened, stale: tuple[str, ...], say: Callable[[str], None]) -> str:
        """One commit, on what was seen there before: whoever commits in between is not overwritten."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        with _translated(self.shown):
            info = self._info()
            if info is None:
                HfApi().create_repo(self.repo, private=self.private, exist_ok=True)
                info = self._info()
            added = [CommitOperationAdd(name, str(bundle.folder / name)) for name in bundle.files]
            dropped = [CommitOperationDelete(name) for name in stale]
            made = HfApi().create_commit(
                self.repo, [*added, *dropped], parent_commit=info.sha if info else None,
                commit_message=f"{bundle.name}@{bundle.digest}",
            )  # fmt: skip
        for name in bundle.files:
            say(name)
        self._verify(bundle, made.oid)
        return f"{self.shown} at {made.oid}"

    def _verify(self, bundle: Opened, revision: str) -> None:
        """What the Hub says of each file, beside the file: its sha256, of small ones git's digest."""
        there = self._tree(revision)
        wrong = [name for name in bundle.files if there.get(name) not in _digests(bundle, name)]
        if wrong:
            raise P2MError(
                f"{self.shown}: {', '.join(wrong)}: not what was sent\n    next: push again with --overwrite"
            )

    def _info(self) -> Any:
        """What the Hub says of the repository; None where there is none to see."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import RepositoryNotFoundError

        with _translated(self.shown):
            try:
                return HfApi().model_info(self.repo)
            except RepositoryNotFoundError:
                return None

    def _tree(self, revision: str | None = None) -> dict[str, str]:
        """Path -> digest of what is there; {} where there is no repository, or an empty one."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with _translated(self.shown):
            try:
                found = list(HfApi().list_repo_tree(self.repo, recursive=True, revision=revision))
            except (RepositoryNotFoundError, EntryNotFoundError):
                return {}
        files = [each for each in found if isinstance(each, RepoFile)]
        return {each.path: each.lfs.sha256 if each.lfs else each.blob_id for each in files}


def _digests(bundle: Opened, name: str) -> tuple[str, str]:
    path, whole = bundle.folder / name, hashlib.sha256()
    blob = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            whole.update(piece)
            blob.update(piece)
    return whole.hexdigest(), blob.hexdigest()


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    """What the client raises, as one error that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except P2MError:
        raise
    except HfHubHTTPError as error:
        status = error.response.status_code
        said = SECRET.sub("[key]", (error.server_message or str(error)).strip().splitlines()[0])
        raise P2MError(f"{shown}: the Hub answers {status}: {said}\n    next: {_next(status)}") from None
    except Exception as error:  # requests, yaml and the client itself raise a dozen unrelated types
        said = SECRET.sub("[key]", (str(error).strip() or type(error).__name__).splitlines()[0])
        raise P2MError(
            f"{shown}: {said}\n    next: look at the network and at HF_ENDPOINT, then push again"
        ) from None


def _next(status: int) -> str:
    if status in (401, 403):
        return "hf auth login with a token that may write there, or HF_TOKEN"
    if status in (409, 412):
        return "somebody else wrote there meanwhile: push again"
    return "push again a little later" if status == 429 or status >= 500 else "look at the address"
