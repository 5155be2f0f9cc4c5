"""The domains of the embedded teacher: found by their folder, apart in code, settings and keys."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import p2m
from p2m.engine.code.closure import component_code
from p2m.project import load
from p2m.teachers.base import specialised
from p2m.teachers.domains.base import RuleTeacher
from p2m.teachers.embedded import Embedded
from p2m.types import Field, Task, TaskType, Teacher

RECIPES = Path(__file__).parents[2] / "recipes"
ASKED = "List the temporal expressions of the post, normalised to ISO 8601 from its posting date."
READING = Task(TaskType.QUESTION_ANSWERING, "Answer.", (Field("question"), Field("context")), Field("answer"))
POSTS = Task(TaskType.TEXT_TO_TEXT, ASKED, (Field("post"),), Field("dates"))
NAMES = {"qa": READING, "temporal": POSTS}
THIRD = '''
from dataclasses import dataclass
from p2m.teachers.domains.base import RuleTeacher, in_fields_of
from p2m.types import Example, TaskType

@dataclass(frozen=True, slots=True)
class Domain(RuleTeacher):
    """Counts aloud."""
    knows = "counting"
    text_share: float
    step: int = 2
    def matches(self, task):
        return task.type is TaskType.REGRESSION
    def generate(self, task, number, *, seed, texts):
        for index in range(number):
            row = Example({"text": f"{index} and {self.step}"}, str(index + self.step))
            yield in_fields_of(task, row, {"text": task.inputs[0].name})
    def figures(self, task, rows):
        return {"share": self.text_share}
'''
USED = """
import json
from p2m.teachers.base import specialised
from p2m.teachers.embedded import Embedded
from p2m.types import Field, Task, TaskType
counting = Task(TaskType.REGRESSION, "Add up.", (Field("sum"),), Field("total"))
sorting = Task(TaskType.CLASSIFICATION, "Sort mail.", (Field("mail"),), Field("label"))
teacher = Embedded(text_share=0.25)
part = specialised(teacher, counting)
rows = list(part.generate(counting, 2, seed=0, texts=None))
assert rows == list(teacher.generate(counting, 2, seed=0, texts=None))
print(json.dumps({
    "module": type(part).__module__, "rows": [[row.input, row.output] for row in rows],
    "figures": part.figures(counting, rows), "refusal": teacher.refusal(sorting),
    "accepted": teacher.refusal(counting) is None,
}))
"""


def part_of(name: str, text_share: float = 0.5) -> RuleTeacher:
    part = Embedded(text_share=text_share).for_task(NAMES[name])
    assert part is not None
    return part


@pytest.mark.parametrize("name", NAMES)
def test_the_part_for_a_task_is_its_domain_and_a_teacher(name: str) -> None:
    part = specialised(Embedded(), NAMES[name])
    assert type(part).__module__ == f"p2m.teachers.domains.{name}.domain"
    assert isinstance(part, Teacher)
    assert part.refusal(NAMES[name]) is None
    assert list(part.generate(NAMES[name], 9, seed=3, texts=None)) == list(
        Embedded().generate(NAMES[name], 9, seed=3, texts=None)
    )


@pytest.mark.parametrize(("name", "other"), [("qa", "temporal"), ("temporal", "qa")])
def test_a_domain_refuses_the_tasks_of_another_and_says_what_it_knows(name: str, other: str) -> None:
    refusal = part_of(name).refusal(NAMES[other])
    assert refusal is not None
    assert part_of(name).knows in refusal
    assert part_of(other).knows not in refusal


@pytest.mark.parametrize(("name", "other"), [("qa", "temporal"), ("temporal", "qa")])
def test_the_code_of_a_domain_holds_nothing_of_another(name: str, other: str) -> None:
    modules = component_code(part_of(name)).modules
    own = [module for module in modules if f"domains.{name}" in module.replace("/", ".")]
    assert len([module for module in own if not module.endswith(".txt")]) >= 8
    assert any(module.endswith(".txt") for module in own)
    assert [
        module for module in modules if f"domains.{other}" in module or f"domains/{other}/" in module
    ] == []


def test_only_the_settings_of_a_domain_reach_it() -> None:
    assert part_of("temporal", 0.5) == part_of("temporal", 0.9)
    assert part_of("qa", 0.5) != part_of("qa", 0.9)


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_hands_the_domain_to_the_step_that_writes_rows(name: str) -> None:
    project = load(RECIPES / f"{name}.yaml", ["teacher.text_share=0.75"])
    assert project.plan.step("generate").settings["teacher"] == part_of(name, 0.75)


def test_a_teacher_built_on_the_embedded_one_keeps_its_own_rows() -> None:
    class Other(Embedded):
        pass

    other = Other()
    assert specialised(other, READING) is other


def test_a_third_domain_needs_no_edit_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(
        Path(p2m.__file__).parent, tmp_path / "p2m", ignore=shutil.ignore_patterns("__pycache__", "*.npz")
    )
    domain = tmp_path / "p2m" / "teachers" / "domains" / "counting"
    domain.mkdir()
    (domain / "__init__.py").touch()
    (domain / "domain.py").write_text(THIRD)
    done = subprocess.run(
        [sys.executable, "-c", USED], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert said["accepted"]
    assert said["module"] == "p2m.teachers.domains.counting.domain"
    assert said["rows"] == [[{"sum": "0 and 2"}, "2"], [{"sum": "1 and 2"}, "3"]]
    assert said["figures"] == {"share": 0.25}
    for known in ("counting", "reading comprehension", "temporal expressions"):
        assert known in said["refusal"]
