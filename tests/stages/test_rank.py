"""An index of a small catalogue, made and ranked by real steps with a tiny encoder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from p2m.catalogs.entries import Entry
from p2m.catalogs.files import write_catalog
from p2m.engine.hashing import digest_tree
from p2m.parsing import parse_prompt
from p2m.retrievers.hybrid import Hybrid
from p2m.retrievers.ranking import WEIGHTS
from p2m.stages.card_vectors import Reader
from p2m.stages.encoder import encoder
from p2m.stages.formats import by_format, format_features
from p2m.stages.index import index
from p2m.stages.rank import rank
from p2m.stages.retrieve import retrieve
from p2m.stages.select import select
from p2m.students.sentence_encoder import SentenceEncoder
from p2m.types import Candidate, Card, Files

MOODS = parse_prompt("Is the review good or bad?", labels=("good", "bad"))
ABLE = Hybrid(least_fit=0)


@pytest.fixture
def reader(tiny_bert, run):
    return encoder(base=SentenceEncoder(str(tiny_bert), sha256=""), compressor=None, run=run)


def dataset(root, name, body, text="text"):
    folder = root / name
    folder.mkdir(parents=True)
    rows = [{text: f"item {n}", "label": ("good", "bad")[n % 2]} for n in range(40)]
    front = "---\nlicense: mit\nlanguage: en\ntask_categories: [text-classification]\n---\n"
    (folder / "README.md").write_text(front + body, encoding="utf-8")
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_catalogue_on_disk_is_indexed_ranked_and_judged(tmp_path, reader, run):
    root = tmp_path / "datasets"
    dataset(root, "reviews", "Reviews of films, good or bad.")
    dataset(root, "laws", "Court rulings.")
    dataset(root, "broken", "Reviews.")
    (root / "broken" / "README.md").write_text("---\nlicense: [mit\n---\n", encoding="utf-8")
    cards = index(Files(root), reader, window=32, run=run)
    ranked = rank(MOODS, cards, reader, retriever=ABLE, run=run)
    assert ranked.found[0].card.name == "reviews"
    judged = retrieve(MOODS, Files(root), ranked, retriever=ABLE, limit=5, licenses=(), languages=())
    best = judged.usable[0]
    assert "broken" in [one.card.name for one in judged.found if one.refusal]
    assert (best.card.name, best.mapping) == ("reviews", {"text": "text", "label": "label"})


def test_a_catalogue_file_is_indexed(tmp_path, reader, run):
    path = tmp_path / "cards.parquet"
    write_catalog([Entry("a/reviews", description="Reviews, good or bad."), Entry("a/laws")], path)
    cards = index(Files(path), reader, window=32, run=run)
    found = rank(MOODS, cards, reader, retriever=ABLE, run=run).found
    assert found[0].card.name == "a/reviews"


def catalogue_of(path, *entries):
    write_catalog(entries, path)
    return Files(path)


def test_only_cards_that_changed_are_read_again_and_the_index_is_the_same(tmp_path, reader, run):
    entries = [
        Entry(f"a/{n}", description=f"Reviews of {n} films, " + "good or bad, " * (n % 7)) for n in range(30)
    ]
    catalogue = catalogue_of(tmp_path / "cards.parquet", *entries)
    index(catalogue, reader, window=32, run=run)
    assert run.seen[-1][:2] == (30, 30)
    entries[3] = replace(entries[3], description="Court rulings.")
    entries[9] = replace(entries[9], license="mit")  # which no vector depends on
    catalogue_of(catalogue.path, *entries)
    run.seen.clear()
    again = digest_tree(index(catalogue, reader, window=32, run=run).folder)
    assert [each[:2] for each in run.seen] == [(1, 1)]
    assert run.lines[-1].startswith("1 of 30 cards")
    for damage in (shutil.rmtree, lambda memos: next(memos.iterdir()).write_bytes(b"?" * 999)):
        damage(run.memos)
        run.seen.clear()
        assert digest_tree(index(catalogue, reader, window=32, run=run).folder) == again
        assert run.seen[-1][:2] == (30, 30)


def test_a_text_has_one_vector_to_the_bit_whatever_it_is_read_along_with(reader):
    texts = {bytes([n]): f"{'a film ' * (n % 5)}number {n}" for n in range(23)}
    able = Reader(reader.folder, 32, threads=2)
    together = dict(able.read(texts))
    for digest, text in texts.items():
        ((_, alone),) = able.read({digest: text})
        assert (alone == together[digest]).all()


def test_labels_that_the_card_has_count_in_the_ranking():
    has = Card("b", columns=("text", "label"), label_names={"label": {"0": "Good", "1": "Bad"}})
    assert format_features(MOODS, has)["labels"] == 1
    assert WEIGHTS["dataset"]["labels"] > 0
    first = by_format(MOODS, [Candidate(Card("a"), 0.5, None), Candidate(has, 0.5, None)])[0]
    assert first.card.name == "b"
    assert "has 100% of the task's labels" in first.reasons
    names = {str(number): name for number, name in enumerate(("joy", "fear", "anger", "3"))}
    other = by_format(MOODS, [Candidate(replace(has, label_names={"label": names}), 0.5, None)])[0]
    lacks = "its labels (joy, fear, anger, 3) lack good, bad: left out unless retriever.transform maps them"
    assert lacks in other.reasons
    spelt = replace(has, label_names={"label": {"0": "GOOD", "1": "bad"}})
    assert not any("lack" in each for each in by_format(MOODS, [Candidate(spelt, 0.5, None)])[0].reasons)


def test_labels_that_the_card_has_make_it_likelier():
    has = Card("b", columns=("text", "label"), label_names={"label": {"0": "Good", "1": "Bad"}})
    likelier, same = by_format(
        MOODS, [Candidate(each, 0.5, None, probability=0.3) for each in (has, Card("a"))]
    )
    assert likelier.probability > same.probability == 0.3
    assert likelier.reasons[-1] == f"fits with a probability of {likelier.probability:.1%}"


def test_where_even_the_likeliest_is_unlikely_none_fits_and_that_is_said(tmp_path, reader, run):
    root = tmp_path / "datasets"
    dataset(root, "reviews", "Reviews of films, good or bad.")
    dataset(root, "laws", "Court rulings.")
    cards = index(Files(root), reader, window=32, run=run)
    taken = rank(MOODS, cards, reader, retriever=replace(ABLE, least_probability=0.0), run=run)
    assert taken.usable
    able = replace(ABLE, least_probability=1.0)
    none = rank(MOODS, cards, reader, retriever=able, run=run)
    assert not none.usable
    assert "none fits: the likeliest, " in none.found[-1].refusal
    assert [one.probability for one in none.found] == [one.probability for one in taken.found]
    assert run.lines[-1].startswith("no dataset fits: the likeliest, ")
    judged = retrieve(MOODS, Files(root), none, retriever=able, limit=5, licenses=(), languages=())
    assert not select(MOODS, judged, Files(root), max_rows=9, seed=0, run=None).rows
    mapping = {"laws": {}}
    named = retrieve(
        MOODS, Files(root), none, retriever=able, limit=5, licenses=(), languages=(), mapping=mapping
    )
    assert [one.card.name for one in named.usable] == ["laws"]
