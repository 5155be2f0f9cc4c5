"""What a build with nothing to do costs, beside other tools: `python bench/noop.py [DATA] [--peers DIR]`.

A chain of 10 and of 100 trivial steps, built once by every tool, is asked for again: whole commands, a fresh
process each, the tools in turn, round after round, so that a busy moment hits all of them. p2m stands there
three times:

  p2m             its engine: a script that makes the plan in Python and executes it; code is read, keys are
                  computed, results looked up
  p2m build       a recipe of the command line that was built before (its steps are the recipe's own)
  p2m build full  the same without the record that lets it answer from file stats

Whatever a tool runs leaves a line in a log, and the log must not grow while the clock runs.
Exits 1 where p2m takes more than 0.15 s (10 steps) or 0.4 s (100 steps), or is not ahead of every tool in
Python.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import peers
from peers import Ran
from peers.chains import CHAINS, LOG, P2M_CHAIN, Chain

SIZES = (10, 100)
BAR = {10: 0.15, 100: 0.4}  # seconds
UNPROVEN = 4  # exit code
FAST, FULL = "p2m build", "p2m build full"
OWN = (P2M_CHAIN.tool, FAST, FULL)
OWN_PATH = {"PYTHONPATH": os.fspath(Path(__file__).resolve().parents[1])}  # the p2m that this file belongs to
RECIPE = """\
name: shout
prompt: |
  Say the word in capitals.
  input="ant" output="ANT"
  input="bee" output="BEE"
data: {train: train.jsonl, test: test.jsonl}
metrics: {primary: exact_match, require: {exact_match: ">= 0"}}
defaults: [base, override teacher: none, override student: tiny_seq2seq, override compression: none, _self_]
training: {epochs: 1, evaluations: 1}
student: {candidates: {tiny_seq2seq: {d_model: 32, d_ff: 64, layers: 1, decoder_layers: 1, heads: 2}}}
"""


@dataclass(frozen=True)
class Contestant:
    """A command in a folder where it has nothing left to do."""

    tool: str
    steps: int  # 0 for the recipe, whose steps are its own
    folder: Path
    command: list[str]
    env: dict[str, str]
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> str:
        return f"{min(self.seconds):.3f}-{max(self.seconds):.3f}"

    def prepare(self) -> None:
        """Put it in the state in which it is timed."""
        if self.tool == FULL:
            shutil.rmtree(self.folder / "outputs" / ".store" / "noop", ignore_errors=True)

    def log(self) -> str:
        path = self.folder / LOG
        return path.read_text(encoding="utf-8") if path.exists() else ""


def main(argv: Sequence[str]) -> int:
    parser = peers.arguments(str(__doc__))
    parser.add_argument("--rounds", type=int, default=7, help="how often each command is timed (7)")
    given = parser.parse_args(argv)
    only = set(given.only.split(",")) if given.only else None
    wanted = {chain.tool for chain in CHAINS}
    found = peers.prepare(given.peers, wanted & only if only else wanted)
    make = peers.make() if only is None or peers.MAKE in only else None
    tools = ({make.name: make} if make else {}) | found.found
    print(f"load at the start: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores; {given.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="p2m-noop-") as place:
        contestants = [*_chains(Path(place), tools), *_recipes(Path(place))]
        for _ in range(given.rounds):
            for contestant in contestants:
                _time(contestant)
    print(f"load at the end: {os.getloadavg()[0]:.2f}")
    _table(contestants, {name: peer.version for name, peer in tools.items()})
    for name, why in found.missing.items():
        print(f"MISSING {name}: {why}")
    problems = _problems(contestants)
    for problem in problems:
        print(f"MISSED  {problem}")
    return 1 if problems or (found.missing and not given.allow_missing) else 0


def _chains(place: Path, tools: dict[str, peers.Peer]) -> list[Contestant]:
    """Every tool's chains, built."""
    bins = {name: peer.bin for name, peer in tools.items()} | {P2M_CHAIN.tool: Path(sys.executable).parent}
    chains = [chain for chain in (*CHAINS, P2M_CHAIN) if chain.tool in bins]
    env = peers.environment(place / "home")
    envs = dict.fromkeys(bins, env) | {P2M_CHAIN.tool: env | OWN_PATH}
    return [
        _chain(chain, place, bins[chain.tool], steps, envs[chain.tool]) for chain in chains for steps in SIZES
    ]


def _chain(chain: Chain, place: Path, bin: Path, steps: int, env: dict[str, str]) -> Contestant:
    folder = place / f"{chain.tool}-{steps}"
    folder.mkdir()
    chain.write(folder, steps)
    made = Contestant(chain.tool, steps, folder, chain.command(bin, steps), env)
    _succeed(made)  # cold
    if sorted(made.log().split()) != sorted(f"s{index}" for index in range(steps)):
        raise SystemExit(f"{chain.tool} did not run each of its {steps} steps once when cold")
    _succeed(made)  # warm, so that whatever a tool writes after its first build is there
    return made


def _recipes(place: Path) -> list[Contestant]:
    """The command line on a recipe that was built, by the fast path and by the full one."""
    folder = place / "recipe"
    (folder / "outputs").mkdir(parents=True)
    words = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("at", "in", "ore", "ust", "ell")]
    rows = [f'{{"input": "{word}", "output": "{word.upper()}"}}' for word in words]
    (folder / "train.jsonl").write_text("\n".join(rows[10:]), encoding="utf-8")
    (folder / "test.jsonl").write_text("\n".join(rows[:10]), encoding="utf-8")
    (folder / "shout.yaml").write_text(RECIPE, encoding="utf-8")
    env = peers.environment(place / "home") | OWN_PATH
    command = [sys.executable, "-m", "p2m", "build", "shout.yaml"]
    made = [Contestant(tool, 0, folder, command, env) for tool in (FAST, FULL)]
    for _ in range(2):
        _succeed(made[0])
    return made


def _succeed(contestant: Contestant) -> Ran:
    done = peers.run(contestant.command, contestant.folder, contestant.env, seconds=900)
    # The recipe's model learns nothing, so that it takes no time, and p2m says so by its exit code.
    if done.code != 0 and not (contestant.steps == 0 and done.code == UNPROVEN):
        print(done.out, file=sys.stderr)
        raise SystemExit(f"{' '.join(contestant.command)} ended with {done.code}")
    return done


def _time(contestant: Contestant) -> None:
    contestant.prepare()
    before = contestant.log()
    began = time.perf_counter()
    done = _succeed(contestant)
    contestant.seconds.append(time.perf_counter() - began)
    if contestant.log() != before:
        raise SystemExit(f"{contestant.tool} ran steps although nothing had changed")
    _check_own(contestant, done)


def _check_own(contestant: Contestant, done: Ran) -> None:
    """That p2m did what its row says."""
    said = {
        P2M_CHAIN.tool: f"{{'reused': {contestant.steps + 1}}}",  # the chain, and the step that reads n.txt
        FAST: "nothing to do.",
        FULL: "reused",
    }
    wanted = said.get(contestant.tool, "")
    if wanted not in done.out:
        raise SystemExit(f"{contestant.tool} should have said {wanted!r}, and said\n{done.out}")


def _table(contestants: list[Contestant], versions: dict[str, str]) -> None:
    print(f"\n{'no-op, seconds':28s}" + "".join(f"{f'{size} steps':>10s} {'':13s}" for size in SIZES))
    for tool in dict.fromkeys(contestant.tool for contestant in contestants):
        cells = []
        for size in SIZES:
            cell = _find(contestants, tool, size)
            cells.append(f"{cell.median:10.3f} {cell.spread:13s}" if cell else f"{'':10s} {'':13s}")
        recipe = _find(contestants, tool, 0)
        if recipe:
            cells = [f"{recipe.median:10.3f} {recipe.spread:13s} (the recipe's own steps)"]
        print(f"{tool} {versions.get(tool, '')}".ljust(28) + "".join(cells))


def _find(contestants: list[Contestant], tool: str, steps: int) -> Contestant | None:
    return next((found for found in contestants if (found.tool, found.steps) == (tool, steps)), None)


def _problems(contestants: list[Contestant]) -> list[str]:
    """Where p2m is not at its bar."""
    problems = []
    for size in SIZES:
        for tool in (P2M_CHAIN.tool, FAST):
            own = _find(contestants, tool, size if tool == P2M_CHAIN.tool else 0)
            assert own is not None, tool
            if own.median > BAR[size]:
                problems.append(f"{tool}: {own.median:.3f} s for {size} steps, allowed are {BAR[size]} s")
            for other in contestants:
                if (
                    other.steps == size
                    and other.tool not in (*OWN, peers.MAKE)
                    and other.median <= own.median
                ):
                    problems.append(
                        f"{tool}: {own.median:.3f} s, {other.tool} {other.median:.3f} s for {size} steps"
                    )
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
