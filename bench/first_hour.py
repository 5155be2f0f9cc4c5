"""Twenty-odd first attempts, each from an empty folder: what people bring, and where p2m takes them.

    .venv/bin/python bench/first_hour.py [--only NAME,...]

Each attempt is a prompt and a table as people have them. It goes through `init`, `check` and `build` (with a
linear student, for time) by the commands that p2m itself suggests, mends what it is told to mend, and ends
built with a verdict, or refused with a message that says the words that help. The transcript is printed; exit
code 1 where an attempt ends otherwise than wanted, or in a traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAST = ("student=linear_tfidf", "baselines.candidates.linear_minilm=null")
BUILT = re.compile(r"^(SHIP|UNPROVEN|FALLS SHORT)\b", re.MULTILINE)
SYLLABLES = ("ba", "do", "fi", "gu", "ke", "la", "mo", "ni", "pu", "ra", "se", "ti", "vo", "wa", "zy")

Row = tuple[str, str]
Files = dict[str, str | bytes]


@dataclass(frozen=True)
class Attempt:
    """What somebody has and types, and where it is to end."""

    name: str
    files: Files
    init: tuple[str, ...] = ()  # after `p2m init`; () where a recipe is among the files
    want: str = "built"  # or "refused"
    says: tuple[str, ...] = ()  # words that must be said, in any case of letters, before the end
    stdin: str = ""
    mend: Callable[[Path], tuple[str, ...]] | None = None  # as a refusal tells: what to type for init then
    recipe: str = ""  # the recipe, where it is among the files


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="for `make bench`; the tables are made here")
    parser.add_argument("--only", default="", help="attempts, by the beginning of their names")
    given = parser.parse_args(argv)
    wanted = tuple(given.only.split(","))
    failed = []
    with tempfile.TemporaryDirectory(prefix="p2m-first-hour-") as place:
        for attempt in ATTEMPTS:
            if attempt.name.startswith(wanted):
                folder = Path(place) / attempt.name
                fault = _Session(folder, Path(place) / "store").run(attempt)
                print(f"=> {attempt.name}: {'as wanted' if not fault else f'WRONG: {fault}'}\n", flush=True)
                failed += [attempt.name] if fault else []
    print(f"FAIL: {', '.join(failed)}" if failed else "PASS")
    return 1 if failed else 0


class _Session:
    """One person in one folder."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.said = ""
        self.environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "P2M_STORE": str(store), "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE", "XDG_CACHE_HOME": str(folder.parent / "cache"),
        }  # fmt: skip

    def run(self, attempt: Attempt) -> str:
        """What went otherwise than wanted; "" for nothing."""
        print(f"== {attempt.name}", flush=True)
        for name, content in attempt.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        ended, code = self._go(attempt, attempt.init)
        if code == 2 and attempt.mend is not None:
            ended, code = self._go(attempt, attempt.mend(self.folder))
        if "Traceback" in self.said:
            return "a traceback"
        missing = [words for words in attempt.says if words.lower() not in self.said.lower()]
        if missing:
            return f"it did not say {', '.join(map(repr, missing))}"
        is_built = ended == "build" and code in (0, 4) and BUILT.search(self.said)
        if not (is_built if attempt.want == "built" else code == 2):
            return f"it ended at {ended} with exit code {code} and was to be {attempt.want}"
        return ""

    def _go(self, attempt: Attempt, init: Sequence[str]) -> tuple[str, int]:
        """From init to a build, by what the tool suggests; the last verb and its exit code."""
        recipe = attempt.recipe
        if init:
            code, said = self._call("init", *init, stdin=attempt.stdin)
            suggested = re.search(r"next: p2m (check .*)", said)
            if code or suggested is None:
                return "init", code
            _, recipe, *_ = shlex.split(suggested[1])
        # A check that warns of what a build tells in its own words is no refusal.
        code, _ = self._call("check", recipe)
        if code:
            return "check", code
        code, _ = self._call("build", recipe, *FAST)
        return "build", code

    def _call(self, *words: str, stdin: str = "") -> tuple[int, str]:
        print(f"$ p2m {shlex.join(words)}", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "p2m", *words], cwd=self.folder, env=self.environment, input=stdin,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        steps = re.compile(r"^  [+=~] \w.* (ran|cached).*\n", re.MULTILINE)
        said = steps.sub("", done.stderr) + done.stdout
        print("".join(f"  {line}\n" for line in said.splitlines()), end="")
        print(f"  (exit code {done.returncode}, {time.monotonic() - began:.1f} s)", flush=True)
        self.said += done.stderr + done.stdout
        return done.returncode, said


# --------------------------------------------------------------------------- tables


def _rows(*labels: str, number: int = 150, seed: int = 0) -> list[Row]:
    """Texts whose label shows in some of their words; no two are alike."""
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choice(SYLLABLES) for _ in range(3))

    plain = [word() for _ in range(300)]
    own = {label: [word() for _ in range(12)] for label in labels}
    rows = []
    for index in range(number):
        label = labels[index % len(labels)]
        words = [*chance.sample(own[label], 3), *chance.sample(plain, 7)]
        chance.shuffle(words)
        rows.append((" ".join(words).capitalize() + ".", label))
    return rows


def _csv(rows: Sequence[Row], header: str = "text,label", sign: str = ",") -> str:
    return "\n".join([header, *(f"{text}{sign}{label}" for text, label in rows)]) + "\n"


def _jsonl(rows: Sequence[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    texts, labels = zip(*rows, strict=True)
    numbers = list(range(len(rows)))
    pq.write_table(pa.table({"body": list(texts), "priority": list(labels), "row_id": numbers}), sink)
    return bytes(sink.getvalue())


def _log(rows: Sequence[Row]) -> str:
    lines = enumerate(rows)
    return _jsonl([{"ts": f"2026-03-{n % 28 + 1:02}", "host": f"web-{n % 3}", "level": label, "message": text}
                   for n, (text, label) in lines])  # fmt: skip


def _clone(rows: Sequence[Row]) -> Files:
    """A dataset's folder as git clones it from the Hub, with class labels as numbers."""
    names = sorted({label for _, label in rows})
    card = (
        "---\nlicense: cc-by-4.0\nlanguage: en\ntask_categories: [text-classification]\ndataset_info:\n"
        "  features:\n  - {name: text, dtype: string}\n  - name: label\n    dtype:\n      class_label:\n"
        "        names:\n"
        + "".join(f"          '{number}': {name}\n" for number, name in enumerate(names))
        + "---\n# Emotions\n"
    )
    table = [{"text": text, "label": names.index(label)} for text, label in rows]
    return {
        "emotions/README.md": card,
        "emotions/train.jsonl": _jsonl(table[:150]),
        "emotions/test.jsonl": _jsonl(table[150:]),
    }


def _recipe(data: str) -> str:
    return (
        "prompt: Say whether the text is spam or ham. The labels are spam and ham.\n"
        "defaults: [base, override teacher: none, _self_]\n" + data
    )


def _replaced(name: str, old: str, new: str) -> Callable[[Path], tuple[str, ...]]:
    """Edit a file as it was told; the recipe that is there is then used."""

    def mend(folder: Path) -> tuple[str, ...]:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return ()

    return mend


def _then(*words: str, change: Callable[[bytes], bytes] | None = None) -> Callable[[Path], tuple[str, ...]]:
    """Change the table, where it must be, and type `init` again with these words."""

    def mend(folder: Path) -> tuple[str, ...]:
        if change is not None:
            path = folder / "rows.csv"
            path.write_bytes(change(path.read_bytes()))
        for recipe in folder.glob("recipes/*.yaml"):
            recipe.unlink()
        return words

    return mend


def _in_three_languages(rows: Sequence[Row]) -> list[Row]:
    extra = ("Bitte helfen Sie mir damit", "Merci de votre aide pour cela", "Please help me with this one")
    return [(f"{extra[n % 3]} {n}: {text.lower()}", label) for n, (text, label) in enumerate(rows)]


MORE = _rows("spam", "ham", number=200)
SPAM = MORE[:150]
DESKS = (
    "billing",
    "delivery",
    "returns",
    "account",
    "technical",
    "presales",
    "press",
    "jobs",
    "legal",
    "other",
)
TABLE = "Send each message to a desk.\n\n| desk | for |\n|---|---|\n" + "".join(
    f"| {desk} | what has to do with {desk} |\n" for desk in DESKS
)
TYPO = [(text, "hma" if n == 41 else label) for n, (text, label) in enumerate(SPAM)]
SEVERAL = [(text, ("a|b", "a", "b", "b|c", "c")[n % 5]) for n, (text, _) in enumerate(SPAM)]
CLASSIFY = "Say whether the text is spam or ham."
USUAL = (CLASSIFY, "--data", "rows.csv")

ROWS: Files = {"rows.csv": _csv(SPAM)}

ATTEMPTS = (
    Attempt("spreadsheet", {"export.csv": b"\xef\xbb\xbf" + _csv(_rows("Rechnung", "Versand", "Technik"),
            "Nachricht;Abteilung", ";").replace("\n", "\r\n").encode()},
            ("Ordne jede Nachricht einer Abteilung zu.", "--data", "export.csv"), says=("3 labels",)),
    Attempt("log", {"app.jsonl": _log(_rows("ERROR", "WARN", "INFO"))},
            ("Tell the level of a log message.", "--data", "app.jsonl"), says=("message -> level",)),
    Attempt("hub-clone", _clone(_rows("joy", "anger", "fear", number=240)),
            ("Name the emotion of the text.", "--data", "emotions"), says=("3 labels", "joy")),
    Attempt("parquet", {"dump.parquet": _parquet(_rows("high", "low"))},
            ("Tell the priority of a ticket from its body.", "--data", "dump.parquet"),
            says=("body -> priority",)),
    Attempt("two-files", {"train.csv": _csv(SPAM), "judged.csv": _csv(MORE[150:190])},
            (CLASSIFY, "--data", "train.csv", "--test", "judged.csv"), says=("40 rows judged it",)),
    Attempt("three-languages", {"rows.csv": _csv(_in_three_languages(SPAM))}, USUAL),
    Attempt("ten-labels-in-markdown", {"rows.csv": _csv(_rows(*DESKS, number=300), "message,desk")},
            ("-", "--data", "rows.csv", "--name", "desks"), stdin=TABLE, says=("10 labels",)),
    Attempt("mistyped-label", {"rows.csv": _csv([*TYPO, *MORE[150:]])},
            USUAL, says=("rows.csv:43", "'hma'", "ham"),
            mend=_then(*USUAL, change=lambda table: table.replace(b",hma", b",ham"))),
    Attempt("one-class", {"rows.csv": _csv(_rows("spam"))}, USUAL, want="refused",
            says=("'spam' in every row", "another label")),
    Attempt("three-rows", {"rows.csv": _csv(SPAM[:3])}, USUAL, want="refused",
            says=("3 rows are too few", "add rows")),
    Attempt("cp1252", {"rows.csv": _csv([(f"Café {text}", label) for text, label in SPAM]).encode("cp1252")},
            USUAL, says=("rows.csv:2", "UTF-8", "iconv"),
            mend=_then(*USUAL, change=lambda table: table.decode("cp1252").encode())),
    Attempt("no-header", {"rows.csv": _csv(SPAM[1:], ",".join(SPAM[0]))}, USUAL,
            says=("rows.csv:1", "names of the columns"),
            mend=_then(*USUAL, change=lambda table: b"text,label\n" + table)),
    Attempt("contradictions", {"rows.csv": _csv([*SPAM, *((text, "ham") for text, _ in SPAM[:10:2])])},
            USUAL, says=("rows.csv:2", "rows.csv:152")),
    Attempt("test-in-train", {"rows.csv": _csv(SPAM), "test.csv": _csv(SPAM[:40])},
            (*USUAL, "--test", "test.csv"), says=("40 rows", "rows.csv:2 as test.csv:2")),
    Attempt("stars", {"rows.csv": _csv(_rows("1", "2", "3", "4", "5"), "review,stars")},
            ("How many stars does the review give?", "--data", "rows.csv"), says=("5 labels",)),
    Attempt("booleans", {"rows.jsonl": _jsonl([{"text": a, "urgent": b == "spam"} for a, b in SPAM])},
            ("Is the text urgent?", "--data", "rows.jsonl"), says=("text -> urgent",)),
    Attempt("yes-no", {"rows.csv": _csv(_rows("yes", "no"), "text,urgent")},
            ("Is the text urgent?", "--data", "rows.csv"), says=("2 labels",)),
    Attempt("two-answers", {"rows.jsonl": _jsonl(
            [{"body": one, "kind": said, "team": "ab"[n % 7 % 2]} for n, (one, said) in enumerate(SPAM)])},
            ("Sort them.", "--data", "rows.jsonl"), says=("--output-column", "kind, team"),
            mend=_then("Sort them.", "--data", "rows.jsonl", "--output-column", "kind")),
    Attempt("indentation", {"r.yaml": _recipe("data:\n    train: rows.csv\n  test: null\n"), **ROWS},
            recipe="r.yaml", says=("r.yaml:5", "indentation", "with 0 or 4 blanks, not 2"),
            mend=_replaced("r.yaml", "  test", "    test")),
    Attempt("test-at-top", {"r.yaml": _recipe("data: {train: rows.csv}\ntest: rows.csv\n"), **ROWS},
            recipe="r.yaml", want="refused", says=("r.yaml:4", "did you mean data.test?")),
    Attempt("bare-data", {"r.yaml": _recipe("data: rows.csv\n"), **ROWS}, recipe="r.yaml",
            says=("`data: {train: rows.csv}`",), mend=_replaced("r.yaml", "rows.csv", "{train: rows.csv}")),
    Attempt("missing-file", {"r.yaml": _recipe("data: {train: row.csv}\n"), **ROWS},
            recipe="r.yaml", says=("r.yaml:3", "did you mean 'rows.csv'?"),
            mend=_replaced("r.yaml", "row.csv", "rows.csv")),
    Attempt("pictures", {"pets.csv": _csv([(f"photos/{n}.jpg", "cat" if n % 2 else "dog") for n in range(60)],
            "image,animal")}, ("Say which animal the picture shows.", "--data", "pets.csv"), want="refused",
            says=("models that read text",)),
    Attempt("several-labels", {"rows.csv": _csv(SEVERAL, "body,tags")},
            ("Tag each text.", "--data", "rows.csv"), says=("multi-label-classification", "any of:", "ship")),
    Attempt("prices", {"rows.csv": _csv([(text, f"{9 + 1.37 * n:.2f}") for n, (text, _) in enumerate(SPAM)],
            "offer,price")}, ("Estimate the price of an offer.", "--data", "rows.csv"),
            says=("regression", "falls short", "no better than always the median")),  # by chance
    Attempt("empty-table", {"rows.csv": "text,label\n"}, USUAL, want="refused",
            says=("no rows",)),
)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
