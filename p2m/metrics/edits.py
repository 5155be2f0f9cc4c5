"""How many insertions, deletions and substitutions lie between two sequences (Levenshtein, 1966)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The least number of edits, by columns of bits (Hyyrö, 2003): a whole number holds a column."""
    if len(one) < len(other):
        one, other = other, one
    if not other:
        return len(one)
    where: dict[Hashable, int] = {}
    for place, each in enumerate(one):
        where[each] = where.get(each, 0) | 1 << place
    mask, last = (1 << len(one)) - 1, 1 << len(one) - 1
    up, down, found = mask, 0, len(one)  # steps of +1 and of -1 down the column; its last number
    for each in other:
        same = where.get(each, 0)
        level = (((same & up) + up) ^ up) | same | down
        right_up, right_down = down | ~(level | up) & mask, up & level
        found += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | 1) & mask
        up = (right_down << 1 | ~(level | right_up)) & mask
        down = right_up & level
    return found
