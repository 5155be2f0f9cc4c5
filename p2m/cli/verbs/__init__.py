"""One file a verb; the folder is the registry.

A verb's module has GROUP (a heading of `p2m --help`), SUMMARY (its line there), EXAMPLES, `arguments(parser)`
and `run(arguments, argv)`, which returns the exit code. What a module imports at its top is loaded for
`p2m --help` too, so whatever is heavier than argparse is imported inside `run`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

GROUPS = {
    "recipe": "write a recipe",
    "build": "plan, build, explain",
    "result": "look at results",
    "store": "keep the store",
}


def names() -> list[str]:
    """Every verb, as typed."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def verb(name: str) -> ModuleType:
    """The module of one of `names`."""
    return import_module(f"{__name__}.{name}")
