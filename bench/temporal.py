"""Holds the calendar semantics of the embedded teacher against what people outside this project annotated.

    .venv/bin/python bench/temporal.py DATA [--half report|develop|all] [--show 20]

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
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from p2m.teachers.domains.temporal.dates import Direction
from p2m.teachers.domains.temporal.resolve import resolve


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


def main() -> None:
    """Print one line a corpus."""
    parser = argparse.ArgumentParser(
        description="real annotators' expressions against the calendar semantics"
    )
    parser.add_argument("data", type=Path, help="folder of the corpora, or one that holds them as temporal/")
    parser.add_argument("--half", choices=("report", "develop", "all"), default="report")
    parser.add_argument("--show", type=int, default=0, help="disagreements to print per corpus")
    options = parser.parse_args()
    if options.show and options.half != "develop":
        parser.error("--show reads cases, which only the develop half is for: add --half develop")
    folder = options.data / "temporal" if (options.data / "temporal").is_dir() else options.data
    missing = [corpus.file for corpus in CORPORA.values() if not (folder / corpus.file).is_file()]
    if missing:
        parser.error(f"{folder} lacks {', '.join(missing)}")
    print(f"{options.half} half")
    print(f"{'corpus':12} {'rows':>5} {'datable':>8} coverage agreement compatible undated-kept")
    for name, corpus in CORPORA.items():
        figures = measure(list(pairs(folder, corpus, options.half)), corpus.direction, options.show)
        print(
            f"{name:12} {figures['rows']:5.0f} {figures['datable']:8.0f} {figures['coverage']:8.3f} "
            f"{figures['agreement']:9.3f} {figures['compatible']:10.3f} {figures['undated kept']:12.3f}"
        )


if __name__ == "__main__":
    main()
