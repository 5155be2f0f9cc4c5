"""A chain of trivial steps, written for every tool as its documentation would have it.

Step i takes what step i-1 made and adds one. Each step that really runs leaves a line in `ran.log`, so that
what a command did can be counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOG = "ran.log"


@dataclass(frozen=True, slots=True)
class Chain:
    """How a tool is given a chain."""

    tool: str
    write: Callable[[Path, int], None]  # the project's files, for that many steps
    command: Callable[[Path, int], list[str]]  # of the folder with the tool's programs, and the steps


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def _make(folder: Path, steps: int) -> None:
    rules = [f"s{steps - 1}.txt:\n", "s0.txt: n.txt\n\t@echo s0 >> ran.log; echo $$(($$(cat $<) + 1)) > $@\n"]
    rules += [
        f"s{i}.txt: s{i - 1}.txt\n\t@echo s{i} >> ran.log; echo $$(($$(cat $<) + 1)) > $@\n"
        for i in range(1, steps)
    ]
    _write(folder, "Makefile", "\n".join(rules))
    _write(folder, "n.txt", "1\n")


JOBLIB = """\
from joblib import Memory

memory = Memory("cache", verbose=0)


@memory.cache
def step(number, index):
    with open("ran.log", "a") as log:
        log.write(f"s{index}\\n")
    return number + 1


number = int(open("n.txt").read())
for index in range(STEPS):
    number = step(number, index)
print(number)
"""


def _joblib(folder: Path, steps: int) -> None:
    _write(folder, "chain.py", JOBLIB.replace("STEPS", str(steps)))
    _write(folder, "n.txt", "1\n")


PYTASK = """\
from pathlib import Path
from typing import Annotated

from pytask import Product, task

HERE = Path(__file__).parent

for index in range(STEPS):

    @task(id=str(index))
    def task_step(
        index: int = index,
        before: Path = HERE / (f"s{index - 1}.txt" if index else "n.txt"),
        after: Annotated[Path, Product] = HERE / f"s{index}.txt",
    ) -> None:
        with open(HERE / "ran.log", "a") as log:
            log.write(f"s{index}\\n")
        after.write_text(str(int(before.read_text()) + 1))
"""


def _pytask(folder: Path, steps: int) -> None:
    _write(folder, "task_chain.py", PYTASK.replace("STEPS", str(steps)))
    _write(folder, "pyproject.toml", "[tool.pytask.ini_options]\n")
    _write(folder, "n.txt", "1\n")


HAMILTON = """\
from hamilton import driver
import steps

runner = driver.Builder().with_modules(steps).with_cache(path="cache").build()
print(runner.execute(["sLAST"], inputs={"n": int(open("n.txt").read())})["sLAST"])
"""


def _hamilton(folder: Path, steps: int) -> None:
    functions = [
        f"def s{i}({'n' if i == 0 else f's{i - 1}'}: int) -> int:\n"
        f'    with open("ran.log", "a") as log:\n        log.write("s{i}\\n")\n'
        f"    return {'n' if i == 0 else f's{i - 1}'} + 1\n"
        for i in range(steps)
    ]
    _write(folder, "steps.py", "\n\n".join(functions))
    _write(folder, "chain.py", HAMILTON.replace("LAST", str(steps - 1)))
    _write(folder, "n.txt", "1\n")


DVC = """\
  s{i}:
    cmd: echo s{i} >> ran.log; echo $(($(cat {before}) + 1)) > s{i}.txt
    deps: [{before}]
    outs: [s{i}.txt]
"""


def _dvc(folder: Path, steps: int) -> None:
    # `--no-scm`, as its documentation has it for a folder outside git; both switches only keep it quiet.
    (folder / ".dvc").mkdir()
    _write(
        folder, ".dvc/config", "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
    )
    stages = [DVC.format(i=i, before=f"s{i - 1}.txt" if i else "n.txt") for i in range(steps)]
    _write(folder, "dvc.yaml", "stages:\n" + "".join(stages))
    _write(folder, "n.txt", "1\n")


SNAKEMAKE = """\
rule s{i}:
    input: "{before}"
    output: "s{i}.txt"
    shell: "echo s{i} >> ran.log; echo $(($(cat {{input}}) + 1)) > {{output}}"
"""


def _snakemake(folder: Path, steps: int) -> None:
    last = f'rule all:\n    input: "s{steps - 1}.txt"\n'
    rules = [SNAKEMAKE.format(i=i, before=f"s{i - 1}.txt" if i else "n.txt") for i in range(steps)]
    _write(folder, "Snakefile", "\n".join([last, *rules]))
    _write(folder, "n.txt", "1\n")


REDUN = """\
from redun import File, task

redun_namespace = "chain"


@task()
def read(file: File) -> int:
    return int(file.read())


@task()
def step(number: int, index: int) -> int:
    with open("ran.log", "a") as log:
        log.write(f"s{index}\\n")
    return number + 1


@task()
def main() -> int:
    number = read(File("n.txt"))
    for index in range(STEPS):
        number = step(number, index)
    return number
"""


def _redun(folder: Path, steps: int) -> None:
    _write(folder, "workflow.py", REDUN.replace("STEPS", str(steps)))
    _write(folder, "n.txt", "1\n")


STAGES = """\
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.stage import stage


@dataclass(frozen=True)
class Text:
    path: Path


@dataclass(frozen=True)
class Number:
    value: int


@stage(version="1", kind="pure")
def read(text: Text) -> Number:
    return Number(int(text.path.read_text()))


@stage(version="1", kind="pure")
def step(number: Number, *, index: int) -> Number:
    with open("ran.log", "a") as log:
        log.write(f"s{index}\\n")
    return Number(number.value + 1)
"""

P2M = """\
from pathlib import Path

from p2m.engine.executor import execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from steps import Text, read, step

plan = Plan("chain")
last = plan.add("read", read, plan.source("n", Path("n.txt"), type=Text))
for index in range(STEPS):
    last = plan.add(f"s{index}", step, last, index=index)
print(dict(execute(plan, Store(Path("store"))).counts))
"""


def _p2m(folder: Path, steps: int) -> None:
    _write(folder, "steps.py", STAGES)
    _write(folder, "chain.py", P2M.replace("STEPS", str(steps)))
    _write(folder, "n.txt", "1\n")


def _python(script: str) -> Callable[[Path, int], list[str]]:
    return lambda bin, steps: [os.fspath(bin / "python"), script]


CHAINS = (
    Chain("make", _make, lambda bin, steps: [os.fspath(bin / "make"), "-s", f"s{steps - 1}.txt"]),
    Chain("joblib", _joblib, _python("chain.py")),
    Chain("pytask", _pytask, lambda bin, steps: [os.fspath(bin / "pytask"), "build"]),
    Chain("sf-hamilton", _hamilton, _python("chain.py")),
    Chain("dvc", _dvc, lambda bin, steps: [os.fspath(bin / "dvc"), "repro", "--quiet"]),
    Chain(
        "snakemake", _snakemake, lambda bin, steps: [os.fspath(bin / "snakemake"), "--cores", "1", "--quiet"]
    ),
    Chain("redun", _redun, lambda bin, steps: [os.fspath(bin / "redun"), "run", "workflow.py", "main"]),
)
P2M_CHAIN = Chain("p2m", _p2m, _python("chain.py"))
