"""Incremental equals clean, nothing runs twice, and nothing wrong is kept."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store import DAMAGES, damage
from toys import (
    Number,
    Scale,
    clock,
    count_rows,
    halve,
    push,
    read_number,
    tabulate,
    total,
)

from p2m.engine.executor import Inline, Local, Result, Silent, execute, stored
from p2m.engine.handles import Device, Run
from p2m.engine.journal import last_steps, runs
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.errors import StageError, StoreError, UserError
from p2m.types import Files


class Watch(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def step_started(self, step: str) -> None:
        self.seen.append(("started", step))

    def said(self, step: str, line: str) -> None:
        self.seen.append(("said", step, line))

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        self.seen.append(("progress", step, f"{done}/{total}", note))

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self.seen.append(("finished", step, status))

    def step_failed(self, step: str, error: BaseException) -> None:
        self.seen.append(("failed", step, type(error).__name__))

    @property
    def ran(self) -> list[str]:
        return [event[1] for event in self.seen if event[0] == "started"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The lines that stages left since the last call."""
    path = tmp_path / "log"
    monkeypatch.setenv("P2M_TOY_LOG", str(path))

    def read() -> list[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return read


def build(plan: Plan, store: Store, watch: Watch | None = None) -> Result:
    return execute(plan, store, Device(), watch)


def small(folder: Path, *, plus: int = 0, factor: int = 2) -> Plan:
    """source -> number -> half -> table -> rows."""
    plan = Plan("small")
    number = plan.add("number", read_number, plan.source("file", folder / "n.txt", origin="r.yaml:3"))
    half = plan.add("half", halve, number, None, plus=plus, origins={"plus": "r.yaml:5"})
    table = plan.add("table", tabulate, half, None)
    plan.add("rows", count_rows, table, scale=Scale(factor))
    return plan


# --------------------------------------------------------------------------- random plans against an oracle


@dataclass(frozen=True)
class Node:
    op: str  # total, halve or tabulate; "source" for a file
    first: int  # index of an earlier node
    second: int | None
    plus: int


OPS: dict[str, Any] = {"total": total, "halve": halve}


@st.composite
def graphs(draw: st.DrawFn) -> list[list[Node]]:
    """Generations of one plan: each is an edit of the one before, or a revert to an earlier one."""
    size = draw(st.integers(2, 6))
    nodes = [Node("source", 0, None, draw(st.integers(0, 4)))]
    for index in range(1, size):
        earlier = st.integers(0, index - 1)
        node = st.builds(Node, st.sampled_from(sorted(OPS)), earlier, st.none() | earlier, st.integers(0, 2))
        nodes.append(draw(node))
    generations = [nodes]
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            generations.append(draw(st.sampled_from(generations)))
            continue
        index = draw(st.integers(0, size - 1))
        edited = list(generations[-1])
        edited[index] = replace(edited[index], plus=draw(st.integers(0, 4)))
        generations.append(edited)
    return generations


def plan_of(nodes: list[Node], folder: Path) -> Plan:
    plan = Plan("random")
    (folder / "n.txt").write_text(str(nodes[0].plus))
    refs = [plan.add("n0", read_number, plan.source("file", folder / "n.txt"))]
    for index, node in enumerate(nodes[1:], start=1):
        second = None if node.second is None else refs[node.second]
        refs.append(plan.add(f"n{index}", OPS[node.op], refs[node.first], second, plus=node.plus))
    return plan


def oracle(nodes: list[Node]) -> tuple[list[int], list[str]]:
    """The value of every node, and the line that each step would log, computed without any cache."""
    values, lines = [nodes[0].plus], ["read_number"]
    for node in nodes[1:]:
        first = values[node.first]
        second = None if node.second is None else values[node.second]
        lines.append(f"{node.op} {first} {second} {node.plus}")
        values.append((first + node.plus) // 2 if node.op == "halve" else first + (second or 0) + node.plus)
    return values, lines


def check_generations(generations: list[list[Node]], folder: Path, read_log: Callable[[], list[str]]) -> None:
    store = Store(folder / "store")
    done: set[str] = set()
    for nodes in generations:
        plan = plan_of(nodes, folder)
        values, lines = oracle(nodes)
        lines[0] += f" {nodes[0].plus}"  # what the file holds is part of what the step does
        result = build(plan, store)
        expected = list(dict.fromkeys(line for line in lines if line not in done))
        found = Counter(line if " " in line else f"{line} {nodes[0].plus}" for line in read_log())
        assert found == Counter(expected)  # what is new runs once, and nothing else runs
        assert [result.value(f"n{index}") for index in range(len(nodes))] == [Number(v) for v in values]
        assert result.counts["reused"] == len(nodes) - len(expected)
        done |= set(lines)


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_an_incremental_build_equals_a_clean_one_and_runs_only_what_is_new(
    generations: list[list[Node]],
) -> None:
    _check_in_new_folder(generations)


def _check_in_new_folder(generations: list[list[Node]]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log"
        patch.setenv("P2M_TOY_LOG", str(path))

        def read_log() -> list[str]:
            lines = path.read_text().splitlines() if path.exists() else []
            path.unlink(missing_ok=True)
            return lines

        check_generations(generations, Path(place), read_log)


# --------------------------------------------------------------------------- what runs and what does not


def test_the_second_build_runs_nothing_and_says_so(
    tmp_path: Path, store: Store, log: Callable[[], list[str]]
) -> None:
    (tmp_path / "n.txt").write_text("10")
    first = build(small(tmp_path), store)
    assert first.counts == {"ran": 4}
    assert len(log()) == 4
    watch = Watch()
    second = build(small(tmp_path), store, watch)
    assert second.counts == {"reused": 4}
    assert watch.seen == [("finished", name, "reused") for name in ("number", "half", "table", "rows")]
    assert log() == []
    assert [outcome.output for outcome in second.outcomes] == [outcome.output for outcome in first.outcomes]
    assert second.value("rows") == Number(2 * 4)
    assert second.value("table").rows[0].text == "é\u20285"


def test_an_unchanged_output_stops_the_wave(
    tmp_path: Path, store: Store, log: Callable[[], list[str]]
) -> None:
    (tmp_path / "n.txt").write_text("10")
    build(small(tmp_path), store)
    log()
    (tmp_path / "n.txt").write_text("11")
    result = build(small(tmp_path), store)
    assert [outcome.status for outcome in result.outcomes] == ["ran", "cut-off", "reused", "reused"]
    assert log() == ["read_number", "halve 11 None 0"]


def test_touching_and_moving_a_source_changes_nothing(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").write_text("10")
    build(small(tmp_path), store)
    (tmp_path / "n.txt").touch()
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "n.txt", tmp_path / "elsewhere" / "n.txt")
    assert build(small(tmp_path), store).counts == {"reused": 4}
    assert build(small(tmp_path / "elsewhere"), store).counts == {"reused": 4}


def test_a_field_of_a_component_is_part_of_the_key(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").write_text("10")
    build(small(tmp_path), store)
    result = build(small(tmp_path, factor=3), store)
    assert [outcome.status for outcome in result.outcomes] == ["reused", "reused", "reused", "ran"]
    assert result.value("rows") == Number(3 * 4)


def test_the_runtime_is_no_part_of_any_key(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").write_text("10")
    build(small(tmp_path), store)
    assert execute(small(tmp_path), store, Device(type="cuda", threads=7)).counts == {"reused": 4}


def test_a_volatile_step_always_runs_and_what_follows_is_reused(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = Plan("v")
    pushed = plan.add("push", push, plan.add("n", read_number, plan.source("file", tmp_path / "n.txt")))
    plan.add("after", total, pushed, None)
    assert build(plan, store).counts == {"ran": 3}
    assert [outcome.status for outcome in build(plan, store).outcomes] == ["reused", "cut-off", "reused"]


def test_a_measured_step_is_keyed_by_the_machine(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = Plan("m")
    plan.add("clock", clock, plan.add("n", read_number, plan.source("file", tmp_path / "n.txt")))
    build(plan, store)
    assert build(plan, store).counts == {"reused": 2}
    from p2m.engine import keys

    monkeypatch.setattr(keys, "machine_profile", lambda: (("processor", "another"),))
    assert [outcome.status for outcome in build(plan, store).outcomes] == ["reused", "ran"]


def test_stored_gives_what_is_there_and_runs_nothing(
    tmp_path: Path, store: Store, log: Callable[[], list[str]]
) -> None:
    (tmp_path / "n.txt").write_text("10")
    assert stored(small(tmp_path), store, "half") is None
    build(small(tmp_path), store)
    log()
    assert stored(small(tmp_path), store, "half") == Number(5)
    assert stored(small(tmp_path), store, "file") == Files(tmp_path / "n.txt")
    assert stored(small(tmp_path, plus=4), store, "half") is None
    assert log() == []


# --------------------------------------------------------------------------- damage


@pytest.mark.parametrize("how", DAMAGES)
def test_whatever_object_of_a_store_is_damaged_the_build_is_right(tmp_path: Path, how: str) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = small(tmp_path)
    pristine = Store(tmp_path / "pristine")
    good = build(plan, pristine)
    shutil.rmtree(pristine.root / "tmp" / "out", ignore_errors=True)
    objects = [
        path.relative_to(pristine.root)
        for folder in ("cas", "ac")
        for path in sorted((pristine.root / folder).rglob("*"))
        if path.is_file()
    ]
    assert len(objects) >= 14
    for number, name in enumerate(objects):
        root = tmp_path / f"store{number}"
        shutil.copytree(pristine.root, root)
        damage(root / name, how)
        result = build(plan, Store(root))
        assert result.value("rows") == Number(8), name
        assert result.value("half") == Number(5), name
        assert (result.value("table").folder / "a.txt").read_text() == "a 5\n" * 3, name
        again = build(plan, Store(root))
        assert again.counts == {"reused": 4}, name
        assert [found.output for found in again.outcomes] == [found.output for found in good.outcomes]
        shutil.rmtree(root)


def test_a_damaged_input_of_a_step_that_must_run_is_made_anew(
    tmp_path: Path, store: Store, log: Callable[[], list[str]]
) -> None:
    (tmp_path / "n.txt").write_text("10")
    result = build(small(tmp_path), store)
    log()
    for entry in store.tree(result.outcome("table").output):
        if entry.digest:
            damage(store.root / "cas" / entry.digest[:2] / entry.digest, "flipped")
    shutil.rmtree(store.root / "tmp" / "out")
    result = build(small(tmp_path, factor=5), Store(store.root))
    assert result.value("rows") == Number(20)
    assert [outcome.status for outcome in result.outcomes] == ["reused", "reused", "cut-off", "ran"]
    assert Counter(log()) == {"tabulate 5 None 0": 1, "count_rows": 1}
    assert len(list((store.root / "quarantine").glob("*.why"))) >= 2


# --------------------------------------------------------------------------- failures and edits


@stage(version="1", kind="pure")
def explode(first: Number, *, how: str) -> Number:
    if how == "user":
        raise UserError("the row has no column b")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "type":
        return Scale()  # type: ignore[return-value]
    if how == "field":
        return Number("three")  # type: ignore[arg-type]
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("how", "error", "status"),
    [
        ("user", UserError, "failed"),
        ("interrupt", KeyboardInterrupt, "interrupted"),
        ("type", StageError, "failed"),
        ("field", StageError, "failed"),
        ("bug", ZeroDivisionError, "failed"),
    ],
)
def test_a_failure_keeps_what_was_finished_and_the_journal_says_how_it_ended(
    tmp_path: Path, store: Store, how: str, error: type[BaseException], status: str
) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = small(tmp_path)
    plan.add("bang", explode, plan._refs["half"], how=how)
    watch = Watch()
    with pytest.raises(error):
        build(plan, store, watch)
    assert watch.seen[-1] == ("failed", "bang", error.__name__)
    record = next(runs(store, "small"), None)
    assert record is not None
    assert (record.status, record.steps["bang"].status) == (status, status)
    assert record.ended is not None
    assert build(small(tmp_path), store).counts == {"reused": 4}


@stage(version="1", kind="pure")
def edit_while_reading(files: Files, *, new: str) -> Number:
    value = int(files.path.read_text())
    if new:
        stat = files.path.stat()
        files.path.write_text(new)
        if new == str(value):  # edited and reverted, times put back: only ctime tells
            import os

            os.utime(files.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return Number(value)


EXECUTORS = pytest.mark.parametrize("executor", [Inline(), Local(workers=1)], ids=["inline", "local"])


@EXECUTORS
@pytest.mark.parametrize("new", ["20", "10"])
def test_an_input_that_is_edited_while_its_step_runs_never_poisons_the_cache(
    tmp_path: Path, store: Store, new: str, executor: Any
) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = Plan("racy")
    plan.add("n", edit_while_reading, plan.source("file", tmp_path / "n.txt"), new=new)
    with pytest.raises(UserError, match=r"n\.txt was edited while n was reading it"):
        execute(plan, store, Device(), executor=executor)
    assert list((store.root / "ac").rglob("?" * 64)) == []


def test_a_missing_source_is_said_with_its_place_before_anything_runs(tmp_path: Path, store: Store) -> None:
    (tmp_path / "m.txt").write_text("10")
    with pytest.raises(UserError) as caught:
        build(small(tmp_path), store)
    assert "r.yaml:3: " in str(caught.value)
    assert f"{tmp_path / 'n.txt'} does not exist; did you mean 'm.txt'?" in str(caught.value)
    assert next(runs(store, "small"), None) is None


def test_what_a_stage_says_is_kept_and_its_scratch_folder_goes(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").write_text("10")
    watch = Watch()
    result = build(_talking(tmp_path), store, watch)
    assert ("said", "talk", "hello") in watch.seen
    assert ("progress", "talk", "1/2", "rows") in watch.seen
    assert (store.runs / result.run / "log.txt").read_text() == "talk: hello\n"
    assert list((store.root / "steps").iterdir()) == []
    assert last_steps(store, "talk")["talk"].output == result.outcome("talk").output


@stage(version="1", kind="pure")
def talk(files: Files, *, run: Run) -> Number:
    run.say("hello")
    run.progress(1, 2, "rows")
    (run.folder / "left").write_text("over")
    return Number(run.device.threads)


def _talking(folder: Path) -> Plan:
    plan = Plan("talk")
    plan.add("talk", talk, plan.source("file", folder / "n.txt"))
    return plan


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """A stage in a package whose helper is imported only when it runs."""
    package = tmp_path / "late_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("VALUE = 1\n")
    (package / "words.txt").write_text("one")
    (package / "stages.py").write_text(
        "from pathlib import Path\n"
        "from toys import Number\n"
        "from p2m.engine.stage import stage\n"
        "@stage(version='1', kind='pure')\n"
        "def late(first: Number, *, edit: str) -> Number:\n"
        "    if edit: (Path(__file__).parent / edit).write_text('VALUE = 2')\n"
        "    from late_package.helper import VALUE\n"
        "    return Number(first.value + VALUE)\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield lambda module: importlib.import_module(f"late_package.{module}")
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("late_package")]:
        del sys.modules[name]


@stage(version="1", kind="pure")
def rewrite(first: Number, *, path: str, text: str) -> Number:
    Path(path).write_text(text)
    return first


def _late(tmp_path: Path, late: Callable[[str], Any], *, file: str, text: str, edit: str = "") -> Plan:
    """A step that writes into a file of the package, and one of that package after it."""
    (tmp_path / "n.txt").write_text("10")
    plan = Plan("late")
    number = plan.add("n", read_number, plan.source("file", tmp_path / "n.txt"))
    path = str(tmp_path / "late_package" / file)
    written = plan.add("write", rewrite, number, path=path, text=text)
    plan.add("late", late("stages").late, written, edit=edit)
    return plan


@pytest.mark.parametrize(
    ("file", "name"), [("helper.py", r"late_package\.helper"), ("words.txt", "words.txt")]
)
@EXECUTORS
def test_code_that_is_edited_before_the_step_loads_it_is_noticed(
    tmp_path: Path, store: Store, late: Callable[[str], Any], file: str, name: str, executor: Any
) -> None:
    plan = _late(tmp_path, late, file=file, text="VALUE = 2\n")
    with pytest.raises(StageError, match=f"{name} was edited"):
        execute(plan, store, Device(), executor=executor)
    assert [step.status for step in last_steps(store, "late").values()] == ["source", "ran", "ran"]


def test_code_that_the_command_has_loaded_and_a_worker_has_not_is_compared_by_the_worker(
    tmp_path: Path, store: Store, late: Callable[[str], Any]
) -> None:
    text = (tmp_path / "late_package" / "stages.py").read_text().replace("+ VALUE", "+ 7 * VALUE")
    plan = _late(tmp_path, late, file="stages.py", text=text)
    with pytest.raises(StageError, match=r"late_package\.stages was edited after the build had begun"):
        execute(plan, store, Device(), executor=Local(workers=1))
    assert "late" not in last_steps(store, "late")


def test_code_that_the_command_has_loaded_is_what_it_runs_itself(
    tmp_path: Path, store: Store, late: Callable[[str], Any]
) -> None:
    text = (tmp_path / "late_package" / "stages.py").read_text().replace("+ VALUE", "+ 7 * VALUE")
    plan = _late(tmp_path, late, file="stages.py", text=text)
    assert execute(plan, store, Device(), executor=Inline()).value("late") == Number(11)


@EXECUTORS
def test_a_text_beside_the_code_that_is_edited_while_the_step_runs_discards_the_result(
    tmp_path: Path, store: Store, late: Callable[[str], Any], executor: Any
) -> None:
    plan = _late(tmp_path, late, file="other.py", text="", edit="words.txt")
    with pytest.raises(StageError, match=r"words\.txt was edited while late was running"):
        execute(plan, store, Device(), executor=executor)
    assert "late" not in last_steps(store, "late")


@EXECUTORS
def test_code_that_is_edited_once_the_step_has_it_does_not_matter(
    tmp_path: Path, store: Store, late: Callable[[str], Any], executor: Any
) -> None:
    plan = _late(tmp_path, late, file="other.py", text="", edit="helper.py")
    assert execute(plan, store, Device(), executor=executor).value("late") == Number(
        11
    )  # by the code that its key stands for


def test_code_that_is_edited_after_it_was_loaded_asks_for_a_new_process(
    tmp_path: Path, store: Store, late: Callable[[str], Any]
) -> None:
    (tmp_path / "n.txt").write_text("10")
    plan = Plan("late")
    number = plan.add("n", read_number, plan.source("file", tmp_path / "n.txt"))
    plan.add("late", late("stages").late, number, edit="")
    assert build(plan, store).value("late") == Number(11)
    assert build(plan, store).counts == {"reused": 2}
    (tmp_path / "late_package" / "helper.py").write_text("VALUE = 5\n")
    with pytest.raises(StageError, match="start a new process"):
        build(plan, store)


def test_a_store_that_keeps_losing_an_artifact_is_suspected(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "n.txt").write_text("10")
    import shutil as real

    original = real.copyfile

    def lossy(source: Any, target: Any, **options: Any) -> Any:
        done = original(source, target, **options)
        if "cas" in str(source):
            Path(target).write_bytes(b"bad disk")
        return done

    monkeypatch.setattr(shutil, "copyfile", lossy)
    with pytest.raises(StoreError, match="check the disk"):
        build(small(tmp_path), store)
