"""Spans of several types from few rows: p2m's default beside what people write in ten lines.

    .venv/bin/python bench/spans.py [DATA] [--rows 60,400] [--intents AddToPlaylist,...] [--seeds 1] [--tuned]

DATA holds hub/snips_intents, whose rows have slots. A table is an intent's rows; those to learn from are
drawn from its train file, the 200 that judge are others of it. The build is a user's: a recipe with a prompt,
`data.train` and the layout of its answers, all else default, `p2m build`, then the bundle's predict.py.

Peers, on the same rows: the spans of training rows looked up; a window of words through logistic regression
(scikit-learn); and a conditional random field with the features of sklearn-crfsuite's own tutorial.

With --tuned, p2m's own `student=minilm` too, the encoder tuned, which takes minutes a table.

Prints span F1 (exact borders and types) and the seconds that each takes; exits with 1 where p2m's mean is
below a peer's, or p2m is more than two points below one on a table.
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
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import peers
import yaml

INTENTS = ("AddToPlaylist", "GetWeather", "BookRestaurant", "PlayMusic")
ASKED = 200
P2M, LOOKUP, WINDOW, CRF, TUNED = "p2m", "look-up", "window LR", "CRF", "p2m minilm"
Span = tuple[int, int, str]
Row = tuple[str, list[Span]]
_TOKEN = re.compile(r"\w+|[^\w\s]")
_CRF = """
import json, sys
import sklearn_crfsuite
learnt, tags, asked = json.load(sys.stdin)
def features(words, i):
    word = words[i]
    found = {"bias": 1.0, "word": word.lower(), "[-3:]": word[-3:], "[-2:]": word[-2:],
             "upper": word.isupper(), "title": word.istitle(), "digit": word.isdigit(),
             "BOS": i == 0, "EOS": i == len(words) - 1}
    for side in (-1, 1):
        if 0 <= i + side < len(words):
            other = words[i + side]
            found |= {f"{side}:word": other.lower(), f"{side}:title": other.istitle(),
                      f"{side}:upper": other.isupper()}
    return found
rows = lambda texts: [[features(words, i) for i in range(len(words))] for words in texts]
options = {"c1": 0.1, "c2": 0.1, "max_iterations": 100, "all_possible_transitions": True}
model = sklearn_crfsuite.CRF(algorithm="lbfgs", **options)
model.fit(rows(learnt), tags)
json.dump([list(map(str, each)) for each in model.predict(rows(asked))], sys.stdout)
"""


def table(data: Path, intent: str, rows: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to learn from, and those that judge, which are the same for every number and seed."""
    with gzip.open(data / "hub/snips_intents/train.jsonl.gz", "rt", encoding="utf-8") as lines:
        every = [placed(each) for each in map(json.loads, lines) if each["label"] == intent]
    known = sorted({row[0]: row for row in every if row is not None}.values())
    random.Random(0).shuffle(known)
    left = known[ASKED:]
    return random.Random(seed).sample(left, rows), known[:ASKED]


def placed(row: dict[str, Any]) -> Row | None:
    """The text and its spans; None where a slot does not stand in it."""
    text, end, spans = row["text"], 0, []
    for kind, value in row["slots"]:
        start = text.find(value, end)
        if start < 0:
            return None
        end = start + len(value)
        spans.append((start, end, kind))
    return text, spans


def tokens(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _TOKEN.finditer(text)]


def tags(text: str, spans: Sequence[Span]) -> list[str]:
    """BIO, of each token."""
    found = []
    for start, end in tokens(text):
        kind = next((each for each in spans if each[0] < end and start < each[1]), None)
        found.append("O" if kind is None else f"{'B' if start <= kind[0] else 'I'}-{kind[2]}")
    return found


def spans_of(text: str, told: Sequence[str]) -> list[Span]:
    found: list[Span] = []
    is_open = False
    for (start, end), tag in zip(tokens(text), told, strict=True):
        if tag[0] == "I" and is_open and found[-1][2] == tag[2:]:
            found[-1] = (found[-1][0], end, tag[2:])
        elif tag != "O":
            found.append((start, end, tag[2:]))
        is_open = tag != "O"
    return found


def look_up(learnt: Sequence[Row], asked: Sequence[str]) -> list[list[Span]]:
    """The longest known spans, as the type that they had last."""
    known = {text[start:end].lower(): kind for text, spans in learnt for start, end, kind in spans}
    found = []
    for text in asked:
        taken: list[Span] = []
        for span in sorted(known, key=len, reverse=True):
            for match in re.finditer(rf"\b{re.escape(span)}\b", text.lower()):
                if all(match.end() <= start or end <= match.start() for start, end, _ in taken):
                    taken.append((*match.span(), known[span]))
        found.append(taken)
    return found


def window(learnt: Sequence[Row], asked: Sequence[str]) -> list[list[Span]]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def features(text: str) -> list[dict[str, Any]]:
        words = [text[start:end].lower() for start, end in tokens(text)]
        around = ["", "", *words, "", ""]
        return [
            {str(side): around[place + 2 + side] for side in (-2, -1, 0, 1, 2)}
            | {"end": word[-3:], "begin": word[:3], "digit": word.isdigit()}
            for place, word in enumerate(words)
        ]

    model = make_pipeline(DictVectorizer(), LogisticRegression(C=10, max_iter=1000))
    model.fit(
        [each for text, _ in learnt for each in features(text)], [tag for row in learnt for tag in tags(*row)]
    )
    return [spans_of(text, list(model.predict(features(text))) if tokens(text) else []) for text in asked]


def crf(python: Path) -> Callable[[Sequence[Row], Sequence[str]], list[list[Span]]]:
    def run(learnt: Sequence[Row], asked: Sequence[str]) -> list[list[Span]]:
        def words(text: str) -> list[str]:
            return [text[start:end] for start, end in tokens(text)]

        given = [[words(text) for text, _ in learnt], [tags(*row) for row in learnt], list(map(words, asked))]
        done = subprocess.run(
            [str(python), "-c", _CRF], input=json.dumps(given), capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"sklearn-crfsuite failed: {done.stderr[-500:]}")
        return [spans_of(text, told) for text, told in zip(asked, json.loads(done.stdout), strict=True)]

    return run


def p2m(learnt: Sequence[Row], asked: Sequence[str], student: str = "auto") -> list[list[Span]]:
    """A build by its command, and its bundle's own program."""
    recipe = {
        "defaults": ["base", {"override teacher": "none"}, {"override retriever": "none"},
                     {"override student": student}, "_self_"],
        "name": "spans", "prompt": "Find the parts of a spoken command that matter, each with its type.",
        "task": {"type": "extraction", "inputs": ["text"], "output": "spans", "layout": {"has_types": True}},
        "data": {"train": "rows.jsonl"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="p2m-spans-") as place:
        folder = Path(place)
        (folder / "outputs").mkdir()
        (folder / "spans.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
        _lines(
            folder / "rows.jsonl",
            [{"text": text, "spans": list(map(_named(text), spans))} for text, spans in learnt],
        )
        _lines(folder / "asked.jsonl", [{"text": text} for text in asked])
        command = [sys.executable, "-m", "p2m", "build", "spans.yaml"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        bundle = folder / "outputs/spans"
        bundle = bundle if (bundle / "manifest.json").is_file() else bundle / "rejected"
        if not (bundle / "manifest.json").is_file():
            raise SystemExit(f"the build failed: {done.stdout[-500:]}{done.stderr[-1000:]}")
        command = [
            sys.executable,
            str(bundle / "predict.py"),
            str(folder / "asked.jsonl"),
            str(folder / "said.jsonl"),
        ]
        subprocess.run(command, capture_output=True, check=True)
        said = [json.loads(line) for line in (folder / "said.jsonl").read_text("utf-8").splitlines()]
        return [[(each["start"], each["end"], each["type"]) for each in one["spans"]] for one in said]


def _named(text: str) -> Callable[[Span], dict[str, Any]]:
    return lambda span: {"text": text[span[0] : span[1]], "type": span[2], "start": span[0], "end": span[1]}


def _lines(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def f1(said: Sequence[Sequence[Span]], gold: Sequence[Row]) -> float:
    right = sum(len(set(one) & set(two)) for one, (_, two) in zip(said, gold, strict=True))
    return 2 * right / max(1, sum(map(len, said)) + sum(len(spans) for _, spans in gold))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", default="60,400", help="rows to learn from, with commas between")
    parser.add_argument("--intents", default=",".join(INTENTS))
    parser.add_argument("--seeds", type=int, default=1, help="draws of each number of rows")
    parser.add_argument("--tuned", action="store_true", help="p2m's encoder tuned, too")
    parser.add_argument("--peers", type=Path, default=peers.DEFAULT, help="where sklearn-crfsuite is kept")
    given = parser.parse_args(argv)
    found = peers.prepare(given.peers.expanduser(), {"sklearn-crfsuite"})
    if found.missing:
        raise SystemExit(f"sklearn-crfsuite cannot be installed: {found.missing}")
    python = found.found["sklearn-crfsuite"].bin / "python"
    ways = {P2M: p2m, LOOKUP: look_up, WINDOW: window, CRF: crf(python)}
    ways |= {TUNED: partial(p2m, student="minilm")} if given.tuned else {}
    print(f"{'table':<24} {'rows':>5}  " + "  ".join(f"{name:>16}" for name in ways))
    scores: dict[str, list[float]] = {name: [] for name in ways}
    for intent in given.intents.split(","):
        for rows in map(int, given.rows.split(",")):
            for seed in range(given.seeds):
                learnt, judged = table(given.data, intent, rows, seed)
                cells = []
                for name, way in ways.items():
                    began = time.perf_counter()
                    scores[name].append(f1(way(learnt, [text for text, _ in judged]), judged))
                    cells.append(f"{scores[name][-1]:.3f} ({time.perf_counter() - began:4.0f} s)")
                print(f"{intent:<24} {rows:>5}  " + "  ".join(f"{cell:>16}" for cell in cells), flush=True)
    return verdict(scores)


def verdict(scores: dict[str, list[float]]) -> int:
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    print("mean  " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))
    best = max(value for name, value in means.items() if name != P2M)
    worst = min(
        own - max(values[place] for name, values in scores.items() if name != P2M)
        for place, own in enumerate(scores[P2M])
    )
    print(
        f"{'PASS' if means[P2M] >= best else 'FAIL'}  p2m {means[P2M]:.3f}, best peer {best:.3f} on average"
    )
    is_near = worst >= -0.02
    print(f"{'PASS' if is_near else 'FAIL'}  on no table more than 0.02 below the best peer: {worst:+.3f}")
    return 0 if means[P2M] >= best and is_near else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
