#!/usr/bin/env python3
"""Answers of a small model, with onnxruntime, tokenizers and numpy alone.

One file on purpose: evaluation runs it, and the bundle ships this very file beside the model, so what was
judged is what is deployed. It imports nothing of the package that built it. Training uses its readers too, so
that rows become tensors, and tensors answers, in one way everywhere. Files of rows are read by tables.py.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TextIO

FORMAT = 1  # of predictor.json
SETTINGS = "predictor.json"
KINDS = ("span", "classification", "linear", "seq2seq")
LINEAR = "linear.npz"
# What the score of an answer is, from 0 to 1. It was never fitted to how often answers are right.
SCORES = {
    "span": "p(start) x p(end) of the span, over every word of the passage; not calibrated",
    "classification": "the label's softmax probability; not calibrated",
    "linear": "the label's probability by the linear model; not calibrated",
    "seq2seq": "the probability of the whole text, byte by byte, so lower for longer ones; not calibrated",
}
CHECKSUMS = "SHA256SUMS"
FILE_BATCH = 32  # rows of a file that are answered together
EVERY = 5  # seconds between two lines of progress
PAD, EOS, OFFSET, BYTES = (
    0,
    1,
    3,
    259,
)  # ByT5's convention (Xue et al., 2022): byte + 3; 0 pads, 1 ends, 2 is spare
_WORD = re.compile(r"\w+|[^\w\s]")
# Of a batch, by measurement: activations of more tokens leave the processor's cache, and rows take longer
# than alone. Decoding costs by the step: more bytes at once pay, and so does padding that finds rows company.
BATCH_TOKENS = 384
BATCH_BYTES, BYTES_STEP = 2048, 16
# onnxruntime's CPU kernel of this fusion takes ten times as long as its parts.
_SLOW = ["SkipLayerNormFusion"]


class InputError(ValueError):
    """A row that the model cannot read."""


class BundleError(RuntimeError):
    """A model folder that cannot be used."""


@dataclass(frozen=True)
class Answer:
    """What the model says, and how sure it is (0 to 1)."""

    output: str
    score: float


@dataclass(frozen=True)
class Settings:
    """predictor.json: how rows become the model's input, and its output answers."""

    kind: str  # one of KINDS
    fields: tuple[str, ...]  # names that each input has
    context: str = ""  # span: the field whose text holds the answer
    labels: tuple[str, ...] = ()  # classification, linear: by index of the logit
    max_length: int = 256  # tokens of a window (span) or input (classification, linear); bytes (seq2seq)
    stride: int = 0  # span: tokens that neighbouring windows share
    max_answer: int = 32  # span: tokens of the longest answer; seq2seq: bytes of it

    @staticmethod
    def read(folder: Path) -> Settings:
        """Read and check `predictor.json`.

        Raises:
            BundleError: there is none, or it is not one that this file understands.
        """
        path = folder / SETTINGS
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                raise BundleError(f"{path}: written by another version; use the predict.py that came with it")
            data["fields"], data["labels"] = tuple(data["fields"]), tuple(data.get("labels", ()))
            settings = Settings(**data)
        except OSError as error:
            raise BundleError(
                f"{path}: cannot be read ({error.strerror or error}); is this a model folder?"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: not a model's settings ({error!r}); copy the bundle again") from None
        if settings.kind not in KINDS or not settings.fields:
            raise BundleError(f"{path}: kind {settings.kind!r} is not one of {', '.join(KINDS)}")
        return settings

    def write(self, folder: Path) -> None:
        data = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        (folder / SETTINGS).write_text(
            json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


# --------------------------------------------------------------------------- rows to text


def check_row(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row; further keys are ignored.

    Raises:
        InputError: a field is missing or is not text.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"expected an object with {_named(fields)}, not {_kind_of(row)}")
    missing = [name for name in fields if name not in row]
    if missing:
        there = f"there is {_named(list(row))}" if row else "the object is empty"
        raise InputError(f"no {_named(missing)}; expected {_named(fields)}, {there}")
    for name in fields:
        if not isinstance(row[name], str):
            raise InputError(f'"{name}" must be text, not {_kind_of(row[name])}')
        try:
            row[name].encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f'"{name}" holds half a surrogate pair, which is not text') from None
    return {name: row[name] for name in fields}


def _named(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    number = "a number" if isinstance(value, (int, float)) else type(value).__name__
    return names.get(type(value), number)


def joined(row: Mapping[str, str], fields: Sequence[str]) -> str:
    """One text of several fields: the text alone where there is one, else a line `name: text` each."""
    if len(fields) == 1:
        return row[fields[0]]
    return "\n".join(f"{name}: {row[name]}" for name in fields)


# --------------------------------------------------------------------------- spans


@dataclass(frozen=True)
class Window:
    """A stretch of one row's context as the encoder sees it; all arrays are as long as `ids`."""

    row: int
    ids: list[int]
    types: list[int]
    starts: Any  # (length,) int: first character of the token in the context, -1 outside the context
    ends: Any  # (length,) int: character after its last
    opens: Any  # (length,) bool: a token that begins a word of the context
    closes: Any  # (length,) bool: a token that ends one


class SpanReader:
    """Question and context to overlapping windows; start and end logits to the best span of whole words."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.question_fields = tuple(name for name in settings.fields if name != settings.context)
        tokenizer.no_padding()

    def windows(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Window]:
        """The windows of all rows, in order; a row has at least one."""
        length = max_length or self.settings.max_length
        contexts = [row[self.settings.context] for row in rows]
        if self.question_fields:
            questions = self._questions(rows, length)
            stride = min(self.settings.stride, length // 4)
            self.tokenizer.enable_truncation(length, stride=stride, strategy="only_second")
            encodings = self.tokenizer.encode_batch(list(zip(questions, contexts, strict=True)))
            part = 1
        else:
            self.tokenizer.enable_truncation(length, stride=min(self.settings.stride, length // 4))
            encodings = self.tokenizer.encode_batch(contexts)
            part = 0
        found = []
        for index, encoding in enumerate(encodings):
            found += _windows(index, (encoding, *encoding.overflowing), part)
        return found

    def _questions(self, rows: Sequence[Mapping[str, str]], length: int) -> list[str]:
        """Questions, cut where they would leave the context less than half of a window."""
        self.tokenizer.no_truncation()
        texts = [joined(row, self.question_fields) for row in rows]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        limit = length // 2 - 4
        return [
            text[: encoding.offsets[limit - 1][1]] if len(encoding.ids) > limit else text
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def answers(
        self, rows: Sequence[Mapping[str, str]], windows: Sequence[Window], starts: Any, ends: Any
    ) -> list[Answer]:
        """The best span of each row; `starts` and `ends` hold a logits array (at least `length`) a window.

        The score is p(start) p(end), each a softmax over the words of all windows of the row.
        """
        groups: dict[int, list[int]] = {}
        for position, window in enumerate(windows):
            groups.setdefault(window.row, []).append(position)
        return [
            self._best(row[self.settings.context], [(windows[p], starts[p], ends[p]) for p in groups[index]])
            for index, row in enumerate(rows)
        ]

    def _best(self, context: str, parts: Sequence[tuple[Window, Any, Any]]) -> Answer:
        import numpy as np

        best, text, total_start, total_end = -np.inf, "", [], []
        for window, start, end in parts:
            opens, closes = np.flatnonzero(window.opens), np.flatnonzero(window.closes)
            if not len(opens) or not len(closes):
                continue
            first = np.asarray(start, dtype=np.float64)[opens]
            last = np.asarray(end, dtype=np.float64)[closes]
            total_start.append(first)
            total_end.append(last)
            distance = closes[None, :] - opens[:, None]
            sums = np.where(
                (distance >= 0) & (distance < self.settings.max_answer),
                first[:, None] + last[None, :],
                -np.inf,
            )
            i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
            if sums[i, j] > best:
                best = float(sums[i, j])
                text = context[window.starts[opens[i]] : window.ends[closes[j]]]
        if not total_start or best == -np.inf:
            return Answer("", 0.0)
        weight = _log_sum(np.concatenate(total_start)) + _log_sum(np.concatenate(total_end))
        return Answer(text.strip(), float(min(1.0, np.exp(best - weight))))


def _windows(row: int, encodings: Sequence[Any], part: int) -> list[Window]:
    """The windows of one row. A word that a border cuts opens and closes where it does in the passage."""
    import numpy as np

    borders: dict[int, tuple[int, int]] = {}  # word -> its first character, and the one after its last
    for encoding in encodings:
        for side, word, (start, end) in zip(
            encoding.sequence_ids, encoding.word_ids, encoding.offsets, strict=True
        ):
            if side == part and word is not None:
                first, last = borders.get(word, (start, end))
                borders[word] = (min(first, start), max(last, end))
    found = []
    for encoding in encodings:
        inside = np.array([side == part for side in encoding.sequence_ids], dtype=bool)
        words = np.array([borders.get(word, (-1, -1)) for word in encoding.word_ids]).reshape(-1, 2)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        found.append(
            Window(
                row,
                encoding.ids,
                encoding.type_ids,
                starts=np.where(inside, offsets[:, 0], -1),
                ends=np.where(inside, offsets[:, 1], -1),
                opens=inside & (offsets[:, 0] == words[:, 0]),
                closes=inside & (offsets[:, 1] == words[:, 1]),
            )
        )
    return found


def _log_sum(logits: Any) -> float:
    import numpy as np

    top = float(logits.max())
    return top + float(np.log(np.exp(logits - top).sum()))


# --------------------------------------------------------------------------- labels


class LabelReader:
    """Fields to one text or a pair; logits to a label and its softmax."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        tokenizer.no_padding()

    def encode(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Any]:
        """Encodings with `ids` and `type_ids`, one a row. Two fields make a pair, more are joined."""
        fields = self.settings.fields
        self.tokenizer.enable_truncation(max_length or self.settings.max_length, strategy="longest_first")
        if len(fields) == 2:
            pairs = [(row[fields[0]], row[fields[1]]) for row in rows]
            return list(self.tokenizer.encode_batch(pairs))
        return list(self.tokenizer.encode_batch([joined(row, fields) for row in rows]))

    def answers(self, logits: Any) -> list[Answer]:
        """`logits` is (rows, labels)."""
        return labelled(logits, self.settings.labels)


def labelled(logits: Any, labels: Sequence[str]) -> list[Answer]:
    """The likeliest label of each row of (rows, labels), with its softmax."""
    import numpy as np

    values = np.asarray(logits, dtype=np.float64)
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return [
        Answer(labels[i], float(share[i])) for i, share in zip(shares.argmax(axis=1), shares, strict=True)
    ]


# --------------------------------------------------------------------------- linear models


def words_of(text: str) -> list[str]:
    """Words and marks of a text, and pairs of neighbours; case does not count."""
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
    sublinear, each block of unit length (Salton and Buckley, 1988).
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
            for name, terms in blocks.items():
                self._rows[name] = {term: count + place for place, term in enumerate(terms)}
                count += len(terms)
            self._check(count, labels)
        except Exception as error:  # numpy and zipfile raise a dozen unrelated types for a damaged file
            raise BundleError(
                f"{path}: not a linear model ({_first_line(error)}); copy the bundle again"
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

    def logits(self, texts: Sequence[str], embeddings: Any) -> Any:
        """(rows, labels); `embeddings` is (rows, dimensions), or None where the head reads none."""
        import numpy as np

        found = np.tile(self._arrays["bias"].astype(np.float64), (len(texts), 1))
        if self.has_embedding:
            found += np.asarray(embeddings, dtype=np.float64) @ self._arrays["dense"].astype(np.float64)
        if self.has_terms:
            for place, text in enumerate(texts):
                rows, values = self._weighted(text)
                found[place] += (values @ self._arrays["sparse"][rows].astype(np.float64)) * self._arrays[
                    "scale"
                ]
        return found

    def _weighted(self, text: str) -> tuple[Any, Any]:
        """Numbers of the terms of a text, and their TF-IDF."""
        import numpy as np

        numbers, values = [], []
        for name, rows in self._rows.items():
            counts = Counter(rows[term] for term in TERMS[name](text) if term in rows)
            found = np.array(sorted(counts), dtype=np.int64)
            weights = (1 + np.log([float(counts[row]) for row in found])) * self._arrays["idf"][found]
            numbers.append(found)
            values.append(weights / max(1e-12, float(np.sqrt((weights * weights).sum()))))
        return np.concatenate(numbers), np.concatenate(values)


class TextEncoder:
    """Texts to embeddings of unit length (texts, dimensions), by a graph that pools inside."""

    def __init__(self, tokenizer: Any, session: Any, max_length: int) -> None:
        self._tokenizer, self._session = tokenizer, session
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)

    def encode(self, texts: Sequence[str], *, batch_size: int = 1) -> Any:
        import numpy as np

        encodings = list(self._tokenizer.encode_batch(list(texts)))
        found: list[Any] = [None] * len(encodings)
        for batch, length in packed([len(each.ids) for each in encodings], batch_size):
            feeds = padded([(encodings[i].ids, encodings[i].type_ids) for i in batch], length)
            for i, vector in zip(batch, self._session.run(None, feeds)[0], strict=True):
                found[i] = vector
        return np.stack(found)


# --------------------------------------------------------------------------- bytes


class ByteReader:
    """Fields to bytes and back. An input that is too long loses the end of its longest field."""

    def __init__(self, settings: Settings, tokenizer: Any = None) -> None:
        self.settings = settings

    def encode(self, row: Mapping[str, str], max_length: int | None = None) -> list[int]:
        """Ids of the input, the end mark included."""
        limit = (max_length or self.settings.max_length) - 1
        fields = self.settings.fields
        text = joined(row, fields).encode("utf-8")
        if len(text) > limit:
            longest = max(fields, key=lambda name: len(row[name].encode("utf-8")))
            kept = max(0, len(row[longest].encode("utf-8")) - (len(text) - limit))
            cut = row[longest].encode("utf-8")[:kept].decode("utf-8", errors="ignore")
            text = joined({**row, longest: cut}, fields).encode("utf-8")[:limit]
        return [byte + OFFSET for byte in text] + [EOS]

    @staticmethod
    def encode_answer(text: str, max_length: int) -> list[int]:
        return [*(byte + OFFSET for byte in text.encode("utf-8")[: max_length - 1]), EOS]

    @staticmethod
    def decode(ids: Iterable[int]) -> str:
        """The text before the end mark; bytes that are not UTF-8 are dropped."""
        found = bytearray()
        for each in ids:
            if each == EOS:
                break
            if OFFSET <= each < BYTES:
                found.append(each - OFFSET)
        return found.decode("utf-8", errors="ignore")


# --------------------------------------------------------------------------- the model


class Predictor:
    """An exported model folder, opened. `threads` is onnxruntime's within one operator."""

    def __init__(self, folder: str | Path, *, threads: int = 1) -> None:
        self.folder = Path(folder)
        self.settings = Settings.read(self.folder)
        self._threads = threads
        if self.settings.kind == "seq2seq":
            self._reader: Any = ByteReader(self.settings)
            self._encoder, self._decoder = self._open("encoder.onnx"), self._open("decoder.onnx")
            return
        if self.settings.kind == "linear":
            self._head = LinearHead(self.folder, len(self.settings.labels))
            if self._head.has_embedding:
                self._encoder = open_encoder(
                    self.folder, threads=threads, max_length=self.settings.max_length
                )
            return
        reader = SpanReader if self.settings.kind == "span" else LabelReader
        self._reader = reader(self.settings, _tokenizer(self.folder / "tokenizer.json"))
        self._model = self._open("model.onnx")

    def predict(self, rows: Sequence[Mapping[str, str]], *, batch_size: int = 1) -> list[Answer]:
        """Answers in the order of the rows; each row has the task's fields.

        At most `batch_size` of them go through the model at once, and fewer where they are long (`packed`).
        An answer does not depend on the batch size or on the other rows.

        Raises:
            InputError: a row lacks a field, or a field is not text.
        """
        checked = [check_row(row, self.settings.fields) for row in rows]
        if not checked:
            return []
        if self.settings.kind == "span":
            return self._spans(checked, batch_size)
        if self.settings.kind == "classification":
            return self._labels(checked, batch_size)
        if self.settings.kind == "linear":
            texts = [joined(row, self.settings.fields) for row in checked]
            embeddings = (
                self._encoder.encode(texts, batch_size=batch_size) if self._head.has_embedding else None
            )
            return labelled(self._head.logits(texts, embeddings), self.settings.labels)
        return self._texts(checked, batch_size)

    def _open(self, name: str) -> Any:
        return _session(self.folder / name, self._threads)

    def _spans(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        windows = self._reader.windows(rows)
        starts: list[Any] = [None] * len(windows)
        ends: list[Any] = [None] * len(windows)
        for batch, length in packed([len(window.ids) for window in windows], batch_size):
            feeds = padded([(windows[i].ids, windows[i].types) for i in batch], length)
            outputs = self._model.run(None, feeds)
            for place, i in enumerate(batch):
                starts[i], ends[i] = outputs[0][place], outputs[1][place]
        answers: list[Answer] = self._reader.answers(rows, windows, starts, ends)
        return answers

    def _labels(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        encodings = self._reader.encode(rows)
        answers: list[Any] = [None] * len(rows)
        for batch, length in packed([len(each.ids) for each in encodings], batch_size):
            feeds = padded([(encodings[i].ids, encodings[i].type_ids) for i in batch], length)
            for i, answer in zip(batch, self._reader.answers(self._model.run(None, feeds)[0]), strict=True):
                answers[i] = answer
        return answers

    def _texts(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        encoded = [self._reader.encode(row) for row in rows]
        answers: list[Any] = [None] * len(rows)
        lengths = [len(ids) for ids in encoded]
        for batch, length in packed(lengths, batch_size, tokens=BATCH_BYTES, step=BYTES_STEP):
            for i, answer in zip(batch, self._greedy([encoded[i] for i in batch], length), strict=True):
                answers[i] = answer
        return answers

    def _greedy(self, inputs: Sequence[Sequence[int]], length: int) -> list[Answer]:
        """The likeliest byte at a time; the score is the probability that the model gives to the whole
        answer. Rows that have ended leave the batch.
        """
        import numpy as np

        feeds = padded([(ids, ids) for ids in inputs], length)
        mask = feeds["attention_mask"]
        names = [each.name for each in self._encoder.get_outputs()]
        cross = dict(
            zip(
                names,
                self._encoder.run(None, {k: feeds[k] for k in ("input_ids", "attention_mask")}),
                strict=True,
            )
        )
        outputs = [each.name for each in self._decoder.get_outputs()]
        past = {
            each.name: np.zeros((len(inputs), each.shape[1], 0, each.shape[3]), dtype=np.float32)
            for each in self._decoder.get_inputs()
            if each.name.startswith("past_")
        }
        tokens = np.zeros((len(inputs), 1), dtype=np.int64)  # decoding starts from the padding mark
        found: list[list[int]] = [[] for _ in inputs]
        logs, rows = np.zeros(len(inputs)), np.arange(len(inputs))  # `rows` are those that go on
        for _ in range(self.settings.max_answer):
            result = dict(
                zip(
                    outputs,
                    self._decoder.run(None, {"input_ids": tokens, "attention_mask": mask, **past, **cross}),
                    strict=True,
                )
            )
            logits = result.pop("logits")[:, -1, :].astype(np.float64)
            best = logits.argmax(axis=1)
            for place, row in enumerate(rows):
                found[row].append(int(best[place]))
                logs[row] += logits[place, best[place]] - _log_sum(logits[place])
            past = {name.replace("present_", "past_"): value for name, value in result.items()}
            goes = best != EOS
            if not goes.all():
                rows, best, mask = rows[goes], best[goes], mask[goes]
                past = {name: value[goes] for name, value in past.items()}
                cross = {name: value[goes] for name, value in cross.items()}
            if not len(rows):
                break
            tokens = best[:, None].astype(np.int64)
        return [
            Answer(self._reader.decode(ids), float(np.exp(log))) for ids, log in zip(found, logs, strict=True)
        ]


def open_encoder(folder: Path, *, threads: int, max_length: int) -> TextEncoder:
    """The encoder in a folder with `model.onnx` and `tokenizer.json`."""
    session = _session(folder / "model.onnx", threads)
    return TextEncoder(_tokenizer(folder / "tokenizer.json"), session, max_length)


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again")
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW
        )
    except Exception as error:  # onnxruntime raises a dozen unrelated types for a damaged file
        raise BundleError(f"{path}: onnxruntime cannot open it ({_first_line(error)})") from None


def by_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def packed(
    lengths: Sequence[int], batch_size: int, *, tokens: int = BATCH_TOKENS, step: int = 1
) -> Iterator[tuple[list[int], int]]:
    """Indices in batches, shortest rows first, and the length that all rows of the batch are padded to.

    Only rows of one length, rounded up to a multiple of `step`, go together. So every row meets the same
    length whatever its company, and that answers stay the same does not rest on how a kernel sums over
    padding. (Where it was tried, 1 to 40 tokens of padding moved no logit of short texts, and rounding
    lengths of tokens up to 4 or 8 gained no time.)

    A batch has at most `tokens` tokens, padding included, or one row.
    """
    groups: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        groups.setdefault(-(-length // step) * step, []).append(index)
    for length, group in sorted(groups.items()):
        size = max(1, min(batch_size, tokens // length))
        for start in range(0, len(group), size):
            yield group[start : start + size], length


def padded(items: Sequence[tuple[Sequence[int], Sequence[int]]], length: int | None = None) -> dict[str, Any]:
    """Ids and type ids as the arrays that an encoder takes, each (rows, `length`, else the longest)."""
    import numpy as np

    shape = (len(items), length or max(len(ids) for ids, _ in items))
    feeds = {
        name: np.zeros(shape, dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    for place, (ids, types) in enumerate(items):
        feeds["input_ids"][place, : len(ids)] = ids
        feeds["attention_mask"][place, : len(ids)] = 1
        feeds["token_type_ids"][place, : len(types)] = types
    return feeds


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises plain Exception
        raise BundleError(f"{path}: not a tokenizer ({_first_line(error)})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


# --------------------------------------------------------------------------- checksums


def check_sums(folder: Path) -> list[str]:
    """What differs from the folder's SHA256SUMS; [] where every listed file is there and unchanged.

    Raises:
        BundleError: there is no list to check against.
    """
    path = folder / CHECKSUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read ({_first_line(error)}); is {folder} a bundle?") from None
    wrong = []
    for line in lines:
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or os.path.isabs(name) or ".." in Path(name).parts:
            wrong.append(f"{line!r}: not a line of checksums")
            continue
        try:
            with (folder / name).open("rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            wrong.append(f"{name}: {error.strerror or error}")
            continue
        if actual != digest:
            wrong.append(f"{name}: changed since it was packaged")
    return wrong if lines else [f"{path}: lists nothing"]


# --------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the bundle is broken, 2 the input is wrong, 5 checksums differ."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description=DESCRIPTION,
        epilog=f"""examples:
  python predict.py '{{"question": "Who built it?", "context": "It was built by Ada Marsh."}}'
  python predict.py 'a text, where the model has one input field'
  python predict.py --input reviews.csv --output answered.csv
  python predict.py < inputs.jsonl > answers.jsonl
  python predict.py --check

{scores_told()}""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--model",
        metavar="DIR",
        type=Path,
        default=here / "model",
        help="the model's folder (default: model/)",
    )
    parser.add_argument("--check", action="store_true", help=f"compare every file with {CHECKSUMS} and stop")
    options = parser.parse_args(arguments)
    if options.check:
        folder = here if options.model == here / "model" else options.model
        return _guarded("predict.py", lambda: _check(folder))
    return answer(options, options.model, ("python", sys.argv[0]), name="predict.py")


DESCRIPTION = "Answer one input, a table or text file, or every line of JSON on standard input."


def scores_told() -> str:
    """What a score is, for --help."""
    return "scores, from 0 to 1:\n" + "\n".join(f"  {kind:<14} {told}" for kind, told in SCORES.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked, and how."""
    parser.add_argument(
        "text",
        nargs="?",
        metavar="INPUT",
        help="one input: a JSON object of the fields, or text where there is one field",
    )
    parser.add_argument(
        "--input",
        dest="file",
        type=Path,
        metavar="FILE",
        help="a file of inputs: .csv, .tsv, .jsonl, .json, .txt with one input a line (each also as .gz),"
        " or .parquet",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the rows of --input go with their answers, in the format of its name (default: standard"
        " output, in the format of the input)",
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="the column of --input that is a field of the model, where the names differ",
    )
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="processor threads (default: 1)"
    )
    parser.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="rows read before they are answered (default: 1, each as it comes; 32 with --input);"
        " no answer changes",
    )


def answer(options: argparse.Namespace, model: Path, command: Sequence[str], *, name: str) -> int:
    """Do what was typed; `command` is how to type it again, and `name` what errors begin with."""
    return _guarded(name, lambda: _run(options, model, command, name))


def _guarded(name: str, work: Callable[[], int]) -> int:
    """The exit code of `work`; what is wrong is said on one line, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return work()
    except InputError as error:
        return _fail(name, str(error), 2)
    except BundleError as error:
        return _fail(name, str(error), 1)
    except ImportError as error:
        return _fail(name, f"{_first_line(error)}; type: pip install -r requirements.txt", 1)
    except BrokenPipeError:  # the reader of our output went away: not our failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)


def _run(options: argparse.Namespace, model: Path, command: Sequence[str], name: str) -> int:
    settings = Settings.read(model)
    if options.file is not None:
        if options.text is not None:
            raise InputError("--input FILE holds all that is asked: give no other input beside it")
        return _answer_file(options, model, settings, name)
    if options.output is not None or options.column:
        raise InputError("--output and --column go with --input FILE")
    if options.text is None:
        return _answer_lines(options, model, settings)
    _refuse_path(options.text, settings.fields, command)
    row = asked(parse_argument(options.text, settings.fields), settings.fields)
    _write(sys.stdout, Predictor(model, threads=options.threads).predict([row]))
    return 0


def _refuse_path(text: str, fields: Sequence[str], command: Sequence[str]) -> None:
    """A file's name is hardly what the model should be asked about."""
    try:
        if not os.path.isfile(text):
            return
    except ValueError:  # no name of a file at all
        return
    as_text = f"; for the words themselves: {shlex.quote(json.dumps({fields[0]: text}))}"
    raise InputError(
        f"{text} is a file; to have its rows answered, type: {shlex.join([*command, '--input', text])}"
        + (as_text if len(fields) == 1 else "")
    )


def asked(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row that somebody asks about: none is empty.

    Raises:
        InputError: a field is missing, empty or no text.
    """
    found = check_row(row, fields)
    empty = [name for name in fields if not found[name].strip()]
    if empty:
        raise InputError(f"{_named(empty)} is empty: there is nothing to answer")
    return found


def _answer_lines(options: argparse.Namespace, model: Path, settings: Settings) -> int:
    """JSON Lines from standard input, answered as they come."""
    if sys.stdin.isatty():
        raise InputError(f"no input: give {_named(settings.fields)} as an argument or lines; see --help")
    predictor = Predictor(model, threads=options.threads)
    batch: list[dict[str, str]] = []
    for row in read_lines(sys.stdin.buffer, settings.fields, before_error=lambda: _flush(predictor, batch)):
        batch.append(row)
        if len(batch) >= (options.batch_size or 1):
            _flush(predictor, batch)
    _flush(predictor, batch)
    return 0


def _flush(predictor: Predictor, batch: list[dict[str, str]]) -> None:
    _write(sys.stdout, predictor.predict(batch, batch_size=max(1, len(batch))))
    batch.clear()


# --------------------------------------------------------------------------- files


def _answer_file(options: argparse.Namespace, model: Path, settings: Settings, name: str) -> int:
    """Every row of a file with its answer. Nothing is written before all rows were found to be right."""
    tables, fields = _tables(), settings.fields
    try:
        table = tables.Table(options.file, fields[0])
        tables.check_target(table, options.output)
        output = _output_name(model)
        columns = tables.match_columns(table, fields, output, _wanted(options.column))
        if any(field != column for field, column in columns.items()):
            told = ", ".join(f"{field} <- {column}" for field, column in columns.items())
            print(f"{name}: {told}", file=sys.stderr)

        def row_of(row: Any) -> dict[str, str]:
            return asked({f: row.values[c] for f, c in columns.items() if c in row.values}, fields)

        total = tables.count_rows(table, lambda row: _problem(row_of, row))
        answer_name = tables.free_name(output, table.columns)
        names = (answer_name, tables.free_name(f"{answer_name}_score", table.columns))
        predictor = Predictor(model, threads=options.threads)
        answered = _answered(predictor, table.rows(), row_of, options.batch_size or FILE_BATCH)
        tables.write(table, options.output, sys.stdout.buffer, names, _watched(answered, total, name))
    except tables.TableError as error:
        raise InputError(str(error)) from None
    return 0


def _tables() -> Any:
    """tables.py beside this file, wherever both lie, and whatever this file was imported as."""
    path = Path(__file__).resolve().with_name("tables.py")
    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again")
    spec = importlib.util.spec_from_file_location("predict_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def _output_name(model: Path) -> str:
    """What the task calls its answer; `output` for a model without its bundle."""
    try:
        return str(json.loads((model.parent / "manifest.json").read_text("utf-8"))["task"]["output"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return "output"


def _wanted(columns: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in columns:
        field, mark, column = text.partition("=")
        if not (field and mark and column):
            raise InputError(f"--column {text}: expected FIELD=COLUMN, such as --column text=body")
        found[field] = column
    return found


def _problem(row_of: Callable[[Any], Any], row: Any) -> str:
    try:
        row_of(row)
    except InputError as error:
        return str(error)
    return ""


def _answered(
    predictor: Predictor, rows: Iterable[Any], row_of: Callable[[Any], dict[str, str]], size: int
) -> Iterator[tuple[Any, Answer]]:
    """Each row with its answer, `size` of them at a time."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield from zip(batch, predictor.predict([row_of(row) for row in batch], batch_size=size), strict=True)


def _watched(answered: Iterable[tuple[Any, Answer]], total: int, name: str) -> Iterator[tuple[Any, Answer]]:
    """The same; how far they are is said on standard error every few seconds."""
    started = said = time.monotonic()
    for done, each in enumerate(answered):
        now = time.monotonic()
        if now - said >= EVERY and done:
            said = now
            left = (now - started) / done * (total - done)
            print(f"{name}: {done:,} of {total:,} rows, {left:.0f} s left", file=sys.stderr)
        yield each


# --------------------------------------------------------------------------- rows of arguments and pipes


def parse_argument(text: str, fields: Sequence[str]) -> Any:
    """The row that a command-line argument stands for: JSON, or bare text where there is one field.

    Raises:
        InputError: it is JSON that cannot be read, or bare text for several fields.
    """
    try:
        value = _json(text)
    except json.JSONDecodeError:
        value = None
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "{":
            raise InputError(f"not JSON that can be read: {_reason(error)}") from None
        value = None
    if isinstance(value, dict):
        return value
    if len(fields) == 1:
        return {fields[0]: value if isinstance(value, str) else text}
    raise InputError(f"the model has {len(fields)} input fields: give a JSON object with {_named(fields)}")


def _json(text: str) -> Any:
    """A value of JSON.

    Raises:
        ValueError, RecursionError: it is none, or one object has a key twice.
    """

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key in found if [name for name, _ in pairs].count(key) > 1)
            raise ValueError(f"the key {twice!r} stands twice in one object")
        return found

    return json.loads(text, object_pairs_hook=once)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).partition(";")[0]  # without the name of a setting of Python


def read_lines(
    stream: Iterable[bytes], fields: Sequence[str], before_error: Any = lambda: None
) -> Iterator[dict[str, str]]:
    """Rows of JSON Lines; blank lines are skipped. `before_error` is called before a bad line is reported.

    Raises:
        InputError: a line is not a row, with its number.
    """
    for number, raw in enumerate(stream, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if not line:
                continue
            value = _json(line)
            row = asked({fields[0]: value} if isinstance(value, str) and len(fields) == 1 else value, fields)
        except UnicodeDecodeError:
            problem = "not UTF-8"
        except InputError as error:
            problem = str(error)
        except (ValueError, RecursionError) as error:
            reason = "" if isinstance(error, json.JSONDecodeError) else f" ({_reason(error)})"
            wanted = f"an object with {_named(fields)} (for tables and texts: --input FILE)"
            problem = f"not JSON{reason}; expected {wanted}"
        else:
            yield row
            continue
        before_error()
        raise InputError(f"line {number}: {problem}")


def _write(stream: TextIO, answers: Iterable[Answer]) -> None:
    for answer in answers:
        line = json.dumps({"output": answer.output, "score": round(answer.score, 4)}, ensure_ascii=False)
        stream.write(line + "\n")
        stream.flush()


def _check(folder: Path) -> int:
    wrong = check_sums(folder)
    for line in wrong:
        print(f"predict.py: {line}", file=sys.stderr)
    if not wrong:
        print(f"{folder}: every file is as it was packaged")
    return 5 if wrong else 0


def _fail(name: str, message: str, code: int) -> int:
    print(f"{name}: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
