"""One small project, written for every tool as its documentation would have it, to put faults to.

    n.txt, helper.py --> a --> b <-- value.json           b's result is what the project is for

a  reads the number in n.txt, adds `helper.amount()`, and gives a text that holds the sum
b  takes that text and the parameter `value`, and gives both

Every step leaves `<step> start` and `<step> end` in ran.log, and takes $DELAY seconds between them, when it
has read what it needs: neither is part of what it computes. `result` is what b gave, as that tool hands it
back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peers import Ran

LOG = "ran.log"
COMMENT = "# adds what the helper says"  # stands in the code of a
SHARED = {
    "n.txt": "5",
    "value.json": "1",
    "helper.py": "def amount():\n    return 10\n",
    "told.py": """\
import os
import time


def told(step):
    with open("ran.log", "a") as log:
        log.write(step + " start\\n")
    time.sleep(float(os.environ.get("DELAY", "0")))
    with open("ran.log", "a") as log:
        log.write(step + " end\\n")
""",
}


@dataclass(frozen=True, slots=True)
class Project:
    """How a tool is given the project, and where it keeps what steps made."""

    tool: str
    files: dict[str, str]
    command: Callable[[Path], list[str]]  # of the folder with the tool's programs
    result: Callable[[Path, Ran], str]  # what b gave, "" where there is nothing
    store: str  # the folder that holds what steps made
    copies: tuple[str, ...] = ()  # working copies, which a checkout or a clean-up takes away
    listed: tuple[str, str, str] | None = None  # file, text, and the text that names the helper as an input
    unlock: tuple[str, ...] = ()  # what the tool tells its user to add after a kill

    def write(self, folder: Path) -> None:
        for name, text in (SHARED | self.files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def expected(n: int, amount: int, value: int | str) -> str:
    """What b gives when all is well."""
    return f"artifact-{n + amount:07d}-of-a|{value!r}"


def _printed(_folder: Path, ran: Ran) -> str:
    lines = [line.split("RESULT ", 1)[1].strip() for line in ran.out.splitlines() if "RESULT " in line]
    return lines[-1] if lines else ""


def _in_file(folder: Path, _ran: Ran) -> str:
    path = folder / "b.txt"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _python(script: str) -> Callable[[Path], list[str]]:
    return lambda bin: [os.fspath(bin / "python"), script]


# --------------------------------------------------------------------------- functions

JOBLIB = Project(
    "joblib",
    {
        # What is cached takes all it depends on as arguments, which is what the documentation asks for.
        "build.py": f"""\
import json

from joblib import Memory

from helper import amount
from told import told

memory = Memory("cache", verbose=0)


@memory.cache
def a(n):
    {COMMENT}
    text = f"artifact-{{n + amount():07d}}-of-a"
    told("a")
    return text


@memory.cache
def b(text, value):
    told("b")
    return f"{{text}}|{{value!r}}"


if __name__ == "__main__":
    print("RESULT", b(a(int(open("n.txt").read())), json.load(open("value.json"))))
"""
    },
    _python("build.py"),
    _printed,
    "cache",
)

HAMILTON = Project(
    "sf-hamilton",
    {
        "steps.py": f"""\
from helper import amount
from told import told


def a(n: int) -> str:
    {COMMENT}
    text = f"artifact-{{n + amount():07d}}-of-a"
    told("a")
    return text


def b(a: str, value: object) -> str:
    told("b")
    return f"{{a}}|{{value!r}}"
""",
        "build.py": """\
import json

from hamilton import driver

import steps

runner = driver.Builder().with_modules(steps).with_cache(path="cache").build()
inputs = {"n": int(open("n.txt").read()), "value": json.load(open("value.json"))}
print("RESULT", runner.execute(["b"], inputs=inputs)["b"])
""",
    },
    _python("build.py"),
    _printed,
    "cache",
)

REDUN = Project(
    "redun",
    {
        # Files are handed on as `File`, whose state redun follows; that is its idiom for data on disk.
        "workflow.py": f"""\
import json

from redun import File, task

from helper import amount
from told import told

redun_namespace = "project"


@task()
def a(n: File) -> File:
    {COMMENT}
    text = f"artifact-{{int(n.read()) + amount():07d}}-of-a"
    told("a")
    made = File("a.txt")
    made.write(text)
    return made


@task()
def b(a: File, value: object) -> str:
    text = a.read()
    told("b")
    return f"{{text}}|{{value!r}}"


@task()
def given(file: File) -> object:
    return json.loads(file.read())


@task()
def main() -> str:
    return b(a(File("n.txt")), given(File("value.json")))
""",
        # Prints the result as a program that uses redun would.
        "build.py": """\
from redun import Scheduler
from redun.config import Config

import workflow

config = Config({"backend": {"db_uri": "sqlite:///redun.db"}})
scheduler = Scheduler(config=config)
scheduler.load()
print("RESULT", scheduler.run(workflow.main()))
""",
    },
    _python("build.py"),
    _printed,
    ".",
    listed=("workflow.py", "@task()\ndef a(", "@task(hash_includes=[amount])\ndef a("),
)

# --------------------------------------------------------------------------- commands

DVC = Project(
    "dvc",
    {
        ".dvc/config": "[core]\nno_scm = true\nanalytics = false\ncheck_update = false\n",
        # As `dvc stage add` writes it: the script and the data are dependencies, the parameter is tracked.
        "dvc.yaml": """\
stages:
  a:
    cmd: PYTHON a.py
    deps: [a.py, n.txt]
    outs: [a.txt]
  b:
    cmd: PYTHON b.py
    deps: [b.py, a.txt]
    params: [{value.json: [value]}]
    outs: [b.txt]
""",
        "a.py": f"""\
from helper import amount
from told import told

{COMMENT}
text = f"artifact-{{int(open('n.txt').read()) + amount():07d}}-of-a"
told("a")
open("a.txt", "w").write(text)
""",
        "b.py": """\
import json

from told import told

text = open("a.txt").read()
value = json.load(open("value.json"))["value"]
told("b")
open("b.txt", "w").write(f"{text}|{value!r}")
""",
        "value.json": '{"value": 1}',
    },
    lambda bin: [os.fspath(bin / "dvc"), "repro"],
    _in_file,
    ".dvc/cache",
    copies=("a.txt", "b.txt"),
    listed=("dvc.yaml", "deps: [a.py, n.txt]", "deps: [a.py, n.txt, helper.py]"),
)

SNAKEMAKE = Project(
    "snakemake",
    {
        # `script:` is what the documentation recommends for more than a line of Python; the triggers that
        # make a step run again are the default ones (code, input, mtime, params, software environment).
        "Snakefile": """\
configfile: "value.json"

rule b:
    input: "a.txt"
    output: "b.txt"
    params: value=config["value"]
    script: "b.py"

rule a:
    input: "n.txt"
    output: "a.txt"
    script: "a.py"
""",
        "a.py": f"""\
import os
import sys

sys.path.insert(0, os.getcwd())
from helper import amount
from told import told

{COMMENT}
text = f"artifact-{{int(open(snakemake.input[0]).read()) + amount():07d}}-of-a"
told("a")
open(snakemake.output[0], "w").write(text)
""",
        "b.py": """\
import os
import sys

sys.path.insert(0, os.getcwd())
from told import told

text = open(snakemake.input[0]).read()
told("b")
open(snakemake.output[0], "w").write(f"{text}|{snakemake.params.value!r}")
""",
        "value.json": '{"value": 1}',
    },
    # --rerun-incomplete: what its documentation tells those to add whose builds may be killed.
    lambda bin: [os.fspath(bin / "snakemake"), "--cores", "2", "--rerun-incomplete"],
    _in_file,
    ".",
    listed=("Snakefile", 'input: "n.txt"', 'input: "n.txt", "helper.py"'),
    unlock=("--unlock",),
)

# --------------------------------------------------------------------------- p2m

P2M = Project(
    "p2m",
    {
        # A folder that is imported as a package, so that its modules are first-party code to each other.
        "project/__init__.py": "",
        "project/helper.py": SHARED["helper.py"],
        "project/steps.py": f"""\
from dataclasses import dataclass
from typing import Any

from p2m.engine.stage import stage
from p2m.types import Files
from project.helper import amount
from told import told


@dataclass(frozen=True)
class Text:
    text: str


@stage(version="1", kind="pure")
def a(file: Files) -> Text:
    {COMMENT}
    text = f"artifact-{{int(file.path.read_text()) + amount():07d}}-of-a"
    told("a")
    return Text(text)


@stage(version="1", kind="pure")
def b(given: Text, *, value: Any) -> Text:
    told("b")
    return Text(f"{{given.text}}|{{value!r}}")
""",
        "build.py": """\
import json
import sys
from pathlib import Path

from p2m.engine.executor import Silent, execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import P2MError
from p2m.engine.handles import Device
from project.steps import a, b


class Says(Silent):
    def waiting(self, step, holder):
        print("waiting", step, holder, flush=True)


if __name__ == "__main__":
    plan = Plan("project")
    first = plan.add("a", a, plan.source("n", Path("n.txt")))
    plan.add("b", b, first, value=json.load(open("value.json")))
    try:
        result = execute(plan, Store(Path("store")), Device(), Says())
    except P2MError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print("RESULT", result.value("b").text)
""",
    },
    _python("build.py"),
    _printed,
    "store/cas",
    copies=("store/tmp/out",),
)

PEERS = (DVC, SNAKEMAKE, REDUN, HAMILTON, JOBLIB)
