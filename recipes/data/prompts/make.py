"""Everything that the reading of prompts learnt, made again: `make reader`.

1. fits the weights by which a prompt's lists are ranked (p2m/parsing/weights.py) to the labels there;
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
HEAD = '''"""Weights of the signs of a list, fitted by recipes/data/prompts/make.py. Data only."""

# fmt: off
LIST_WEIGHTS: dict[str, float] = {
'''


def rows_of(name: str) -> list[dict[str, Any]]:
    with (HERE / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fit_lists(rows: list[dict[str, Any]]) -> None:
    """Logistic regression: whether a list of a prompt is that of its labels, by its signs."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.labels import candidates
    from p2m.parsing.text import normalise, squeeze

    def fold(text: str) -> str:
        return squeeze(text).casefold().strip(" .\"'")

    features: list[dict[str, int]] = []
    right: list[bool] = []
    for row in rows:
        if row["type"] not in ("text-classification", "multi-label-classification"):
            continue
        reading = take_apart(normalise(row["prompt"]))
        labels = {fold(label) for label in row["labels"] or ()}
        found = {}
        for values, signs in candidates(reading.instruction, [one.output for one in reading.rows]):
            found[frozenset(map(fold, values)), signs] = bool(labels) and {*map(fold, values)} == labels
        for (_, signs), good in found.items():
            features.append(dict.fromkeys(signs, 1))
            right.append(good)
    vectorizer = DictVectorizer()
    model = LogisticRegression(C=0.3, max_iter=3000).fit(vectorizer.fit_transform(features), right)
    weights = dict(zip(vectorizer.feature_names_, model.coef_[0], strict=True)) | {"": model.intercept_[0]}
    lines = [
        f'    "{name}": {weight:.2f},\n' for name, weight in sorted(weights.items()) if abs(weight) >= _KEPT
    ]
    (ROOT / "p2m/parsing/weights.py").write_text(HEAD + "".join(lines) + "}\n", encoding="utf-8")


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
