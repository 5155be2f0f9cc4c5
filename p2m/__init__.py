"""p2m compiles a recipe (a prompt, constraints, metric preferences) into a small model to deploy.

    recipe = p2m.load("recipes/qa.yaml")
    built = recipe.build()
    p2m.open_bundle(built.folder).predict([...])

See `p2m.api`; nothing is loaded before it is asked for.
"""

from importlib import import_module
from typing import Any

__all__ = ["__version__", "load", "open_bundle"]
_HOMES = {"__version__": "p2m.version", "load": "p2m.api", "open_bundle": "p2m.api"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
