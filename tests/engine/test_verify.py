"""Every damage to every object of a store is found or harmless, repaired or made anew, and never served."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_executor import Watch, build, small
from test_gc import number
from test_store import flip
from toys import Number, read_number

from p2m.delivery import deliver
from p2m.engine.care.gc import collect
from p2m.engine.care.rebuild import rebuild
from p2m.engine.care.repair import repair
from p2m.engine.care.roots import pins_of
from p2m.engine.care.verify import verify
from p2m.engine.handles import Device
from p2m.engine.journal import runs
from p2m.engine.plan import Plan
from p2m.engine.recording.ledger import Ledger, close_all
from p2m.engine.stage import stage
from p2m.engine.storage import kept
from p2m.engine.store import Store
from p2m.errors import UserError
from p2m.types import Files

RIGHT = Number(8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "n.txt").write_text("10")
    return tmp_path


def full_store(folder: Path, place: str = "store") -> Store:
    """A store with something of every kind in it."""
    store = Store(folder / place)
    build(small(folder), store).value("table")
    build(number(folder, 1), store).value("sum")
    record = next(runs(store, "small"), None)
    assert record is not None
    kept.keep(store.root, "demo", record.id, "small", pins_of(record))
    (folder / "r.lock").write_text(f"key: {record.steps['rows'].key}\n")
    store.register_root(folder / "r.lock")
    ledger = Ledger(store.root / "ledger")
    ledger.answer({"prompt": "q"}, lambda: b"answer")
    close_all()
    (store.root / "leases" / "dead").write_text("\n" + "1" * 64 + "\n")
    store.scratch("2" * 64)
    return store


def test_a_sound_store_is_said_to_be_and_nothing_is_written(folder: Path) -> None:
    store = full_store(folder)
    before = {str(path): path.stat().st_mtime_ns for path in store.root.rglob("*")}
    found = verify(store)
    assert (found.faults, found.is_sound) == ((), True)
    assert found.entries == 5  # of six steps, for the two plans share one
    assert found.runs == 2
    assert found.ledger == 1
    assert found.blobs > 8
    assert {str(path): path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


Damage = Callable[[Path, Path], None]
DAMAGES: dict[str, Damage] = {
    "flipped": lambda path, other: write(path, flip(path.read_bytes() or b"\n")),
    "flipped at the end": lambda path, other: write(path, path.read_bytes()[:-2] + b"\x07\n"),
    "truncated": lambda path, other: write(path, path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path, other: write(path, b""),
    "swapped": lambda path, other: write(path, other.read_bytes()),
    "deleted": lambda path, other: path.unlink(),
}


def write(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def objects(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


MUST_FIND = ("cas", "ac", "keep")  # whatever is changed there is found


def damage_one(folder: Path, sound: Path, name: Path, other: Path, how: str) -> None:
    """Damage one object in two copies of the store: build in one; verify, repair and collect in the other."""
    root = folder / "damaged"
    shutil.copytree(sound, root)
    path = root / name
    before = path.read_bytes()
    DAMAGES[how](path, sound / other)
    changed = not path.is_file() or path.read_bytes() != before
    if name.name == "FORMAT":
        shutil.rmtree(root)
        return  # opening says it, see test_store
    second = folder / "second"
    shutil.copytree(root, second)
    # A build at once serves nothing wrong.
    store = Store(root)
    result = build(small(folder), store)
    assert result.value("rows") == RIGHT, (name, how)
    assert len(result.value("table").rows) == 2
    # Verify sees what matters, and repairs it.
    store = Store(second)
    found = verify(store)
    if changed and name.parts[0] in MUST_FIND and how != "deleted":
        assert found.faults, (name, how)
    if found.faults:
        repaired = repair(store, found)
        assert repaired.is_sound, (name, how, repaired)
        again = verify(Store(second))
        assert again.faults == (), (name, how, again.faults)
    collect(Store(second), delete=True)
    assert build(small(folder), Store(second)).value("rows") == RIGHT
    for each in runs(Store(second)):
        assert each.plan
    shutil.rmtree(root)
    shutil.rmtree(second)


def damage_all(folder: Path, stride: int) -> int:
    sound = full_store(folder).root
    names = objects(sound)
    cases = [
        (name, names[(index + 5) % len(names)], how) for index, name in enumerate(names) for how in DAMAGES
    ]
    for name, other, how in cases[::stride]:
        damage_one(folder, sound, name, other, how)
    return len(cases[::stride])


def test_damage_to_any_object_is_found_or_harmless_and_never_served(folder: Path) -> None:
    assert damage_all(folder, 41) >= 7


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_damage_to_every_object_is_found_or_harmless_and_never_served(folder: Path) -> None:
    assert damage_all(folder, 1) >= 250


def test_a_fault_names_the_steps_and_plans_that_it_touches(folder: Path) -> None:
    store = full_store(folder)
    output = build(small(folder), store).outcome("table").output
    blob = next(entry for entry in store.tree(output) if entry.name == "folder/a.txt")
    write(store.blobs.path(blob.digest), b"wrong")
    found = verify(store)
    assert [fault.kind for fault in found.faults] == ["blob", "output"]
    assert {fault.steps for fault in found.faults} == {("table of small",)}
    assert blob.digest[:12] in found.faults[1].reason
    assert not found.is_sound
    repaired = repair(store, found)
    assert repaired.is_sound
    watch = Watch()
    assert build(small(folder), store, watch).value("rows") == RIGHT
    assert watch.ran == ["table"]
    assert verify(store).faults == ()


def test_what_lies_among_the_objects_and_is_none_is_said_and_set_aside(folder: Path) -> None:
    store = full_store(folder)
    (store.root / "cas" / "ab").mkdir(exist_ok=True)
    (store.root / "cas" / "ab" / "notes.txt").write_text("mine")
    (store.root / "thesis.tex").write_text("mine too")
    found = verify(store)
    assert [(fault.kind, fault.path) for fault in found.faults] == [("foreign", "cas/ab/notes.txt")]
    assert any("thesis.tex" in note for note in found.notes)
    assert repair(store, found).is_sound
    assert (store.root / "thesis.tex").exists()
    kept = [path.read_text() for path in (store.root / "quarantine").iterdir() if "notes" in path.name]
    assert "mine" in kept


def test_no_write_into_a_bundle_or_a_copy_reaches_the_store(folder: Path) -> None:
    store = full_store(folder)
    copy = store.materialize(build(small(folder), store).outcome("table").output)
    bundle = deliver(copy, folder / "outputs" / "x", ship=True)
    files = [path for place in (copy, bundle) for path in place.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        path.chmod(0o666)
        with open(path, "r+b") as stream:
            stream.write(b"overwritten in place")
    assert verify(store).faults == ()
    assert len(build(small(folder), Store(store.root)).value("table").rows) == 2


# --------------------------------------------------------------------------- running a step again


@dataclass(frozen=True)
class Figure:
    value: float
    label: str


@stage(version="1", kind="pure")
def fickle(files: Files) -> Figure:
    return Figure(float(os.environ["FICKLE"]), "a")


@stage(version="1", kind="seeded")
def seeded(files: Files) -> Figure:
    return Figure(float(os.environ["FICKLE"]), os.environ.get("LABEL", "a"))


@stage(version="1", kind="measured")
def timed(files: Files) -> Figure:
    return Figure(float(os.environ["FICKLE"]), "a")


def figures(folder: Path) -> Plan:
    plan = Plan("figures")
    source = plan.source("file", folder / "n.txt")
    for name, function in (("fickle", fickle), ("seeded", seeded), ("timed", timed), ("n", read_number)):
        plan.add(name, function, source)
    return plan


def test_a_step_that_is_run_again_is_judged_by_its_kind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, plan = Store(folder / "store"), figures(folder)
    monkeypatch.setenv("FICKLE", "100")
    keys = {name: build(plan, store).outcome(name).key for name in ("fickle", "seeded", "timed")}
    everything = ("fickle", "seeded", "timed", "n")
    assert all(rebuild(plan, store, Device(), name).passes for name in everything)
    monkeypatch.setenv("FICKLE", "101")
    found = {name: rebuild(plan, store, Device(), name) for name in everything}
    assert {name: each.passes for name, each in found.items()} == {
        "fickle": False, "seeded": True, "timed": True, "n": True
    }  # fmt: skip
    assert found["fickle"].lines[0] == "value.json: value: 100.0 -> 101.0"
    assert store.alternatives(keys["fickle"]) == (found["fickle"].alternative,)
    assert build(plan, store).value("fickle") == Figure(100.0, "a")  # builds go on as before
    monkeypatch.setenv("FICKLE", "103")
    assert not rebuild(plan, store, Device(), "seeded").passes
    assert rebuild(plan, store, Device(), "timed").passes
    monkeypatch.setenv("FICKLE", "100")
    monkeypatch.setenv("LABEL", "b")
    assert not rebuild(plan, store, Device(), "seeded").passes  # a word is no figure


def test_the_first_row_and_field_that_differ_are_told(folder: Path) -> None:
    from p2m.engine.care.rebuild import differences

    old, new = folder / "old", folder / "new"
    for place, text, size in ((old, "a", 3), (new, "b", 4)):
        place.mkdir()
        rows = [{"x": 1}, {"x": text, "y": 2}, {"x": text}]
        (place / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        (place / "weights").write_bytes(b"abc" + bytes([size]))
    (new / "more").write_text("x")
    assert [str(each) for each in differences(old, new)] == [
        "more: (not there) -> there",
        'rows.jsonl: row 2.x: "a" -> "b"',
        'weights: byte 3 of 4: "03" -> "04"',
    ]


def test_a_step_that_is_not_stored_cannot_be_compared(folder: Path) -> None:
    with pytest.raises(UserError, match="next: p2m build"):
        rebuild(small(folder), Store(folder / "store"), Device(), "half")
