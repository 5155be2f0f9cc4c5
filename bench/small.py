"""p2m's default on small and large tables, beside what any user has at hand.

    .venv/bin/python bench/small.py DATA [--only TABLE,...] [--sizes 5,10,50,all] [--seeds 5] [--work FOLDER]

DATA holds hub/ and natural_instructions/. Every classification table in them is taken by rule
(classification/tables.py), and so are this repository's tickets; each with 5, 10 and 50 rows a label, drawn
with five seeds, and with all its rows, once. A build is a user's: a recipe with a prompt and `data.train`,
all else default, `p2m build`, then the bundle's own predict.py on rows that are never learnt from.

Peers, on the same rows: the majority; the nearest neighbour (TF-IDF cosine); logistic regression on
TfidfVectorizer (C=20, and scikit-learn's own C=1) and on frozen all-MiniLM-L6-v2 (C=20), the base of p2m's
own minilm; and, with --setfit, SetFit as published on that base, pinned in peers.txt. SetFit takes minutes a
cell, so it runs on up to --setfit-rows rows, with the settings of its paper; `-` is where it was not run.

With --wrong 0.2 a fifth of the labels to learn from, drawn once a table, are wrong, as in tables that many
hands or a model labelled; the rows that judge keep theirs.

Prints the accuracy, the verdicts of the builds and how they compare with the truth, which
classification/report.py defines. Exits with 1 where p2m's mean over tables is below a peer's, where it is
more than 2 points below one on a table, or where fewer than 95% of its verdicts are right.

Results are kept in the folder of --work, and one that is there is not made again; p2m's hold as long as its
code is the same (--stale lifts that). The rows to learn from of banking77 and snips_intents were looked at
while p2m was made; nobody looked at the other tables, for which the means are printed apart too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import peers
from classification import contestants, report
from classification.contestants import P2M, QUICK, SETFIT
from classification.report import Cell, Result, Results
from classification.tables import ALL, DEVELOPMENT, Row, Table, read

SIZES = ("5", "10", "50", ALL)
SETFIT_ROWS = 100


class Log:
    """Results on disk, a line each; the last one of a cell and contestant holds."""

    def __init__(self, folder: Path, *, stale: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "results.jsonl"
        self._code = contestants.code_digest()
        self._known: dict[tuple[Any, ...], Result] = {}
        for made in self._read():
            cell = Cell(made["table"], made["size"], made["seed"])
            if made["name"] != P2M or made["code"] == self._code or stale:
                self._known[cell, made["digest"], made["name"]] = Result(**made["result"])

    def _read(self) -> Iterator[dict[str, Any]]:
        """What was written; a line that a kill cut off is left out, and measured again."""
        for line in self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                print(f"{self._file}: a damaged line is left out", file=sys.stderr)

    def find(self, cell: Cell, digest: str, name: str) -> Result | None:
        """The result, unless it is that of a build that failed, which is tried again."""
        found = self._known.get((cell, digest, name))
        return None if found is None or found.verdict == contestants.FAILED else found

    def add(self, cell: Cell, digest: str, name: str, result: Result) -> None:
        made = asdict(cell) | {"digest": digest, "name": name, "code": self._code, "result": asdict(result)}
        cut = self._file.exists() and not self._file.read_bytes().endswith(b"\n")
        with self._file.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + json.dumps(made) + "\n")


def main(argv: Sequence[str]) -> int:
    given = _arguments(argv)
    tables = _chosen(read(given.data), given.only)
    tables = [table.spoilt(given.wrong) for table in tables] if given.wrong else tables
    sizes = [size for size in SIZES if size in given.sizes.split(",")]
    work = Path(given.work or tempfile.mkdtemp(prefix="p2m-small-"))
    python = _setfit(given.peers) if given.setfit else None
    names = [*QUICK, *([SETFIT] if python else []), *([] if given.peers_only else [P2M])]
    _introduce(tables, work, given)
    log = Log(work, stale=given.stale)
    results: Results = {}
    for table in tables:
        for cell, rows in _cells(table, sizes, given.seeds):
            results[cell] = {}
            for name in names:
                if name == SETFIT and len(rows) > given.setfit_rows:
                    continue
                found = log.find(cell, table.digest, name)
                if found is None:
                    found = _measure(name, table, cell, rows, work, python)
                    log.add(cell, table.digest, name, found)
                results[cell][name] = found
        shutil.rmtree(work / "store", ignore_errors=True)  # no step of a table serves another
    return _tell(results, [name for name in names if name != P2M], sizes)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="", help="tables, by name, with commas between; all where left out")
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"rows a label ({','.join(SIZES)})")
    parser.add_argument("--seeds", type=int, default=5, help="draws of each size (5)")
    parser.add_argument("--wrong", type=float, default=0.0, help="share of labels to learn from made wrong")
    parser.add_argument("--work", default=None, help="kept, so that a second run goes on where it was")
    parser.add_argument("--stale", action="store_true", help="take kept results of another p2m as well")
    parser.add_argument("--peers-only", action="store_true", help="leave p2m out, and with it the bars")
    parser.add_argument("--setfit", action="store_true", help="SetFit too, in an environment of its own")
    parser.add_argument(
        "--setfit-rows", type=int, default=SETFIT_ROWS, help=f"rows up to which it is run ({SETFIT_ROWS})"
    )
    parser.add_argument(
        "--peers", type=Path, default=peers.DEFAULT, help=f"where that environment is kept ({peers.DEFAULT})"
    )
    return parser.parse_args(argv)


def _chosen(tables: Sequence[Table], only: str) -> list[Table]:
    wanted = set(only.split(",")) if only else {table.name for table in tables}
    unknown = wanted - {table.name for table in tables}
    if unknown:
        known = ", ".join(table.name for table in tables)
        raise SystemExit(f"no table {', '.join(sorted(unknown))}; there are {known}")
    return [table for table in tables if table.name in wanted]


def _setfit(folder: Path) -> Path:
    """The Python of SetFit's environment, which is made where there is none.

    Raises:
        SystemExit: it cannot be made.
    """
    made = peers.prepare(folder, {SETFIT})
    if SETFIT not in made.found:
        raise SystemExit(made.missing.get(SETFIT, "bench/peers.txt does not pin setfit"))
    return made.found[SETFIT].bin / "python"


def _introduce(tables: Sequence[Table], work: Path, given: argparse.Namespace) -> None:
    print(f"{'table':24s}{'labels':>8s}{'to learn':>10s}{'to judge':>10s}  where these are from")
    for table in tables:
        origin = "official part" if table.official else "half of the rows"
        seen = "" if table.held_out else ", a table of development"
        counts = f"{table.labels:8d}{len(table.train):10d}{len(table.test):10d}"
        print(f"{table.name:24s}{counts}  {origin}{seen}")
    if given.setfit:
        print(f"SetFit is run on up to {given.setfit_rows} rows")
    print(flush=True)
    print(f"results are kept in {work}", file=sys.stderr)


def _cells(table: Table, sizes: Sequence[str], seeds: int) -> Iterator[tuple[Cell, tuple[Row, ...]]]:
    """What the table can give: sizes that most labels reach, and all rows once."""
    for size in sizes:
        for seed in range(1 if size == ALL else seeds):
            rows = table.sample(size, seed)
            if rows is not None:
                yield Cell(table.name, size, seed), rows


def _measure(
    name: str, table: Table, cell: Cell, rows: Sequence[Row], work: Path, python: Path | None
) -> Result:
    """Let one contestant learn the rows and answer those to judge by."""
    texts, gold = [text for text, _ in table.test], [label for _, label in table.test]
    began = time.monotonic()
    if name == P2M:
        place = work / "builds" / f"{cell.table}-{cell.size}-{cell.seed}"
        built = contestants.p2m(table, rows, texts, place, work / "store")
        answers, seconds, verdict, note = built.answers, built.seconds, built.verdict, built.note
    else:
        if name == SETFIT:
            assert python is not None
            answers = contestants.setfit(python, rows, texts, cell.seed)
        else:
            answers = contestants.quick_peers(table, work / "embeddings")[name](rows, texts)
        seconds, verdict, note = time.monotonic() - began, "", ""
    answers = answers or [""] * len(gold)  # a build that failed has no answers, none of them right
    right = "".join("01"[answer == label] for answer, label in zip(answers, gold, strict=True))
    result = Result(right, len(rows), round(seconds, 2), verdict, note)
    said = f"{cell.table} {cell.size}/{cell.seed} {name}: {result.accuracy:.1f} in {seconds:.1f} s"
    print(f"{said} {verdict} {note}".rstrip(), file=sys.stderr, flush=True)
    return result


def _tell(results: Results, others: Sequence[str], sizes: Sequence[str]) -> int:
    """Print the report; 1 where a bar was missed."""
    print("\n".join(report.lines(results, others, sizes)))
    held_out = {cell: made for cell, made in results.items() if cell.table not in DEVELOPMENT}
    if held_out and len(held_out) < len(results):
        values = {name: report.mean_of(held_out, name, held_out) for name in (P2M, *others)}
        shown = ", ".join(f"{name} {value:.1f}" for name, value in values.items() if value is not None)
        print(f"\nmean of the tables that nobody looked at: {shown}")
    judged = report.bars(results, others)
    print()
    for met, text in judged:
        print(f"{'PASS' if met else 'FAIL'}  {text}")
    return 0 if all(met for met, _ in judged) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
