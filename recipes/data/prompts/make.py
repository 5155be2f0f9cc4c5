"""Everything that the reading of prompts learnt, made again: `make reader`.

1. counts the labels that prompts share (p2m/parsing/known_labels.txt);
2. fits the weights by which a prompt's lists are ranked (p2m/parsing/weights.txt), and the phrases that may
   be the label of everything else (rest_weights.txt), to the labels there;
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
_MORE = 0.75  # of "with rest": what chose best among 410 prompts of bench/prompts and 640 of train.jsonl
_FOLDS = 5  # in which a list is fitted by weights of rests that did not see its prompt
Lists = list[tuple[tuple[str, ...], bool]]  # signs, and whether it is meant
KNOWN = """# Labels of several prompts, folded, counted by recipes/data/prompts/make.py.

[labels]
"""
HEAD = """# Weights of the signs of {}, fitted by recipes/data/prompts/make.py.

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


def lists_of(row: dict[str, Any]) -> Lists:
    """The signs of each list of a prompt, and whether it holds the labels."""
    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.items import fold_label
    from p2m.parsing.labels import candidates
    from p2m.parsing.text import normalise

    reading = take_apart(normalise(row["prompt"]))
    labels = {fold_label(label) for label in row["labels"] or ()}
    found = candidates(reading.instruction, [one.output for one in reading.rows])
    return [(signs, bool(labels) and {*map(fold_label, values)} == labels) for values, signs in found]


def rests_of(row: dict[str, Any]) -> Lists:
    """The signs of each phrase that may be the label of the rest, and whether it is.

    None where no list holds all labels, or all but one.
    """
    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.items import fold_label
    from p2m.parsing.lists import forms
    from p2m.parsing.rests import phrases, signs_of
    from p2m.parsing.text import core, normalise

    text = core(take_apart(normalise(row["prompt"])).instruction)
    labels = {fold_label(label) for label in row["labels"] or ()}
    bases = [(each, {*map(fold_label, each.values)}) for each in forms(text)]
    bases = [(each, held) for each, held in bases if held <= labels and len(held) + 1 >= len(labels)]
    if not bases:
        return []
    base, held = max(bases, key=lambda found: len(found[1]))
    return [
        (tuple(signs_of(text, value, start, end)), fold_label(value) in labels - held)
        for value, start, end in phrases(text)
        if end <= base.start or start >= base.end
    ]


def fit_rests(rows: list[dict[str, Any]]) -> list[Lists]:
    """Write the weights of rests; the lists of each row, by weights that other folds' rows lead to."""
    from p2m.parsing.weights import REST_WEIGHTS

    with Pool(2) as pool:
        found = pool.map(rests_of, rows, chunksize=50)
    lists: list[Lists] = [[] for _ in rows]
    for fold in range(_FOLDS):
        inside = [number for number in range(len(rows)) if number % _FOLDS == fold]
        REST_WEIGHTS.clear()
        REST_WEIGHTS.update(fitted([each for number, each in enumerate(found) if number % _FOLDS != fold]))
        with Pool(2) as pool:
            for number, each in zip(
                inside, pool.map(lists_of, [rows[number] for number in inside]), strict=True
            ):
                lists[number] = each
    REST_WEIGHTS.clear()
    REST_WEIGHTS.update(write(fitted(found), "rest_weights.txt", "a phrase"))
    return lists


def fitted(found: list[Lists]) -> dict[str, float]:
    """A conditional logit (McFadden, 1974): which of a prompt's lists or phrases is meant, or none."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction import DictVectorizer

    prompts = Counter(sign for lists in found for sign in {sign for signs, _ in lists for sign in signs})
    common = {sign for sign, count in prompts.items() if sign[0] not in "<>^$~=" or count >= _COMMON}
    features = [dict.fromkeys(common.intersection(signs), 1) for lists in found for signs, _ in lists]
    owner = np.array([number for number, lists in enumerate(found) for _ in lists])
    good = np.array([right for lists in found for _, right in lists])
    vectorizer = DictVectorizer()
    matrix = csr_matrix(vectorizer.fit_transform(features))
    meant = np.bincount(owner[good], minlength=len(found)) > 0

    def loss(weights: Any) -> tuple[float, Any]:
        scores = np.minimum(matrix @ weights, 30.0)
        powers = np.exp(scores)
        whole = 1 + np.bincount(owner, powers, minlength=len(found))
        chosen = np.where(meant, np.bincount(owner[good], powers[good], minlength=len(found)), 1.0)
        pull = powers / whole[owner] - np.where(good & meant[owner], powers / chosen[owner], 0.0)
        value = float(np.log(whole / chosen).sum() + _PENALTY * weights @ weights)
        return value, matrix.T @ pull + 2 * _PENALTY * weights

    best = minimize(loss, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return dict(zip(vectorizer.feature_names_, map(float, best.x), strict=True))


def write(weights: dict[str, float], name: str, what: str) -> dict[str, float]:
    """Write the weights that are no noise, and return them."""
    kept = {name: round(weight, 2) for name, weight in sorted(weights.items()) if abs(weight) >= _KEPT}
    lines = [f"{name} | {weight:.2f}\n" for name, weight in kept.items()]
    (ROOT / "p2m/parsing" / name).write_text(HEAD.format(what) + "".join(lines), encoding="utf-8")
    return kept


def fit_lists(found: list[Lists]) -> None:
    from p2m.parsing.weights import LIST_WEIGHTS

    weights = fitted(found)
    weights["with rest"] = weights.get("with rest", 0.0) + _MORE
    LIST_WEIGHTS.clear()  # what follows reads by the new ones
    LIST_WEIGHTS.update(write(weights, "weights.txt", "a list"))


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
    fit_lists(fit_rests(rows_of("train.jsonl")))
    write_signs("train.jsonl")
