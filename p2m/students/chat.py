"""A checkpoint's chat template as text around an input, so that whoever serves the model needs no template.

Templates are programs; this one is run over marks where input and answer go, and cut at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_ASKED, _SAID = "the-input-goes-here", "the-answer-goes-here"


@dataclass(frozen=True, slots=True)
class Turns:
    """What stands around the words of a user, and the token that ends an answer."""

    before: str
    after: str
    end: int


def turns(tokenizer: Any) -> Turns:
    """By the tokenizer's chat template; where it has none that fits, an answer ends where texts do."""
    plain = Turns(_opening(tokenizer), "", int(tokenizer.eos_token_id))
    if not getattr(tokenizer, "chat_template", None):
        return plain
    said = [{"role": "user", "content": _ASKED}, {"role": "assistant", "content": _SAID}]
    try:
        text = str(tokenizer.apply_chat_template(said, tokenize=False))
    except Exception:  # a template raises what it likes
        return plain
    if text.count(_ASKED) != 1 or text.count(_SAID) != 1 or text.index(_ASKED) > text.index(_SAID):
        return plain
    before, _, rest = text.partition(_ASKED)
    after, _, closing = rest.partition(_SAID)
    ids = tokenizer(closing, add_special_tokens=False)["input_ids"]
    marks = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    end = ids[0] if ids and ids[0] in marks else plain.end
    return Turns(before, after, int(end))


def _opening(tokenizer: Any) -> str:
    """The mark that the tokenizer puts before every text, where it does."""
    first = tokenizer("a")["input_ids"][0]
    return str(tokenizer.bos_token) if tokenizer.bos_token and first == tokenizer.bos_token_id else ""
