"""Metrics of text that a model writes: laws, corner cases, and code that is run where it can do no harm."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2m.errors import StageError
from p2m.evaluation.compare import swaps
from p2m.evaluation.reported import MODULE, component
from p2m.metrics.base import Metric
from p2m.metrics.bertscore import BERTScore
from p2m.metrics.bleu import BLEU
from p2m.metrics.code_parses import CodeParses
from p2m.metrics.edit_similarity import EditSimilarity
from p2m.metrics.edits import distance
from p2m.metrics.error_rate import ErrorRate
from p2m.metrics.json_validity import JSONValidity
from p2m.metrics.mcc import MCC
from p2m.metrics.pass_at_1 import PassAt1
from p2m.metrics.rouge_n import RougeN
from p2m.metrics.sandbox import ends_well, unfit
from p2m.metrics.weighted_f1 import WeightedF1
from p2m.stages.answering import correct
from p2m.types import Example, Field, Task, TaskType

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines a program")


def value(metric: Metric, said: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    return metric.value(metric.statistics(said, right))


def task(kind: TaskType = TaskType.TEXT_TO_TEXT, **changes: Any) -> Task:
    made = Task(kind, "x", (Field("input"),), Field("output"))
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("one", "other", "edits"), [("kitten", "sitting", 3), ("", "abc", 3), ("ab", "ab", 0), ("a b", "b a", 2)]
)
def test_edits_are_counted(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == distance(other, one) == edits
    assert distance(one.split() * 90, one.split() * 90 + ["x"]) == 1  # beyond a machine word


def test_error_rates_count_words_and_phonemes_and_are_better_when_lower() -> None:
    words, phonemes = ErrorRate(), ErrorRate("phoneme")
    assert (words.name, phonemes.name) == ("word_error_rate", "phoneme_error_rate")
    assert value(words, ["the cat sat", "a"], [["the cat sat down"], ["a", "b c"]]) == 1 / 5
    assert value(phonemes, ["HH AH0 L OW1"], [["HH EH0 L OW1"]]) == 0.25
    assert value(words, ["far too many words"], [["one"]]) == 4.0  # an error has no upper end
    assert value(words, [""], [[""]]) == 0.0
    better, worse = swaps(words, ["a b"] * 9, ["x y"] * 9, [["a b"]] * 9, seed=0)
    assert better < 0.01 < 0.9 < worse


def test_a_row_is_as_right_as_its_errors_leave_of_it() -> None:
    rows = [Example({"input": "x"}, text) for text in ("a b c d", "a b", "a")]
    assert correct(task(), ErrorRate(), ["a b c x", "a b", "p q r"], rows) == [0.75, 1.0, 0.0]


def test_edit_similarity_goes_from_0_to_1() -> None:
    assert value(EditSimilarity(), ["abcd", "", "x  y"], [["abcx"], [""], ["x y"]]) == pytest.approx(2.75 / 3)


def test_bleu_reads_characters_of_scripts_without_blanks() -> None:
    right = [["今日は寒い。明日も寒い。"], ["東京に住む人が多い"]]
    said = ["今日は寒い。明日は暑い。", "東京に住む人が多い"]
    assert value(BLEU(), said, right) == value(BLEU("char"), said, right) > value(BLEU("13a"), said, right)
    assert value(BLEU(), ["a b c d"], [["a b c d", "x"]]) == 1.0
    assert value(BLEU(), [], []) == 0.0


def test_json_is_valid_or_not() -> None:
    said = ['{"a": 1}', "[1, 2]", "3", "{'a': 1}", '{"a": NaN}', '{"a": 1} and more', "", "[" * 100_000]
    right = [["{}"]] * len(said)
    assert value(JSONValidity(), said, right) == 3 / 8
    assert value(JSONValidity("object"), said, right) == 1 / 8
    assert "text that a model writes" in (JSONValidity().refusal(task(TaskType.RECORDS)) or "")


def test_code_parses_or_not_and_other_languages_are_refused() -> None:
    said = [
        "x = 1",
        "def f():\n    return 2",
        "  print(1)",
        "def f(:",
        "",
        "# nothing",
        "\0",
        "'\\d'",
        "(" * 9999,
    ]
    assert value(CodeParses(), said, [["x"]] * len(said)) == 4 / 9
    assert CodeParses().refusal(task()) is None
    assert "none of rust" in (CodeParses("rust").refusal(task()) or "")


def test_weights_follow_the_right_labels() -> None:
    said, right = ["a", "a", "b", "b"], [["a"], ["a"], ["a"], ["b"]]
    assert value(WeightedF1(), said, right) == pytest.approx((3 * 0.8 + 1 * 2 / 3) / 4)
    assert value(MCC(), ["a"] * 4, right) == 0.0
    assert value(MCC(), ["b", "b", "b", "a"], [["a"], ["a"], ["a"], ["b"]]) == -1.0


def test_bertscore_knows_what_means_the_same() -> None:
    if BERTScore().refusal(task()):
        pytest.skip("no encoder on this machine")
    said = ["the cat sat on the mat", "", "same"]
    near, none, same = BERTScore().statistics(said, [["a cat was on a mat", "no"], ["x"], ["other", "same"]])[
        :, 0
    ]
    far = BERTScore().statistics(said[:1], [["quantum physics is hard"]])[0, 0]
    assert (same, none) == (pytest.approx(1.0, abs=1e-5), 0.0)
    assert far < near < 1
    assert "reads English" in (BERTScore().refusal(task(language="ja")) or "")


@pytest.mark.parametrize(
    "name", ["weighted_f1", "mcc", "bleu", "rouge_1", "rouge_2", "edit_similarity", "word_error_rate",
             "phoneme_error_rate", "json_validity", "code_parses"],
)  # fmt: skip
def test_evaluate_loads_each_by_name_without_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import evaluate

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said, right = ["a b c d e", "1"], [["a b c d f", "x"], ["1"]]
    module = evaluate.load(str(MODULE), name, keep_in_memory=True)
    metric = component(name, {})
    assert module.compute(predictions=said, references=right) == {name: value(metric, said, right)}
    assert isinstance(RougeN(2), Metric)


# ---- pass_at_1


def written_in(folder: Path, *rows: tuple[str, str]) -> str:
    path = folder / "tests.jsonl"
    path.write_text(
        "".join(json.dumps({"output": a, "tests": b}, ensure_ascii=False) + "\n" for a, b in rows)
    )
    return str(path)


@LINUX
def test_answers_pass_the_tests_of_their_rows(tmp_path: Path) -> None:
    double, largest = "def double(x): return 2 * x", "max(xs)"
    path = written_in(tmp_path, (double, "assert double(4) == 8"),
                    (largest, "assert eval(answer, {'xs': [1, 3, 2]}) == 3"))  # fmt: skip
    metric = PassAt1(path)
    assert metric.refusal(task()) is None
    said = ["def double(x): return x + x", "def double(x): return x", "sorted(xs)[-1]", "xs[0]", "1"]
    right = [[double], [double], [largest], [largest], ["no tests"]]
    found = metric.statistics(said, right)[:, 0].tolist()
    assert found[:4] == [1.0, 0.0, 1.0, 0.0]
    assert found[4] != found[4]  # a row without tests is not a number, and counts nowhere
    assert value(metric, said, right) == 0.5


def test_it_is_off_without_tests_and_known_by_their_content(tmp_path: Path) -> None:
    assert "off until metric.pass_at_1.tests" in (PassAt1().refusal(task()) or "")
    path = written_in(tmp_path, ("a\u2028b", "assert True"))
    first = PassAt1(path)
    written_in(tmp_path, ("a", "assert False"))
    assert PassAt1(path).sha256 != first.sha256
    with pytest.raises(ValueError, match="has changed"):
        PassAt1(path, first.sha256)
    written_in(tmp_path, ("a", "assert ("))
    with pytest.raises(ValueError, match=r"tests\.jsonl:1: .*tests in Python is expected"):
        PassAt1(path)
    with pytest.raises(ValueError, match="no file of tests"):
        PassAt1(str(tmp_path / "none.jsonl"))


@LINUX
@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(0)",
        "import os; os._exit(0)",
        "import socket; socket.socket()",
        "open('{kept}', 'a').write('x')",
        "import os; os.remove('{kept}')",
        "import os; os.rename('{kept}', '{kept}2')",
        "import os; os.chmod('{kept}', 0)",
        "import os; os.mkdir('{kept}d')",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.kill(os.getppid(), 9)",
        "import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))",
        "x = bytearray(2 ** 31)",
        "import numpy",
        "print(open('/proc/self/environ').read()[0])",
    ],
)
def test_a_program_can_do_nothing_but_compute(program: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    assert not ends_well([program.format(kept=kept)], {})
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "kept"


@LINUX
def test_a_program_that_computes_ends_well_and_one_without_end_is_ended() -> None:
    assert unfit() == ""
    assert ends_well(["import threading, json, math, re", "print('x' * 9_999)\nassert math.pi > 3"], {})
    assert not ends_well(["while True: pass"], {}, seconds=1)


def test_where_nothing_can_be_confined_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from p2m.metrics import confined

    other = tmp_path / "confined.py"  # as on a machine whose calls are not known
    other.write_text(
        Path(confined.__file__).read_text().replace('"x86_64"', '"pdp11"').replace('"aarch64"', '"vax"')
    )
    monkeypatch.setattr(confined, "__file__", str(other))
    mark = tmp_path / "ran"
    with pytest.raises(StageError, match="cannot be confined: only Linux on x86_64 and aarch64"):
        ends_well([f"open({str(mark)!r}, 'w')"], {})
    assert not mark.exists()
