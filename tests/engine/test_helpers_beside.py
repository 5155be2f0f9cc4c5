"""A stage in a file of its own is keyed by the helpers that lie beside that file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STAGE = """
from dataclasses import dataclass
import my_helper
from my_tools import deep
from p2m.engine.stage import stage

@dataclass(frozen=True)
class N:
    value: int

@stage(version="1", kind="pure")
def go(*, x: int) -> N:
    return N(my_helper.f(x) + deep.g(x))
"""
BUILD = """
import my_stage
from pathlib import Path
from p2m.engine.executor import execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.engine.handles import Device
plan = Plan("p")
plan.add("go", my_stage.go, x=1)
result = execute(plan, Store(Path("store")), Device())
print(dict(result.counts), result.value("go").value)
"""


def test_an_edited_helper_beside_a_lone_module_is_run(tmp_path: Path) -> None:
    def build() -> str:
        command = [sys.executable, "-B", "-c", BUILD]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    (tmp_path / "my_stage.py").write_text(STAGE)
    (tmp_path / "my_helper.py").write_text("def f(x): return x\n")
    (tmp_path / "my_tools").mkdir()
    (tmp_path / "my_tools" / "__init__.py").write_text("")
    (tmp_path / "my_tools" / "deep.py").write_text("def g(x): return 0\n")
    assert build() == "{'ran': 1} 1"
    (tmp_path / "my_helper.py").write_text("def f(x): return x + 10\n")
    assert build() == "{'ran': 1} 11"
    (tmp_path / "my_tools" / "deep.py").write_text("def g(x): return 100\n")
    assert build() == "{'ran': 1} 111"
    (tmp_path / "my_tools" / "deep.py").write_text("# said otherwise\ndef g(x): return 100\n")
    assert build() == "{'reused': 1} 111"
