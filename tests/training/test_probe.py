"""What is remembered of speed, and that nothing depends on its being there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, Here, rows_of

from p2m.engine.handles import Device
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.training.base import characters, expected_seconds, fit, probe, scheduled
from p2m.training.course import Course
from p2m.training.speeds import memory_file, remember, remembered
from p2m.types import Training

TRAINING = Training(max_length=40)
RUNTIME = Device(type="cpu", threads=1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_probe_is_remembered_for_the_plan(tiny_minilm: MiniLM) -> None:
    rows = rows_of(LABELS)
    length = characters(rows)
    assert expected_seconds(tiny_minilm, LABELS, TRAINING, len(rows), length, RUNTIME) is None
    step = probe(tiny_minilm, LABELS, LABELS.labels, rows, TRAINING, RUNTIME)
    assert 0 < step < 60
    expected = expected_seconds(tiny_minilm, LABELS, TRAINING, len(rows), length, RUNTIME)
    assert expected == pytest.approx(
        step * scheduled(TRAINING, tiny_minilm.pace, len(rows)).steps, rel=0.1, abs=0.01
    )


def test_a_training_says_how_long_it_takes_and_remembers_its_speed(tiny_minilm: MiniLM, here: Here) -> None:
    rows = rows_of(LABELS)
    for _ in range(2):
        fit(
            tiny_minilm.prepare(LABELS, LABELS.labels, seed=0), rows, (), student=tiny_minilm,
            training=Training(max_length=40, epochs=2), metric=ExactMatch(), seed=0, run=here,
        )  # fmt: skip
        (here.folder / "finished.json").unlink()
    first, said = [line for line in here.lines if line.startswith("64 features")]
    assert "16 steps take about" not in first
    assert "16 steps take about" in said, "from memory, at once"
    length = characters(rows)
    assert expected_seconds(tiny_minilm, LABELS, Training(epochs=2), len(rows), length, here.device)


def test_the_time_left_is_told_by_the_latest_steps_once_enough_was_seen() -> None:
    course: Any = Course(*[None] * 10, looks=())  # type: ignore[arg-type]
    course.took = [30.0, 30.0, 0.5, 0.5, 0.5, 0.5, 0.5]  # seconds; kernels are prepared in the first two
    assert course.pace is None, "2.5 s are too few"
    course.took += [0.5]
    assert course.pace == 0.5
    course.took += [0.01] * 20
    assert course.pace == 0.01


def test_speeds_of_other_lengths_are_scaled_where_they_are_near() -> None:
    remember("key", 100, 0.5)
    assert remembered("key", 100) == pytest.approx(0.5, rel=0.1)
    assert remembered("key", 140) == pytest.approx(0.7, rel=0.1)
    assert remembered("key", 400) is None
    assert remembered("another", 100) is None


def test_a_memory_that_cannot_be_read_or_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in ("", "[]", '{"key": 3}', '{"key": {"100": "x"}}', "\x00"):
        memory_file().parent.mkdir(parents=True, exist_ok=True)
        memory_file().write_text(content)
        assert remembered("key", 100) is None
        remember("key", 100, 0.5)
        assert json.loads(memory_file().read_text())["key"]
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    remember("key", 100, 0.5)
    assert remembered("key", 100) is None


def test_the_plan_asks_without_importing_torch() -> None:
    code = (
        "import sys; from p2m.training.base import expected_seconds;"
        "from p2m.students.minilm import MiniLM; from p2m.types import *;"
        "task = Task(TaskType.CLASSIFICATION, '', (Field('text'),), Field('label'), ('a', 'b'));"
        "print(expected_seconds(MiniLM(), task, Training(), 100, 50.0));"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "None\n"
