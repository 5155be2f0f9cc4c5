"""A step that asks a teacher on this machine runs with the network refused, and is replayed without it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2m.engine.executor import Inline, Local, Result, execute
from p2m.engine.handles import Network
from p2m.engine.hashing import digest_file
from p2m.engine.plan import Plan
from p2m.engine.running.network import NetworkForbidden
from p2m.engine.store import Store
from p2m.stages.answer import answer
from p2m.teachers.chat import ChatTeacher, TeacherError
from p2m.teachers.compatible import Compatible
from p2m.teachers.gguf import GGUF
from p2m.teachers.on_this_machine import checkpoint_files, content_digest
from p2m.teachers.transformers import Transformers
from p2m.types import Caps
from tests.teachers import tiny_checkpoint, tiny_gguf
from tests.teachers.here_steps import LABELS, desk, messages


def plan_of(teacher: ChatTeacher, number: int) -> Plan:
    plan = Plan("here")
    inputs = plan.add("messages", messages, number=number)
    plan.add(
        "answer", answer, plan.add("desk", desk), None, None, None, inputs, teacher=teacher, samples=2,
        agreement=0.0, verifiers=(), floor=0.0, caps=Caps(),
    )  # fmt: skip
    return plan


def built(teacher: ChatTeacher, store: Path, number: int = 5, **settings: Any) -> Result:
    return execute(plan_of(teacher, number), Store(store), **{"network": Network.NONE, **settings})


def made(kind: str, folder: Path) -> GGUF | Transformers:
    if kind == "gguf":
        file = tiny_gguf.write(folder / "tiny.gguf")
        return GGUF(path=str(file), sha256=digest_file(file), context=1024, threads=1)
    place = tiny_checkpoint.write(folder / "tiny", context=1024)
    return Transformers(model="tiny", path=str(place), sha256=content_digest(place, checkpoint_files(place)))


@pytest.mark.parametrize(
    ("kind", "executor"), [("gguf", Local(workers=1)), ("gguf", Inline()), ("transformers", Inline())],
    ids=["gguf-local", "gguf-inline", "transformers"],
)  # fmt: skip
def test_it_answers_with_no_network_at_all_and_costs_nothing(
    kind: str, executor: Any, tmp_path: Path
) -> None:
    teacher = made(kind, tmp_path)
    found = built(teacher, tmp_path / "store", executor=executor).value("answer")
    assert len(found.rows) + len(found.rejected) == 5
    assert found.rows
    assert {row.output for row in found.rows} <= {*LABELS}
    assert {row.source for row in found.rows} == {f"teacher:{teacher.model}"}
    assert found.spent.cost == 0
    assert found.spent.requests >= 10


def test_what_was_answered_is_replayed_where_the_model_is_not_and_more_is_refused(tmp_path: Path) -> None:
    teacher, store = made("gguf", tmp_path), tmp_path / "store"
    first = built(teacher, store).value("answer")
    Path(teacher.path).unlink()
    shutil.rmtree(store / "ac")
    gone = replace(teacher, path="", concurrency=2)
    result = built(gone, store, network=None)
    assert result.outcome("answer").status == "ran"
    assert result.value("answer").rows == first.rows
    with pytest.raises(TeacherError, match=r"teacher\.path=FILE"):
        built(gone, store, number=6)


def test_a_teacher_elsewhere_is_refused_by_name_of_the_setting(tmp_path: Path) -> None:
    teacher = Compatible(model="m", base_url="http://192.0.2.1:9/v1")
    with pytest.raises(NetworkForbidden, match=r"step answer .*\(constraints.network=none\)\n.*=teacher"):
        built(teacher, tmp_path / "store", 1)
