"""p2m catalog search and models: what suits a prompt, with what speaks for it and against it."""

from __future__ import annotations

import json

import pytest

from p2m.catalogs.entries import Entry
from p2m.catalogs.files import write_catalog
from p2m.cli.catalog_search import candidates_text
from p2m.cli.main import main
from p2m.students import weights
from p2m.types import Candidate, Candidates, Card

ENTRIES = [
    Entry("a/banking", task_ids=("text-classification",), languages=("en",), license="cc-by-4.0",
          size_bytes=1_000_000, rows=13_083, description="Questions to a bank, each with its intent."),
    Entry("a/laws", task_ids=("text-classification",), languages=("en",), license="mit",
          size_bytes=9_000_000_000, description="Intents of court rulings, and the questions asked."),
    Entry("a/closed", task_ids=("text-classification",), languages=("en",), license="mit", gated=True,
          description="Intents of questions to a bank."),
    Entry("b/model", "model", license="mit", description="Tells the intent of questions to a bank."),
]  # fmt: skip
PROMPT = "Tell the intent of a question to a bank."


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("catalogues") / "store"


@pytest.fixture
def catalogue(tmp_path, monkeypatch, store):
    if weights.installed_folder() is None:
        pytest.skip("the weights of all-MiniLM-L6-v2 are not installed")
    monkeypatch.setenv("P2M_STORE", str(store))
    write_catalog(ENTRIES, tmp_path / "c.parquet")
    return str(tmp_path / "c.parquet")


def test_what_suits_is_shown_with_its_facts_and_the_rest_with_the_reason(catalogue, capsys):
    words = [PROMPT, "--catalog", catalogue, "--max-size", "2GB"]
    assert main(["catalog", "search", *words]) == 0
    text = capsys.readouterr().out
    assert "1. a/banking\n     licence cc-by-4.0, 1.0 MB to download, 13,083 rows, en" in text
    assert "likeness" in text
    assert "a/closed: it is gated" in text
    assert "a/laws: it is 9.0 GB, more than --max-size" in text
    assert "b/model" not in text
    assert "a build fetches retriever.max_download of each at most" in text

    assert "fits with a probability of " in text
    assert "none is likely to fit" not in text

    assert main(["catalog", "models", *words]) == 0
    assert "b/model: its size is not known: leave out --max-size" in capsys.readouterr().out
    del words[-2:]
    assert main(["catalog", "models", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["found"]
    assert [each["card"]["name"] for each in found] == ["b/model"]

    assert main(["catalog", "search", *words, "--license", "apache-2.0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"] == []
    assert any("licence" in each["refusal"] for each in told["refused"])


def test_the_candidates_of_a_build_are_shown_with_their_figures_and_why_or_why_not():
    card = Card("a/banking", "Words. " * 300, license="mit", size_bytes=2000, folder="a/banking")
    taken = Candidate(card, 0.5, {"text": "question"}, ("fits with a probability of 31.0%",))
    refused = Candidate(Card("a/laws"), 0.25, None, refusal="it is gated")
    assert candidates_text(Candidates((taken, refused, refused)), rows=2).splitlines() == [
        "3 candidates, 1 of them taken",
        "  1. a/banking: score 0.5",
        "     licence mit, 2.0 kB",
        "     fits with a probability of 31.0%",
        "     text <- question",
        "  2. a/laws: score 0.25",
        "     licence not named, size not known",
        "     left out: it is gated",
    ]


def test_models_are_chosen_by_architecture_and_by_the_size_of_their_weights(catalogue, tmp_path, capsys):
    told = {"kind": "model", "license": "mit", "description": "Tells the intent of questions to a bank."}
    models = [
        Entry("c/small", architecture="XLMRobertaForMaskedLM", parameters=20_000_000, likes=7, **told),
        Entry("c/large", architecture="XLMRobertaModel", parameters=560_000_000, **told),
        Entry("c/writer", architecture="T5ForConditionalGeneration", parameters=60_000_000, **told),
        Entry("c/unknown", **told),
    ]
    write_catalog(models, tmp_path / "m.parquet")
    words = [PROMPT, "--catalog", str(tmp_path / "m.parquet"), "--max-size", "1GB"]
    assert main(["catalog", "models", *words, "--architecture", "xlm-roberta"]) == 0
    text = capsys.readouterr().out
    assert (
        "1. c/small\n     licence mit, about 80.0 MB to download, 20.0M parameters, XLMRobertaForMaskedLM"
        in text
    )
    assert "7 likes" in text
    assert "c/large: it is 2.2 GB, more than --max-size" in text
    assert "c/writer: it is a T5ForConditionalGeneration, not xlm-roberta" in text
    assert "c/unknown: its size is not known" in text
    assert main(["catalog", "search", *words, "--architecture", "bert"]) == 2
    assert "--architecture is of models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "look for what?"),
        (["x", "--limit", "0"], "give 1 or more"),
        (["x", "--max-size", "big"], "24 MB"),
    ],
)
def test_what_cannot_be_looked_for_is_said(words, said, capsys):
    assert main(["catalog", "search", *words]) == 2
    assert said in capsys.readouterr().err
