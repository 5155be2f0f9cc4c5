"""Everything that the reading of prompts learnt, made again: `make reader`.

1. counts the labels that prompts share (p2m/parsing/known_labels.txt);
2. fits the weights by which a prompt's lists are ranked (p2m/parsing/weights.txt), and those of phrases that
   may be one of the labels (item_weights.txt) or that of everything else (rest_weights.txt), to the labels
   of train.jsonl and of labels.jsonl, whose prompts all ask for labels (kinds are not learnt from these);
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
_KEPT, _KEPT_OF_ITEMS = 0.05, 0.3  # weights below are noise; of the many of phrases, as good as none
_SHARED = 4  # prompts that have a label, from which it is known
_COMMON = 6  # prompts, from which words around lists are signs
_PENALTY = 1.0  # of a squared weight
_STEPS = 150  # of the fit
_UNRULED = 3.0  # times that a prompt of labels.jsonl counts: its writer knew no rule, and none was made on it
_FOLDS = 3  # in which a list is fitted by weights of rests that did not see its prompt
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


def phrases_of(row: dict[str, Any]) -> tuple[Lists, Lists]:
    """The signs of phrases that may be the label of the rest, and whether it is; of all, if they are labels.

    None of the former where no list holds all labels, or all but one; none of the latter without labels.
    """
    from p2m.parsing.demonstrations import take_apart
    from p2m.parsing.items import fold_label
    from p2m.parsing.lists import forms
    from p2m.parsing.rests import phrases, signs_of
    from p2m.parsing.text import core, normalise

    text = core(take_apart(normalise(row["prompt"])).instruction)
    labels = {fold_label(label) for label in row["labels"] or ()}
    if not labels:
        return [], []
    told = [(place, tuple(signs_of(text, *place))) for place in phrases(text)]
    each = [(signs, fold_label(value) in labels) for (value, _, _), signs in told]
    bases = [(each, {*map(fold_label, each.values)}) for each in forms(text)]
    bases = [(each, held) for each, held in bases if held <= labels and len(held) + 1 >= len(labels)]
    if not bases:
        return [], each
    base, held = max(bases, key=lambda found: len(found[1]))
    outside = [(place, signs) for place, signs in told if place[2] <= base.start or place[1] >= base.end]
    return [(signs, fold_label(value) in labels - held) for (value, _, _), signs in outside], each


def fit_phrases(rows: list[dict[str, Any]]) -> list[Lists]:
    """Write the weights of phrases; the lists of each row, by weights that other folds' rows lead to."""
    import numpy as np

    from p2m.parsing.weights import ITEM_WEIGHTS, REST_WEIGHTS

    with Pool(2) as pool:
        found = pool.map(phrases_of, rows, chunksize=50)
    counts = weights_of(rows)
    rests = Choices([rests for rests, _ in found], counts)
    alone = [(number, [one]) for number, (_, each) in enumerate(found) for one in each]
    items = Choices([one for _, one in alone], [counts[number] for number, _ in alone])
    fold_of = np.arange(len(rows)) % _FOLDS
    fold_of_item = fold_of[[number for number, _ in alone]]
    lists: list[Lists] = [[] for _ in rows]
    for fold in range(_FOLDS):
        inside = np.flatnonzero(fold_of == fold).tolist()
        learn(REST_WEIGHTS, rests.fitted(fold_of != fold))
        learn(ITEM_WEIGHTS, items.fitted(fold_of_item != fold))
        with Pool(2) as pool:
            made = pool.map(lists_of, [rows[number] for number in inside], chunksize=50)
        for number, each in zip(inside, made, strict=True):
            lists[number] = each
        print(f"lists of fold {fold + 1} of {_FOLDS}", flush=True)
    learn(REST_WEIGHTS, write(rests.fitted(), "rest_weights.txt", "a phrase"))
    learn(ITEM_WEIGHTS, write(items.fitted(), "item_weights.txt", "a phrase", _KEPT_OF_ITEMS))
    return lists


def learn(known: dict[str, float], new: dict[str, float]) -> None:
    """What follows reads by the new weights."""
    known.clear()
    known.update(new)


def weights_of(rows: list[dict[str, Any]]) -> list[float]:
    """How often each row counts: those of labels.jsonl, which no rule was made on, have no signs."""
    return [1.0 if "signs" in row else _UNRULED for row in rows]


class Choices:
    """A conditional logit (McFadden, 1974): which of a prompt's lists or phrases is meant, or none.

    `counts` are the weights of the prompts.
    """

    def __init__(self, found: list[Lists], counts: list[float]) -> None:
        import numpy as np
        from scipy.sparse import csr_matrix

        prompts = Counter(sign for lists in found for sign in {sign for signs, _ in lists for sign in signs})
        common = sorted(sign for sign, n in prompts.items() if sign[0] not in "<>^$~=" or n >= _COMMON)
        places = {sign: place for place, sign in enumerate(common)}
        told = (signs for each in found for signs, _ in each)
        columns = [sorted({places[sign] for sign in signs if sign in places}) for signs in told]
        ends = np.cumsum([0, *map(len, columns)])
        ones = np.ones(ends[-1])
        self._signs, self._counts = common, np.array(counts)
        self._matrix = csr_matrix((ones, np.concatenate(columns), ends), shape=(len(columns), len(common)))
        self._owner = np.array([number for number, each in enumerate(found) for _ in each])
        self._good = np.array([right for each in found for _, right in each])

    def fitted(self, chosen: Any = None) -> dict[str, float]:
        """The weights of signs, by all prompts or those that are `chosen`."""
        import numpy as np
        from scipy.optimize import minimize

        size = len(self._counts)
        kept = np.ones(len(self._owner), bool) if chosen is None else chosen[self._owner]
        matrix, owner, good = self._matrix[kept], self._owner[kept], self._good[kept]
        turned = matrix.T.tocsr()
        meant = np.bincount(owner[good], minlength=size) > 0

        def loss(weights: Any) -> tuple[float, Any]:
            powers = np.exp(np.minimum(matrix @ weights, 30.0))
            whole = 1 + np.bincount(owner, powers, minlength=size)
            right = np.where(meant, np.bincount(owner[good], powers[good], minlength=size), 1.0)
            pull = powers / whole[owner] - np.where(good & meant[owner], powers / right[owner], 0.0)
            value = float(self._counts @ np.log(whole / right) + _PENALTY * weights @ weights)
            return value, turned @ (self._counts[owner] * pull) + 2 * _PENALTY * weights

        start = np.zeros(len(self._signs))
        best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
        return dict(zip(self._signs, map(float, best.x), strict=True))


def write(weights: dict[str, float], name: str, what: str, least: float = _KEPT) -> dict[str, float]:
    """Write the weights that are no noise, and return them."""
    kept = {name: round(weight, 2) for name, weight in sorted(weights.items()) if abs(weight) >= least}
    lines = [f"{name} | {weight:.2f}\n" for name, weight in kept.items()]
    (ROOT / "p2m/parsing" / name).write_text(HEAD.format(what) + "".join(lines), encoding="utf-8")
    return kept


def fit_lists(found: list[Lists], counts: list[float]) -> None:
    from p2m.parsing.weights import LIST_WEIGHTS

    learn(LIST_WEIGHTS, write(Choices(found, counts).fitted(), "weights.txt", "a list"))


def with_signs(row: dict[str, Any]) -> str:
    from p2m.parsing.task import signed

    instruction, signs = signed(row["prompt"])
    return json.dumps(row | {"instruction": instruction, "signs": " ".join(signs)}, ensure_ascii=False)


def write_signs(name: str) -> None:
    with Pool(2) as pool:
        lines = pool.map(with_signs, rows_of(name), chunksize=50)
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    rows = rows_of("train.jsonl") + rows_of("labels.jsonl")
    count_labels(rows)
    fit_lists(fit_phrases(rows), weights_of(rows))
    write_signs("train.jsonl")
