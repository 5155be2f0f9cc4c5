# ruff: noqa: E501
"""Extractive question answering on SQuAD 1.1 dev, by a model that has seen no labelled row and no SQuAD passage.

    .venv/bin/python bench/squad.py DATA [--full] [--rows 10570] [--work FOLDER] [--set OVERRIDE ...]

DATA is a folder with hub/squad/validation.jsonl.gz (or that holds the squad folder itself). Builds through the
product, as a user would: a recipe with a prompt and one demonstration of its own, `p2m build`, then the bundle's own
predictor on every question. Prints exact match and token F1 with 95% bootstrap intervals of the default build and,
with --full, of the build of up to an hour (generation=large) beside it; beside both, a baseline without
a model, measured in the same run, and what peers published. Exits with 1 where the best build is below 25.

Said plainly: the base model, all-MiniLM-L6-v2, saw SQuAD's questions paired with their passages, without answers, in
its contrastive training (its model card lists them among a billion pairs). Nothing that p2m trains on is from SQuAD.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.evaluation.bootstrap import interval
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.token_f1 import TokenF1

BAR = 25.0  # exact match, percent
MISSED = 4  # exit code of `p2m build` where a bundle was made that falls short of its contract
PUBLISHED = (
    ("Lewis et al., 2019: cloze translation of Wikipedia, BERT-large (340M)", 44.2, 54.7),
    ("Prompt2Model, 2023: flan-t5-base (250M), SQuAD's own training rows retrieved", 61.5, None),
)
RECIPE = """\
name: squad
prompt: |
  Answer a question from a passage. The input is a question and a context; the output is the shortest span of the
  context, copied word for word, that answers the question.
examples:
  - input:
      question: Who drew the plans?
      context: The mill at Orrin was built in 1811 from plans by Ada Marsh.
    output: Ada Marsh
defaults: [base, override student: minilm, override training: generated, _self_]
metrics: {primary: exact_match, also: [token_f1]}
split: {test_share: 0.02}
"""
BUILDS = {
    "default build": (),
    "build of up to an hour": ("generation=large", "training.evaluations=6"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A row of SQuAD."""

    question: str
    context: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; percent."""

    name: str
    exact: float
    exact_interval: tuple[float, float]
    f1: float
    f1_interval: tuple[float, float]
    seconds: float  # that the build took; 0 where nothing was built


def main(argv: Sequence[str]) -> int:
    arguments = _arguments(argv)
    rows = read(arguments.data)[: arguments.rows]
    print(f"SQuAD 1.1 dev: {len(rows)} questions\n")
    lines = [
        judge(
            "no model: names, dates and numbers near the question's words",
            [guess(row) for row in rows],
            rows,
            0,
        )
    ]
    builds = ["default build", *(["build of up to an hour"] if arguments.full else [])]
    work = Path(arguments.work or tempfile.mkdtemp(prefix="p2m-squad-"))
    for name in builds:
        folder, seconds = build(work / name.replace(" ", "-"), (*BUILDS[name], *arguments.set))
        lines.append(judge(name, answers(folder, rows), rows, seconds))
    _print(lines)
    best = max(line.exact for line in lines[1:])
    print(f"\n{'PASS' if best >= BAR else 'FAIL'}  exact match {best:.1f}, bar {BAR:.1f}")
    return 0 if best >= BAR else 1


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--full", action="store_true", help="build for up to an hour, too")
    parser.add_argument("--rows", type=int, default=None, help="questions to ask; all of them where left out")
    parser.add_argument("--work", default=None, help="where to build; kept, so that a second run reuses it")
    parser.add_argument("--set", nargs="*", default=[], help="further overrides of every build")
    return parser.parse_args(argv)


def read(data: Path) -> list[Question]:
    """The questions of the validation file.

    Raises:
        SystemExit: it is not there.
    """
    name = "squad/validation.jsonl.gz"
    path = next(
        (
            place
            for place in (data / "hub" / name, data / name, data / "validation.jsonl.gz")
            if place.exists()
        ),
        None,
    )
    if path is None:
        raise SystemExit(f"{data}: no hub/{name}; name the folder that holds it: bench/squad.py DATA")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    return [Question(row["question"].strip(), row["context"], tuple(row["answers"])) for row in found]


def build(work: Path, overrides: Sequence[str]) -> tuple[Path, float]:
    """Build the recipe with the overrides, as a user would; the bundle's folder and the seconds it took.

    Raises:
        SystemExit: the build failed.
    """
    (work / "outputs").mkdir(parents=True, exist_ok=True)
    (work / "squad.yaml").write_text(RECIPE, encoding="utf-8")
    start = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "p2m",
        "build",
        "squad.yaml",
        "--outputs",
        str(work / "outputs"),
        *overrides,
    ]
    bundle = ""
    with subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            bundle = line.partition("-> ")[2].strip() or bundle  # the verdict's last line names the bundle
    if running.returncode not in (0, MISSED) or not bundle:
        raise SystemExit(f"no bundle, exit code {running.returncode}: {' '.join(command)}")
    return work / bundle, time.monotonic() - start


def answers(bundle: Path, rows: Sequence[Question]) -> list[str]:
    """What the bundle's model says."""
    from p2m.deploy.serving.predictor import Predictor

    model = next((path.parent for path in sorted(bundle.rglob("predictor.json"))), bundle)
    asked = [{"question": row.question, "context": row.context} for row in rows]
    return [answer.output for answer in Predictor(model, threads=2).predict(asked, batch_size=16)]


def judge(name: str, predictions: Sequence[str], rows: Sequence[Question], seconds: float) -> Line:
    """Exact match and F1 with SQuAD's normalisation, the best over a question's answers."""
    references = [row.answers for row in rows]
    exact, f1 = (_scored(metric, predictions, references) for metric in (ExactMatch(), TokenF1()))
    return Line(name, exact[0], exact[1], f1[0], f1[1], seconds)


def _scored(
    metric: Any, predictions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[float, tuple[float, float]]:
    statistics = metric.statistics(predictions, references)
    low, high = interval(metric, statistics, resamples=1000, seed=0)
    return 100 * metric.value(statistics), (100 * low, 100 * high)


def _print(lines: Sequence[Line]) -> None:
    print(f"{'':78s} exact match [95%]        F1 [95%]             build")
    for line in lines:
        took = f"{line.seconds / 60:.1f} min" if line.seconds else ""
        spans = [f"{value:5.1f} [{low:.1f}, {high:.1f}]" for value, (low, high) in
                 ((line.exact, line.exact_interval), (line.f1, line.f1_interval))]  # fmt: skip
        print(f"{line.name:78s} {spans[0]:24s} {spans[1]:20s} {took}")
    for name, exact, f1 in PUBLISHED:
        print(f"{name + ' (published)':78s} {exact:5.1f} {'':18s} {'' if f1 is None else f'{f1:5.1f}'}")


# --------------------------------------------------------------------------- the baseline without a model

_STOP = frozenset(["the", "a", "an", "of", "in", "on", "at", "to", "for", "from", "by", "with", "and", "or", "is", "was", "were", "are", "did", "do", "does", "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "many", "much", "it", "its", "that", "this", "as"])  # fmt: skip


def guess(row: Question) -> str:
    """The first candidate of the asked type in the sentence that shares most words with the question."""
    asked = set(re.findall(r"\w+", row.question.lower())) - _STOP
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\"“])", row.context)
    best = max(sentences, key=lambda text: len(asked & set(re.findall(r"\w+", text.lower()))))
    for pattern in _patterns(row.question.lower()):
        for match in re.finditer(pattern, best):
            if not asked & set(re.findall(r"\w+", match.group().lower())):
                return match.group()
    return best


def _patterns(question: str) -> tuple[str, ...]:
    name = r"[A-Z][\w’'-]+(?: (?:of |the |de )?[A-Z][\w’'-]+)*"
    if re.search(r"\bwhen\b|\bwhat year|\bwhich year", question):
        return (r"\b[12]\d{3}\b", r"\d+")
    if re.search(r"\bhow (many|much|long|old|far|large|tall|high)\b", question):
        return (
            r"\d[\d,.]*(?: (?:million|billion|percent))?%?",
            r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten)\b",
        )
    if re.search(r"\bwho|\bwhere|\bwhich|\bwhat (city|country|person|company|state)", question):
        return (rf"(?<=[a-z,] ){name}", name)
    return (rf"(?<=[a-z,] ){name}", r"(?<=\bthe )[a-z]+(?: [a-z]+)?", name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
