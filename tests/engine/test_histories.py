"""Random histories of random plans against an oracle that knows no cache.

A history is a plan that is edited, reverted, rewired, made to fail, and whose store loses entries, blobs and
copies, with a build after each of these. Whatever the history, a build gives what a clean one gives; a step
runs if and only if its inputs, settings or results are new or were lost, at most once a build; a failure
loses nothing that was finished. Each history follows from its number alone, and meets what those before it
left in the store:

    P2M_SEED=50 P2M_CASES=8 pytest tests/engine/test_histories.py      # histories 50 to 57, as a failure asks
    P2M_CASES=100000 pytest -m slow tests/engine/test_histories.py     # more than the default
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sums
from sums import Sum

from p2m.engine.executor import Result, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.running.inline import Inline, Means
from p2m.engine.running.local import Local
from p2m.engine.store import Store
from p2m.errors import UserError

SEED = int(os.environ.get("P2M_SEED", "0"))
MEMORY = Path(
    "/dev/shm"
)  # histories are about which step runs; what a disk may do to a store is tested elsewhere
TOGETHER = 25  # histories that share a store, so that they meet each other's results
STAGES = {"add": sums.add, "halve": sums.halve}


@dataclass(frozen=True)
class Node:
    """A step: of the first node, `plus` is what the user's file holds."""

    op: str
    first: int  # index of an earlier node
    second: int | None
    plus: int


Graph = tuple[Node, ...]


def oracle(nodes: Graph) -> dict[str, int]:
    """The line of each step and its value, in order; steps that do the same share a line."""
    values = [nodes[0].plus]
    found = {f"read {nodes[0].plus}": nodes[0].plus}
    for node in nodes[1:]:
        first, second = values[node.first], None if node.second is None else values[node.second]
        total = first + (second or 0) + node.plus
        values.append(total // 2 if node.op == "halve" else total)
        found[f"{node.op} {first} {second} {node.plus}"] = values[-1]
    return found


def value_of(nodes: Graph) -> int:
    values = [nodes[0].plus]
    for node in nodes[1:]:
        total = values[node.first] + (0 if node.second is None else values[node.second]) + node.plus
        values.append(total // 2 if node.op == "halve" else total)
    return values[-1]


@dataclass
class World:
    """A store, and what it must hold."""

    folder: Path
    store: Store
    done: dict[str, int] = field(default_factory=dict)  # the lines that were run and kept, with their values
    lost: set[str] = field(default_factory=set)  # lines among them whose results were damaged
    counts: Counter[str] = field(default_factory=Counter)

    def plan(self, nodes: Graph) -> Plan:
        (self.folder / "n.txt").write_text(str(nodes[0].plus))
        plan = Plan("random")
        refs = [plan.add("n0", sums.read, plan.source("file", self.folder / "n.txt"))]
        for index, node in enumerate(nodes[1:], start=1):
            second = None if node.second is None else refs[node.second]
            refs.append(plan.add(f"n{index}", STAGES[node.op], refs[node.first], second, plus=node.plus))
        return plan

    def ran(self) -> Counter[str]:
        """The lines since the last call."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return Counter(lines)

    def build(self, nodes: Graph, means: Means) -> Result:
        """Build, and hold what ran and what came out against the oracle."""
        wanted = oracle(nodes)
        result = execute(self.plan(nodes), self.store, Device(), executor=means)
        ran = self.ran()
        self._check_ran(ran, wanted)
        assert result.value(f"n{len(nodes) - 1}") == Sum(value_of(nodes))
        assert {outcome.status for outcome in result.outcomes} <= {"reused", "ran", "cut-off"}
        statuses = Counter(outcome.status for outcome in result.outcomes)
        assert statuses["ran"] + statuses["cut-off"] == ran.total()
        self.counts.update(statuses)
        self._keep(ran, wanted)
        return result

    def _check_ran(self, ran: Counter[str], wanted: dict[str, int]) -> None:
        assert not ran or max(ran.values()) == 1, f"run twice: {ran}"
        new = wanted.keys() - self.done.keys()
        assert new <= ran.keys(), f"not run: {new - ran.keys()}"
        assert ran.keys() - new <= self.lost, f"run in vain: {ran.keys() - new - self.lost}"
        for value in {wanted[line] for line in wanted.keys() & self.lost}:
            assert any(wanted[line] == value for line in ran), f"{value} was lost, and nothing made it"

    def _keep(self, ran: Counter[str], wanted: dict[str, int]) -> None:
        made = {wanted[line] for line in ran}
        self.done |= {line: wanted[line] for line in ran}
        self.lost = {line for line in self.lost if self.done[line] not in made}

    def fail(self, nodes: Graph, line: str, means: Means) -> None:
        """Build while that step fails; what was finished counts as done."""
        wanted = oracle(nodes)
        (self.folder / "fail").write_text(line)
        with pytest.raises(UserError, match=f"{line} fails"):
            execute(self.plan(nodes), self.store, Device(), executor=means)
        (self.folder / "fail").unlink()
        ran = self.ran()
        assert max(ran.values()) == 1
        assert line in ran
        assert ran.keys() <= (wanted.keys() - self.done.keys()) | self.lost
        del ran[line]
        self._keep(ran, wanted)
        self.counts["failed"] += 1

    # ------------------------------------------------------------------ losses

    def lose_entry(self, nodes: Graph, result: Result, chance: random.Random) -> None:
        """An entry goes: its step, and it alone, must run again."""
        index = chance.randrange(len(nodes))
        key = result.outcome(f"n{index}").key
        (self.store.root / "ac" / key[:2] / key).unlink()
        lines = [line for line in oracle(nodes[: index + 1]) if line in self.done]
        line = _line(nodes, index)
        assert line in lines
        del self.done[line]
        self.lost.discard(line)
        self.counts["entries lost"] += 1

    def lose_blob(self, nodes: Graph, result: Result, chance: random.Random) -> None:
        """A blob goes: a step that made it must run again."""
        index = chance.randrange(len(nodes))
        output = result.outcome(f"n{index}").output
        parts = [output, *(entry.digest for entry in self.store.tree(output))]
        blob = chance.choice(parts)
        (self.store.root / "cas" / blob[:2] / blob).unlink()
        value = oracle(nodes)[_line(nodes, index)]
        self.lost |= {line for line, made in self.done.items() if made == value}
        self.counts["blobs lost"] += 1

    def lose_copies(self) -> None:
        """Copies go: nothing need run again."""
        shutil.rmtree(self.store.root / "tmp", ignore_errors=True)
        self.store = Store(self.store.root)
        self.counts["copies lost"] += 1


def _line(nodes: Graph, index: int) -> str:
    """The line of one node, whichever others share it."""
    if index == 0:
        return f"read {nodes[0].plus}"
    node = nodes[index]
    first = value_of(nodes[: node.first + 1])
    second = None if node.second is None else value_of(nodes[: node.second + 1])
    return f"{node.op} {first} {second} {node.plus}"


# --------------------------------------------------------------------------- histories


def drawn_node(chance: random.Random, index: int) -> Node:
    second = chance.randrange(index) if chance.random() < 0.5 else None
    return Node(chance.choice(sorted(STAGES)), chance.randrange(index), second, chance.randrange(4))


def drawn_graph(chance: random.Random) -> Graph:
    head = Node("source", 0, None, chance.randrange(30))
    return (head, *(drawn_node(chance, index) for index in range(1, chance.randint(2, 7))))


def drawn_edit(chance: random.Random, nodes: Graph, earlier: list[Graph]) -> Graph:
    kind = chance.choice(("plus", "plus", "source", "rewire", "grow", "shrink", "revert"))
    if kind == "revert":
        return chance.choice(earlier)
    if kind == "grow":
        return (*nodes, drawn_node(chance, len(nodes)))
    if kind == "shrink" and len(nodes) > 2:
        return nodes[:-1]
    index = 0 if kind == "source" else chance.randrange(1, len(nodes))
    new = drawn_node(chance, index) if kind == "rewire" else replace(nodes[index], plus=chance.randrange(30))
    return (*nodes[:index], new, *nodes[index + 1 :])


def play(world: World, number: int, means: Means) -> None:
    """One history."""
    chance = random.Random(number)
    nodes = drawn_graph(chance)
    earlier = [nodes]
    result = world.build(nodes, means)
    for _ in range(chance.randint(1, 4)):
        event = chance.choice(("edit", "edit", "edit", "fail", "entry", "blob", "copies"))
        if event in ("edit", "fail"):
            nodes = drawn_edit(chance, nodes, earlier)
            earlier.append(nodes)
        new = sorted(oracle(nodes).keys() - world.done.keys())
        if event == "fail" and new:
            world.fail(nodes, chance.choice(new), means)
        elif event == "entry":
            world.lose_entry(nodes, result, chance)
        elif event == "blob":
            world.lose_blob(nodes, result, chance)
        elif event == "copies":
            world.lose_copies()
        result = world.build(nodes, means)
    again = execute(world.plan(nodes), world.store, Device(), executor=means)
    assert again.counts == {"reused": len(nodes)}
    assert not world.ran()


@contextmanager
def worlds() -> Iterator[World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place,
    ):
        patch.setenv("P2M_SUMS", place)
        yield World(Path(place), Store(Path(place) / "store"))


def play_all(numbers: range, means: Means) -> Counter[str]:
    """Play these histories; the seed of one that fails is said, and it alone fails again by that seed."""
    counts: Counter[str] = Counter()
    for start in range(numbers.start, numbers.stop, TOGETHER):
        with worlds() as world:
            for number in range(start, min(start + TOGETHER, numbers.stop)):
                try:
                    play(world, number, means)
                except BaseException as error:
                    error.add_note(f"replay: P2M_SEED={start} P2M_CASES={number - start + 1}")
                    raise
            counts += world.counts
    return counts


def check(cases: int, means: Means, *, seed: int = SEED) -> None:
    counts = play_all(range(seed, seed + cases), means)
    if cases < 20:  # a replay
        return
    for what in ("reused", "ran", "cut-off", "failed", "entries lost", "blobs lost", "copies lost"):
        assert counts[what] > cases / 50, f"{what} hardly came up: {counts}"


def test_a_history_of_edits_failures_and_losses_builds_what_clean_builds_do() -> None:
    check(int(os.environ.get("P2M_CASES", "60")), Inline())


def test_so_does_one_that_is_built_by_several_processes() -> None:
    check(2, Local(workers=2), seed=SEED + 1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_histories_build_what_clean_builds_do() -> None:
    check(int(os.environ.get("P2M_CASES", "10000")), Inline())


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_so_do_some_that_are_built_by_several_processes() -> None:
    check(int(os.environ.get("P2M_CASES", "10000")) // 200, Local(workers=2))
