"""How answers are made comparable: the normalisation of SQuAD, and words for any script.

SQuAD (Rajpurkar et al., 2016, arXiv 1606.05250) compares lower-cased answers without punctuation, English
articles and surplus blanks. Two things are added, neither of which moves a figure on SQuAD itself: full-width
and CJK punctuation goes too, and an answer that would vanish keeps its articles ("(A)" is "a") or, where that
leaves nothing either ("+"), stands as it is, so that it does not equal every other answer that vanishes.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from p2m.types import Task, TaskType

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_CJK_PUNCTUATION = "、。〃「」『』【】《》〈〉〔〕・！（），：；？［］｛｝"
_PUNCTUATION = str.maketrans("", "", string.punctuation + _CJK_PUNCTUATION)

# Scripts that write no blanks between words: Han, kana, Thai, Lao, Myanmar, Khmer. One character, one token.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f]"
)


def no_text(name: str, task: Task) -> str | None:
    """Why a metric of free text does not judge the task's answers; None where it does."""
    use = {
        TaskType.CLASSIFICATION: "a label is right or wrong: use accuracy or macro_f1",
        TaskType.MULTI_LABEL: "a label is right or wrong: use micro_f1 or macro_f1",
        TaskType.REGRESSION: "a number is near or far: use spearman or mae",
        TaskType.RECORDS: "a record is right field by field: use field_accuracy",
    }.get(task.type)
    if task.layout is not None and task.layout.style == "json":
        use = "a list of spans is right span by span: use span_f1"
    return None if use is None else f"{name} judges free text, and {use}"


def corpus_counts(scorer: Any, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
    """A scorer of sacrebleu's own counts of each row, int (rows, counts), of which the corpus value is made.

    It offers these by a private method only; tests hold the results to its public ones.
    """
    import numpy as np

    counts = [
        scorer._extract_corpus_statistics([said], [[answer] for answer in answers])[0]
        for said, answers in zip(predictions, references, strict=True)
    ]
    return np.array(counts, dtype=np.int64)


def collapse(text: str) -> str:
    """`text` without blanks at its ends, and with single blanks inside."""
    return " ".join(text.split())


def normalise(text: str) -> str:
    """`text` as SQuAD compares it: lower case, no punctuation, no articles, single blanks."""
    lowered = text.lower()
    bare = lowered.translate(_PUNCTUATION)
    return collapse(_ARTICLES.sub(" ", bare)) or collapse(bare) or collapse(lowered)


def tokens(text: str) -> list[str]:
    """The blank-separated tokens of `text`; a character of a script without blanks is a token of its own."""
    return _UNSPACED.sub(r" \g<0> ", text).split()
