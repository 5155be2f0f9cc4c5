"""How many rows are longer than what a student reads of one: their end is lost on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.deploy.serving.predict import joined
from p2m.types import Example

_MARKS = 3  # tokens that stand around a text, or a pair; any other is of a byte at least


def longer(tokenizer: Any, rows: Sequence[Example], fields: Sequence[str], limit: int) -> int:
    """Rows of more than `limit` tokens; `tokenizer` is a `tokenizers.Tokenizer` of the caller's own."""
    tokenizer.no_truncation()
    texts = [text for row in rows if len((text := joined(row.input, fields)).encode()) > limit - _MARKS]
    return sum(len(each.ids) > limit for each in tokenizer.encode_batch(texts))
