"""A vocabulary cut to what a model is for: tokenizer and table of embeddings.

Of a multilingual encoder that table is most of all weights, and of a small English one half. There is no
corpus here to count pieces in, so they are kept by their letters and by what the tokenizer itself tells of
each: a Unigram vocabulary has a score, a logarithm of how frequent it was in what the base model read, and a
WordPiece vocabulary lists the frequent first. A word that lost its piece is spelt by shorter ones, which the
model has seldom seen; so it is better to keep many pieces in four bits than few in eight.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from p2m.compression.int8 import ENCODER, Int8
from p2m.compression.weight_only import pack_tables
from p2m.errors import StageError
from p2m.word_lists import WordLists

_LETTERS = WordLists(Path(__file__).with_name("letters.txt"))
_BLANK = "▁"  # of sentencepiece: a piece that begins a word
_INSIDE = "##"  # of WordPiece: a piece that goes on with one
_KINDS = ("Unigram", "WordPiece")
PIECES = 120_000
_AT_ONCE = 10_000  # texts


@dataclass(frozen=True)
class TrimmedVocabulary:
    """Keep special tokens, every single character, what the training rows use, and of the other pieces that
    are written in letters of the `languages` the likeliest.

    Unigram vocabularies of encoders are cut (Kudo, 2018, arXiv 1804.10959), those of multilingual models, and
    WordPiece ones (Schuster and Nakajima, 2012), those of BERT: any subset of one is one. Words of the
    training rows are spelt as before. Other models stay as they are.
    """

    pieces: int = PIECES  # at most, if rows and single characters leave room
    languages: tuple[str, ...] = ()  # ISO 639-1; (): constraints.languages, else those of the task
    int8: bool = True  # whether what is left is then made smaller: the table by four bits, the rest by eight

    @property
    def least_share(self) -> float:
        """Of an encoder's usual bytes, half of which are its table's, what may be left."""
        return 1.0 if self.pieces >= PIECES else 0.5

    @property
    def name(self) -> str:
        return "trimmed_int8" if self.int8 else "trimmed"

    @property
    def leaves_floats(self) -> bool:
        return not self.int8

    def compress(self, source: Path, target: Path, *, texts: Iterable[str] = ()) -> None:
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

    def _cut(self, source: Path, target: Path, texts: Iterable[str]) -> bool:
        """Whether there was something to cut."""
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, dirs_exist_ok=True)
        path = source / "tokenizer.json"
        made = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if made.get("model", {}).get("type") not in _KINDS or not (source / ENCODER).is_file():
            return False
        kept = self._kept(made, path, texts)
        _cut_table(source / ENCODER, target / ENCODER, kept, packed=self.int8)
        text = json.dumps(_renumbered(made, kept), ensure_ascii=False, separators=(",", ":"))
        (target / "tokenizer.json").write_text(text, encoding="utf-8")
        return True

    def _kept(self, made: dict[str, Any], path: Path, texts: Iterable[str]) -> list[int]:
        """Numbers of the pieces that stay, ascending."""
        from tokenizers import Tokenizer

        vocabulary = _scored(made["model"])
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        kept = {_unknown(made["model"]), *(each["id"] for each in made["added_tokens"])}
        kept |= set(tokenizer.encode("").ids)
        kept |= {
            number for number, (piece, _) in enumerate(vocabulary) if len(piece.removeprefix(_INSIDE)) == 1
        }
        found = iter(texts)
        while some := list(islice(found, _AT_ONCE)):
            for encoding in tokenizer.encode_batch(some):
                kept |= set(encoding.ids)
        known = _Letters(self.languages)
        likeliest = sorted(range(len(vocabulary)), key=lambda number: (-vocabulary[number][1], number))
        for number in likeliest:
            if len(kept) >= self.pieces:
                break
            if number not in kept and known.can_write(vocabulary[number][0]):
                kept.add(number)
        return sorted(kept)


def _scored(model: dict[str, Any]) -> list[tuple[str, float]]:
    """The pieces by number, each with how likely it is, more being likelier."""
    if model["type"] == "Unigram":
        return [(piece, score) for piece, score in model["vocab"]]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    unused = -len(pieces)  # BERT's places for pieces that nobody put there, "[unused7]"
    return [(piece, unused if piece.startswith("[unused") else -n) for n, piece in enumerate(pieces)]


def _unknown(model: dict[str, Any]) -> int:
    """The number of the piece for what cannot be spelt."""
    return int(model["unk_id"] if model["type"] == "Unigram" else model["vocab"][model["unk_token"]])


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
            for char in piece.removeprefix(_BLANK).removeprefix(_INSIDE).lower()
            if char.isalpha() or unicodedata.combining(char)
        )


def _renumbered(made: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """tokenizer.json of the pieces that are kept, in their order."""
    new = {old: number for number, old in enumerate(kept)}
    model = made["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in kept]
        model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {piece: new[old] for piece, old in model["vocab"].items() if old in new}
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
        node
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[1] == "input_ids" and node.input[0] in initializers
    ]
    if len(looked) != 1:
        raise StageError(f"{source}: no table of embeddings that input_ids are looked up in")
    table = initializers[looked[0].input[0]]
    rows = np.ascontiguousarray(numpy_helper.to_array(table)[list(kept)])
    table.CopyFrom(numpy_helper.from_array(rows, table.name))
    if packed:
        pack_tables(model)
    onnx.save(model, str(target))
