"""One file a place where a bundle can run; the folder is the registry.

A target's module has ABOUT (its line in `p2m deploy --help`) and `lay_out(bundle, folder, options)`, which
writes what the place needs into an empty folder and returns what to type next, a line each. Where it cannot
run every bundle, `refuse(bundle)` raises UserError before there is such a folder.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def names() -> list[str]:
    """Every target, as typed: `aws_lambda` is `lambda`, a word that no module may have."""
    return sorted(found.name.removeprefix("aws_") for found in pkgutil.iter_modules(__path__))


def target(name: str) -> ModuleType:
    """The module of one of `names`."""
    return import_module(f"{__name__}.{'aws_lambda' if name == 'lambda' else name}")
