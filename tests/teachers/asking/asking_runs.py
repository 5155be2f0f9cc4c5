"""What a step is handed, in a store of its own: the real ledger and the real sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from p2m.engine.handles import Device
from p2m.engine.recording.ledger import StepRecorder
from p2m.engine.running.tallies import Tally
from p2m.engine.store import Store
from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, Turn
from p2m.teachers.compatible import Compatible

FREE = {"input": 0.0, "output": 0.0}
PRICED = {"input": 10.0, "output": 100.0}  # USD a million tokens: 100 in and 10 out cost 0.002


@dataclass
class Bench:
    """The Protocol `Run`."""

    folder: Path
    memos: Path
    recorder: StepRecorder
    sums: Tally
    device: Device = field(default_factory=Device)
    seen: list[tuple[int, int, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def tally(self, name: str, amount: int) -> int:
        return self.sums.add(name, amount)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.seen.append((done, total, note))

    def say(self, line: str) -> None:
        self.lines.append(line)


def a_run(place: Path, *, build: str = "b1", key: str = "k" * 64) -> Bench:
    store = Store(place)
    recorder = StepRecorder(store.root / "ledger", key, {"step": "answer"})
    return Bench(store.scratch(key), store.memos, recorder, Tally(store, build))


def teacher_at(url: str, **settings: object) -> Compatible:
    return Compatible(**{"model": "m", "base_url": url, "price": FREE, "timeout": 20.0, **settings})  # type: ignore[arg-type]


def ask(text: str, *, system: str = "Answer.", max_tokens: int = 10) -> Ask:
    return Ask(system, (Turn("user", text),), max_tokens=max_tokens)


async def echoed(text: str, put: Put) -> str:
    return (await put(ask(text))).text
