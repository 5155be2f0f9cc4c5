"""What to do where the memory lacks: the same work on fewer rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from p2m.errors import StageError

T = TypeVar("T")
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "could not create a memory object")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator had nothing left, on a processor or a device."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)
    )


def free() -> None:
    """Give back what a failed pass left behind."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def halving(work: Callable[[int], T], size: int, say: Callable[[str], None]) -> T:
    """`work(size)`, on half as many rows at once as often as the memory lacks.

    Raises:
        StageError: it lacks for a single row.
    """
    while True:
        try:
            return work(size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        if size == 1:
            raise StageError(
                "a single row does not fit into the memory; free some, or take a smaller student"
            )
        size //= 2
        free()
        say(f"out of memory: going on with {size} rows at once")
