"""A sweep on the command line: what it will do, how it goes, and the leaderboard.

The same command goes on where it was: finished variants are known from the sweep's folder, and of the others
every finished step is in the store.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2m import noop
from p2m.build import Built
from p2m.cli import common
from p2m.cli.common import relative
from p2m.cli.progress import Progress
from p2m.cli.text import duration
from p2m.cli.views import build_text
from p2m.compose import multirun
from p2m.engine.observer import Observer
from p2m.engine.slots import cores
from p2m.errors import P2MError, StageError, UserError
from p2m.leaderboard import Entry, Pending, as_data, as_text, best_line
from p2m.sweeps import Board, Ended, Job, Sweep, prepare

# What launchers raise where a process of theirs ended without a word -> how fewer run at once.
_FEWER = {
    "TerminatedWorkerError": "hydra.launcher.n_jobs=1",
    "BrokenProcessPool": "hydra.launcher.n_jobs=1",
    "UncompletedJobError": "hydra.sweeper.max_batch_size=1",
}
_REFUSED = ("FailedJobError", "FailedSubmissionError")  # what submitit raises of sbatch, with its words


def sweep(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    """Build every variant and print the leaderboard; 4 where none meets the contract.

    A variant that fails is told of and loses no other; the exit code is then that of the failure.
    """
    began = noop.now()
    asked = _asked(arguments, arguments.outputs)
    seen = noop.look(asked.read, began)
    board = _board(asked)
    if not _is_finished(asked, board):
        _announce(asked)
        board.forget_failures()
        board.update()
        ended = _run(asked, board, argv)
    else:
        ended = [Ended(each.name, was_finished=True) for each in asked.variants or ()]
    entries, pending = board.update()
    text = _text(asked, entries, pending, as_json=arguments.json)
    if all(each.was_finished for each in ended) and not arguments.json:
        print(f"{len(ended)} variants: nothing to do.")
    print(text)
    return _finish(asked, argv, ended, entries, text, seen)


def plan_sweep(arguments: argparse.Namespace) -> int:
    """What `build -m` of the same words would do, variants that share steps counted once."""
    from p2m.cli.union_views import union_data, union_text

    asked = _asked(arguments)
    if asked.variants is None or asked.union is None:
        raise UserError(
            "this sweeper decides on the variants as it goes, so there is nothing to count before"
            "\n    next: p2m build -m with the same words"
        )
    names = [each.name for each in asked.variants]
    union = asked.union
    common.answer(arguments, union_data(names, union), lambda: union_text(names, union))
    busy = union.unique > union.cached
    return common.WORK_TO_DO if arguments.exit_code and busy else 0


def _asked(arguments: argparse.Namespace, outputs: Path | None = None) -> Sweep:
    if arguments.recipe is None:
        raise UserError(f"a sweep needs a recipe\n    try: p2m {arguments.verb} --help")
    return prepare(arguments.recipe, arguments.words, trust=arguments.trust, outputs=outputs)


def _board(asked: Sweep) -> Board:
    names = None
    if asked.variants is not None:
        names = tuple((each.name, each.identity) for each in asked.variants)
    return Board(asked.folder, names, uuid.uuid4().hex)


def _is_finished(asked: Sweep, board: Board) -> bool:
    variants = asked.variants
    return variants is not None and all(board.finished(each.name, each.identity) for each in variants)


def _announce(asked: Sweep) -> None:
    """What will be done, before anything is."""
    from p2m.cli.union_views import union_summary

    if asked.union is None:
        print("the sweeper decides on the variants as it goes", file=sys.stderr)
    else:
        print(union_summary(asked.union), file=sys.stderr)
    if asked.at_once > 1:
        share = max(1, cores() // asked.at_once)
        print(f"{asked.at_once} jobs at a time, {share} of the cores each", file=sys.stderr)
    if asked.logs:
        print(f"what the jobs say: {relative(Path(asked.logs))}", file=sys.stderr)


def _run(asked: Sweep, board: Board, argv: Sequence[str]) -> list[Ended]:
    """Launch the jobs; what became of each."""
    variants = asked.variants or ()
    expected = {
        each.name: asked.union.own_seconds(n) if asked.union else None for n, each in enumerate(variants)
    }
    teller = _Teller(tuple(each.name for each in variants))
    job = Job(asked.recipe, asked.trust, board, teller, asked.at_once, expected, tuple(argv), os.getpid())
    try:
        words = [*asked.words, "hydra.sweep.subdir=.jobs"]
        with board.launching():
            jobs = multirun(asked.recipe, words, job, folder=asked.folder, trust=asked.trust)
    except KeyboardInterrupt:
        entries, pending = board.update()
        total = len(entries) + len(pending)
        print(f"\n{len(entries)} of {total} variants are built: {relative(asked.folder)}", file=sys.stderr)
        raise
    except P2MError:
        raise
    except Exception as error:
        name = type(error).__name__
        if name not in (*_FEWER, *_REFUSED):
            raise
        entries, pending = board.update()
        kept = f"{len(entries)} of {len(entries) + len(pending)} variants are built, and every finished step"
        kept += " is kept\n    the same command goes on from there"
        if name in _REFUSED:
            reason = (str(error).strip().splitlines() or ["no reason was given"])[-1]
            raise StageError(f"the launcher failed: {reason}; {kept}") from error
        reason = "a process of the launcher was killed, perhaps for want of memory"
        raise StageError(f"{reason}; {kept}; fewer at once: {_FEWER[name]}") from error
    for done in jobs:
        if done.error is not None:
            raise done.error
    return [done.value for done in jobs if done.value is not None]


def _text(asked: Sweep, entries: list[Entry], pending: list[Pending], *, as_json: bool) -> str:
    if as_json:
        return common.as_json(as_data(entries, pending) | {"folder": str(asked.folder)})
    places = ", ".join(sorted(file.name for file in asked.folder.glob("leaderboard.*")))
    return f"{as_text(entries, pending)}\n-> {relative(asked.folder)}: {places}"


def _finish(
    asked: Sweep, argv: Sequence[str], ended: Sequence[Ended], entries: Sequence[Entry], text: str,
    seen: noop.Seen,
) -> int:  # fmt: skip
    """The exit code; what failed is told, and a sweep without failures is remembered for the next call."""
    failed = [each for each in ended if each.reason]
    for each in failed:
        print(f"p2m build: {each.variant}: {each.bug or each.reason}", file=sys.stderr)
    if failed:
        return failed[0].exit_code
    code = 0 if any(entry.ship for entry in entries) else common.CONTRACT_MISSED
    if asked.variants is not None and len(entries) == len({each.name for each in asked.variants}):
        head = "" if "--json" in argv else f"{len(ended)} variants: nothing to do.\n"
        noop.remember(argv, noop.Answer(head + text, code), (asked.folder,), seen)
    return code


@dataclass(frozen=True)
class _Teller:
    """Tells of a sweep on standard error; sent to jobs in other processes."""

    variants: tuple[str, ...]

    @contextmanager
    def began(self, variant: str, *, alone: bool) -> Iterator[Observer]:
        name = self._name(variant)
        print(f"\n{name}" if alone else f"{name}: begins", file=sys.stderr, flush=True)
        with Progress("" if alone else name) as progress:
            yield progress

    def waiting(self, variant: str, holder: str) -> None:
        line = f"{self._name(variant)}: waiting for {holder}, which is building it"
        print(line, file=sys.stderr, flush=True)

    def ended(
        self, ended: Ended, built: Built | None, entries: list[Entry], pending: list[Pending],
        left: float | None,
    ) -> None:  # fmt: skip
        lines = [f"{self._name(ended.variant)}: " + (f"failed: {ended.reason}" if built is None else "built")]
        if built is not None:
            lines.append(common.runnable(build_text(built)))
            lines += [f"    {built.tracked}"] if built.tracked else []
        todo = sum(each.state != "failed" for each in pending)
        time_left = f", about {duration(left)} left" if left is not None and todo else ""
        lines.append(f"{len(entries)} of {len(entries) + len(pending)} variants are built{time_left}")
        if sys.stderr.isatty():
            lines.append(best_line(entries))
        print("\n".join(lines), file=sys.stderr, flush=True)

    def _name(self, variant: str) -> str:
        if variant not in self.variants:
            return variant
        return f"[{self.variants.index(variant) + 1} of {len(self.variants)}] {variant}"
