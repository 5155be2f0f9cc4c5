"""What a step pays to the engine: a chain of steps that do nothing, in one worker process.

    python bench/step_cost.py

Parent and worker together: keys, pickling, the lock, reading the input, writing and publishing the output
with every fsync, the journal. The first step, which pays for the start of the worker, is listed apart.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.executor import Inline, Local, Means, Silent, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store

STEPS = 50
LIMIT = 0.05  # seconds


@dataclass(frozen=True)
class Number:
    value: int


@stage(version="1", kind="pure")
def more(*rest: Number, name: str) -> Number:
    return Number(sum(number.value for number in rest) + 1)


class Clock(Silent):
    """Notes when steps end."""

    def __init__(self) -> None:
        self.times = [time.perf_counter()]

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self.times.append(time.perf_counter())


def chain() -> Plan:
    plan = Plan("chain")
    last = plan.add("s0", more, name="s0")
    for number in range(1, STEPS):
        last = plan.add(f"s{number}", more, last, name=f"s{number}")
    return plan


def measure(means: Means) -> list[float]:
    """Seconds from the end of one step to the end of the next."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        execute(chain(), Store(Path(folder) / "store"), Device(), clock, executor=means)
        again = Clock()
        execute(chain(), Store(Path(folder) / "store"), Device(), again, executor=means)
    print(f"  nothing to do: {(again.times[-1] - again.times[0]) * 1000:.0f} ms for {STEPS} steps")
    return [later - earlier for earlier, later in zip(clock.times, clock.times[1:], strict=False)]


def main() -> int:
    worst = 0.0
    for name, means in (("local", Local(workers=1)), ("inline", Inline())):
        print(f"{name}:")
        first, *rest = measure(means)
        ordered = sorted(rest)
        median, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
        print(f"  first step {first * 1000:.0f} ms; others {median * 1000:.1f} ms, 95% {high * 1000:.1f} ms")
        worst = max(worst, median)
    print(f"{'ok' if worst <= LIMIT else 'TOO SLOW'}: at most {LIMIT * 1000:.0f} ms a step are allowed")
    return int(worst > LIMIT)


if __name__ == "__main__":
    # Stages are found by their module, which a script run by its name does not have.
    sys.path.insert(0, str(Path(__file__).parent))
    from step_cost import main as importable

    sys.exit(importable())
