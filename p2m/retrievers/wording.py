"""What a prompt comes to: words with weights, how rare each is, and an embedding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from p2m.retrievers.tokens import TASK_WORDS, name_tokens, stem_tokens
from p2m.types import Task

_FAINT = 0.3  # weight of the sort of task in the query: it decides only where the prompt's own words do not


def query_words(task: Task, imagined: Sequence[str] = ()) -> dict[str, float]:
    """The task's words and their weights, in the prompt's order; then those of what was imagined.

    Imagined descriptions count as one text beside the prompt's: a word by how often they have it on average.
    """
    labels = [token for label in task.labels[:20] for token in name_tokens(label)]
    fields = [token for field in (*task.inputs, task.output) for token in name_tokens(field.name)]
    counts = dict[str, float](Counter([*stem_tokens(task.instruction), *fields, *dict.fromkeys(labels)]))
    for token in (token for text in imagined for token in stem_tokens(text)):
        counts[token] = counts.get(token, 0.0) + 1 / len(imagined)
    weights = {token: 1 + math.log(count) if count > 1 else count for token, count in counts.items()}
    return weights | {token: _FAINT for token in TASK_WORDS.get(task.type, ()) if token not in weights}


def query_vector(task: Task, imagined: Sequence[str], encode: Callable[[Sequence[str]], Any]) -> Any:
    """The mean embedding of the prompt and of what was imagined (Gao et al., 2022), of unit length."""
    import numpy as np

    mean = np.asarray(encode([task.instruction, *imagined])).mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)


def rarity(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    """The idf of each word: Lucene's, which stays positive."""
    holding = Counter(token for document in documents for token in set(document))
    return {token: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for token, n in holding.items()}
