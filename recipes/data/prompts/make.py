"""Everything that the reading of prompts learnt, made again: `make reader`.

1. counts the labels that prompts share (p2m/parsing/known_labels.txt);
2. fits the weights by which a prompt's lists are ranked (p2m/parsing/weights.txt) to the labels there;
3. writes the columns `instruction` and `signs` of train.jsonl, which recipes/prompts.yaml reads.

What is left, building that recipe and copying its model, is p2m's own work.
"""

from __future__ import annotations

import json
from collections import Counter
from multiprocessing import Pool
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
_KEPT = 0.03  # weights below are noise
_SHARED = 4  # prompts that have a label, from which it is known
_COMMON = 6  # prompts, from which words around lists are signs
_PENALTY = 1.0  # of a squared weight
KNOWN = """# Labels of several prompts, folded, counted by recipes/data/prompts/make.py.

[labels]
"""
HEAD = """# Weights of the signs of a list, fitted by recipes/data/prompts/make.py.

[weights]
"""


def rows_of(name: str) -> list[dict[str, Any]]:
    with (HERE / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def count_labels(rows: list[dict[str, Any]]) -> None:
    """The labels that several prompts share, folded."""
    from p2m.parsing.items import fold_label
    from p2m.parsing.weights import KNOWN_LABELS

    counts = Counter(label for row in rows for label in {fold_label(each) for each in row["labels"] or ()})
    kept = sorted(label for label, count in counts.items() if count >= _SHARED and label and "|" not in label)
    text = KNOWN + "".join(f'"{label}"\n' for label in kept)
    (ROOT / "p2m/parsing/known_labels.txt").write_text(text, encoding="utf-8")
    KNOWN_LABELS.clear()  # what follows reads by the new ones
    KNOWN_LABELS.update(kept)


def lists_of(row: dict[str, Any]) -> list[tuple[tuple[str, ...], bool]]:
    """The signs of each list of a prompt, and whether it holds the labels."""
    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.items import fold_label
    from p2m.parsing.labels import candidates
    from p2m.parsing.text import normalise

    reading = take_apart(normalise(row["prompt"]))
    labels = {fold_label(label) for label in row["labels"] or ()}
    found = candidates(reading.instruction, [one.output for one in reading.rows])
    return [(signs, bool(labels) and {*map(fold_label, values)} == labels) for values, signs in found]


def fit_lists(rows: list[dict[str, Any]]) -> None:
    """A conditional logit (McFadden, 1974): which of a prompt's lists holds its labels, or none, by signs."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction import DictVectorizer

    from p2m.parsing.weights import LIST_WEIGHTS

    with Pool(2) as pool:
        found = pool.map(lists_of, rows, chunksize=50)
    prompts = Counter(sign for lists in found for sign in {sign for signs, _ in lists for sign in signs})
    common = {sign for sign, count in prompts.items() if sign[0] not in "<>^$" or count >= _COMMON}
    features = [dict.fromkeys(common.intersection(signs), 1) for lists in found for signs, _ in lists]
    owner = np.array([number for number, lists in enumerate(found) for _ in lists])
    good = np.array([right for lists in found for _, right in lists])
    vectorizer = DictVectorizer()
    matrix = csr_matrix(vectorizer.fit_transform(features))
    meant = np.bincount(owner[good], minlength=len(rows)) > 0

    def loss(weights: Any) -> tuple[float, Any]:
        scores = np.minimum(matrix @ weights, 30.0)
        powers = np.exp(scores)
        whole = 1 + np.bincount(owner, powers, minlength=len(rows))
        chosen = np.where(meant, np.bincount(owner[good], powers[good], minlength=len(rows)), 1.0)
        pull = powers / whole[owner] - np.where(good & meant[owner], powers / chosen[owner], 0.0)
        value = float(np.log(whole / chosen).sum() + _PENALTY * weights @ weights)
        return value, matrix.T @ pull + 2 * _PENALTY * weights

    found = minimize(loss, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    kept = {
        name: round(float(weight), 2) for name, weight in zip(vectorizer.feature_names_, found.x, strict=True)
    }
    kept = {name: weight for name, weight in sorted(kept.items()) if abs(weight) >= _KEPT}
    lines = [f"{name} | {weight:.2f}\n" for name, weight in kept.items()]
    (ROOT / "p2m/parsing/weights.txt").write_text(HEAD + "".join(lines), encoding="utf-8")
    LIST_WEIGHTS.clear()  # what follows reads by the new ones
    LIST_WEIGHTS.update(kept)


def with_signs(row: dict[str, Any]) -> str:
    from p2m.parsing.task import signed

    instruction, signs = signed(row["prompt"])
    return json.dumps(row | {"instruction": instruction, "signs": " ".join(signs)}, ensure_ascii=False)


def write_signs(name: str) -> None:
    with Pool(2) as pool:
        lines = pool.map(with_signs, rows_of(name), chunksize=50)
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    count_labels(rows_of("train.jsonl"))
    fit_lists(rows_of("train.jsonl"))
    write_signs("train.jsonl")
