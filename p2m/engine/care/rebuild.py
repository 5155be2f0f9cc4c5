"""Run a step again on its stored inputs, publish nothing, and compare with what is stored.

A pure step must give the same bytes. Of a seeded one the figures (numbers in `value.json`) may
differ by 2 %, and its other files at will: the same seed need not give the same weights on another machine.
A measured one is only told. A result that differs is kept as an alternative, which no build uses.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine import formats, hashing
from p2m.engine.handles import Device
from p2m.engine.keys import Key, identify_all
from p2m.engine.plan import Plan, Step
from p2m.engine.recording.ledger import StepRecorder
from p2m.engine.running import tallies
from p2m.engine.running.work import Input, RunHandle, read_input
from p2m.engine.sources import digests_of, read_sources
from p2m.engine.store import Action, Store
from p2m.engine.walk import Walk
from p2m.errors import StageError, UserError

TOLERANCE = 0.02  # relative, of a seeded step's figures
_SHOWN = 5  # differences told
_WIDTH = 80  # characters of a value
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What running a step again came to."""

    step: str
    kind: str
    verdict: str
    passes: bool
    lines: tuple[str, ...] = ()  # where the two results part
    alternative: str = ""  # digest of the differing result
    seconds: float = 0.0


def rebuild(plan: Plan, store: Store, device: Device, name: str) -> Rebuilt:
    """Run step `name` again and compare.

    Raises:
        UserError: the store does not hold the step, or one that it needs, for the recipe as it is now.
        P2MError: what the step itself raises.
    """
    step = plan.step(name)
    if step.kind == "volatile":
        return Rebuilt(name, step.kind, "runs every time, so there is nothing to compare", True)
    with store.leased(f"verify-{uuid.uuid4().hex}"):
        key, action, digests, sums = _stored(plan, store, step)
        sources = {each.name: each.path for each in plan.steps if each.path is not None}
        inputs = [_input(plan, edge.step, digests) for edge in step.inputs]
        arguments = [read_input(given, store, sources) for given in inputs]
        began = time.monotonic()
        with store.temporary(f"again-{name}") as place:
            value = _run(step, arguments, store, device, key, place, sums)
            formats.save(value, place / "made")
            seconds = time.monotonic() - began
            if hashing.digest_tree(place / "made") == action.output:
                return Rebuilt(name, step.kind, "the same, byte for byte", True, seconds=seconds)
            found = tuple(differences(store.materialize(action.output), place / "made"))
            other = store.put_folder(place / "made")
            store.publish(key.value, key.preimage, other, seconds)
        return _judged(step, found, other, seconds)


def _judged(step: Step, found: tuple[Difference, ...], other: str, seconds: float) -> Rebuilt:
    lines = [str(each) for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"... and {len(found) - _SHOWN} more")
    lines.append(f"kept as the alternative {other[:12]}; builds go on using the stored result")
    if step.kind == "measured":
        verdict, passes = "measured anew", True
    elif step.kind == "seeded":
        passes = all(each.is_within(TOLERANCE) for each in found)
        verdict = (
            f"figures within {TOLERANCE:.0%}" if passes else f"figures differ by more than {TOLERANCE:.0%}"
        )
    else:
        verdict, passes = f"NOT THE SAME, though it is {step.kind}", False
    return Rebuilt(step.name, step.kind, verdict, passes, tuple(lines), other, seconds)


def _stored(plan: Plan, store: Store, wanted: Step) -> tuple[Key, Action, dict[str, str], Counter[str]]:
    """The key and entry of a step, the digests of all before it, and what these had added to shared sums."""
    sources = digests_of(read_sources(plan.steps, store.stats))
    walk = Walk(identify_all(plan.steps, store), sources, store.lookup)
    sums: Counter[str] = Counter()
    for step in plan.steps:
        state = walk.at(step)
        if step is wanted and state.key is not None and state.made is not None:
            return state.key, state.made, walk.digests, sums
        if step.is_recorded and state.key is not None:
            sums.update(tallies.kept(store, state.key.value))
    raise UserError(
        f"{store.root} does not hold what {wanted.name} makes for the recipe as it is now,"
        " so there is nothing to compare with\n    next: p2m build, then this again"
    )


def _input(plan: Plan, name: str | None, digests: dict[str, str]) -> Input | None:
    if name is None:
        return None
    return Input(name, plan.step(name).output, digests[name])


def _run(
    step: Step, arguments: list[Any], store: Store, device: Device, key: Key, place: Path, sums: Counter[str]
) -> Any:
    stage = step.stage
    assert stage is not None, step.name
    (place / "run").mkdir()
    memos = place / "memos"  # none are known, so everything is computed again
    recorder = StepRecorder(store.root / "ledger", key.value, {"step": step.name})

    def tally(name: str, amount: int) -> int:
        sums[name] += amount
        return sums[name]

    handle = RunHandle(
        place / "run",
        memos,
        device,
        lambda done, total, note: None,
        lambda line: None,
        lambda: recorder,
        tally,
    )
    settings = {**step.settings, "run": handle} if stage.wants_run else dict(step.settings)
    value = stage.function(*arguments, **settings)
    if type(value) is not stage.output:
        raise StageError(f"step {step.name} returned a {hashing.qualified_name(type(value))}")
    return value


# --------------------------------------------------------------------------- where two artifacts part


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two artifacts differ."""

    file: str
    where: str  # field, or row and field, or byte
    old: Any
    new: Any

    def is_within(self, tolerance: float) -> bool:
        """Whether it is a figure that differs by no more than that, or lies outside `value.json`."""
        if self.file != formats.VALUE:
            return self.old is not _ABSENT and self.new is not _ABSENT
        numbers = all(type(value) in (int, float) for value in (self.old, self.new))
        return numbers and math.isclose(self.old, self.new, rel_tol=tolerance)

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {_shown(self.old)} -> {_shown(self.new)}"


def differences(old: Path, new: Path) -> Iterator[Difference]:
    """Every file that differs between two artifacts' folders, with the first rows, fields or byte in it."""
    before, after = (
        {entry.name: entry.digest for entry in hashing.tree_entries(folder)} for folder in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            here = "there" if name in before else _ABSENT
            yield Difference(name, "", here, "there" if name in after else _ABSENT)
        elif before[name] != after[name]:
            yield from _in_file(name, (old / name).read_bytes(), (new / name).read_bytes())


def _in_file(name: str, old: bytes, new: bytes) -> Iterator[Difference]:
    try:
        if name == formats.VALUE:
            yield from _leaves(name, json.loads(old)["fields"], json.loads(new)["fields"], "")
            return
        if name.endswith(".jsonl"):
            yield from _rows(name, old.splitlines(), new.splitlines())
            return
    except (ValueError, KeyError, TypeError):
        pass  # not what its name says, so by bytes
    at = next(
        (i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
        min(len(old), len(new)),
    )
    yield Difference(name, f"byte {at:,} of {len(old):,}", old[at : at + 8].hex(), new[at : at + 8].hex())


def _rows(name: str, old: list[bytes], new: list[bytes]) -> Iterator[Difference]:
    """The first row that differs, field by field, and the numbers of rows where they differ."""
    if len(old) != len(new):
        yield Difference(name, "rows", len(old), len(new))
    for number, (before, after) in enumerate(zip(old, new, strict=False), start=1):
        if before != after:
            yield from _leaves(name, json.loads(before), json.loads(after), f"row {number}")
            return


def _leaves(name: str, old: Any, new: Any, where: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            inner = f"{where}.{key}" if where else key
            yield from _leaves(name, old.get(key, _ABSENT), new.get(key, _ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _leaves(name, before, after, f"{where}[{index}]")
    elif type(old) is not type(new) or old != new:
        yield Difference(name, where, old, new)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(not there)"
    text = value if value == "there" else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
