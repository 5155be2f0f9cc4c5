"""Sets of labels, and how one differs from another."""

from __future__ import annotations


def differing(known: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """How the labels of a teacher differ from the task's; "" where they do not, in whichever order."""
    more = [each for each in known if each not in labels]
    fewer = [each for each in labels if each not in known]
    parts = [f"knows {_named(more)}, which the task has not"] if more else []
    parts += [f"does not know {_named(fewer)}"] if fewer else []
    return " and ".join(parts)


def _named(labels: list[str], most: int = 5) -> str:
    shown = ", ".join(map(repr, labels[:most]))
    return f"{shown} and {len(labels) - most} more" if len(labels) > most else shown
