"""Lengths of rows: which go together in a batch, and how many are longer than what a student reads of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from p2m.deploy.serving.rows import joined
from p2m.types import Example

_AT_ONCE = 10_000  # texts
_MARKS = 8  # tokens that stand around a text, or a pair, at most; any other is of a byte at least


def by_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def longer(tokenizer: Any, rows: Sequence[Example], fields: Sequence[str], limit: int) -> int:
    """Rows of more than `limit` tokens; `tokenizer` is a `tokenizers.Tokenizer` of the caller's own."""
    tokenizer.no_truncation()
    texts = (text for row in rows if len((text := joined(row.input, fields)).encode()) > limit - _MARKS)
    found = 0
    while some := list(islice(texts, _AT_ONCE)):
        found += sum(len(each.ids) > limit for each in tokenizer.encode_batch(some))
    return found
