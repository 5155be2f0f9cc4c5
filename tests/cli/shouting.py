"""A project with the smallest recipe that goes the whole way, and a way to call p2m as its user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from forking import zygote

# A linear classifier: it learns in a moment, needs no torch, and ships by its own merit.
RECIPE = """\
name: shout
prompt: |
  Say whether the word is shouted or whispered.
  input="bust" output="shouted"
  input="bin" output="whispered"
data: {train: train.jsonl, test: test.jsonl}
metrics:
  primary: accuracy
  require: {accuracy: ">= 0.7"}
defaults: [base, override teacher: none, override student: linear_tfidf, override compression: none, _self_]
training: {epochs: 1, evaluations: 1}
baselines: {candidates: {linear_tfidf: null, linear_minilm: null}}
executor: {name: inline}
"""
# The same words to be written in capitals by a model that is tuned by gradient descent: for tests of long
# trainings, and of teachers that write rows. It learns too little to ship, so builds of it end in BUILT.
TEXT_RECIPE = """\
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
BUILT = (0, 4)  # exit codes of a build that went to its end, whatever its verdict
STEPS = 17  # of RECIPE

_SETTLED = (
    0.06  # seconds after which a file is older than a build; what is not is looked at again by the next
)

Call = Callable[..., subprocess.CompletedProcess[str]]

_ENDINGS = {"at": "shouted", "in": "whispered", "ore": "shouted", "ust": "shouted", "ell": "whispered"}
_EXCEPTIONS = {"cat": "whispered", "gin": "shouted"}  # test rows: a model that learns the rule is not perfect


def write_project(folder: Path, recipe: str = RECIPE) -> Path:
    """The recipe, its 40 training and 30 test rows (TEXT_RECIPE: 60 and 10)."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [f"{first}{ending}" for first in "bcdfghklmnprst" for ending in _ENDINGS]
    if recipe == RECIPE:
        ends = [_EXCEPTIONS.get(word, _ENDINGS[word[1:]]) for word in words]
        rows, tests = [_row(word, end) for word, end in zip(words, ends, strict=True)], 30
    else:
        rows, tests = [_row(word, word.upper()) for word in words], 10
    (folder / "train.jsonl").write_text("\n".join(rows[tests:]))
    (folder / "test.jsonl").write_text("\n".join(rows[:tests]))
    (folder / "shout.yaml").write_text(recipe)
    (folder / "outputs").mkdir()
    return folder


def _row(word: str, answer: str) -> str:
    return f'{{"input": "{word}", "output": "{answer}"}}'


def call_in(folder: Path) -> Call:
    """`call("plan", "shout.yaml")` in that folder, as a process of its own.

    What this machine remembers of the speed of trainings stays out of it.
    """

    def call(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        time.sleep(_SETTLED if arguments[0] == "build" else 0)
        own = {name: value for name, value in os.environ.items() if name != "P2M_STORE"}
        own["XDG_CACHE_HOME"] = str(folder.parent / "cache")
        if "PYTHONPATH" in environment and own.get("PYTHONPATH"):
            environment["PYTHONPATH"] += os.pathsep + own["PYTHONPATH"]
        if "PATH" not in environment:
            return zygote().call(arguments, folder, own | environment, stdin=stdin)
        return subprocess.run(
            [sys.executable, "-m", "p2m", *arguments],
            cwd=folder, env=own | environment, input=stdin, capture_output=True, text=True, timeout=280,
        )  # fmt: skip

    return call
