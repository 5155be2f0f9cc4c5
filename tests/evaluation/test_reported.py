"""Reported values pass through `evaluate`, from a folder and without a hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.errors import UserError
from p2m.evaluation.reported import MODULE, component, listed, through_evaluate
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.chrf import ChrF
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.macro_f1 import MacroF1
from p2m.metrics.rouge_l import RougeL
from p2m.metrics.token_f1 import TokenF1

ALL = (ExactMatch(), TokenF1(), Accuracy(), MacroF1(), ChrF(), ChrF(word_order=0), RougeL())
PREDICTIONS = ["Ada Marsh", "in 1811", "東京", ""]
REFERENCES = [["Marsh", "ada marsh"], ["1811"], ["東京"], ["N/A"]]


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any attempt to open a connection fails the test."""
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a metric tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_evaluate_loads_the_module_from_its_folder() -> None:
    import evaluate

    module = evaluate.load(str(MODULE), "exact_match", keep_in_memory=True)
    assert module.compute(predictions=PREDICTIONS, references=REFERENCES) == {"exact_match": 0.5}
    assert module.compute(predictions=["a b"], references=["a b"]) == {"exact_match": 1.0}
    assert module.compute(predictions=["The x"], references=["x"], normalisation="blanks") == {
        "exact_match": 0.0
    }


def test_evaluate_gathers_batches() -> None:
    import evaluate

    module = evaluate.load(str(MODULE), "chrf", keep_in_memory=True)
    for said, answers in zip(PREDICTIONS, REFERENCES, strict=True):
        module.add_batch(predictions=[said], references=[answers])
    metric = ChrF()
    assert module.compute() == {"chrf": metric.value(metric.statistics(PREDICTIONS, REFERENCES))}


@pytest.mark.parametrize("metric", ALL, ids=str)
def test_values_are_those_of_the_plain_metric_with_its_settings(metric: ExactMatch) -> None:
    plain = metric.value(metric.statistics(PREDICTIONS, REFERENCES))
    assert through_evaluate(metric, PREDICTIONS, REFERENCES) == plain


def test_metrics_are_found_by_name_and_by_class_and_misspellings_are_answered() -> None:
    assert component("chrf", {"word_order": 0}) == ChrF(word_order=0)
    assert component("p2m.metrics.chrf.ChrF", {}) == ChrF()
    with pytest.raises(UserError, match="did you mean 'token_f1'"):
        component("token_f2", {})
    with pytest.raises(UserError, match="no metric 'text'"):
        component("text", {})


def test_references_may_be_one_text_a_row() -> None:
    assert listed(["a", "b"]) == [["a"], ["b"]]
    assert listed([("a", "b")]) == [["a", "b"]]
