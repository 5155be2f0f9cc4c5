"""Holds the temporal bundle, and the teacher that it learnt from, against what people annotated.

    .venv/bin/python bench/temporal.py DATA [--build | --bundle FOLDER] [--half develop] [--show 20]

With --build, recipes/temporal.yaml is built first, as a user would, and timed; --bundle judges what is built
already. The bundle is asked the gold posts of the recipe, and the corpora's expressions set into sentences
whose tense is that of the date; beside it stands what `resolve`, the teacher's own reader, makes of the
expression alone. Exits with 1 where the bundle is below a bar.

DATA is a folder with duckling_time_corpus, timenorm_pairs and recognizers_english (`.jsonl.gz`), or a folder
that holds them as temporal/. English rows only. Expressions are halved by a hash of their text: the grammar
may be developed on one half, and only the other half's figures are reported.

Per corpus: how many gold values one of YYYY, YYYY-MM, YYYY-MM-DD can carry (datable); of those, the share
that `resolve` gives any value (coverage), and of the covered the share with the very value (agreement) or
one that is only coarser or finer (compatible); of the gold that no format carries (weeks, seasons, ranges,
durations), the share that `resolve` leaves undated as well.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from date_expressions import resolve

from p2m.deploy.serving.predictor import Predictor
from p2m.evaluation.bootstrap import interval
from p2m.metrics.exact_match import ExactMatch
from p2m.teachers.domains.temporal.dates import Direction


@dataclass(frozen=True, slots=True)
class Pair:
    """One annotated expression; `gold` is None where no format of ours carries the annotation."""

    expression: str
    anchor: date
    gold: str | None


def duckling(row: dict[str, Any]) -> Pair | None:
    """Grains become formats; an interval counts where it lies within one day; clock times alone are left
    out.
    """
    if row["lang"] != "EN":
        return None
    start = datetime.fromisoformat(row["start"])
    end = datetime.fromisoformat(row["end"]) if row["end"] else None
    anchor = date(2013, 2, 12)
    gold: str | None = None
    if end is None:
        length = {"Year": 4, "Month": 7, "Day": 10, "Hour": 10, "Minute": 10, "Second": 10}.get(row["grain"])
        gold = start.date().isoformat()[:length] if length else None
    elif end - start <= timedelta(days=1) and (end - timedelta(minutes=1)).date() == start.date():
        gold = start.date().isoformat()
    if row["grain"] in ("Hour", "Minute", "Second") and not _names_a_day(row["expression"]):
        return None
    return Pair(row["expression"], anchor, gold)


def timenorm(row: dict[str, Any]) -> Pair | None:
    """TIMEX3 values; times of a day become the day, open references (PAST_REF), weeks and quarters None."""
    if row["lang"] != "en":
        return None
    value = re.sub(r"T.*", "", row["value"]) if row["type"] in ("DATE", "TIME") else ""
    gold = value if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", value) else None
    return Pair(row["expression"], date.fromisoformat(row["anchor"][:10]), gold)


def recognizers(row: dict[str, Any]) -> Pair | None:
    """Dates by value, whole months and years by TIMEX; clock times alone are left out."""
    timex, value, kind = row["timex"], row["value"], row["type"]
    if kind in ("time", "timerange", "timezone"):
        return None
    gold: str | None = None
    if kind in ("date", "datetime") and isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        gold = value[:10]
        if kind == "datetime" and not _names_a_day(row["expression"]):
            return None
    elif kind == "daterange" and re.fullmatch(r"(\d{4}|XXXX)(-\d\d)?", timex) and None not in value:
        start, end = (date.fromisoformat(text) for text in value)
        whole = start.day == end.day == 1
        gold = value[0][:7] if whole and (end - start).days < 32 else value[0][:4] if whole else None
    return Pair(row["expression"], date.fromisoformat(row["reference"][:10]), gold)


def _names_a_day(expression: str) -> bool:
    """Whether more than a clock time or an hour's distance is said."""
    return bool(_DAY_WORDS.search(expression.lower()))


_DAY_WORDS = re.compile(
    r"day|night|tomor|morning of|this (morning|afternoon|evening)|week|month|year|fortnight|xmas"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|\b(mon|tues?|wed|thu|fri|sat|sun)\b"
    r"|\d[-/]\d|\d{4}-|\d(th|st|nd|rd)"
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where a corpus lies and how its writers look at an expression that leaves its year open."""

    file: str
    read: Callable[[dict[str, Any]], Pair | None]
    direction: Direction | None


CORPORA = {
    "duckling": Corpus("duckling_time_corpus.jsonl.gz", duckling, "future"),
    "recognizers": Corpus("recognizers_english.jsonl.gz", recognizers, "future"),
    "timenorm": Corpus("timenorm_pairs.jsonl.gz", timenorm, None),
}


def half_of(expression: str) -> str:
    """develop or report, by the text alone, so that a repeated expression never lies in both."""
    return "develop" if hashlib.sha256(expression.lower().encode()).digest()[0] % 2 == 0 else "report"


def pairs(folder: Path, corpus: Corpus, half: str) -> Iterator[Pair]:
    """The pairs of one half, each distinct (expression, anchor, gold) once."""
    seen = set()
    with gzip.open(folder / corpus.file, "rt", encoding="utf-8") as lines:
        for line in lines:
            pair = corpus.read(json.loads(line))
            if pair is None or pair in seen or half not in ("all", half_of(pair.expression)):
                continue
            seen.add(pair)
            yield pair


def measure(rows: list[Pair], direction: Direction | None, show: int) -> dict[str, float]:
    """The figures of one corpus; prints up to `show` disagreements and as many uncovered rows."""
    answers = [(row, resolve(row.expression, row.anchor, direction)) for row in rows]
    datable = [(row, found) for row, found in answers if row.gold is not None]
    undatable = [(row, found) for row, found in answers if row.gold is None]
    covered = [(row.gold or "", found, row) for row, found in datable if found is not None]
    wrong = [(row, found) for gold, found, row in covered if gold != found]
    missed = [(row, found) for row, found in datable if found is None]
    dated = [(row, found) for row, found in undatable if found is not None]
    for title, cases in (("disagree", wrong), ("uncovered", missed), ("dated though undatable", dated)):
        for row, found in cases[:show]:
            print(f"    {title}: {row.expression!r} at {row.anchor}: gold {row.gold}, ours {found}")
    compatible = sum(gold.startswith(found) or found.startswith(gold) for gold, found, _ in covered)
    return {
        "rows": len(rows),
        "datable": len(datable),
        "coverage": len(covered) / max(1, len(datable)),
        "agreement": (len(covered) - len(wrong)) / max(1, len(covered)),
        "compatible": compatible / max(1, len(covered)),
        "undated kept": 1 - len(dated) / max(1, len(undatable)),
    }


# --------------------------------------------------------------------------- the bundle

RECIPE = Path(__file__).parents[1] / "recipes" / "temporal.yaml"
GOLD = RECIPE.parent / "data" / "temporal_gold.jsonl"
NOTHING = "N/A"
BARS = {"exact match": 0.60, "rows with a date": 0.45, "rows without": 0.85}
MISSED = 4  # exit code of `p2m build` where a bundle was made that falls short of its contract
SENTENCES: dict[Direction, tuple[str, ...]] = {
    "past": ("The choir sang in the old chapel {}.", "We repainted the hallway {}.", "{}, the well ran dry."),
    "future": ("The choir will sing in the old chapel {}.", "They will mend the roof {}.",
               "{}, the library is going to close."),
}  # fmt: skip


def build(work: Path) -> Path:
    """`p2m build` of the recipe, its time told; the bundle's folder."""
    command = [sys.executable, "-m", "p2m", "build", str(RECIPE), "--outputs", str(work / "outputs")]
    start, bundle = time.monotonic(), ""
    environment = {**os.environ, "P2M_STORE": str(work / "store")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            bundle = line.partition("-> ")[2].strip() or bundle  # the verdict's last line names it
    if running.returncode not in (0, MISSED) or not bundle:
        raise SystemExit(f"no bundle, exit code {running.returncode}: {' '.join(command)}")
    print(
        f"built in {(time.monotonic() - start) / 60:.1f} min on {os.cpu_count()} processors: {_processor()}"
    )
    return Path(bundle)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    units = [unit for unit in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if unit in text]
    return f"{name.group(1) if name else 'unknown'} ({', '.join(units)})"


def judge(bundle: Path) -> int:
    """Exact match on the gold posts, all and by whether they have a date; how many bars are missed."""
    rows = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    said = Predictor(bundle / "model", threads=2).predict(
        [{"text": row["input"]} for row in rows], batch_size=32
    )
    metric = ExactMatch(normalisation="blanks")
    right = metric.statistics([each.output for each in said], [[row["output"]] for row in rows])
    dated = [i for i, row in enumerate(rows) if row["output"] != NOTHING]
    undated = [i for i, row in enumerate(rows) if row["output"] == NOTHING]
    missed = 0
    print(f"{'gold posts':18} rows exact match")
    for name, part in zip(BARS, (list(range(len(rows))), dated, undated), strict=True):
        found = metric.value(right[part])
        low, high = interval(metric, right[part], resamples=2000, seed=0)
        missed += found < BARS[name]
        told = "FAIL" if found < BARS[name] else "PASS"
        print(f"{name:18} {len(part):4} {found:.2f} [{low:.2f}, {high:.2f}]  {told}, bar {BARS[name]:.2f}")
    return missed


_PREPOSITIONS = {4: "in ", 7: "in ", 10: "on "}  # by the length of the date: a year, a month, a day
_ALONE = re.compile(
    r"^(this|last|next|past|coming|previous|earlier|later|late|early|in|on|at|by|from|since|until|till|to|for"
    r"|after|before|during|within|around|about|between|back|now|today|tonight|tomorrows?|yesterday|every|each"
    r"|currently|recently|nowadays|right|immediately|one|two|a|an|half)\b|\b(ago|hence|from now|today"
    r"|tomorrow|yesterday|earlier|later|(last|next|this|the|past) (year|month|week|day))\b", re.IGNORECASE
)  # fmt: skip


def in_sentence(pair: Pair) -> tuple[str, Direction]:
    """A post that speaks of the expression, and its tense: that of the date, where there is one."""
    number = hashlib.sha256(pair.expression.encode()).digest()[1]
    today = pair.anchor.isoformat()[: len(pair.gold or "")]
    tense: Direction = "past" if (pair.gold or "") < today else "future"
    if pair.gold is None or pair.gold == today:
        tense = "past" if number % 2 else "future"
    said = _PREPOSITIONS.get(len(pair.gold or ""), "") if not _ALONE.search(pair.expression) else ""
    sentence = SENTENCES[tense][number % len(SENTENCES[tense])].format(said + pair.expression)
    return f"[Posted: {pair.anchor.isoformat()}] {sentence[0].upper()}{sentence[1:]}", tense


def answer(bundle: Path, corpus: str, rows: list[Pair], show: int) -> None:
    """How often the bundle gives the very date, or none where there is none; beside `resolve`."""
    posts = [in_sentence(row) for row in rows]
    said = Predictor(bundle / "model", threads=2).predict(
        [{"text": post} for post, _ in posts], batch_size=32
    )
    dates = [re.findall(r"(?<= == )\S+", each.output) for each in said]
    ours = [resolve(row.expression, row.anchor, tense) for row, (_, tense) in zip(rows, posts, strict=True)]
    datable = [i for i, row in enumerate(rows) if row.gold is not None]
    undatable = [i for i, row in enumerate(rows) if row.gold is None]
    known = [i for i in datable if ours[i] == rows[i].gold]
    for i in [i for i in known if dates[i] != [rows[i].gold]][:show]:
        print(f"    wrong: {posts[i][0]!r}: gold {rows[i].gold}, said {said[i].output}")
    for i in [i for i in undatable if ours[i] is None and dates[i]][:show]:
        print(f"    dated: {posts[i][0]!r}: said {said[i].output}")

    def share(part: list[int], right: Callable[[int], bool]) -> float:
        return sum(map(right, part)) / max(1, len(part))

    def is_given(i: int) -> bool:
        return dates[i] == [rows[i].gold]

    print(
        f"{corpus:12} {len(datable):8} {share(datable, is_given):8.3f}"
        f" {len(known) / max(1, len(datable)):8.3f} {share(known, is_given):11.3f}"
        f" {len(undatable):10} {share(undatable, lambda i: not dates[i]):8.3f}"
        f" {share(undatable, lambda i: ours[i] is None):8.3f}"
    )


def main() -> int:
    """Print one line a corpus; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="a temporal bundle and its teacher, by people's annotations")
    parser.add_argument("data", type=Path, help="folder of the corpora, or one that holds them as temporal/")
    parser.add_argument("--build", action="store_true", help="build recipes/temporal.yaml first, and time it")
    parser.add_argument("--bundle", type=Path, help="one that is built already")
    parser.add_argument(
        "--work", type=Path, help="where --build builds; kept, so that a second run reuses it"
    )
    parser.add_argument("--half", choices=("report", "develop", "all"), default="report")
    parser.add_argument("--show", type=int, default=0, help="disagreements to print per corpus")
    options = parser.parse_args()
    if options.show and options.half != "develop":
        parser.error("--show reads cases, which only the develop half is for: add --half develop")
    folder = options.data / "temporal" if (options.data / "temporal").is_dir() else options.data
    missing = [corpus.file for corpus in CORPORA.values() if not (folder / corpus.file).is_file()]
    if missing:
        parser.error(f"{folder} lacks {', '.join(missing)}")
    bundle, missed = options.bundle, 0
    if options.build:
        bundle = build(options.work or Path(tempfile.mkdtemp(prefix="p2m-temporal-")))
    if bundle:
        missed = judge(bundle)
        print(f"\nin sentences, {options.half} half; date right: of all, by resolve, of what resolve knows")
        print(f"{'corpus':12} {'datable':>8} {'bundle':>8} {'resolve':>8} {'of it':>11} {'undatable':>10}")
        for name, corpus in CORPORA.items():
            answer(bundle, name, list(pairs(folder, corpus, options.half)), options.show)
        print()
    print(f"expressions alone, {options.half} half")
    print(f"{'corpus':12} {'rows':>5} {'datable':>8} coverage agreement compatible undated-kept")
    for name, corpus in CORPORA.items():
        figures = measure(list(pairs(folder, corpus, options.half)), corpus.direction, options.show)
        print(
            f"{name:12} {figures['rows']:5.0f} {figures['datable']:8.0f} {figures['coverage']:8.3f} "
            f"{figures['agreement']:9.3f} {figures['compatible']:10.3f} {figures['undated kept']:12.3f}"
        )
    return min(1, missed)


if __name__ == "__main__":
    raise SystemExit(main())
