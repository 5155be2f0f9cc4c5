"""A sweep: Hydra's own multirun over a recipe, one shared store, and a leaderboard at the end.

A sweep's folder is named by its overrides, so the same command goes on where it was interrupted: jobs that
were finished find every step in the store.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m import noop
from p2m.build import Built, build, load
from p2m.cli.progress import Progress
from p2m.cli.views import build_text, relative
from p2m.compose import multirun
from p2m.errors import P2MError
from p2m.leaderboard import Entry, as_text, write

CONTRACT_MISSED = 4


@dataclass(frozen=True)
class _Job:
    """Builds one variant; a value that launchers can send to another process."""

    recipe: Path
    trust: tuple[str, ...]
    folder: Path

    def __call__(self, overrides: Sequence[str]) -> Entry:
        variant = _variant(overrides)
        print(f"\n{variant}", file=sys.stderr)
        project = load(self.recipe, list(overrides), trust=self.trust, target=self.folder / variant)
        with Progress() as progress:
            built = build(project, progress)
        print(build_text(built), file=sys.stderr)
        return _entry(variant, built)


def sweep(arguments: argparse.Namespace) -> int:
    """Build every variant and print the leaderboard; 4 where none meets the contract.

    A variant that fails is told of and loses no other; the exit code is then that of the failure. An error
    that is not p2m's own is raised after the leaderboard is written.
    """
    folder = _folder(arguments)
    job = _Job(arguments.recipe, tuple(arguments.trust), folder)
    jobs = multirun(arguments.recipe, arguments.words, job, folder=folder, trust=arguments.trust)
    entries = [done.value for done in jobs if done.value is not None]
    if entries:
        write(entries, folder)
        print(as_text(entries))
        print(f"-> {relative(folder)}: leaderboard.csv and a picture")
    failed = [(done.overrides, done.error) for done in jobs if done.error is not None]
    for overrides, error in failed:
        if not isinstance(error, P2MError):
            raise error
        print(f"p2m build: {_variant(overrides)}: {error}", file=sys.stderr)
    if failed:
        return next(error.exit_code for _, error in failed if isinstance(error, P2MError))
    return 0 if any(entry.ship for entry in entries) else CONTRACT_MISSED


def _folder(arguments: argparse.Namespace) -> Path:
    """`outputs/<recipe>/sweeps/<digest of the overrides>`."""
    digest = hashlib.sha256(json.dumps(sorted(arguments.words)).encode()).hexdigest()[:8]
    base: Path = arguments.outputs or noop.project_root() / "outputs"
    recipe: Path = arguments.recipe
    return base / recipe.stem / "sweeps" / digest


def _variant(overrides: Sequence[str]) -> str:
    """`student=minilm,seed=0` as the name of a folder."""
    return re.sub(r"[^\w.,=+-]+", "_", ",".join(overrides))[:150] or "default"


def _entry(variant: str, built: Built) -> Entry:
    """What the leaderboard says of a variant."""
    evaluated = built.result.value("evaluate")
    exported = built.result.value("compress")
    measured = built.result.value("measure")
    return Entry(
        variant=variant, scores=evaluated.scores, size_bytes=exported.size_bytes,
        parameters=exported.parameters, latency_p95=measured.latency_p95, ship=built.verdict.ship,
        seconds=built.result.seconds, folder=str(built.folder),
    )  # fmt: skip
