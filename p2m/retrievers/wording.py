"""What prompts and cards come to as words: a query with weights, and how rare each word is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from p2m.retrievers.tokens import TASK_WORDS, name_tokens, stem_tokens
from p2m.types import Task

_FAINT = 0.3  # weight of the sort of task in the query: it decides only where the prompt's own words do not


def query_words(task: Task) -> dict[str, float]:
    """The task's words and their weights, in the prompt's order."""
    labels = [token for label in task.labels[:20] for token in name_tokens(label)]
    fields = [token for field in (*task.inputs, task.output) for token in name_tokens(field.name)]
    counts = Counter([*stem_tokens(task.instruction), *fields, *dict.fromkeys(labels)])
    weights = {token: 1 + math.log(count) for token, count in counts.items()}
    return weights | {token: _FAINT for token in TASK_WORDS.get(task.type, ()) if token not in weights}


def rarity(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    """The idf of each word: Lucene's, which stays positive."""
    holding = Counter(token for document in documents for token in set(document))
    return {token: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for token, n in holding.items()}
