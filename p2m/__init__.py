"""p2m compiles a recipe (a prompt, constraints, metric preferences) into a small model to deploy.

    recipe = p2m.load("recipes/qa.yaml")
    built = recipe.build()
    p2m.open_bundle(built.folder).predict([...])

See `p2m.api`.
"""

from importlib import import_module
from typing import Any

from p2m.version import __version__

__all__ = ["__version__", "load", "open_bundle"]


def __getattr__(name: str) -> Any:
    """The API is loaded with the first of its names."""
    if name in ("load", "open_bundle"):
        return getattr(import_module("p2m.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
