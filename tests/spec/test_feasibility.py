"""What cannot be met is said before anything is spent, with the figure that stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from p2m.compression.int8 import Int8
from p2m.compression.trimmed_vocabulary import TrimmedVocabulary
from p2m.compression.weight_only import WeightOnly
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.token_f1 import TokenF1
from p2m.spec import ModelSpec, feasibility
from p2m.spec.candidates import least_bytes
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.students.pretrained_encoder import PretrainedEncoder
from p2m.teachers.compatible import Compatible
from p2m.teachers.gguf import GGUF
from p2m.teachers.replay import Replay
from p2m.teachers.transformers import Transformers
from p2m.types import Candidate, Card, Constraints, Example, Field, Learner, Limits, Task, TaskType

QA = Task(
    TaskType.QUESTION_ANSWERING, "Answer.", (Field("question"), Field("context")), Field("answer"),
    metrics=("exact_match", "token_f1"),
)  # fmt: skip
KINDS = Task(
    TaskType.CLASSIFICATION,
    "Sort.",
    (Field("text"),),
    Field("label"),
    labels=("a", "b"),
    metrics=("accuracy",),
)


@dataclass(frozen=True)
class Small:
    """A student of a given size that learns some kinds of tasks."""

    parameters: int = 22_700_000
    license: str = "apache-2.0"
    size_bytes: int = 24_000_000
    types: tuple[TaskType, ...] = tuple(TaskType)

    def refusal(self, task: Task) -> str | None:
        return None if task.type in self.types else f"it has no head for {task.type}"

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        raise NotImplementedError

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        raise NotImplementedError

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Writer:
    """A teacher that writes rows for some kinds of tasks."""

    types: tuple[TaskType, ...] = tuple(TaskType)

    def refusal(self, task: Task) -> str | None:
        return None if task.type in self.types else f"it knows no {task.type}"

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        raise NotImplementedError

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class Finder:
    """A retriever."""

    def search(self, task: Task, cards: Sequence[Card]) -> tuple[Candidate, ...]:
        return ()


def spec(**changes: Any) -> ModelSpec:
    base: dict[str, Any] = {
        "name": "x",
        "prompt": "Answer.",
        "student": {"candidates": {"minilm": Small()}},
        "teacher": Writer(),
        "metric": {"exact_match": ExactMatch(), "token_f1": TokenF1(), "accuracy": Accuracy()},
    }
    return ModelSpec.model_validate(base | changes)


def only(found: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    assert len(found) == 1, found
    return found[0]


def test_a_teacher_elsewhere_is_out_of_reach_where_the_network_is_kept_from_it() -> None:
    elsewhere = Compatible(model="m", base_url="https://example.org/v1")
    here = [GGUF(sha256="0" * 64), Transformers(model="a/b"), Replay(of=elsewhere)]
    for policy in ("none", "hub", False):
        limits = {"network": policy}
        path, message, hint = only(feasibility(spec(constraints=limits, teacher=elsewhere), KINDS))
        assert path == "constraints.network"
        assert "keeps compatible (teacher) out of reach" in message
        assert "constraints.network=teacher" in hint
        assert all(feasibility(spec(constraints=limits, teacher=one), KINDS) == [] for one in here)
    for policy in ("teacher", "all", True):
        assert feasibility(spec(constraints={"network": policy}, teacher=elsewhere), KINDS) == []


def test_a_recipe_that_can_be_built_has_no_problem() -> None:
    limits = Constraints(max_parameters=250_000_000, max_size=24_000_000, licenses=("Apache-2.0",))
    wishes = {"primary": "exact_match", "also": ["token_f1"], "require": {"exact_match": ">= 0.6"}}
    assert feasibility(spec(constraints=limits, metrics=wishes), QA) == []
    assert feasibility(spec(), KINDS) == []


def test_a_student_that_is_too_large_is_named_with_its_parameters() -> None:
    path, message, hint = only(feasibility(spec(constraints={"max_parameters": "1M"}), QA))
    assert path == "constraints.max_parameters"
    assert "minilm has 22.7M parameters (at most 1M allowed)" in message
    assert "raise it to 23M" in hint
    assert feasibility(spec(constraints={"max_parameters": "23M"}), QA) == []


def test_so_is_one_that_is_too_big_or_wrongly_licensed() -> None:
    path, message, hint = only(feasibility(spec(constraints={"max_size": "5 MB"}), QA))
    assert path == "constraints.max_size"
    assert "24MB" in message.replace(" ", "")
    assert "24MB" in hint.replace(" ", "")
    path, message, hint = only(feasibility(spec(constraints={"licenses": ["mit"]}), QA))
    assert path == "constraints.licenses"
    assert "apache-2.0" in hint


def test_what_compression_may_leave_is_held_to_the_size() -> None:
    told = {"student": {"candidates": {"minilm": MiniLM()}}, "constraints": {"max_size": "12 MB"}}
    path, message, hint = only(feasibility(spec(**told), KINDS))
    assert path == "constraints.max_size"
    assert "compression=ladder" in hint
    ways = {"trim": TrimmedVocabulary(pieces=8000, int8=False), "int8": Int8(), "int4": WeightOnly(block=64)}
    ladder = {"candidates": ways, "ladder": True}
    assert feasibility(spec(**told, compression=ladder), KINDS) == []
    each = feasibility(spec(**told, compression={"candidates": ways}), KINDS)
    assert "minilm takes about 13.4MB, made as small as it gets, (at most 12.0 MB allowed)" in only(each)[1]
    _, message, hint = only(
        feasibility(spec(**told | {"constraints": {"max_size": "3 MB"}}, compression=ladder), KINDS)
    )
    assert "minilm takes about 7.05MB, made as small as it gets, (at most 3.0 MB allowed)" in message
    assert "raise it to 8MB" in hint


def test_a_vocabulary_that_must_be_cut_to_fit_is_said_with_what_cuts_it() -> None:
    e5 = PretrainedEncoder("intfloat/multilingual-e5-small", "mit")
    told = {"student": {"candidates": {"e5_small": e5}}, "constraints": {"max_size": "60 MB"}}
    path, message, hint = only(feasibility(spec(**told), KINDS))
    assert path == "constraints.max_size"
    assert "126MB with all of its vocabulary" in message
    assert "compression=trimmed" in hint
    cut = {"candidates": {"trimmed": TrimmedVocabulary()}}
    assert feasibility(spec(**told, compression=cut), KINDS) == []
    small = {**told, "constraints": {"max_size": "30 MB"}}
    path, message, _ = only(feasibility(spec(**small, compression=cut), KINDS))
    assert "e5_small takes about 51.6MB" in message


def test_one_student_that_fits_is_enough() -> None:
    students = {"candidates": {"big": Small(10**9), "tiny": Small(10**6)}}
    assert feasibility(spec(student=students, constraints={"max_parameters": "5M"}), QA) == []


def test_a_baseline_that_would_have_to_be_trained_is_refused() -> None:
    rivals = {"candidates": {"words": LinearTfidf(), "minilm": Small()}}
    path, message, hint = only(feasibility(spec(baselines=rivals), KINDS))
    assert path == "baselines.candidates.minilm"
    assert "tuned step by step" in message
    assert "baselines=linear" in hint
    assert feasibility(spec(baselines={"candidates": {"words": LinearTfidf()}}), QA) == []


def test_every_student_is_named_with_its_own_reason() -> None:
    students = {
        "candidates": {"big": Small(10**9), "encoder": Small(10**6, types=(TaskType.CLASSIFICATION,))}
    }
    path, message, hint = only(feasibility(spec(student=students, constraints={"max_parameters": "5M"}), QA))
    assert path == "constraints.max_parameters"
    assert "big has 1B parameters" in message
    assert "encoder does not fit the task" in message
    assert "raise it to 1B" in hint


def test_a_task_that_no_student_learns_is_told_at_the_student() -> None:
    students = {"candidates": {"encoder": Small(types=())}}
    path, message, _hint = only(feasibility(spec(student=students), QA))
    assert path == "student"
    assert "no head" in message


def test_a_teacher_that_cannot_answer_cannot_be_compared_with() -> None:
    wishes = {"require": {"teacher_ratio": ">= 0.95"}}
    path, message, hint = only(feasibility(spec(metrics=wishes), QA))
    assert path == "metrics.require.teacher_ratio"
    assert "cannot answer" in message
    assert "exact_match" in hint
    assert (
        feasibility(spec(metrics=wishes, teacher=Compatible(model="m", base_url="http://127.0.0.1:9/v1")), QA)
        == []
    )
    nobody = spec(metrics=wishes, teacher=None, data={"train": "rows.jsonl"})
    assert "no teacher" in only(feasibility(nobody, QA))[1]


@pytest.mark.parametrize(
    ("metrics", "path", "says"),
    [
        ({"primary": "exact_mach"}, "metrics.primary", "did you mean 'exact_match'?"),
        ({"primary": "accuracy"}, "metrics.primary", "these fit: exact_match, token_f1"),
        ({"also": ["token_f1", "accuracy"]}, "metrics.also[1]", "these fit"),
        ({"require": {"accuracy": ">= 0.5"}}, "metrics.require.accuracy", "these fit"),
        ({"require": {"techer_ratio": ">= 0.5"}}, "metrics.require.techer_ratio", "'teacher_ratio'"),
        ({"require": {"exact_match": ">= 60"}}, "metrics.require.exact_match", "'>= 0.6'"),
        ({"require": {"exact_match": "> 1"}}, "metrics.require.exact_match", "0 to 1"),
        ({"require": {"exact_match": "< 0"}}, "metrics.require.exact_match", "0 to 1"),
    ],
)
def test_a_metric_that_does_not_fit_is_told_with_those_that_do(metrics: Any, path: str, says: str) -> None:
    found = only(feasibility(spec(metrics=metrics), QA))
    assert found[0] == path
    assert says in " ".join(found[1:])


def test_a_task_without_a_metric_of_its_own_is_told() -> None:
    path, _message, hint = only(feasibility(spec(metric={"exact_match": ExactMatch()}), KINDS))
    assert path == "metrics.primary"
    assert "exact_match" in hint


def test_nothing_to_learn_from_is_told() -> None:
    path, message, hint = only(feasibility(spec(teacher=None), QA))
    assert path == "teacher"
    assert "nothing to learn from" in message
    assert "data.train" in hint
    path, message, _hint = only(feasibility(spec(teacher=Writer(types=())), QA))
    assert path == "teacher"
    assert "knows no question-answering" in message
    path, _message, _hint = only(feasibility(spec(generation={"num_examples": 0}), QA))
    assert path == "generation.num_examples"


def test_rows_or_datasets_of_the_users_make_up_for_a_teacher() -> None:
    assert feasibility(spec(teacher=None, data={"train": "rows.jsonl"}), QA) == []
    searching = {"component": Finder(), "sources": ["datasets"]}
    assert feasibility(spec(teacher=None, retriever=searching), QA) == []
    assert "retriever=" in only(feasibility(spec(teacher=None, retriever={"sources": ["datasets"]}), QA))[2]


def test_fewer_inputs_than_labels_are_told_before_they_are_paid_for() -> None:
    chat = Compatible(model="m", base_url="http://127.0.0.1:9/v1")
    path, message, hint = only(feasibility(spec(teacher=chat, generation={"num_examples": 1}), KINDS))
    assert path == "generation.num_examples"
    assert "1 inputs for 2 labels" in message
    assert hint.endswith("generation.num_examples=20")
    assert feasibility(spec(teacher=chat, generation={"num_examples": 2}), KINDS) == []
    own = {"train": "rows.jsonl"}
    assert feasibility(spec(teacher=chat, generation={"num_examples": 1}, data=own), KINDS) == []


def test_linear_candidates_over_different_encoders_are_refused() -> None:
    """Rows are embedded once for all of them; sharing the first one's would serve the wrong model."""
    students = {"a": LinearMiniLM(), "b": LinearMiniLM(window=64)}
    found = feasibility(spec(student={"candidates": students}, data={"train": "rows.jsonl"}), KINDS)
    assert [path for path, _, _ in found] == ["student.candidates.b"]
    same = {"a": LinearMiniLM(), "b": LinearEnsemble()}
    assert feasibility(spec(student={"candidates": same}), KINDS) == []


@pytest.mark.parametrize("name", ["split", "pick", "choose", "embed", "package"])
def test_a_student_that_is_called_like_a_step_is_refused_with_its_place(name: str) -> None:
    path, message, hint = only(feasibility(spec(student={"candidates": {name: Small()}}), KINDS))
    assert (path, hint) == (f"student.candidates.{name}", f"name it e.g. {name}_student")
    assert message == f"{name} is what a step of builds is called"
    assert (
        feasibility(spec(student={"candidates": {name: Small()}}), QA) == []
    )  # where none is chosen by rows


@pytest.mark.parametrize("name", ["my model", "minilm-1", "a.b", "a/b", ""])
@pytest.mark.parametrize("section", ["student", "compression"])
def test_a_candidate_is_named_by_one_word(section: str, name: str) -> None:
    given = Small() if section == "student" else Int8()
    path, message, hint = only(feasibility(spec(**{section: {"candidates": {name: given}}}), QA))
    assert path == f"{section}.candidates.{name}"
    assert repr(name) in message
    assert hint == "name it by one word of letters, digits and _"


def test_a_dataset_is_mapped_to_fields_that_the_task_has():
    wrong = {"sources": ["datasets"], "mapping": {"acme/en": {"contxt": "body"}}}
    path, message, hint = next(
        each for each in feasibility(spec(retriever=wrong), QA) if each[0].startswith("retriever.mapping")
    )
    assert path == "retriever.mapping.acme/en.contxt"
    assert (message, hint) == ("the task has no field 'contxt'", "did you mean 'context'?")


def test_rows_are_turned_by_a_chat_teacher_alone():
    wish = {"transform": {"acme/calls": {"prompt": "Say why they called."}}}
    (said,) = [
        each for each in feasibility(spec(retriever=wish), QA) if each[0].startswith("retriever.transform")
    ]
    assert said[0] == "retriever.transform.acme/calls"
    teacher = Compatible(model="m", base_url="http://127.0.0.1:9/v1")
    assert not [
        each
        for each in feasibility(spec(retriever=wish, teacher=teacher), QA)
        if each[0].startswith("retriever")
    ]


def test_terms_and_tokenizers_are_not_made_smaller() -> None:
    limits = Limits(least_share=0.25)
    assert least_bytes(LinearTfidf(), limits) == LinearTfidf().size_bytes
    for student in (LinearMiniLM(), MiniLM()):
        beside = student.size_bytes - student.parameters
        assert beside > 0
        assert least_bytes(student, limits) == beside + student.parameters // 4


def test_a_ladder_is_advised_only_where_it_would_help() -> None:
    small = {"constraints": {"max_size": "300 kB"}}
    words = spec(student={"candidates": {"words": LinearTfidf()}}, **small)
    assert "ladder" not in only(feasibility(words, KINDS))[2]
    told = {"student": {"candidates": {"minilm": MiniLM()}}, "constraints": {"max_size": "12 MB"}}
    climbed = spec(**told, compression={"candidates": {"int8": Int8()}, "ladder": True})
    assert "ladder" not in only(feasibility(climbed, KINDS))[2]
