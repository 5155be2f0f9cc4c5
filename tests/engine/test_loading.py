"""The code that runs is the code that the key was made of, whatever Python keeps compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from p2m.engine.code.syntax import read_source

STAGES = """from toys import Number
from p2m.engine.stage import stage
from racy_package.helper import VALUE
@stage(version='1', kind='pure')
def constant(*rest: Number) -> Number:
    return Number(VALUE)
"""
PROGRAM = """
import sys
from pathlib import Path
from p2m.engine.executor import Local, execute
from p2m.engine.plan import Plan
from p2m.engine.stage import find
from p2m.engine.store import Store
from p2m.engine.handles import Device
plan = Plan("racy")
plan.add("constant", find("racy_package.stages", "constant"))
result = execute(plan, Store(Path(sys.argv[1])), Device(), executor=Local(workers=1))
print(result.outcomes[0].status, result.value("constant").value)
"""


def build(folder: Path) -> str:
    path = os.pathsep.join([str(folder), str(Path(__file__).parent), str(Path(__file__).parents[2])])
    command = [sys.executable, "-c", PROGRAM, str(folder / "store")]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_an_edit_within_the_second_of_the_last_build_is_what_runs(tmp_path: Path) -> None:
    """Python takes a compiled file for current by whole seconds and size, so a quick edit would be missed."""
    package = tmp_path / "racy_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "stages.py").write_text(STAGES)
    helper = package / "helper.py"
    helper.write_text("VALUE = 1\n")
    assert build(tmp_path) == "ran 1\n"
    stat = helper.stat()
    compiled = next(package.rglob("helper.*.pyc"))
    helper.write_text("VALUE = 2\n")
    os.utime(helper, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))  # as if it all had taken no time
    os.utime(compiled, ns=(stat.st_atime_ns, stat.st_mtime_ns + 500))
    assert build(tmp_path) == "ran 2\n"


STAGE = """from p2m.engine.stage import stage
@stage(version="1", kind="pure"{words})
def work(*, number: int) -> X:
    return X(number)
"""


def _digest(words: str, *, imported: str = "from p2m.engine.stage import stage") -> str:
    text = STAGE.format(words=words).replace("from p2m.engine.stage import stage", imported)
    return read_source(text.encode(), "work.py").digest


def test_what_a_component_takes_of_a_machine_enters_no_key() -> None:
    plain = "class Teacher:\n    def ask(self): return 1\n"
    takes = f"{plain}    @property\n    def takes_of_machine(self): return {{'gpus': 1}}\n"
    other = f"{plain}    @property\n    def takes(self): return 2\n"
    first, same, differs = (read_source(each.encode(), "t.py").digest for each in (plain, takes, other))
    assert first == same != differs


def test_declared_resources_enter_no_key() -> None:
    plain = _digest("")
    assert _digest(', cpus="all", memory="2 GB", gpus=1') == plain
    assert _digest(", cpus=3") == plain
    assert _digest(", speed=3") != plain
    other = "from elsewhere import stage"
    assert _digest(", cpus=3", imported=other) != _digest("", imported=other)  # it may mean anything
