"""Blanks: the one place that says which differences between two prompts are none."""

from __future__ import annotations

import re

_HEAD, _TAIL = 5000, 2500  # letters
BLANKS = " \t\u00a0\u2007\u202f\u3000\ufeff\u200b"


def normalise(text: str) -> str:
    """Line ends as \\n, no blanks at line ends, no more than one empty line in a row, none at either end."""
    lines = re.split(r"\r\n|[\r\n\v\f\u0085\u2028\u2029]", text.replace("\ufeff", ""))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip(BLANKS) for line in lines)).strip("\n" + BLANKS)


def core(text: str) -> str:
    """The beginning and the end of a very long text, where what is asked for is said."""
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def squeeze(text: str) -> str:
    """A text as one line of single blanks, for messages and comparisons."""
    return " ".join(text.split())


def unquote(text: str) -> str:
    """Without the pair of quotation marks or backticks that surrounds the whole of it."""
    text = text.strip()
    for opening, closing in ('""', "''", "``", "“”", "„“", "«»", "‘’", "「」", "『』"):
        inner = text[1:-1]
        if len(text) >= 2 and text[0] == opening and text[-1] == closing and closing not in inner:
            return inner.strip() if inner.strip() else text
    return text


def sentences(text: str) -> list[str]:
    """Sentences and list items, roughly; good enough to find the one that speaks of the output."""
    text = re.sub(
        r"(?<![.!?:;。！？\n])\n(?!\n|\s*(?:[-*•]|\d+[.)]))", " ", text
    )  # a line that was only wrapped
    parts = re.split(r"(?<=[.!?])\s+(?=[A-ZÀ-ÝА-Я\"'“(\[])|(?<=[。！？])|\n+", text)
    return [part.strip(BLANKS + "\n-*•") for part in parts if part.strip(BLANKS + "\n-*•")]
