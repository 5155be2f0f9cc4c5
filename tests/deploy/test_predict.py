"""predict.py as its users meet it: a file and a folder beside it, no p2m, no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LABELS, QA, TEXT, Exports, rows_of

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving.asking import parse_argument, read_lines
from p2m.deploy.serving.command import check_sums
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import Answer, InputError, check_row
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.deploy.shipping import lay_out, requirements, shipped
from p2m.stages.package import ASKING
from p2m.students.lengths import by_length

# Refuses every import that a bundle's user may not have; runs before predict.py does.
BLOCKER = """
import runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "p2m", "datasets", "scipy", "pydantic"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bundle_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target / "model")
    lay_out(shipped(folder, ONNX) | ASKING, target)
    return target


def call(
    bundle: Path, *arguments: str, stdin: str | bytes = b"", python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    command = [python, "-I", "-c", BLOCKER, str(bundle / "predict.py"), *arguments]
    done = subprocess.run(command, input=data, capture_output=True, cwd="/", check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def span_bundle(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(exports["span"][1], tmp_path_factory.mktemp("span-bundle"))


@pytest.fixture(scope="module")
def label_bundle(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(exports["classification"][1], tmp_path_factory.mktemp("label-bundle"))


def test_without_torch_it_says_what_evaluation_says(span_bundle: Path) -> None:
    rows = [row.input for row in rows_of(QA)[:6]]
    expected = Predictor(span_bundle / "model").predict(rows)
    done = call(span_bundle, stdin="\n\n".join(json.dumps(row) for row in rows))
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["output"] for each in said] == [answer.output for answer in expected]
    assert [each["score"] for each in said] == [round(answer.score, 4) for answer in expected]
    one = call(span_bundle, json.dumps(rows[0]))
    assert json.loads(one.stdout) == said[0]


def test_text_to_text_runs_without_torch_or_a_tokenizer(exports: Exports, tmp_path: Path) -> None:
    bundle = bundle_of(exports["seq2seq"][1], tmp_path / "bundle")
    row = rows_of(TEXT)[9].input
    done = call(bundle, row["text"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == Predictor(bundle / "model").predict([row])[0].output


def test_one_field_takes_bare_text_json_and_json_text(label_bundle: Path) -> None:
    outputs = {
        call(label_bundle, text).stdout for text in ("Ada lives", '{"text": "Ada lives"}', '"Ada lives"')
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop())["output"] in LABELS.labels
    numbers = call(label_bundle, "1815")  # JSON too, but not an object: it is text
    assert numbers.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ((), b'{"question": "a", "context": "b"}\n{"question": "a"}\n', 'line 2: no "context"; expected'),
        ((), b"\n\nnot json\n", 'line 3: not JSON; expected an object with "question", "context"'),
        ((), b'["a"]\n', 'line 1: expected an object with "question", "context", not a list'),
        ((), b'{"question": 3, "context": "b"}\n', 'line 1: "question" must be text, not a number'),
        ((), b'{"question": "\xff", "context": "b"}\n', "line 1: not UTF-8"),
        ((), b'{"question": "\\ud800", "context": "b"}', 'line 1: "question" holds half a surrogate'),
        (("who?",), b"", 'the model has 2 input fields: give a JSON object with "question", "context"'),
        (('{"question": "who?"}',), b"", 'no "context"'),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    span_bundle: Path, arguments: tuple[str, ...], stdin: bytes, message: str
) -> None:
    done = call(span_bundle, *arguments, stdin=stdin)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("predict.py: ")
    assert len(done.stdout.splitlines()) == (1 if message.startswith("line 2") else 0)


def test_what_came_before_a_bad_line_is_answered_also_in_batches(span_bundle: Path) -> None:
    good = json.dumps(rows_of(QA)[0].input)
    done = call(span_bundle, "--batch-size", "8", stdin=f"{good}\n{good}\nbroken\n")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2


def test_lines_are_answered_as_they_come(span_bundle: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(span_bundle / "predict.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for row in rows_of(QA)[:2]:
        process.stdin.write(json.dumps(row.input) + "\n")
        process.stdin.flush()
        assert "output" in json.loads(process.stdout.readline())  # would hang, were it held back
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()


def test_help_has_examples_and_wrong_numbers_are_refused(span_bundle: Path) -> None:
    assert "examples:" in call(span_bundle, "--help").stdout
    assert "whole number" in call(span_bundle, "--threads", "none").stderr


def test_check_finds_changed_missing_and_foreign_lines(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.txt").write_bytes(b"one")
    digest = hashlib.sha256(b"one").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a.txt\n")
    assert check_sums(tmp_path) == []
    (tmp_path / "a.txt").write_bytes(b"two")
    assert "changed" in check_sums(tmp_path)[0]
    (tmp_path / "a.txt").unlink()
    assert "a.txt" in check_sums(tmp_path)[0]
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  ../x\n")
    assert "not a line" in check_sums(tmp_path)[0]
    (tmp_path / "SHA256SUMS").write_text("")
    assert check_sums(tmp_path)
    with pytest.raises(BundleError):
        check_sums(tmp_path / "nowhere")


def test_check_on_the_command_line_exits_5(span_bundle: Path, tmp_path: Path) -> None:
    bundle = bundle_of(span_bundle / "model", tmp_path / "bundle")
    assert call(bundle, "--check").returncode == 1
    (bundle / "SHA256SUMS").write_text("0" * 64 + "  predict.py\n")
    done = call(bundle, "--check")
    assert done.returncode == 5
    assert "changed" in done.stderr


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "predictor.json"])
def test_a_damaged_or_missing_file_is_one_line_and_exit_code_1(
    span_bundle: Path, tmp_path: Path, name: str
) -> None:
    for number, damage in enumerate((b"garbage", None)):
        bundle = bundle_of(span_bundle / "model", tmp_path / str(number))
        (bundle / "model" / name).unlink()
        if damage is not None:
            (bundle / "model" / name).write_bytes(damage)
        done = call(bundle, json.dumps(rows_of(QA)[0].input))
        assert done.returncode == 1
        assert name in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_settings_of_another_format_are_refused(tmp_path: Path) -> None:
    Settings("span", ("q", "c"), "c").write(tmp_path)
    assert Settings.read(tmp_path) == Settings("span", ("q", "c"), "c")
    path = tmp_path / "predictor.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(BundleError, match="another version"):
        Settings.read(tmp_path)


def test_spans_are_whole_words_within_the_longest_answer(exports: Exports) -> None:
    predictor = Predictor(exports["span"][1])
    pieces = ["xylograph", "quizzical", "jukebox", "Ada", "zephyr", "lives", "wok"]  # most of several pieces
    for turn in range(20):
        words = [pieces[(turn * 3 + i * (turn + 1)) % len(pieces)] for i in range(6)]
        output = predictor.predict([{"question": "who is it?", "context": " ".join(words)}])[0].output
        assert output
        assert set(output.split()) <= set(words)


def test_an_empty_passage_has_an_empty_answer_of_no_confidence(exports: Exports) -> None:
    predictor = Predictor(exports["span"][1])
    assert predictor.predict([{"question": "who?", "context": ""}]) == [Answer("", 0.0)]
    long = {"question": "who " * 200, "context": "Ada lives in Rome."}
    assert predictor.predict([long])[0].output in long["context"]
    assert predictor.predict([]) == []


def test_rows_arguments_and_batches() -> None:
    assert check_row({"a": "x", "id": 3}, ["a"]) == {"a": "x"}
    with pytest.raises(InputError, match='there is "b"'):
        check_row({"b": "x"}, ["a"])
    assert parse_argument("{not json", ["text"]) == {"text": "{not json"}
    assert list(read_lines(['\ufeff{"a": "x"}'.encode(), b' "y" '], ["a"])) == [{"a": "x"}, {"a": "y"}]
    batches = list(by_length([5, 1, 4, 1], 3))
    assert batches == [[1, 3, 2], [0]]


@pytest.mark.slow
def test_a_bundle_runs_in_an_environment_of_its_requirements_alone(span_bundle: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    needs = requirements(span_bundle / "model", ONNX)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
    probe = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
    assert probe.returncode, "torch must not be here"
    row = rows_of(QA)[0].input
    done = subprocess.run(
        [python, str(span_bundle / "predict.py"), json.dumps(row)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == Predictor(span_bundle / "model").predict([row])[0].output
