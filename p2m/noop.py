"""The build that has nothing to do, answered from file stats alone, standard library only.

After a build, a record is kept of everything its answer depended on: the arguments, the stats of every file
and folder that was read or listed, the environment that was consulted, and what was printed. The next call
with the same arguments compares; any difference, however small, takes the full path, which compares contents.
So this module may be wrong only towards doing more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FORMAT = 1
_TICK = 50_000_000  # nanoseconds by which the times of files may lag behind the clock
ENVIRONMENT = (
    *("P2M_LOCKED", "P2M_FROZEN", "P2M_STORE", "P2M_SHARED_STORE", "P2M_SHARED_STORE_MODE"),
    *("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "PYTHONPATH"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the last such build printed and returned."""

    text: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A folder of which only the names in it were read."""

    folder: Path


Read = Path | Entries


@dataclass(frozen=True, slots=True)
class Seen:
    """What a command read, by its stats as they were then: what is edited later is not what it read."""

    since: int  # when the command began
    stamps: Mapping[str, list[int] | None]

    @property
    def is_certain(self) -> bool:
        """Whether nothing was edited while it was being read."""
        return not any(_is_newer(stamp, self.since) for stamp in self.stamps.values())


def now() -> int:
    """The time to give to `look`, taken before anything is read."""
    return time.time_ns()


def look(read: Iterable[Read], since: int) -> Seen:
    """The stats of everything under the paths of `read`, which were read after `since`."""
    return Seen(since, {place: _stamp(place) for path in read for place in _walk(path)})


def project_root(recipe: Path | None = None) -> Path:
    """The nearest folder upward of a recipe, without one of the working directory, that looks like a project.

    Where none does, it is the recipe's own folder, or the one around it where that is called `recipes`.
    """
    here = recipe.resolve().parent if recipe else Path.cwd().resolve()
    for folder in (here, *here.parents):
        if any((folder / mark).exists() for mark in ("outputs", "pyproject.toml", ".git")):
            return folder
    return here.parent if recipe and here.name == "recipes" else here


def default_store(recipe: Path | None = None) -> Path:
    """`$P2M_STORE`, else `outputs/.store` of the project."""
    chosen = os.environ.get("P2M_STORE")
    return Path(chosen).expanduser() if chosen else project_root(recipe) / "outputs" / ".store"


def lookup(arguments: Sequence[str]) -> Answer | None:
    """The last build's answer where nothing that it depended on has changed, else None."""
    try:
        record = json.loads(_record_path(arguments).read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["environment"] != _environment():
            return None
        if any(_stamp(path) != stamp for path, stamp in record["stamps"].items()):
            return None
        return Answer(record["text"], record["exit_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(
    arguments: Sequence[str], answer: Answer, made: Iterable[Path], seen: Seen | None = None
) -> None:
    """Keep `answer` until something of what was `seen`, or under the paths of `made`, changes.

    `made` is what the command wrote itself. Failing to remember is harmless.
    """
    seen = seen or Seen(sys.maxsize, {})
    stamps = dict(seen.stamps)
    for path in made:
        stamps |= {place: _stamp(place) for place in _walk(path)}
    certain = seen.is_certain
    for place in (place for path in _installation() for place in _walk(path)):
        stamps[place] = _stamp(place)
        # Folders of code change by what Python keeps in them.
        certain &= os.path.isdir(place) or not _is_newer(stamps[place], seen.since)
    if not certain:
        return
    record = {
        "format": FORMAT,
        "environment": _environment(),
        "stamps": stamps,
        "text": answer.text,
        "exit_code": answer.exit_code,
    }
    from p2m.engine.files import disk  # a build with nothing to do does without

    with contextlib.suppress(OSError):
        target = _record_path(arguments)
        target.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(target, json.dumps(record).encode(), durable=False)


def _is_newer(stamp: list[int] | None, since: int) -> bool:
    return stamp is not None and stamp[3] >= since - _TICK


def _record_path(arguments: Sequence[str]) -> Path:
    identity = json.dumps([os.getcwd(), *arguments]).encode()
    recipe = next((Path(text) for text in arguments[1:] if os.path.isfile(text)), None)
    return default_store(recipe) / "noop" / f"{hashlib.sha256(identity).hexdigest()}.json"


def _environment() -> dict[str, str | None]:
    return {"python": sys.version, **{name: os.environ.get(name) for name in ENVIRONMENT}}


def _installation() -> tuple[Path, ...]:
    """This package's own tree, and the folders of distributions, whose stats change with every install."""
    return (Path(__file__).parent, *(Path(place) for place in sys.path if place.endswith("site-packages")))


def _walk(path: Read) -> Iterable[str]:
    """The path itself and, of a folder other than `site-packages`, everything below it."""
    if isinstance(path, Entries):
        yield os.fspath(path.folder)
        return
    text = os.fspath(path)
    yield text
    if os.path.isdir(text) and not text.endswith("site-packages"):
        for folder, folders, files in os.walk(text):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            yield from (os.path.join(folder, name) for name in (*folders, *files))


def _stamp(path: str) -> list[int] | None:
    """Inode, size, mtime and ctime, which no change of content leaves alone; None for what is not there."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
