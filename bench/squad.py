# ruff: noqa: E501
"""Extractive question answering on SQuAD 1.1 dev, by a small model: without a labelled row, or with a few.

    .venv/bin/python bench/squad.py DATA [--full] [--labelled] [--rows 10570] [--work FOLDER] [--set OVERRIDE ...]

DATA is a folder with hub/squad/validation.jsonl.gz (or that holds the squad folder itself). Builds through the
product, as a user would: a recipe with a prompt and one demonstration of its own, `p2m build`, then the bundle's own
predictor on every question. Prints exact match and token F1 with 95% bootstrap intervals of the default build and,
with --full, of the build of up to an hour (generation=large), and with --labelled of a build from 10,000 of SQuAD's
own training rows; beside them, a baseline without a model, measured in the same run, and what peers published. Exits
with 1 where a build is below its bar.

Said plainly: the base model, all-MiniLM-L6-v2, saw SQuAD's questions paired with their passages, without answers, in
its contrastive training (its model card lists them among a billion pairs). But for --labelled, nothing that p2m trains on
is from SQuAD.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
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
LABELLED = 10_000  # rows, drawn by seed


@dataclass(frozen=True, slots=True)
class Build:
    """What is built, and the exact match, percent, that it must reach."""

    name: str
    overrides: tuple[str, ...]
    bar: float


DEFAULT = Build("default build", (), 46.0)
LARGE = Build("build of up to an hour", ("generation=large", "training.evaluations=6"), 52.0)
OWN = Build(
    f"{LABELLED:,} labelled rows", ("teacher=none", "training=default", "data.train=labelled.jsonl"), 60.0
)


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
    builds = [DEFAULT, *([LARGE] if arguments.full else []), *([OWN] if arguments.labelled else [])]
    work = Path(arguments.work or tempfile.mkdtemp(prefix="p2m-squad-"))
    for each in builds:
        place = work / each.name.replace(" ", "-").replace(",", "")
        if each is OWN:
            write_labelled(arguments.data, place)
        folder, seconds = build(place, (*each.overrides, *arguments.set))
        lines.append(judge(each.name, answers(folder, rows), rows, seconds))
    _print(lines)
    missed = 0
    for each, line in zip(builds, lines[1:], strict=True):
        missed += line.exact < each.bar
        said = "FAIL" if line.exact < each.bar else "PASS"
        print(f"{said}  {each.name}: exact match {line.exact:.1f}, bar {each.bar:.1f}")
    return min(1, missed)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--full", action="store_true", help="build for up to an hour, too")
    parser.add_argument("--labelled", action="store_true", help="build from labelled rows, too")
    parser.add_argument("--rows", type=int, default=None, help="questions to ask; all of them where left out")
    parser.add_argument("--work", default=None, help="where to build; kept, so that a second run reuses it")
    parser.add_argument("--set", nargs="*", default=[], help="further overrides of every build")
    return parser.parse_args(argv)


def read(data: Path) -> list[Question]:
    """The questions of the validation file."""
    found = _lines(data, "validation")
    return [Question(row["question"].strip(), row["context"], tuple(row["answers"])) for row in found]


def write_labelled(data: Path, folder: Path) -> None:
    """`labelled.jsonl`: rows of the training file, drawn by seed."""
    rows = random.Random(0).sample(_lines(data, "train"), LABELLED)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labelled.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            kept = {
                "question": row["question"].strip(),
                "context": row["context"],
                "output": row["answers"][0],
            }
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")


def _lines(data: Path, part: str) -> list[dict[str, Any]]:
    """The rows of a part of SQuAD.

    Raises:
        SystemExit: it is not there.
    """
    name = f"squad/{part}.jsonl.gz"
    places = (data / "hub" / name, data / name, data / f"{part}.jsonl.gz")
    path = next((place for place in places if place.exists()), None)
    if path is None:
        raise SystemExit(f"{data}: no hub/{name}; name the folder that holds it: bench/squad.py DATA")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


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
