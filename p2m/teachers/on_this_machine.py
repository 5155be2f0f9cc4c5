"""What the teachers that run on this machine share: no key, no price, and a model known by its content.

Where a model lies is in no key; its digest is, which the recipe says and which is checked before the model is
asked anything. What the ledger knows needs neither the model nor what runs it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from p2m.engine.hashing import digest, digest_file
from p2m.teachers.chat import Ask, TeacherError
from p2m.teachers.model import ChatModel
from p2m.types import unkeyed


@dataclass(frozen=True, slots=True)
class OnThisMachine(ChatModel):
    """A chat model whose weights lie here. What is asked leaves the machine by no way."""

    is_local: ClassVar[bool] = True
    takes_temperature: ClassVar[bool] = True
    asks_elsewhere: ClassVar[bool] = False  # so its steps need no network

    options: dict[str, Any] = field(default_factory=dict)  # of sampling, e.g. {top_p: 0.9}
    sha256: str = ""  # of the model's content; whatever lies at `path` must have it
    path: str = unkeyed("")  # where it lies, relative to the recipe
    concurrency: int = unkeyed(4)  # questions that are answered side by side
    attempts: int = unkeyed(3)
    timeout: float = unkeyed(600.0)

    def __post_init__(self) -> None:
        ChatModel.__post_init__(self)
        if self.path and not self.sha256:
            raise ValueError(f"sha256 must say which model {self.path} is: {_how_to_pin(self.path)}")

    @property
    def weights(self) -> str:
        """The digest, where there is one."""
        return self.sha256 or self.model

    def seed(self, ask: Ask, attempt: int = 0) -> int:
        """Of 31 bits: another one for each question, sample and attempt, the same whenever it is asked."""
        return int(digest({"ask": self.identity(ask), "sample": ask.sample, "attempt": attempt})[:8], 16) >> 1


def mean_logprob(of_tokens: Sequence[float]) -> str:
    """What a reply's detail says of how likely its tokens were."""
    return f"mean log-probability {sum(of_tokens) / len(of_tokens):.3f}" if of_tokens else ""


def checked(path: Path, sha256: str, files: Iterable[Path]) -> None:
    """Make sure that a model is the one that the recipe says.

    Raises:
        TeacherError: it is another one.
    """
    found = content_digest(path, files)
    if sha256 and found != sha256:
        raise TeacherError(
            f"{path} is another model than the recipe says: sha256 {found[:12]}..., not {sha256[:12]}...\n"
            f"    put the right one there, or take this one: teacher.sha256={found}"
        )


def content_digest(path: Path, files: Iterable[Path]) -> str:
    """sha256 of a file; of a folder that of its files' names and digests, as `sha256sum` writes them."""
    if path.is_file():
        return _file_digest(path)
    lines = (f"{_file_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    found = os.stat(path)
    return _remembered(str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=1024)
def _remembered(path: str, *_stamp: int) -> str:
    return digest_file(Path(path))


def checkpoint_files(folder: Path) -> list[Path]:
    """The files of a checkpoint that decide what it answers."""
    kinds = (".json", ".safetensors", ".jinja", ".txt", ".model")
    return sorted(file for file in folder.iterdir() if file.suffix in kinds and file.is_file())


def _how_to_pin(path: str) -> str:
    place = Path(path)
    if not place.exists():
        return "its digest, as sha256sum writes it, but nothing is there"
    return f"sha256={content_digest(place, checkpoint_files(place) if place.is_dir() else ())}"
