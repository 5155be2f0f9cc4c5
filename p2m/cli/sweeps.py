"""A sweep: Hydra's own multirun over a recipe, one shared store, and a leaderboard at the end.

A sweep's folder is named by its overrides, so the same command goes on where it was interrupted: jobs
that were finished find every step in the store.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from p2m import noop
from p2m.build import Built, build, load
from p2m.cli.progress import Progress
from p2m.cli.views import build_text, relative
from p2m.compose import multirun
from p2m.errors import P2MError
from p2m.leaderboard import Entry, as_text, write

CONTRACT_MISSED = 4


def sweep(arguments: argparse.Namespace) -> int:
    """Build every job of the sweep and print the leaderboard; 4 where no job meets the contract.

    A job that fails is told of, and the others go on; the exit code is then that of the failure.
    """
    words: list[str] = arguments.words
    folder = _folder(arguments)
    entries: list[Entry] = []
    failures: list[P2MError] = []

    def job(overrides: Sequence[str]) -> None:
        variant = _variant(overrides)
        print(f"\n{variant}", file=sys.stderr)
        try:
            project = load(arguments.recipe, list(overrides), trust=arguments.trust, target=folder / variant)
            with Progress() as progress:
                built = build(project, progress)
        except P2MError as error:
            failures.append(error)
            print(f"p2m build: {variant}: {error}", file=sys.stderr)
            return
        print(build_text(built), file=sys.stderr)
        entries.append(_entry(variant, built))
        write(entries, folder)

    multirun(arguments.recipe, words, job)
    if entries:
        print(as_text(entries))
        print(f"-> {relative(folder)}: leaderboard.csv, leaderboard.svg")
    if failures:
        return failures[0].exit_code
    return 0 if any(entry.ship for entry in entries) else CONTRACT_MISSED


def _folder(arguments: argparse.Namespace) -> Path:
    """`outputs/<recipe>/sweeps/<digest of the overrides>`."""
    digest = hashlib.sha256(json.dumps(sorted(arguments.words)).encode()).hexdigest()[:8]
    base = arguments.outputs or noop.project_root() / "outputs"
    return Path(base) / arguments.recipe.stem / "sweeps" / digest


def _variant(overrides: Sequence[str]) -> str:
    """`student=minilm,seed=0` as the name of a folder."""
    return re.sub(r"[^\w.,=+-]+", "_", ",".join(overrides))[:150] or "default"


def _entry(variant: str, built: Built) -> Entry:
    """What the leaderboard says of a job."""
    evaluated = built.result.value("evaluate")
    exported = built.result.value("compress")
    measured = built.result.value("measure")
    return Entry(
        variant=variant, scores=evaluated.scores, size_bytes=exported.size_bytes,
        parameters=exported.parameters, latency_p95=measured.latency_p95, ship=built.verdict.ship,
        seconds=built.result.seconds, folder=str(built.folder),
    )  # fmt: skip
