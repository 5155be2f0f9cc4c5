"""Metrics and statistics beside the tools that published figures are made with, on random cases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from p2m.evaluation.bootstrap import interval
from p2m.evaluation.calibration import wilson
from p2m.evaluation.compare import swaps
from p2m.evaluation.paired import gap, resampled
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.bleu import BLEU
from p2m.metrics.chrf import ChrF
from p2m.metrics.error_rate import ErrorRate
from p2m.metrics.macro_f1 import MacroF1
from p2m.metrics.mae import MAE
from p2m.metrics.mcc import MCC
from p2m.metrics.micro_f1 import MicroF1
from p2m.metrics.rouge_l import RougeL
from p2m.metrics.rouge_n import RougeN
from p2m.metrics.span_f1 import SpanF1
from p2m.metrics.spearman import Spearman
from p2m.metrics.weighted_f1 import WeightedF1
from p2m.types import Metric

WORDS = [
    "the",
    "mill",
    "at",
    "Orrin",
    "was",
    "built",
    "1811,",
    "Ada",
    "Marsh.",
    "(plans)",
    "été",
    "ß",
    "don't",
]
EXACT = 1e-12
cases = pytest.mark.parametrize("cases", [60, pytest.param(1000, marks=pytest.mark.slow)])


def value(metric: Metric, said: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    return metric.value(metric.statistics(said, right))


def texts(cases: int) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Corpora of noisy copies, with one to three right answers a row, some predictions empty or too long."""
    for case in range(cases):
        lot = random.Random(case)
        right = [[" ".join(lot.choices(WORDS, k=lot.randint(1, 14))) for _ in range(lot.randint(1, 3))]
                 for _ in range(lot.randint(1, 9))]  # fmt: skip
        said = [
            " ".join(
                word for word in lot.choice(answers).split() for _ in range(lot.choice((0, 1, 1, 1, 1, 2)))
            )
            for answers in right
        ]
        yield said, right


def labels(cases: int) -> Iterator[tuple[list[str], list[str]]]:
    for case in range(cases):
        lot = random.Random(case)
        known = [f"label {n}" for n in range(lot.randint(1, 9))]
        right = [lot.choice(known) for _ in range(lot.randint(1, 80))]
        yield [each if lot.random() < 0.6 else lot.choice([*known, "none such"]) for each in right], right


@cases
def test_bleu_and_chrf_are_those_of_sacrebleu(cases: int) -> None:
    from sacrebleu import corpus_bleu, corpus_chrf

    for said, right in texts(cases):
        streams = [[row[n] if n < len(row) else None for row in right] for n in range(3)]
        theirs = corpus_bleu(said, streams, force=True).score / 100
        assert value(BLEU(), said, right) == pytest.approx(theirs, abs=EXACT)
        one = [row[:1] for row in right]
        theirs = corpus_chrf(said, [[row[0] for row in right]], word_order=2).score / 100
        assert value(ChrF(), said, one) == pytest.approx(theirs, abs=EXACT)


@cases
def test_scores_of_labels_are_those_of_scikit_learn(cases: int) -> None:
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    for said, right in labels(cases):
        given = [[each] for each in right]
        assert value(Accuracy(), said, given) == pytest.approx(accuracy_score(right, said), abs=EXACT)
        assert value(MCC(), said, given) == pytest.approx(matthews_corrcoef(right, said), abs=1e-9)
        for metric, average in ((MacroF1(), "macro"), (WeightedF1(), "weighted")):
            theirs = f1_score(right, said, average=average, zero_division=0)
            assert value(metric, said, given) == pytest.approx(theirs, abs=EXACT)


@cases
def test_scores_of_several_labels_are_those_of_scikit_learn(cases: int) -> None:
    import json

    from sklearn.metrics import f1_score

    for case in range(cases):
        lot = np.random.default_rng(case)
        right = lot.random((lot.integers(2, 40), 4)) < 0.4
        said = np.where(lot.random(right.shape) < 0.7, right, ~right)
        right[0] = said[0] = True  # so that all four labels are there
        spelt = [
            [json.dumps([f"l{n}" for n in np.flatnonzero(row)]) for row in each] for each in (said, right)
        ]
        given = [[answer] for answer in spelt[1]]
        for metric, average in ((MicroF1(), "micro"), (MacroF1(), "macro"), (WeightedF1(), "weighted")):
            theirs = f1_score(right, said, average=average, zero_division=0)
            assert value(metric, spelt[0], given) == pytest.approx(theirs, abs=EXACT)


@cases
def test_spans_are_scored_as_by_seqeval(cases: int) -> None:
    import json

    scores = pytest.importorskip("seqeval.metrics")
    for case in range(cases):
        lot = random.Random(case)
        rows = [([_tag(lot) for _ in range(12)], lot.random()) for _ in range(lot.randint(1, 8))]
        right = [_legal(tags) for tags, _ in rows]
        said = [_legal([tag if lot.random() < 0.7 else _tag(lot) for tag in tags]) for tags in right]
        ours = [[json.dumps(_spans(tags)) for tags in each] for each in (said, right)]
        theirs = scores.f1_score(right, said, zero_division=0)
        found = value(SpanF1(), ours[0], [[text] for text in ours[1]])
        if any(tag != "O" for tags in (*right, *said) for tag in tags):  # else 1 of ours, and 0 of theirs
            assert found == pytest.approx(theirs, abs=EXACT)


def _tag(lot: random.Random) -> str:
    return lot.choice(("O", "O", "B-person", "I-person", "B-place", "I-place"))


def _legal(tags: Sequence[str]) -> list[str]:
    """Tags of which none goes on with what has not begun."""
    found: list[str] = []
    for tag in tags:
        goes_on = found and found[-1][1:] == tag[1:] and found[-1] != "O"
        found.append(tag if tag[0] != "I" or goes_on else f"B{tag[1:]}")
    return found


def _spans(tags: Sequence[str]) -> list[dict[str, object]]:
    from seqeval.metrics.sequence_labeling import get_entities

    return [{"text": f"{first}-{last}", "type": kind, "start": first, "end": last + 1}
            for kind, first, last in get_entities(list(tags))]  # fmt: skip


@cases
def test_numbers_are_scored_as_by_scipy_and_scikit_learn(cases: int) -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import mean_absolute_error

    for case in range(cases):
        lot = np.random.default_rng(case)
        right = lot.integers(0, 9, lot.integers(3, 60)).astype(float)
        said = np.round(right + lot.normal(0, 3, len(right)), 1)
        spelt = [f"{each:g}" for each in said], [[f"{each:g}"] for each in right]
        assert value(MAE(), *spelt) == pytest.approx(mean_absolute_error(right, said), abs=1e-9)
        if len(set(right)) > 1 and len(set(said)) > 1:
            assert value(Spearman(), *spelt) == pytest.approx(spearmanr(said, right).statistic, abs=1e-9)


@cases
def test_rouge_is_that_of_rouge_score_on_english(cases: int) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for said, right in texts(cases):
        plain = [text.replace("été", "summer").replace("ß", "ss") for text in said]
        known = [[text.replace("été", "snow").replace("ß", "sz") for text in row] for row in right]
        theirs = [scorer.score_multi(row, text) for row, text in zip(known, plain, strict=True)]
        for metric, name in ((RougeN(1), "rouge1"), (RougeN(2), "rouge2"), (RougeL(), "rougeL")):
            mean = float(np.mean([row[name].fmeasure for row in theirs]))
            assert value(metric, plain, known) == pytest.approx(mean, abs=EXACT)


@cases
def test_error_rates_are_edits_as_nltk_counts_them(cases: int) -> None:
    from nltk.metrics.distance import edit_distance

    for said, right in texts(cases):
        one = [row[:1] for row in right]
        edits = sum(edit_distance(a.split(), b.split()) for a, (b,) in zip(said, one, strict=True))
        units = sum(len(b.split()) for (b,) in one)
        assert value(ErrorRate(), said, one) == pytest.approx(edits / units, abs=EXACT)


@cases
def test_intervals_and_tests_are_those_of_scipy(cases: int) -> None:
    """Wilson's interval to the digit; the paired test beside the exact one, of which it is a sample."""
    from scipy.stats import binomtest

    for case in range(cases):
        lot = np.random.default_rng(case)
        rows = int(lot.integers(1, 400))
        hits = int(lot.integers(0, rows + 1))
        theirs = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
        ours = wilson(hits / rows, rows, 1.959963984540054)
        assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    for case in range(cases // 20):
        lot = np.random.default_rng(case)
        first, second = (lot.random(80) < lot.uniform(0.5, 0.9) for _ in range(2))
        said = [
            ["yes" if each else f"no {who}" for each in right] for who, right in enumerate((first, second))
        ]
        better, worse = swaps(Accuracy(), said[0], said[1], [["yes"]] * 80, seed=case)
        won, lost = int((first & ~second).sum()), int((second & ~first).sum())
        for p, wins in ((better, won), (worse, lost)):
            exact = binomtest(wins, won + lost, alternative="greater").pvalue if won + lost else 1.0
            assert p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 2000) ** 0.5 + 1e-3)


def test_bootstrap_intervals_are_those_of_scipy() -> None:
    from scipy.stats import bootstrap

    right = np.random.default_rng(1).random(300) < 0.7
    low, high = interval(Accuracy(), right.astype(float).reshape(-1, 1), resamples=4000, seed=0)
    theirs = bootstrap((right.astype(float),), np.mean, method="percentile", n_resamples=4000, rng=1)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.006)


def test_two_equal_models_are_called_different_in_one_case_of_twenty() -> None:
    """1,000 pairs of models that are right as often, on rows of which some are hard for both."""
    metric, different = Accuracy(), 0
    for case in range(1000):
        lot = np.random.default_rng(case)
        chance = lot.choice((0.5, 0.9), 250)[:, None]  # of each row, that a model is right
        one, two = ((lot.random((250, 1)) < chance).astype(float) for _ in range(2))
        pairs = resampled(metric, one, two, resamples=200, seed=case)
        found = gap(metric.value(one) - metric.value(two), pairs, 250)
        different += not found.low <= 0 <= found.high
    assert 30 <= different <= 70, different
