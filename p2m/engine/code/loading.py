"""Load the code of a step, and make sure that it is the code its key was made of.

Every first-party module that a step can reach is imported before it runs, even those that it would import in
the middle, and the stamps of their files are compared with those of the moment when the keys were made.
Whatever is edited later cannot reach the step any more. Text files, and modules that cannot be imported at
once, are compared after the run instead (`edited_since`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import cache_from_source
from types import ModuleType

from p2m.engine.code.closure import Code, Stamp, stamp_of

# module's name -> the module, and the stamp of its file when this process loaded it
_loaded: dict[str, tuple[ModuleType, Stamp]] = {}


def load(code: Iterable[Code], trusted: frozenset[str]) -> tuple[str, ...]:
    """Import every module of the closure; returns those that are not what the key was made of.

    `trusted` are modules that were loaded when the code was read, by the very process that read it.
    """
    wanted = _modules(code)
    before = {name: stamp_of(path) for name, (path, _) in wanted.items() if name not in sys.modules}
    for name in before:
        _drop_racy_bytecode(wanted[name][0])
    for name in before:
        # What cannot be imported now may never be needed; its file is looked at after the run.
        with suppress(Exception):
            import_module(name)
    edited = []
    for name, (path, stamp) in wanted.items():
        if name in trusted or name not in sys.modules:
            continue
        module, now = sys.modules[name], stamp_of(path)
        known = _loaded.get(name)
        if (known is None or known[0] is not module) and before.get(name, now) == now:
            known = _loaded[name] = (module, now)
        if known != (module, stamp):
            edited.append(name)
    return tuple(sorted(edited))


def edited_since(code: Iterable[Code]) -> tuple[str, ...]:
    """Text files, and modules that are not loaded, whose stamps are not those of when the keys were made."""
    return tuple(
        sorted(
            {
                name
                for part in code
                for path, (name, *stamp) in part.files.items()
                if ("/" in name or name not in sys.modules) and stamp_of(path) != tuple(stamp)
            }
        )
    )


def _modules(code: Iterable[Code]) -> Mapping[str, tuple[str, Stamp]]:
    """Module -> its file and that file's stamp, without the text files."""
    return {
        name: (path, (first, second, third, fourth))
        for part in code
        for path, (name, first, second, third, fourth) in part.files.items()
        if "/" not in name
    }


def _drop_racy_bytecode(path: str) -> None:
    """Delete the compiled form of a module that was edited in the second in which it was compiled.

    Python tells compiled files by whole seconds and size, and would run the old code under the new key.
    """
    with suppress(OSError, NotImplementedError):
        compiled = cache_from_source(path)
        if int(os.stat(compiled).st_mtime) <= int(os.stat(path).st_mtime):
            os.unlink(compiled)
