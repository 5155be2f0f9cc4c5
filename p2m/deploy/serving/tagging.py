"""Tags: where spans begin and end, told token by token; logits of tags to any number of spans of characters.

A token is outside (tag 0), or begins, continues or ends a span of a type, or is one by itself (BIOES: Ratinov
and Roth, 2009). Of all sequences in which every span that is begun is ended, the likeliest is taken.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from .rows import Answer
from .settings import Settings
from .shapes import Found, Layout, write_spans

BEGIN, INSIDE, END, SINGLE = range(4)  # of each type: tag 1 + 4 x type + one of these
WITHIN = 2.0  # nats that a span must be likelier by, to begin or end between two letters or two digits
# Scripts that write no blanks between words: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF),
             (0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x20000, 0x3134F))  # fmt: skip


def tags(types: int) -> int:
    """How many tags there are for so many types of spans; without types there is one."""
    return 1 + 4 * max(1, types)


def told(
    context: str, starts: Any, ends: Any, logits: Any, settings: Settings, moves: Any = None
) -> tuple[tuple[Found, ...], float]:
    """The spans of a text in their order, and the least probability that a token has its tag.

    `starts` and `ends` (tokens,) are characters of the context, `logits` (tokens, tags); `moves`, if any, as
    `likeliest` takes them. Where spans are written without their places, what is the same again is left out.
    """
    import numpy as np

    if not len(starts):
        return (), 1.0
    types, spans, opened = settings.labels or ("",), [], 0
    shares = shares_of(logits)
    scores = shares - _costs(context, starts, ends, shares.shape[1])
    path = best_path(scores) if moves is None else likeliest(scores, moves)
    for place, tag in enumerate(path):
        if not tag:
            continue
        kind, part = divmod(tag - 1, 4)
        opened = place if part in (BEGIN, SINGLE) else opened
        if part in (END, SINGLE):
            limit = int(starts[place + 1]) if place + 1 < len(starts) else len(context)
            start, end = int(starts[opened]), with_marks(context, int(ends[place]), limit)
            spans.append(Found(context[start:end], types[kind], "", start, end))
    if settings.layout and settings.layout.style == "text":
        spans = list({(each.type, each.text): each for each in reversed(spans)}.values())[::-1]
    return tuple(spans), float(np.exp(shares[np.arange(len(path)), path].min()))


def written(found: Sequence[tuple[tuple[Found, ...], float]], settings: Settings) -> list[Answer]:
    """The spans of rows as answers, as the layout says."""
    layout, none = settings.layout or Layout(), settings.none
    return [Answer(write_spans(spans, layout, none), score) for spans, score in found]


def shares_of(logits: Any) -> Any:
    """Their log-probabilities, (tokens, tags)."""
    import numpy as np

    shares = logits - logits.max(axis=1, keepdims=True)
    return shares - np.log(np.exp(shares).sum(axis=1, keepdims=True))


def best_path(scores: Any) -> list[int]:
    """The tags of the likeliest sequence without a span that is not begun or not ended.

    `scores` are (tokens, tags). Where each token's best tag makes such a sequence, it is that.
    """
    greedy = scores.argmax(axis=1).tolist()
    if _is_whole(greedy):
        return [int(tag) for tag in greedy]
    # Between spans, or within one of a type that was begun: the best sum so far, and how it came about.
    rows = scores.tolist()
    kinds = range((len(rows[0]) - 1) // 4)
    closed, opened = 0.0, [float("-inf")] * len(kinds)
    backward: list[tuple[int, list[bool]]] = []
    for row in rows:
        best, tag, goes_on, following = closed + row[0], 0, [], []
        for kind in kinds:
            first = 1 + 4 * kind
            for each, value in ((first + SINGLE, closed), (first + END, opened[kind])):
                if value + row[each] > best:
                    best, tag = value + row[each], each
            begun, kept = closed + row[first + BEGIN], opened[kind] + row[first + INSIDE]
            goes_on.append(kept > begun)
            following.append(max(kept, begun))
        backward.append((tag, goes_on))
        closed, opened = best, following
    return _traced(backward)


def likeliest(scores: Any, moves: Any) -> list[int]:
    """The tags of the best sequence: the sum of its `scores` (tokens, tags) and of its `moves` from each tag
    to the next one, (tags + 1, tags + 1), whose last row is from the beginning, and last column to the end
    (Viterbi, 1967).
    """
    best, back = scores[0] + moves[-1, :-1], []
    for row in scores[1:]:
        sums = best[:, None] + moves[:-1, :-1]
        back.append(sums.argmax(axis=0))
        best = sums.max(axis=0) + row
    path = [int((best + moves[:-1, -1]).argmax())]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    return path[::-1]


def follows(tags: int) -> Any:
    """Which moves, as `likeliest` has them, make whole spans; true where they do."""
    import numpy as np

    found = np.zeros((tags + 1, tags + 1), dtype=bool)
    kind, part = np.divmod(np.arange(tags) - 1, 4)
    is_open = (part == BEGIN) | (part == INSIDE)
    is_open[0] = False
    begins = (part == BEGIN) | (part == SINGLE)
    begins[0] = True
    found[:-1, :-1] = np.where(is_open[:, None], (kind[:, None] == kind) & ~begins, begins)
    found[-1, :-1], found[:-1, -1], found[-1, -1] = begins, ~is_open, True
    return found


def _traced(backward: Sequence[tuple[int, Sequence[bool]]]) -> list[int]:
    path: list[int] = []
    within: int | None = None  # the type of the span that the next token belongs to
    for tag, goes_on in reversed(backward):
        if within is None:
            path.append(tag)
            within = (tag - 1) // 4 if tag and (tag - 1) % 4 == END else None
        else:
            path.append(1 + 4 * within + (INSIDE if goes_on[within] else BEGIN))
            within = within if goes_on[within] else None
    return path[::-1]


def _is_whole(path: Sequence[int]) -> bool:
    within = -1
    for tag in path:
        kind, part = divmod(tag - 1, 4) if tag else (-1, SINGLE)
        if within != (kind if part in (INSIDE, END) else -1):
            return False
        within = kind if part in (BEGIN, INSIDE) else -1
    return within == -1


def with_marks(text: str, end: int, limit: int) -> int:
    """The end of a token with the accents and vowel signs after it that its tokenizer left out."""
    while end < limit and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end


def without_marks(text: str, end: int) -> int:
    """Where the last letter ends whose accents and vowel signs end there."""
    while end and unicodedata.category(text[end - 1]).startswith("M"):
        end -= 1
    return end


def _costs(context: str, starts: Any, ends: Any, width: int) -> Any:
    """What is taken off the score of tags that begin or end a span within a word, (tokens, tags)."""
    import numpy as np

    costs = np.zeros((len(starts), width))
    before = np.array([WITHIN * is_within(context, place) for place in starts])[:, None]
    after = np.array([WITHIN * is_within(context, place) for place in ends])[:, None]
    costs[:, 1 + BEGIN :: 4] += before
    costs[:, 1 + END :: 4] += after
    costs[:, 1 + SINGLE :: 4] += before + after
    return costs


def is_within(text: str, place: int) -> bool:
    """Whether a word or a number goes on over a place, in a script that writes blanks between words."""
    left, right = text[max(0, place - 1) : place], text[place : place + 1]
    if left.isdigit() and right.isdigit():
        return True
    letters = left.isalpha() and right.isalpha()
    return letters and not (is_unspaced(left) or is_unspaced(right))


def is_unspaced(letter: str) -> bool:
    return any(low <= ord(letter) <= high for low, high in _UNSPACED)
