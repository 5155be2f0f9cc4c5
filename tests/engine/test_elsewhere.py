"""A step can be carried out where nothing of the build's machine is but a call and a shared store.

The worker of these tests stands in another folder, with a copy of the code at another path and a store of its
own. What it is told is a pickled `Call`; all else goes through a shared store.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Number, Scale, count_rows, print_and_fail, push, read_folder, read_number, tabulate, total

import p2m
from p2m.engine.executor import Inline, execute, stored
from p2m.engine.handles import Device
from p2m.engine.observer import Teller
from p2m.engine.plan import Plan
from p2m.engine.running import wire
from p2m.engine.running.inline import Ended, Executor
from p2m.engine.running.task import Call, Done, Sources
from p2m.engine.running.work import keep
from p2m.engine.slots import Capacity, Room, Slots
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store
from p2m.errors import StageError, StoreError, UserError
from p2m.project import load

PACKAGE = Path(p2m.__file__).parent
RECIPES = PACKAGE.parent / "recipes"
WORKER = """
import os, pickle, sys
from pathlib import Path
import p2m
from p2m.engine.code import loading
from p2m.engine.running import wire
from p2m.engine.running.task import carry_out
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store

class Mute:
    def started(self, step): pass
    def waiting(self, step, holder): pass
    def progress(self, step, done, total, note): pass
    def said(self, step, line): pass

store = Store(Path(sys.argv[1]), SharedAddress(sys.argv[2], "write"))
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # stages may print
while True:
    try:
        modules, content = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    loading.load(modules)
    try:
        answer = carry_out(pickle.loads(content), store, Mute())
    except Exception as error:
        answer = wire.pack(error)
    pickle.dump((answer, os.getcwd(), p2m.__file__), answers)
    answers.flush()
"""


@dataclass
class Elsewhere:
    """Means that hand every call to a worker in `folder`, one after the other."""

    folder: Path
    url: str
    calls: list[Call] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)  # where the worker stood, and its package
    slots: Room = field(default_factory=lambda: Slots(Capacity(1, 0, 0), "elsewhere"))

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Any, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        assert {"p2m", "toys"} >= code
        self.waiting: list[Call] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(self.folder / "store"), self.url],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "code")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def start(self, call: Call, stage: Any) -> None:
        self.calls.append(call)
        self.waiting.append(call)
        assert self.process.stdin is not None
        pickle.dump(([module for module, _ in call.code], pickle.dumps(call)), self.process.stdin)
        self.process.stdin.flush()

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        call = self.waiting.pop(0)
        assert self.process.stdout is not None
        answer, *where = pickle.load(self.process.stdout)
        self.seen.add((where[0], where[1]))
        if isinstance(answer, Done):
            return [Ended(call.step, answer)]
        return [Ended(call.step, error=wire.unpack(answer))]

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("elsewhere")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "code" / "p2m", ignore=ignored)
    shutil.copy(toys.__file__, folder / "code")
    return Elsewhere(folder, f"file://{tmp_path_factory.mktemp('shared')}")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "n.txt").write_text("10")
    (tmp_path / "files" / "below" / "empty").mkdir(parents=True)
    (tmp_path / "files" / "a.txt").write_text("a")
    plan = Plan("elsewhere")
    number = plan.add("n", read_number, plan.source("file", tmp_path / "n.txt"))
    count = plan.add("count", read_folder, plan.source("folder", tmp_path / "files"))
    table = plan.add("table", tabulate, number, count)
    plan.add("rows", count_rows, table, scale=Scale(3))
    plan.add("push", push, plan.add("sum", total, number, count, plus=1))
    return plan


def driver(tmp_path: Path, elsewhere: Elsewhere, mode: Any = "write") -> Store:
    return Store(tmp_path / "store", SharedAddress(elsewhere.url, mode))


def test_a_worker_with_nothing_but_the_call_and_a_shared_store_makes_what_this_process_makes(
    tmp_path: Path, elsewhere: Elsewhere, plan: Plan
) -> None:
    result = execute(plan, driver(tmp_path, elsewhere), Device(), executor=elsewhere)
    here = execute(plan, Store(tmp_path / "other"), Device(), executor=Inline())
    assert [(each.step, each.status, each.key, each.output) for each in result.outcomes] == [
        (each.step, each.status, each.key, each.output) for each in here.outcomes
    ]
    assert result.counts == {"ran": 6}
    assert result.value("rows") == Number(12)
    assert (result.value("table").folder / "a.txt").read_text() == "a 10\n" * 3
    folder = elsewhere.folder
    assert elsewhere.seen == {(str(folder), str(folder / "code" / "p2m" / "__init__.py"))}
    assert stored(plan, Store(folder / "store"), "n") is not None  # it kept its own
    third = Store(tmp_path / "third", SharedAddress(elsewhere.url))  # and the shared store has all
    result.store.flush(print)
    assert execute(plan, third, Device()).counts == {"reused": 5, "ran": 1}  # but for the volatile one


def test_a_worker_with_other_code_refuses_the_call(tmp_path: Path, elsewhere: Elsewhere, plan: Plan) -> None:
    path = elsewhere.folder / "code" / "toys.py"
    path.write_text(path.read_text().replace("value * self.factor", "value + self.factor"))
    with pytest.raises(StageError, match="toys was edited"):
        execute(plan, driver(tmp_path, elsewhere), Device(), executor=elsewhere)


def test_a_worker_whose_code_differs_in_a_remark_alone_takes_the_call(
    tmp_path: Path, elsewhere: Elsewhere, plan: Plan
) -> None:
    path = elsewhere.folder / "code" / "toys.py"
    path.write_text(path.read_text() + "# another remark\n")
    result = execute(plan, driver(tmp_path, elsewhere), Device(), executor=elsewhere)
    assert result.value("rows") == Number(12)


def test_what_a_stage_raises_elsewhere_is_raised_here(tmp_path: Path, elsewhere: Elsewhere) -> None:
    plan = Plan("bang")
    plan.add("bang", print_and_fail, words="far away")
    with pytest.raises(ZeroDivisionError, match="far away"):
        execute(plan, driver(tmp_path, elsewhere), Device(), executor=elsewhere)


@pytest.mark.parametrize("mode", ["read", None])
def test_steps_elsewhere_need_a_shared_store_to_write(
    tmp_path: Path, elsewhere: Elsewhere, plan: Plan, mode: str | None
) -> None:
    store = driver(tmp_path, elsewhere, mode) if mode else Store(tmp_path / "store")
    with pytest.raises(StoreError, match=r"store\.shared"):
        execute(plan, store, Device(), executor=elsewhere)
    assert elsewhere.calls == []


# --------------------------------------------------------------------------- what a call holds


@dataclass
class Kept:
    """Means that keep the calls, and say at once that each gave `output`."""

    output: str
    calls: list[Call] = field(default_factory=list)
    slots: Room = field(default_factory=lambda: Slots(Capacity(64, 0, 0)))

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Any, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        self.told = 0
        return self

    def start(self, call: Call, stage: Any) -> None:
        self.calls.append(call)

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        new, self.told = self.calls[self.told :], len(self.calls)
        return [Ended(call.step, Done(self.output, True, 0.0)) for call in new]

    def stop(self) -> None: ...


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from leaves(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from leaves(getattr(value, each.name))
    else:
        yield value


def test_no_field_of_a_call_holds_a_place_or_an_inode_of_this_machine(tmp_path: Path) -> None:
    recipe = tmp_path / "project" / "tickets.yaml"
    shutil.copytree(RECIPES, recipe.parent)
    plan = load(recipe).plan
    store = Store(tmp_path / "store")
    means = Kept(keep("number", Number(1), store))
    execute(plan, store, Device(), executor=means)
    assert {call.step for call in means.calls} == {step.name for step in plan.steps if not step.is_source}
    assert any(given is not None and given.file for call in means.calls for given in call.inputs)
    files = [*PACKAGE.rglob("*.py"), *recipe.parent.rglob("*")]
    inodes = {path.stat().st_ino for path in files}
    places = [str(store.root), os.getcwd(), str(tmp_path), str(PACKAGE.parent), str(Path.home())]
    for call in means.calls:
        again = pickle.loads(pickle.dumps(call))
        assert again == call
        for leaf in leaves(again):
            assert not isinstance(leaf, Path)
            assert not (isinstance(leaf, int) and leaf in inodes and leaf > 10_000), call.step
            assert not (isinstance(leaf, str) and any(place in leaf for place in places)), leaf
        assert not any(place.encode() in pickle.dumps(call) for place in places)


def test_a_source_that_is_not_what_the_key_was_made_of_is_not_sent_unnoticed(
    tmp_path: Path, elsewhere: Elsewhere, plan: Plan
) -> None:
    @dataclass
    class Late(Elsewhere):
        def open(
            self, store: Store, run: str, sources: Sources, *, network: Any, code: frozenset[str]
        ) -> Executor:  # fmt: skip
            (tmp_path / "n.txt").write_text("11")  # after the keys were made
            return super().open(store, run, sources, network=network, code=code)

    late = Late(elsewhere.folder, elsewhere.url)
    with pytest.raises(UserError, match=r"n\.txt was edited"):
        execute(plan, driver(tmp_path, elsewhere), Device(), executor=late)
