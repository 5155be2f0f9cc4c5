"""Load the code of a step, and make sure that it is the code its key was made of.

Every first-party module that a step can reach is imported before it runs, even those that it would import in
the middle, and what this process then runs is compared, by content, with what the key was made of. So the
code may lie in another place than where the key was made, and on another machine. Whatever is edited later
cannot reach the step any more. Text files, and modules that cannot be imported at once, are looked at once
more after the run (`edited_since`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import cache_from_source

from p2m.engine.code import closure
from p2m.engine.code.closure import Code

# Where a closure begins, and its digests by module: what one part of a step's code has to be.
Wanted = tuple[str, Mapping[str, str]]


def load(modules: Iterable[str]) -> tuple[Code, ...]:
    """Import the whole closure of each module; returns what this process runs of it.

    Raises:
        TypeError: there is no such module here.
    """
    found = tuple(closure.loaded_code(module) for module in modules)
    fresh = {
        name: path
        for code in found
        for path, (name, *_) in code.files.items()
        if "/" not in name and name not in sys.modules
    }
    for path in fresh.values():
        _drop_racy_bytecode(path)
    for name in fresh:
        # What cannot be imported now may never be needed; its file is looked at after the run.
        with suppress(Exception):
            import_module(name)
    for code in found:
        closure.note_loaded(code)
    return tuple(closure.loaded_code(code.module) for code in found) if fresh else found


def differing(wanted: Iterable[Wanted], found: Iterable[Code]) -> tuple[str, ...]:
    """The modules and text files of which this process has something else than the key was made of."""
    return tuple(
        sorted(
            {
                name
                for (_, modules), code in zip(wanted, found, strict=True)
                for name, digest in modules.items()
                if code.modules.get(name) != digest
            }
        )
    )


def edited_since(code: Iterable[Code]) -> tuple[str, ...]:
    """Text files, and modules that are not loaded, whose stamps are not those of when `code` was read."""
    return tuple(
        sorted(
            {
                name
                for part in code
                for path, (name, *stamp) in part.files.items()
                if ("/" in name or name not in sys.modules) and closure.stamp_of(path) != tuple(stamp)
            }
        )
    )


def _drop_racy_bytecode(path: str) -> None:
    """Delete the compiled form of a module that was edited in the second in which it was compiled.

    Python tells compiled files by whole seconds and size, and would run the old code under the new key.
    """
    with suppress(OSError, NotImplementedError):
        compiled = cache_from_source(path)
        if int(os.stat(compiled).st_mtime) <= int(os.stat(path).st_mtime):
            os.unlink(compiled)
