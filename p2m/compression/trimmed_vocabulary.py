"""A vocabulary of a hundred languages cut to those that a model is for: tokenizer and table of embeddings.

Of a multilingual encoder that table is most of all weights. There is no corpus here to count pieces in, so
they are kept by their letters and by the score that the tokenizer itself has for each, a logarithm of how
frequent it was in what the base model read. A word that lost its piece is spelt by shorter ones, which the
model has seldom seen; so it is better to keep many pieces in four bits than few in eight.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from p2m.compression.int8 import DOMAIN, ENCODER, Int8
from p2m.errors import StageError
from p2m.word_lists import WordLists

_LETTERS = WordLists(Path(__file__).with_name("letters.txt"))
_BLANK = "▁"  # of sentencepiece: a piece that begins a word
_BLOCK = 32  # numbers of a row with one scale
PIECES = 120_000


@dataclass(frozen=True)
class TrimmedVocabulary:
    """Keep special tokens, every single character, what the training rows use, and of the other pieces that
    are written in letters of the `languages` the likeliest.

    Only Unigram vocabularies of encoders are cut (Kudo, 2018, arXiv 1804.10959): those of multilingual models
    are, and any subset of one is one. Other models stay as they are.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    pieces: int = PIECES  # at most, if rows and single characters leave room
    languages: tuple[str, ...] = ()  # ISO 639-1; (): constraints.languages, else those of the task
    int8: bool = True  # whether what is left is then made smaller: the table by four bits, the rest by eight

    @property
    def name(self) -> str:
        return "trimmed_int8" if self.int8 else "trimmed"

    def compress(self, source: Path, target: Path, *, texts: Sequence[str] = ()) -> None:
        """A cut copy of the folder; `texts` keep every piece that they use.

        Raises:
            StageError: there is no graph.
        """
        if not self.int8:
            self._cut(source, target, texts)
            return
        with TemporaryDirectory(dir=target.parent) as between:
            was_cut = self._cut(source, Path(between), texts)
            Int8(embeddings=not was_cut).compress(Path(between), target)

    def _cut(self, source: Path, target: Path, texts: Sequence[str]) -> bool:
        """Whether there was something to cut."""
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, dirs_exist_ok=True)
        path = source / "tokenizer.json"
        made = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if made.get("model", {}).get("type") != "Unigram" or not (source / ENCODER).is_file():
            return False
        kept = self._kept(made, path, texts)
        _cut_table(source / ENCODER, target / ENCODER, kept, packed=self.int8)
        text = json.dumps(_renumbered(made, kept), ensure_ascii=False, separators=(",", ":"))
        (target / "tokenizer.json").write_text(text, encoding="utf-8")
        return True

    def _kept(self, made: dict[str, Any], path: Path, texts: Sequence[str]) -> list[int]:
        """Numbers of the pieces that stay, ascending."""
        from tokenizers import Tokenizer

        vocabulary: list[tuple[str, float]] = made["model"]["vocab"]
        tokenizer = Tokenizer.from_file(str(path))
        kept = {made["model"]["unk_id"], *(each["id"] for each in made["added_tokens"])}
        kept |= set(tokenizer.encode("").ids)
        kept |= {number for number, (piece, _) in enumerate(vocabulary) if len(piece) == 1}
        for encoding in tokenizer.encode_batch(list(texts)):
            kept |= set(encoding.ids)
        known = _Letters(self.languages)
        likeliest = sorted(range(len(vocabulary)), key=lambda number: (-vocabulary[number][1], number))
        for number in likeliest:
            if len(kept) >= self.pieces:
                break
            if number not in kept and known.can_write(vocabulary[number][0]):
                kept.add(number)
        return sorted(kept)


class _Letters:
    """The letters of some languages; all there are, where one of them is not known."""

    def __init__(self, languages: Sequence[str]) -> None:
        listed = {row[0]: row[1:] for row in _LETTERS.table("letters")}
        self._any = not languages or any(name not in listed for name in languages)
        self._letters = set("abcdefghijklmnopqrstuvwxyz")
        self._scripts: set[str] = set()
        for name in languages:
            for cell in listed.get(name, ()):
                if cell.isascii() and cell.isupper():
                    self._scripts.add(cell)
                else:
                    self._letters |= set(cell)

    def can_write(self, piece: str) -> bool:
        """Whether every letter of it is one of these; digits and marks are everybody's."""
        if self._any:
            return True
        return all(
            char in self._letters or unicodedata.name(char, "?").split()[0] in self._scripts
            for char in piece.removeprefix(_BLANK).lower()
            if char.isalpha() or unicodedata.combining(char)
        )


def _renumbered(made: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """tokenizer.json of the pieces that are kept, in their order."""
    new = {old: number for number, old in enumerate(kept)}
    model = made["model"]
    model["vocab"] = [model["vocab"][old] for old in kept]
    model["unk_id"] = new[model["unk_id"]]
    for each in made["added_tokens"]:
        each["id"] = new[each["id"]]
    marks = made["post_processor"] or {}
    if marks.get("type") == "TemplateProcessing":
        for each in marks["special_tokens"].values():
            each["ids"] = [new[old] for old in each["ids"]]
    for name in ("sep", "cls"):  # of a BERT's or a RoBERTa's marks: a token and its number
        if name in marks:
            marks[name][1] = new[marks[name][1]]
    return made


def _cut_table(source: Path, target: Path, kept: Sequence[int], *, packed: bool) -> None:
    """The graph with those rows alone in the table of `input_ids`; `packed`, in four bits."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(source))
    initializers = {each.name: each for each in model.graph.initializer}
    looked = [
        (place, node)
        for place, node in enumerate(model.graph.node)
        if node.op_type == "Gather" and node.input[1] == "input_ids" and node.input[0] in initializers
    ]
    if len(looked) != 1:
        raise StageError(f"{source}: no table of embeddings that input_ids are looked up in")
    place, node = looked[0]
    table = initializers[node.input[0]]
    rows = np.ascontiguousarray(numpy_helper.to_array(table)[list(kept)])
    if not packed or rows.shape[1] % _BLOCK:
        table.CopyFrom(numpy_helper.from_array(rows, table.name))
    else:
        model.graph.initializer.remove(table)
        _pack(model, place, rows)
    onnx.save(model, str(target))


def _pack(model: Any, place: int, rows: Any) -> None:
    """Look the rows up in blocks of four-bit numbers, from -8 to 7, each with a scale in fp16.

    The number of a block that is largest in magnitude becomes -8 exactly, as llama.cpp's Q4_0 has it, so what
    came from such blocks is what it was.
    """
    import ml_dtypes
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node = model.graph.node[place]
    table, ids, states = node.input[0], node.input[1], node.output[0]
    blocks = rows.reshape(-1, _BLOCK)
    largest = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(axis=1)]
    scales = (largest / np.float32(-8)).astype(np.float16)
    exact = np.where(scales == 0, np.float32(1), scales.astype(np.float32))[:, None]
    numbers = np.clip(np.rint(blocks / exact), -8, 7).astype(ml_dtypes.int4).reshape(rows.shape)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(numbers, f"{table}_packed"),
            numpy_helper.from_array(scales.reshape(len(rows), -1), f"{table}_scales"),
        ]
    )
    looked_up = helper.make_node(
        "GatherBlockQuantized", [f"{table}_packed", ids, f"{table}_scales"], [f"{states}_fp16"],
        domain=DOMAIN, block_size=_BLOCK, gather_axis=0, quantize_axis=1,
    )  # fmt: skip
    widened = helper.make_node("Cast", [f"{states}_fp16"], [states], to=TensorProto.FLOAT)
    del model.graph.node[place]
    model.graph.node.insert(place, looked_up)
    model.graph.node.insert(place + 1, widened)
    if all(each.domain != DOMAIN for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
