"""Linear models over words, numbers and choices, over embeddings, or over all of them: plain numpy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from .dates import unfolded
from .measures import MEASURES, Measures
from .rows import Answer, answered, joined, laid_open, sides
from .scope import open_scope
from .settings import BundleError, Settings, first_line

LINEAR = "linear.npz"
# Of scripts that write no blanks between words: Thai, Lao, Burmese, Khmer, kana and Han.
_UNPARTED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNPARTED}]|[^\W{_UNPARTED}]+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Words and marks of a text, and pairs of neighbours; case does not count.

    A sign of a script without blanks is a word: a whole sentence as one would be learnt by heart.
    """
    found = _WORD.findall(text.casefold())
    return found + [f"{first} {second}" for first, second in pairwise(found)]


def pieces_of(text: str) -> list[str]:
    """Runs of 2 to 5 characters inside the words of a text, a blank standing for a word's border."""
    found: list[str] = []
    for word in text.casefold().split():
        edged = f" {word} "
        for size in (2, 3, 4, 5):
            found += [edged[at : at + size] for at in range(len(edged) - size + 1)]
    return found


TERMS = {"words": words_of, "pieces": pieces_of}  # in the order of a linear model's columns


class LinearHead:
    """linear.npz: weights of a linear classifier over embeddings, TF-IDF terms, or both.

    `dense` is (dimensions, labels) float32; `sparse` (terms, labels) int8 with `scale` (labels,); `idf`
    (terms,); `bias` (labels,). Terms stand in terms.json by block, in the order of their rows. TF-IDF is
    sublinear, each block of unit length (Salton and Buckley, 1988). Measures are a block, too, with a factor
    each as their `idf`.
    """

    def __init__(self, folder: Path, labels: int) -> None:
        """Raises BundleError where the arrays are not whole, or not of so many `labels`."""
        import numpy as np

        path = folder / LINEAR
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
            blocks = json.loads((folder / "terms.json").read_text("utf-8")) if self.has_terms else {}
            self._rows: dict[str, dict[str, int]] = {}
            count = 0
            self._measures: Measures | None = None
            for name, terms in blocks.items():
                if name == MEASURES:
                    self._measures = Measures(terms, count)
                    count += len(terms)
                    continue
                self._rows[name] = {term: count + place for place, term in enumerate(terms)}
                count += len(terms)
            self._check(count, labels)
        except Exception as error:  # numpy and zipfile raise a dozen unrelated types for a damaged file
            raise BundleError(
                f"{path}: not a linear model ({first_line(error)}); copy the bundle again"
            ) from None

    def _check(self, terms: int, labels: int) -> None:
        """The shapes that belong together."""
        found = {name: array.shape for name, array in self._arrays.items()}
        wanted: dict[str, tuple[int, ...]] = {"bias": (labels,)}
        if self.has_terms:
            wanted |= {"sparse": (terms, labels), "scale": (labels,), "idf": (terms,)}
        if self.has_embedding:
            wanted["dense"] = (*found["dense"][:1], labels)
        if found != wanted or not set(self._rows) <= set(TERMS):
            raise ValueError(f"arrays {found} where {wanted} belong")

    @property
    def has_terms(self) -> bool:
        return "sparse" in self._arrays

    @property
    def has_embedding(self) -> bool:
        return "dense" in self._arrays

    def logits(
        self, texts: Sequence[str], embeddings: Any, rows: Sequence[Mapping[str, str]] | None = None
    ) -> Any:
        """(rows, labels); `embeddings` is (rows, dimensions), or None where the head reads none; `rows` have
        the numbers and choices, where it reads any.
        """
        import numpy as np

        found = np.tile(self._arrays["bias"].astype(np.float64), (len(texts), 1))
        if self.has_embedding:
            found += np.asarray(embeddings, dtype=np.float64) @ self._arrays["dense"].astype(np.float64)
        if self.has_terms:
            for place, text in enumerate(texts):
                terms, values = self._weighted(text, rows[place] if rows is not None else None)
                found[place] += (values @ self._arrays["sparse"][terms].astype(np.float64)) * self._arrays[
                    "scale"
                ]
        return found

    def _weighted(self, text: str, row: Mapping[str, str] | None) -> tuple[Any, Any]:
        """Numbers of the terms of a text, and their TF-IDF; behind them the row's measures."""
        import numpy as np

        numbers, values = [], []
        for name, rows in self._rows.items():
            counts = Counter(rows[term] for term in TERMS[name](text) if term in rows)
            found = np.array(sorted(counts), dtype=np.int64)
            weights = (1 + np.log([float(counts[row]) for row in found])) * self._arrays["idf"][found]
            numbers.append(found)
            values.append(weights / max(1e-12, float(np.sqrt((weights * weights).sum()))))
        if self._measures is not None and row is not None:
            places, measured = self._measures.of(row)
            numbers.append(np.array(places, dtype=np.int64))
            values.append(np.array(measured) * self._arrays["idf"][numbers[-1]])
        return np.concatenate(numbers), np.concatenate(values)


def columns(settings: Settings) -> int:
    """Of a linear model: one a label, or one for a number."""
    return 1 if settings.shape == "number" else len(settings.labels)


def with_parts(rows: Sequence[Mapping[str, str]], settings: Settings) -> Sequence[Mapping[str, str]]:
    """The rows with the parts of their dates, of which a model has measures."""
    return [unfolded(row, settings.dates) for row in rows] if settings.dates else rows


class LinearModel:
    """A linear model's folder, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._settings = settings
        self._head = LinearHead(folder, columns(settings))
        self._scope = open_scope(folder, settings)
        self._encoder = None
        if self._head.has_embedding:
            from .embeddings import open_encoder

            self._encoder = open_encoder(
                folder, threads=threads, max_length=settings.max_length, backend=settings.backend
            )

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        outputs = self.outputs(rows, batch_size)
        answers = answered(outputs["logits"], self._settings)
        if not self._settings.parts:
            return self._scope.limited(answers, **outputs) if self._scope else answers
        found = (sides(row, self._settings.fields, self._settings.parts) for row in rows)
        return [  # of a row without two texts nothing is known
            replace(answer, score=0.0, abstain=True) if each is None else answer
            for answer, each in zip(answers, found, strict=True)
        ]

    def outputs(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> dict[str, Any]:
        """`logits` (rows, columns), and the `embeddings` that they are made of, None without an encoder."""
        texts = [joined(row, self._settings.texts) for row in rows]
        embeddings = self._embedded(rows, texts, batch_size) if self._encoder else None
        logits = self._head.logits(texts, embeddings, with_parts(rows, self._settings))
        return {"logits": logits, "embeddings": embeddings}

    def _embedded(self, rows: Sequence[Mapping[str, str]], texts: Sequence[str], batch_size: int) -> Any:
        from .embeddings import compared, opposed

        assert self._encoder is not None
        if not self._settings.compares:
            return self._encoder.encode(texts, batch_size=batch_size)
        if self._settings.options:
            options = self._settings.options.values()
            laid = [laid_open(row, self._settings.fields, options) for row in rows]
            return opposed(partial(self._encoder.encode, batch_size=batch_size), laid)
        found = (sides(row, self._settings.fields, self._settings.parts) for row in rows)
        pairs = zip(*(each or ("", "") for each in found), strict=True)
        return compared(*(self._encoder.encode(side, batch_size=batch_size) for side in pairs))
