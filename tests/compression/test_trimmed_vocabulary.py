"""A vocabulary that is cut: what stays means what it meant, and what went can still be spelt."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoders import FOREIGN, RUSSIAN, WORDS, pieces, write_checkpoint

from p2m.compression.trimmed_vocabulary import _LETTERS, TrimmedVocabulary
from p2m.deploy.base import open_encoder
from p2m.students.linear_encoder import LinearEncoder
from p2m.types import Compressor, VocabularyCompressor

TABLE = "embeddings.word_embeddings.weight"
ENGLISH = ["Ada lives in Rome.", "who is there?", "Ben is away"]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embeddings of a tiny multilingual encoder."""
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("checkpoint"), "bert")
    folder = tmp_path_factory.mktemp("full")
    LinearEncoder(str(checkpoint), "mit", prefix="query: ").encoder.export(folder)
    return folder


def cut(full: Path, target: Path, texts: tuple[str, ...] = (), **settings: Any) -> Path:
    target.mkdir()
    TrimmedVocabulary(**{"languages": ("en",), "int8": False, **settings}).compress(full, target, texts=texts)
    return target


def tokenizer_of(folder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def embedded(folder: Path, texts: list[str]) -> Any:
    return open_encoder(folder, threads=1, max_length=40).encode(texts)


def rows_of(folder: Path) -> list[int]:
    import onnx

    graph = onnx.load(str(folder / "model.onnx")).graph
    return [each.dims[0] for each in graph.initializer if "word_embeddings" in each.name]


def test_texts_of_the_languages_are_embedded_as_before(full: Path, tmp_path: Path) -> None:
    small = cut(full, tmp_path / "small")
    assert np.abs(embedded(small, ENGLISH) - embedded(full, ENGLISH)).max() < 1e-6
    assert rows_of(small) == [tokenizer_of(small).get_vocab_size()] == [len(pieces()) - len(FOREIGN)]
    assert [tokenizer_of(small).encode(text).tokens for text in ENGLISH] == [
        tokenizer_of(full).encode(text).tokens for text in ENGLISH
    ]


def test_what_went_is_spelt_by_single_letters(full: Path, tmp_path: Path) -> None:
    small = tokenizer_of(cut(full, tmp_path / "small"))
    assert tokenizer_of(full).encode("живёт").tokens[3:-1] == ["▁живёт"]
    assert small.encode("живёт").tokens[3:-1] == ["▁", *"живёт"]
    assert "<unk>" not in small.encode(f"{RUSSIAN} Ada").tokens


def test_languages_and_rows_keep_their_own(full: Path, tmp_path: Path) -> None:
    russian = tokenizer_of(cut(full, tmp_path / "ru", languages=("en", "ru"))).get_vocab()
    assert {f"▁{each}" for each in (*WORDS, *FOREIGN)} <= set(russian)
    used = tokenizer_of(cut(full, tmp_path / "used", texts=("Ада дома",))).get_vocab()
    assert "▁дома" in used
    assert "▁живёт" not in used
    unknown = tokenizer_of(cut(full, tmp_path / "xx", languages=("en", "xx"))).get_vocab()
    assert len(unknown) == len(pieces()), "of a language without a list, every letter may be one"


def test_the_likeliest_pieces_stay_where_there_is_no_room_for_all(full: Path, tmp_path: Path) -> None:
    most = len(pieces()) - len(FOREIGN) - 5
    left = tokenizer_of(cut(full, tmp_path / "few", pieces=most)).get_vocab()
    assert len(left) == most
    gone = {f"▁{each}" for each in WORDS} - set(left)
    assert gone == {"▁is", "▁away", "▁who", "▁there", "▁in"}  # the last of the list, but for the prefix


def test_four_bits_are_what_the_numbers_came_from(full: Path, tmp_path: Path) -> None:
    """A table that was rounded to blocks once is not changed by rounding it again."""
    import onnx
    from onnx import numpy_helper

    def arrays_of(folder: Path) -> dict[str, Any]:
        graph = onnx.load(str(folder / "model.onnx")).graph
        found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        return {name: each for name, each in found.items() if "word_embeddings" in name}

    once = cut(full, tmp_path / "once", int8=True)
    again = tmp_path / "rounded"
    shutil.copytree(full, again)
    arrays = arrays_of(once)
    numbers, scales = (arrays[f"{TABLE}_{part}"].astype(np.float32) for part in ("packed", "scales"))
    assert set(np.unique(numbers)) <= set(range(-8, 8))
    table = (numbers.reshape(len(numbers), -1, 32) * scales[:, :, None]).reshape(len(numbers), -1)
    ordered = sorted(tokenizer_of(once).get_vocab().items(), key=lambda each: each[1])
    kept = [tokenizer_of(full).token_to_id(piece) for piece, _ in ordered]
    model = onnx.load(str(again / "model.onnx"))
    word = next(each for each in model.graph.initializer if each.name == TABLE)
    values = numpy_helper.to_array(word).copy()
    values[kept] = table
    word.CopyFrom(numpy_helper.from_array(values, word.name))
    onnx.save(model, str(again / "model.onnx"))
    same = arrays_of(cut(again, tmp_path / "twice", int8=True))
    assert all(np.array_equal(array, same[name]) for name, array in arrays.items())
    near = (embedded(once, ENGLISH) * embedded(full, ENGLISH)).sum(axis=1)
    assert near.min() > 0.97


@pytest.fixture(scope="module")
def words(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embeddings of a tiny encoder that spells by WordPiece."""
    folder = tmp_path_factory.mktemp("words")
    LinearEncoder(str(tiny_bert), "mit").encoder.export(folder)
    return folder


@pytest.mark.parametrize("int8", [False, True])
def test_a_vocabulary_of_words_keeps_those_of_the_rows(words: Path, tmp_path: Path, int8: bool) -> None:
    """And spells the others by letters, of which all stay."""
    small = cut(words, tmp_path / "small", ("Ada lives in Rome",), int8=int8, pieces=1)
    before, after = tokenizer_of(words), tokenizer_of(small)
    assert after.encode("Ada lives in Rome").tokens == before.encode("Ada lives in Rome").tokens
    assert before.encode("ben").tokens[1:-1] == ["ben"]
    assert after.encode("ben").tokens[1:-1] == ["b", "##e", "##n"]
    assert "[UNK]" not in after.encode("who is there?").tokens
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert [after.token_to_id(each) for each in specials] == [0, 1, 2, 3, 4]
    known = ["Ada lives in Rome", "rome in ada"]
    near = (embedded(small, known) * embedded(words, known)).sum(axis=1)
    assert near.min() > (0.97 if int8 else 0.99999)


def test_the_first_of_a_list_of_words_are_the_likeliest(words: Path, tmp_path: Path) -> None:
    before = tokenizer_of(words).get_vocab()
    left = tokenizer_of(cut(words, tmp_path / "few", pieces=len(before) - 2)).get_vocab()
    last = sorted(before, key=before.__getitem__)[-2:]
    assert set(before) - set(left) == set(last)
    assert last == ["who", "there"]


def test_it_is_a_compressor_that_is_told_of_languages() -> None:
    assert isinstance(TrimmedVocabulary(), Compressor)
    assert isinstance(TrimmedVocabulary(), VocabularyCompressor)
    assert (TrimmedVocabulary().name, TrimmedVocabulary(int8=False).name) == ("trimmed_int8", "trimmed")


def test_every_language_has_letters_or_scripts_that_unicode_knows() -> None:
    import sys
    import unicodedata

    scripts = {
        unicodedata.name(chr(code), "?").split()[0] for code in range(sys.maxunicode) if chr(code).isalpha()
    }
    for language, *cells in _LETTERS.table("letters"):
        assert len(language) == 2
        for cell in cells:
            assert not (cell.isascii() and cell.isupper()) or cell in scripts, (language, cell)
