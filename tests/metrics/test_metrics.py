"""Every metric against an independent reference and against the laws that a metric obeys."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.evaluation.compare import needed_rows, swaps
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.base import Metric
from p2m.metrics.chrf import ChrF
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.macro_f1 import MacroF1
from p2m.metrics.mae import MAE
from p2m.metrics.micro_f1 import MicroF1
from p2m.metrics.rouge_l import RougeL
from p2m.metrics.spearman import Spearman
from p2m.metrics.text import normalise, tokens
from p2m.metrics.token_f1 import TokenF1
from p2m.types import Field, Task, TaskType, merit

ALL: list[Metric] = [ExactMatch(), TokenF1(), Accuracy(), MacroF1(), ChrF(), RougeL()]
NAMES = [metric.name for metric in ALL]
WORDS = ["the", "mill", "at", "Orrin", "was", "built", "1811", "Ada", "Marsh,", "(plans)", "été", "ß"]

sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
corpora = st.lists(st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=1, max_size=12)


def score(metric: Metric, predictions: list[str], references: list[list[str]]) -> float:
    return metric.value(metric.statistics(predictions, references))


def corpus(rows: int = 60) -> tuple[list[str], list[list[str]]]:
    """Noisy copies of random sentences, with one to three right answers a row."""
    random_ = random.Random(7)
    references = [
        [" ".join(random_.choices(WORDS, k=random_.randint(1, 12))) for _ in range(random_.randint(1, 3))]
        for _ in range(rows)
    ]
    predictions = [
        " ".join(word if random_.random() < 0.7 else random_.choice(WORDS) for word in answers[0].split())
        for answers in references
    ]
    return predictions, references


# ---- hand-computed cases of the SQuAD normalisation


@pytest.mark.parametrize(
    ("said", "answers", "equal"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1.0),
        ("an apple", ["Apple."], 1.0),
        ("theatre", ["atre"], 0.0),  # an article inside a word is no article
        ("U.S.", ["us"], 1.0),
        ("1,000", ["1000"], 1.0),
        ("Ada Marsh", ["Marsh", "Ada Marsh"], 1.0),
        ("Ada", ["Ada Marsh"], 0.0),
        ("(A)", ["A"], 1.0),  # an option, not an article: punctuation goes all the same
        ("A.", ["A"], 1.0),
        ("B.", ["B"], 1.0),
        ("The.", ["the"], 1.0),
        ("A", ["the"], 0.0),  # both vanish under the original script, which would call them equal
        ("+", ["-"], 0.0),
        ("", ["+"], 0.0),
        ("東京。", ["東京"], 1.0),
    ],
)
def test_exact_match_follows_squad(said: str, answers: list[str], equal: float) -> None:
    assert score(ExactMatch(), [said], [answers]) == equal


@pytest.mark.parametrize(
    ("said", "answers", "f1"),
    [
        ("Ada Marsh", ["Ada Marsh"], 1.0),
        ("the mill at Orrin", ["Orrin mill"], 2 * (2 / 3) * 1 / (2 / 3 + 1)),  # 3 tokens against 2, 2 common
        ("Marsh", ["Ada Marsh", "Ms Ada B Marsh"], 2 / 3),
        ("red", ["blue"], 0.0),
        ("dog dog cat", ["dog cat cat"], 2 / 3),  # bags, not sets
        ("東京都", ["東京"], 0.8),  # characters: 3 against 2, 2 common
        ("(A)", ["A"], 1.0),
        ("", [""], 1.0),
        ("", ["x"], 0.0),
    ],
)
def test_token_f1_follows_squad(said: str, answers: list[str], f1: float) -> None:
    assert score(TokenF1(), [said], [answers]) == pytest.approx(f1)


def test_exact_match_can_respect_punctuation() -> None:
    assert score(ExactMatch(), ["2012-07"], [["201207"]]) == 1.0
    assert score(ExactMatch(normalisation="blanks"), ["2012-07"], [["201207"]]) == 0.0
    assert score(ExactMatch(normalisation="blanks"), [" f(x)  y "], [["f(x) y"]]) == 1.0
    assert score(ExactMatch(normalisation="blanks"), ["The"], [["the"]]) == 0.0


def test_tokens_split_scripts_without_blanks_and_keep_others_whole() -> None:
    assert tokens("Tokyo 東京 is カナ") == ["Tokyo", "東", "京", "is", "カ", "ナ"]
    assert tokens("Привет мир 한국어") == ["Привет", "мир", "한국어"]
    assert normalise("  The  A-Team ") == "ateam"


# ---- independent references


def test_chrf_equals_the_corpus_score_of_sacrebleu() -> None:
    from sacrebleu import corpus_chrf

    predictions, references = corpus()
    widest = max(map(len, references))
    streams = [[answers[min(n, len(answers) - 1)] for answers in references] for n in range(widest)]
    for word_order in (0, 2):
        theirs = corpus_chrf(predictions, streams, word_order=word_order).score / 100
        assert score(ChrF(word_order=word_order), predictions, references) == pytest.approx(theirs, abs=1e-12)
    assert 0.3 < theirs < 0.95


def test_accuracy_and_macro_f1_equal_those_of_sklearn() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    random_ = random.Random(3)
    labels = ["a", "b", "c", "never predicted", "B"]
    right = [random_.choice(labels[:4]) for _ in range(300)]
    said = [label if random_.random() < 0.6 else random_.choice(["a", "b", "c", "B"]) for label in right]
    references = [[label] for label in right]
    assert score(Accuracy(), said, references) == pytest.approx(accuracy_score(right, said))
    theirs = f1_score(right, said, average="macro", zero_division=0)
    assert score(MacroF1(), said, references) == pytest.approx(theirs)


def test_rouge_l_equals_rouge_score_on_english() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    predictions, references = corpus()
    predictions = [text.replace("été", "summer").replace("ß", "ss") for text in predictions]
    references = [[text.replace("été", "snow").replace("ß", "sz") for text in row] for row in references]
    scorer = RougeScorer(["rougeL"])
    pairs = zip(references, predictions, strict=True)
    theirs = np.mean([scorer.score_multi(row, text)["rougeL"].fmeasure for row, text in pairs])
    assert score(RougeL(), predictions, references) == pytest.approx(float(theirs))


def test_rouge_l_sees_scripts_beyond_latin() -> None:
    assert score(RougeL(), ["мир и война"], [["война и мир"]]) == pytest.approx(1 / 3)
    assert score(RougeL(), ["東京都"], [["東京"]]) == pytest.approx(0.8)


# ---- laws


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
@settings(max_examples=40, deadline=None)
@given(rows=corpora, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(metric: Metric, rows: list, seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert score(metric, *map(list, zip(*rows, strict=True))) == pytest.approx(
        score(metric, *map(list, zip(*shuffled, strict=True)))
    )


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
@settings(max_examples=40, deadline=None)
@given(rows=corpora)
def test_values_lie_between_0_and_1_and_right_answers_score_1(metric: Metric, rows: list) -> None:
    predictions, references = map(list, zip(*rows, strict=True))
    assert 0.0 <= score(metric, predictions, references) <= 1.0
    assert score(metric, [answers[-1] for answers in references], references) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
@settings(max_examples=40, deadline=None)
@given(rows=corpora, seed=st.integers(0, 99))
def test_resampled_statistics_give_the_metric_of_the_resampled_rows(
    metric: Metric, rows: list, seed: int
) -> None:
    predictions, references = map(list, zip(*rows, strict=True))
    statistics = metric.statistics(predictions, references)
    picked = random.Random(seed).choices(range(len(rows)), k=len(rows))
    direct = score(metric, [predictions[n] for n in picked], [references[n] for n in picked])
    assert metric.value(statistics[picked]) == pytest.approx(direct)
    assert len(statistics) == len(rows)


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_nonsense_scores_0(metric: Metric) -> None:
    assert score(metric, ["qqq", "zzzz"], [["Ada Marsh"], ["1811"]]) == 0.0


# ---- fit


def test_metrics_refuse_tasks_that_they_do_not_fit_and_say_what_does() -> None:
    tasks = {
        kind: Task(type=kind, instruction="", inputs=(Field("text"),), output=Field("output"))
        for kind in TaskType
        if kind.is_learnt
    }
    texts = {TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION, TaskType.TEXT_TO_TEXT}
    fits = {
        "exact_match": set(TaskType),
        "accuracy": {TaskType.CLASSIFICATION},
        "macro_f1": {TaskType.CLASSIFICATION, TaskType.MULTI_LABEL},
        "micro_f1": {TaskType.MULTI_LABEL},
        "spearman": {TaskType.REGRESSION},
        "mae": {TaskType.REGRESSION},
        "token_f1": texts,
        "chrf": texts,
        "rouge_l": texts,
    }
    for metric in [*ALL, MicroF1(), Spearman(), MAE()]:
        assert isinstance(metric, Metric)
        for kind, task in tasks.items():
            refusal = metric.refusal(task)
            assert (refusal is None) == (kind in fits[metric.name]), (metric.name, kind)
            assert refusal is None or "use " in refusal


# ---- sets of labels, and numbers


SETS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c d", "the"]), max_size=3, unique=True), min_size=2, max_size=9
)


@given(SETS, st.randoms())
@settings(max_examples=40, deadline=None)
def test_sets_of_labels_are_scored_as_scikit_learn_scores_them(
    right: list[list[str]], lot: random.Random
) -> None:
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    said = [[each for each in ["a", "b", "c d", "the"] if lot.random() < 0.5] for _ in right]
    texts, answers = [json.dumps(sorted(row)) for row in said], [[json.dumps(row)] for row in right]
    binary = MultiLabelBinarizer().fit([*said, *right])
    one, two = binary.transform(right), binary.transform(said)
    if one.any() or two.any():
        for metric, average in ((MicroF1(), "micro"), (MacroF1(), "macro")):
            assert score(metric, texts, answers) == pytest.approx(f1_score(one, two, average=average))
    assert score(ExactMatch(), texts, answers) == pytest.approx(np.mean((one == two).all(axis=1)))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
@settings(max_examples=40, deadline=None)
def test_spearman_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import spearmanr

    said, right = zip(*pairs, strict=True)
    found = score(Spearman(), [str(each) for each in said], [[str(each)] for each in right])
    wanted = spearmanr(said, right).statistic if len(set(said)) > 1 and len(set(right)) > 1 else 0.0
    assert found == pytest.approx(wanted)


def test_an_error_is_better_the_lower_it_is_and_what_is_no_number_is_far_off() -> None:
    right = [["1"], ["3", "4"], ["5"]]
    assert score(MAE(), ["1", "4.5", "4"], right) == pytest.approx(0.5)
    assert score(MAE(), ["1", "4", "no"], right) == pytest.approx(4 / 3)
    assert merit(MAE(), 0.5) == -0.5
    assert merit(Spearman(), 0.5) == 0.5
    near, far = ["1", "3", "4"], ["5", "1", "1"]
    better, worse = swaps(MAE(), near * 10, far * 10, right * 10, seed=0)
    assert better < 0.01 < 0.9 < worse
    assert needed_rows(MAE(), near * 10, far * 10, right * 10, seed=0) is not None
    assert needed_rows(MAE(), far * 10, near * 10, right * 10, seed=0) is None
