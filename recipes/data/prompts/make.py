"""Everything that the reading of prompts learnt, made again: `make reader`.

1. fits the weights by which a prompt's lists are ranked (p2m/parsing/weights.txt) to the labels there;
2. writes the columns `instruction` and `signs` of train.jsonl, which recipes/prompts.yaml reads.

What is left, building that recipe and copying its model, is p2m's own work.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
_KEPT = 0.03  # weights below are noise
_PENALTY = 1.0  # of a squared weight
HEAD = """# Weights of the signs of a list, fitted by recipes/data/prompts/make.py.

[weights]
"""


def rows_of(name: str) -> list[dict[str, Any]]:
    with (HERE / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fit_lists(rows: list[dict[str, Any]]) -> None:
    """A conditional logit (McFadden, 1974): which of a prompt's lists holds its labels, or none, by signs."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction import DictVectorizer

    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.items import fold_label
    from p2m.parsing.labels import candidates
    from p2m.parsing.text import normalise
    from p2m.parsing.weights import LIST_WEIGHTS

    features: list[dict[str, int]] = []
    prompt_of: list[int] = []  # of each list
    right: list[bool] = []
    for number, row in enumerate(rows):
        reading = take_apart(normalise(row["prompt"]))
        labels = {fold_label(label) for label in row["labels"] or ()}
        for values, signs in candidates(reading.instruction, [one.output for one in reading.rows]):
            features.append(dict.fromkeys(signs, 1))
            prompt_of.append(number)
            right.append(bool(labels) and {*map(fold_label, values)} == labels)
    vectorizer = DictVectorizer()
    matrix = csr_matrix(vectorizer.fit_transform(features))
    owner, good = np.array(prompt_of), np.array(right)
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


def write_signs(name: str) -> None:
    from p2m.parsing.task import signed

    lines = []
    for row in rows_of(name):
        instruction, signs = signed(row["prompt"])
        row |= {"instruction": instruction, "signs": " ".join(signs)}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    (HERE / name).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    fit_lists(rows_of("train.jsonl"))
    write_signs("train.jsonl")
