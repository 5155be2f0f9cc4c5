"""The code that a stage or a component reaches by import, as digests by module.

An edited helper must rebuild what uses it, and a reworded comment nothing: modules are parsed, docstrings and
comments fall away, imports are followed (those inside functions too) within the package of the function and
to what lies beside it without being installed, and text files beside a module that was reached count as code.
The engine is left out, since it has a format version; of the shared `types` only the definitions that are
imported count, and `errors` not at all, whose wording cannot reach an artifact. A digest depends on the files
alone, not on what has been imported yet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from p2m.engine.code.syntax import Source, read_source
from p2m.engine.hashing import digest_file

# Files that count as code where they lie beside it.
DATA_SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".npz", ".css", ".js")
_PACKAGE = __name__.rsplit(".", 3)[0]
EXCLUDED = (f"{_PACKAGE}.engine", f"{_PACKAGE}.errors")
SLICED = (f"{_PACKAGE}.types",)
CARRIERS = ("ray", "deepspeed")  # packages that carry out what learns the same without them
_WHOLE = "*"
_INSTALLED = ("site-packages", "dist-packages")
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """What was reached: digests of first-party code, and third-party packages by import name."""

    module: str  # where it begins
    modules: Mapping[str, str]  # module, or package/file of a text file -> digest
    packages: tuple[str, ...]  # top-level import names outside the standard library
    files: Mapping[str, tuple[str, int, int, int, int]]  # path -> module and stamp, of this machine
    loaded: frozenset[str]  # modules that were loaded when their files were read


def code_of(function: Callable[..., Any]) -> Code:
    """The closure of the module in which `function` was written."""
    return _closure(function.__module__)


def component_code(component: object) -> Code:
    """The closure of the module in which the component's class was written."""
    return _closure(type(component).__module__)


def stale_modules(code: Code) -> tuple[str, ...]:
    """Modules that this process loaded before they were edited: it would run the old code under a new key."""
    note_loaded(code)
    return tuple(
        name
        for name, value in code.modules.items()
        if name not in SLICED and (known := _loaded_source(name)) is not None and known.digest != value
    )


def note_loaded(code: Code) -> None:
    """Remember of every module that was loaded since this was last asked what it was made of: what its file
    held when `code` was read. Where that was edited meanwhile, it is not known.
    """
    for path, (name, *stamp) in code.files.items():
        if name in sys.modules and _loaded_source(name) is None:
            same = name in code.loaded or list(stamp_of(path)) == stamp
            source = _memo.get((path, *code.files[path][1:]), _UNKNOWN)
            _loaded[name] = (_load_of(name), source if same else _UNKNOWN)


def loaded_code(module: str) -> Code:
    """The closure of a module as this process would run it: of what is loaded, what it was made of."""
    return _read_closure(module, _as_loaded)


def _as_loaded(name: str, path: Path) -> Source:
    try:
        return _loaded_source(name) or _read(path)
    except SyntaxError:  # it was edited since somebody could read it
        return _UNKNOWN


def _loaded_source(name: str) -> Source | None:
    """What a loaded module was made of; None where it is not loaded, or nobody has looked yet."""
    known = _loaded.get(name)
    return known[1] if known is not None and known[0] is _load_of(name) else None


def _load_of(name: str) -> object:
    """What is another one after every load of a module, reloads included."""
    module = sys.modules.get(name)
    return getattr(module, "__spec__", None) or module


# --------------------------------------------------------------------------- walking the imports

_memo: dict[tuple[str, int, int, int, int], Source] = {}
_loaded: dict[str, tuple[object, Source]] = {}  # loaded module -> which load of it, and what that was made of
_UNKNOWN = Source("", (), b"")


@dataclass(frozen=True, slots=True)
class _Module:
    """A module as it lies there, and what it reaches at once."""

    file: str
    stamp: Stamp
    digest: str
    package: str  # whose text files count as code; "" of a lone module, which may lie anywhere
    first_party: frozenset[str]
    foreign: frozenset[str]
    sliced: Mapping[str, frozenset[str]]  # module -> what is imported of it


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found out before, about the files of one moment."""

    located: dict[str, Path | None] = field(default_factory=dict)
    modules: dict[str, _Module] = field(default_factory=dict)
    texts: dict[str, list[tuple[str, str, Stamp, str]]] = field(default_factory=dict)  # by package


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where first-party modules lie: the folders of top-level packages, and one lone module's file."""

    folders: Mapping[str, Path]
    lone: Mapping[str, Path]
    beside: Path | None  # where the function's own package or module lies, unless it is installed there
    seen: _Seen

    def owns(self, module: str) -> bool:
        top = module.split(".", 1)[0]
        if top in self.folders or module in self.lone:
            return True
        return self.beside is not None and _module_in(self.beside, (top,)) is not None

    def locate(self, module: str) -> Path | None:
        """The file of a first-party module, None where there is none of that name."""
        if module not in self.seen.located:
            self.seen.located[module] = self._locate(module)
        return self.seen.located[module]

    def _locate(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] in self.folders:
            return _module_in(self.folders[parts[0]], parts[1:])
        if module in self.lone or self.beside is None:
            return self.lone.get(module)
        return _module_in(self.beside, parts)


def _module_in(folder: Path, parts: Sequence[str]) -> Path | None:
    """The file of a module whose name goes on by `parts` from that folder."""
    base = "/".join([os.fspath(folder), *parts])
    for candidate in (f"{base}/__init__.py", f"{base}.py" if parts else ""):
        if os.path.isfile(candidate):
            return Path(candidate)
    return None


def _roots(module: str, *, afresh: bool) -> _Roots:
    """The function's own package, this one, whose helpers it may use, and what lies beside its own.

    A lone module's helpers lie beside it; what was installed beside a package is told by its version instead.
    """
    top = module.split(".", 1)[0]
    folders: dict[str, Path] = {}
    lone: dict[str, Path] = {}
    for name in (top, _PACKAGE):
        paths, file = place_of(name)
        if paths:
            folders[name] = Path(paths[0])
        elif file is not None:
            lone[name] = Path(file)
    own = folders.get(top) or lone.get(top)
    installed = own is None or top == _PACKAGE or own.parent.name in _INSTALLED or _is_stdlib(own.parent)
    beside = None if installed or own is None else own.parent
    places = (*folders.items(), *lone.items(), beside)
    is_alone = afresh or _snapshot is None
    return _Roots(folders, lone, beside, _Seen() if is_alone else _seen.setdefault(places, _Seen()))


def place_of(top: str) -> tuple[list[str], str | None]:
    """The folders of a top-level package, or the file of a lone module, loaded or not."""
    loaded = sys.modules.get(top)
    if loaded is not None:
        return list(getattr(loaded, "__path__", None) or ()), getattr(loaded, "__file__", None)
    spec = find_spec(top)
    if spec is None:
        return [], None
    return list(spec.submodule_search_locations or ()), spec.origin


def _is_stdlib(folder: Path) -> bool:
    return folder == Path(os.__file__).parent


_snapshot: dict[str, Code] | None = None
_seen: dict[tuple[Any, ...], _Seen] = {}  # in a snapshot, by roots


@contextmanager
def snapshot() -> Iterator[None]:
    """Within the block each module's closure is read once, so that all steps see the files of one moment."""
    global _snapshot
    _snapshot = {}
    try:
        yield
    finally:
        _snapshot = None
        _seen.clear()


def _closure(module: str) -> Code:
    if _snapshot is None:
        return _read_closure(module)
    if module not in _snapshot:
        _snapshot[module] = _read_closure(module)
    return _snapshot[module]


def _read_closure(module: str, read: Callable[[str, Path], Source] | None = None) -> Code:
    """`read` gives the source of a module that lies there; else its file does."""
    root = _roots(module, afresh=read is not None)
    read = read or (lambda name, path: _read(path))
    if root.locate(module) is None:
        raise TypeError(f"the source file of {module} was not found, so its code cannot enter a key")
    modules: dict[str, str] = {}
    packages: set[str] = set()
    files: dict[str, tuple[str, int, int, int, int]] = {}
    sliced: dict[str, set[str]] = {}
    waiting = list(dict.fromkeys([module, *_reached(root, module, (), sliced)]))
    known, told = set(waiting), set()
    while waiting:
        name = waiting.pop()
        found = _looked_at(root, name, read)
        files[found.file] = (name, *found.stamp)
        modules[name] = found.digest
        packages |= found.foreign
        for target, names in found.sliced.items():
            sliced.setdefault(target, set()).update(names)
        if found.package and found.package not in told:
            told.add(found.package)
            for text, file, stamp, digest in _texts_beside(root, found.package, found.file):
                files[file], modules[text] = (text, *stamp), digest
        waiting += found.first_party - known
        known |= found.first_party
    for name, wanted in sliced.items():
        path = root.locate(name)
        assert path is not None, name
        files[os.fspath(path)] = (name, *stamp_of(os.fspath(path)))
        modules[name] = read(name, path).slice_digest(wanted, whole=_WHOLE in wanted)
    loaded = frozenset(name for name in modules if name in sys.modules)
    return Code(module, dict(sorted(modules.items())), tuple(sorted(packages)), files, loaded)


def _looked_at(root: _Roots, name: str, read: Callable[[str, Path], Source]) -> _Module:
    if name not in root.seen.modules:
        path = root.locate(name)
        assert path is not None, name
        # Stamped before it is read: an edit in between makes the stamp too old, which is noticed later.
        stamp = stamp_of(os.fspath(path))
        source = read(name, path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        first_party, foreign, sliced = _resolve(root, package, source)
        root.seen.modules[name] = _Module(
            os.fspath(path), stamp, source.digest, package, first_party, foreign, sliced
        )
    return root.seen.modules[name]


def _resolve(
    root: _Roots, package: str, source: Source
) -> tuple[frozenset[str], frozenset[str], Mapping[str, frozenset[str]]]:
    """Of a module of `package`: first-party modules that it imports, other packages, and parts of modules."""
    first_party: set[str] = set()
    foreign: set[str] = set()
    sliced: dict[str, set[str]] = {}
    for wanted in source.imports:
        target = wanted.absolute(package)
        if not root.owns(target):
            foreign.add(target.split(".", 1)[0])
        elif target in SLICED:
            sliced.setdefault(target, set()).update(wanted.names or (_WHOLE,))
        else:
            first_party |= _reached(root, target, wanted.names, sliced)
    others = foreign.difference(sys.stdlib_module_names, CARRIERS)
    parts = {name: frozenset(names) for name, names in sliced.items()}
    return frozenset(first_party), frozenset(others), parts


def _reached(root: _Roots, target: str, names: Iterable[str], sliced: dict[str, set[str]]) -> set[str]:
    """The modules that `from target import names` runs: target's parents, itself, and submodules named."""
    parts = target.split(".")
    names = tuple(names)
    wanted = [".".join(parts[:length]) for length in range(2, len(parts) + 1)]
    submodules = [f"{target}.{name}" for name in names]
    found = [name for name in submodules if root.locate(name) is not None]
    # The top package runs too, but only what is asked of it by name can matter to a stage.
    if len(parts) == 1 and (not names or len(found) < len(names)):
        wanted.append(target)
    for name in found:
        if name in SLICED:
            sliced.setdefault(name, set()).add(_WHOLE)
    kept = [name for name in (*wanted, *found) if name not in SLICED and not _excluded(name)]
    return {name for name in kept if root.locate(name) is not None}


@cache
def _excluded(module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in EXCLUDED)


def _texts_beside(root: _Roots, package: str, file: str) -> list[tuple[str, str, Stamp, str]]:
    """Of each text file of a package, in which `file` lies: its name, its place, its stamp, its digest."""
    if package not in root.seen.texts:
        found = []
        for name, path in _data_files(Path(file).parent, package.replace(".", "/")):
            stamp = stamp_of(os.fspath(path))
            digest = _read(path).digest if path.suffix == ".py" else digest_file(path)
            found.append((name, os.fspath(path), stamp, digest))
        root.seen.texts[package] = found
    return root.seen.texts[package]


def _data_files(folder: Path, label: str, *, inside: bool = False) -> Iterator[tuple[str, Path]]:
    """Files that code beside them may read, in folders below that are no packages too.

    A Python file of such a folder counts as well: it is not imported but handed to somebody by its path.
    """
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    if inside and any(entry.name == "__init__.py" for entry in entries):
        return
    for entry in entries:
        name = f"{label}/{entry.name}"
        if entry.name.endswith((*DATA_SUFFIXES, ".py") if inside else DATA_SUFFIXES):
            yield name, Path(entry.path)
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from _data_files(Path(entry.path), name, inside=True)


def stamp_of(path: str) -> Stamp:
    """What changes with a file's content: inode, size, and both times in nanoseconds."""
    try:
        stat = os.stat(path)
    except OSError:
        return (0, 0, 0, 0)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _read(path: Path) -> Source:
    key = (os.fspath(path), *stamp_of(os.fspath(path)))
    if key not in _memo:
        _memo[key] = read_source(path.read_bytes(), os.fspath(path))
    return _memo[key]
