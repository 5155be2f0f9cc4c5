"""race: the variants of a model on one core of this machine, in turn."""

from __future__ import annotations

from itertools import cycle, islice

from p2m.deploy.base import Backend
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.stages.timing import SECONDS, Clocked, clocked, percentile, processor, served
from p2m.types import Race, Split, Task, Timed, Variant

ROUNDS = 3  # of all variants: what slows the machine for a while slows each of them


@stage(version="1", kind="measured")
def race(task: Task, parts: Split, *variants: Variant, rows: int, backend: Backend, run: Run) -> Race:
    """As `measure` does, each variant on the same `rows`.

    Raises:
        StageError: there is no row to ask, or a process failed.
    """
    real = parts.validation or parts.train or parts.test
    if not real:
        raise StageError("there is no row to measure with; give data.validation, or data.train")
    made = [each for each in variants if each.model is not None]
    asked = list(islice(cycle(real), max(rows, ROUNDS)))
    found: dict[str, list[Clocked]] = {each.name: [] for each in made}
    for number in range(ROUNDS):
        for each in made:
            run.say(f"round {number + 1} of {ROUNDS}: {each.name}")
            assert each.model is not None
            script = served(each.model, backend, run.folder / "served")
            found[each.name].append(
                clocked(script, each.model, asked[number::ROUNDS], least=SECONDS / ROUNDS)
            )
    return Race(tuple(_timed(name, rounds) for name, rounds in found.items()), processor())


def _timed(name: str, rounds: list[Clocked]) -> Timed:
    seconds = sorted(second for each in rounds for second in each.seconds)
    return Timed(
        name,
        percentile(seconds, 0.50),
        percentile(seconds, 0.95),
        max(each.throughput for each in rounds),
    )
