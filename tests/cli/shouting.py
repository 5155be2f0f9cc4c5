"""A project with the smallest recipe that goes the whole way, and a way to call p2m as its user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

RECIPE = """\
name: shout
prompt: |
  Say the word in capitals.
  input="ant" output="ANT"
  input="bee" output="BEE"
data: {train: train.jsonl, test: test.jsonl}
metrics:
  primary: exact_match
  require: {exact_match: ">= 0"}
defaults: [base, override teacher: none, override student: tiny_seq2seq, override compression: none, _self_]
training: {epochs: 1, evaluations: 1}
student: {candidates: {tiny_seq2seq: {d_model: 32, d_ff: 64, layers: 1, decoder_layers: 1, heads: 2}}}
"""

Call = Callable[..., subprocess.CompletedProcess[str]]


def write_project(folder: Path) -> Path:
    """The recipe and its 60 training and 10 test rows."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("at", "in", "ore", "ust", "ell")]
    rows = [f'{{"input": "{word}", "output": "{word.upper()}"}}' for word in words]
    (folder / "train.jsonl").write_text("\n".join(rows[10:]))
    (folder / "test.jsonl").write_text("\n".join(rows[:10]))
    (folder / "shout.yaml").write_text(RECIPE)
    (folder / "outputs").mkdir()
    return folder


def call_in(folder: Path) -> Call:
    """`call("plan", "shout.yaml")` in that folder, as a process of its own."""

    def call(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if name != "P2M_STORE"}
        return subprocess.run(
            [sys.executable, "-m", "p2m", *arguments],
            cwd=folder, env=own | environment, input=stdin, capture_output=True, text=True, timeout=280,
        )  # fmt: skip

    return call
