"""A build that has nothing to do loads nothing that it does not need: imports are most of what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    *("asyncio", "concurrent", "multiprocessing", "socket", "ssl", "subprocess", "queue", "tempfile"),
    *("shutil", "difflib"),
    *(
        "uuid",
        "platform",
        "pydantic",
        "hydra",
        "omegaconf",
        "yaml",
        "fsspec",
        "numpy",
        "torch",
        "importlib.metadata",
    ),
    *(
        "p2m.engine.storage.sharing",
        "p2m.engine.running.local",
        "p2m.engine.running.task",
        "p2m.engine.running.work",
        "p2m.engine.formats",
        "p2m.engine.storage.kept",
        "p2m.engine.recording.ledger",
        "p2m.engine.care.gc",
        "p2m.engine.explaining.explain",
    ),
}
PROGRAM = """
import sys
from pathlib import Path
from p2m.engine.executor import execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.engine.handles import Device
from sums import add, read
plan = Plan("weight")
plan.add("sum", add, plan.add("read", read, plan.source("n", Path("n.txt"))), None, plus=1)
print(dict(execute(plan, Store(Path("store")), Device()).counts))
print(*sys.modules)
"""


def test_a_build_with_nothing_to_do_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("1")
    root, here = Path(__file__).parents[2], Path(__file__).parent
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": f"{root}{os.pathsep}{here}", "P2M_SUMS": str(tmp_path)
    }  # fmt: skip
    seen = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        seen.append(done.stdout.splitlines())
    assert seen[0][0] == "{'ran': 2}"
    assert "pydantic" in seen[0][1].split()  # so that the list below can tell
    assert seen[1][0] == "{'reused': 2}"
    assert HEAVY & set(seen[1][1].split()) == set()


def test_the_engine_does_without_the_nouns_of_models() -> None:
    program = "import sys, p2m.engine.executor, p2m.engine.plan, p2m.engine.store; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "p2m.engine.running.scheduler" in loaded
    assert "p2m.types" not in loaded  # dozens of classes
