"""A model card says what the answers are, what they are not, and what their score means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2m.deploy.card import Facts, model_card
from p2m.deploy.serving.settings import Settings
from p2m.types import (
    Choice,
    Decision,
    Evaluated,
    Example,
    Exported,
    Field,
    Fit,
    Judged,
    Layout,
    Measured,
    RecordField,
    Score,
    Split,
    Task,
    TaskType,
    Verdict,
)

CLASSIFIES = Task(TaskType.CLASSIFICATION, "Say which.", (Field("text"),), Field("label"), ("a", "b"))

FIT = Fit()


def card_of(folder: Path, task: Task, settings: Settings, *rows: Judged, fit: Fit = FIT) -> str:
    settings.write(folder)
    verdict = Verdict(Decision.SHIP, (), (), "gold")
    exported = Exported(folder, "fp32", 9_220, 41_568, (), fit=fit)
    measured = Measured(0.0002, 0.0042, 1234.5, 100, 1, "cpu")
    evaluated = Evaluated((), (), None, "", "gold", rows)
    choice = Choice("linear_tfidf", ())
    return model_card(
        Facts("x", task, Split((), (), (), "gold"), choice, exported, evaluated, measured, verdict, "mit", ())
    )


@pytest.mark.parametrize(
    ("task", "settings", "said"),
    [
        ({}, {}, ("pipeline_tag: text-classification", "gives one of them to any text.\n", "linear model")),
        ({}, {"none": "b"}, ("gives one of them to any text. `b` is what it learnt to say",)),
        ({"type": TaskType.MULTI_LABEL}, {"shape": "labels", "none": "[]"},
         ("pipeline_tag: text-classification", "gives any number of them to any text", "just these labels")),
        ({"type": TaskType.MULTI_LABEL}, {"shape": "labels"}, ("gives one or more of them to any text",)),
        ({"type": TaskType.REGRESSION}, {"shape": "number"}, ("gives a number to any text", "number is")),
        ({"type": TaskType.QUESTION_ANSWERING}, {"kind": "span"}, ("answers also where there is no answer",)),
        ({"type": TaskType.QUESTION_ANSWERING}, {"kind": "span", "none": "N/A"},
         ("is a span of `text`, or `N/A` where it finds none.",)),
        ({"type": TaskType.EXTRACTION, "layout": Layout(has_types=True)}, {"kind": "tags"},
         ("pipeline_tag: token-classification", "stands in `text`, none within another")),
        ({"type": TaskType.RECORDS, "record": (RecordField("n", "number"),)}, {"kind": "records"},
         ("language: en\ntags:", "never new text")),
        ({"type": TaskType.TEXT_TO_TEXT}, {"kind": "seq2seq"},
         ("pipeline_tag: text-generation", "- It writes text and may")),
    ],
)  # fmt: skip
def test_a_card_says_what_answers_are(
    tmp_path: Path, task: dict[str, object], settings: dict[str, object], said: tuple[str, ...]
) -> None:
    told = Settings(**{"kind": "linear", "fields": ("text",), **settings})  # type: ignore[arg-type]
    card = card_of(tmp_path, replace(CLASSIFIES, **task), told)  # type: ignore[arg-type]
    assert [each for each in said if each not in card] == []
    assert "41.6 kB" in card
    assert ("byte by byte" in card, "It writes" in card) == (False, task.get("type") is TaskType.TEXT_TO_TEXT)


def test_weights_that_are_not_as_they_were_published_are_told(tmp_path: Path) -> None:
    fit = Fit(environment={"weights": "as PACKAGE has them"})
    told = card_of(tmp_path, CLASSIFIES, Settings("linear", ("text",)), fit=fit)
    assert "- The weights that its training began with were as PACKAGE has them.\n" in told
    assert "began with" not in card_of(tmp_path, CLASSIFIES, Settings("linear", ("text",)))


def test_scores_that_nobody_knows_are_not_told(tmp_path: Path) -> None:
    settings = Settings("linear", ("text",))
    sure, unsure = (Judged({"text": "x"}, "a", "b", score, 0.0) for score in (0.25, 0.0))
    assert "surest of:\n\n| expected | answered | score |\n|---|---|---|\n| a | b | 0.25 |\n" in card_of(
        tmp_path, CLASSIFIES, settings, sure
    )
    assert "such as:\n\n| expected | answered |\n|---|---|\n| a | b |\n" in card_of(
        tmp_path, CLASSIFIES, settings, unsure
    )


def test_the_hub_reads_what_it_scored_and_what_it_was_made_of(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    scores = (Score("accuracy", 0.91234, 0.85, 0.96, 40), Score("macro_f1", 0.9, 0.8, 0.95, 40))
    rows = [Example({"text": "x"}, "a", source=source) for source in (
        "retrieved:ada/mails.v2:train", "retrieved:ada/mails.v2:test", "retrieved:squad:train", "user",
        "generated:teacher:meta/llama",
    )]  # fmt: skip
    Settings("linear", ("text",)).write(tmp_path)
    facts = Facts(
        "tickets", CLASSIFIES, Split(tuple(rows), (), (), "gold"), Choice("linear_minilm", ()),
        Exported(tmp_path, "fp32", 1, 1, ()), Evaluated(scores, (), None, "", "gold", ()),
        Measured(0.0002, 0.0042, 1234.5, 100, 1, "cpu"), Verdict(Decision.SHIP, (), (), "gold"), "apache-2.0",
        ("numpy", "onnxruntime"), base="sentence-transformers/all-MiniLM-L6-v2",
    )  # fmt: skip
    read = ModelCard(model_card(facts)).data
    assert (read.license, read.language, read.library_name) == ("apache-2.0", "en", "onnxruntime")
    assert read.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert read.datasets == ["ada/mails.v2"]
    assert read.metrics == ["accuracy", "f1"]
    told = [(each.task_type, each.metric_type, each.metric_value) for each in read.eval_results]
    assert told == [("text-classification", "accuracy", 0.9123), ("text-classification", "f1", 0.9)]
    assert read.eval_results[0].metric_name == "accuracy, 95% interval 0.850 to 0.960 on 40 rows"
    assert read.eval_results[0].dataset_name == "rows of tickets (gold)"


def test_the_card_names_every_language_that_rows_are_in(tmp_path: Path) -> None:
    settings = Settings("linear", ("text",))
    card = card_of(tmp_path, replace(CLASSIFIES, language="de", languages=("de", "en")), settings)
    assert "language:\n- de\n- en\n" in card
    assert "Trained for the languages de and en and for" in card
    assert "language: en\n" in card_of(tmp_path, CLASSIFIES, settings)
