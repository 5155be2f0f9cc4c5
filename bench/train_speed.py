"""How fast p2m trains, beside the plain Trainer example of each family.

    python bench/train_speed.py [DATA] [--family labels,spans,seq2seq] [--steps 60] [--threads 1]

The same rows, lengths, batch, rate, steps and threads (training/contest.py says what the plain script is):
labels of banking77, spans of SQuAD, both on all-MiniLM-L6-v2, and phonemes of CMUdict by a byte-level T5 from
scratch. Prints rows of a processor second, of the steps alone, and the metric of both on test rows with its
interval. Exits with 1 where p2m is less than 1.5 times as fast, or its metric lies below the script's by more
than chance: the upper end of the 95% interval of their difference, row by row, is below zero.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.contest import Result, by_p2m, by_script
from training.rows import FAMILIES, Match

BAR = 1.5


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--family", default=",".join(FAMILIES), help="of these, some")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--test", type=int, default=500, help="rows that judge both")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(argv)
    wins = []
    for name in given.family.split(","):
        match = FAMILIES[name](given.data, given.steps * 32, given.test)
        epochs = given.steps * match.batch / len(match.train)
        wins.append(
            compared(match, by_script(match, epochs, given.threads), by_p2m(match, epochs, given.threads))
        )
    return 0 if all(wins) else 1


def compared(match: Match, script: Result, ours: Result) -> bool:
    """Print both, and say whether p2m holds the bar."""
    ratio = ours.rows_a_second / script.rows_a_second
    print(f"\n{match.name}: {len(match.train):,} rows, batch {match.batch}, {match.metric.name}")
    for each in (script, ours):
        print(
            f"  {each.name:14s} {each.rows_a_second:8.1f} rows/s {each.tokens_a_second:9.0f} tokens/s"
            f"  {each.steps} steps, {each.seconds:.0f} s in all  {match.metric.name}"
            f" {score(match, each):.3f}"
        )
    low, high = difference(match, ours, script)
    is_won = ratio >= BAR and high >= 0
    print(
        f"  {'PASS' if is_won else 'FAIL'}  {ratio:.2f} times as fast (bar {BAR}),"
        f" {match.metric.name} {score(match, ours) - score(match, script):+.3f} [{low:+.3f}, {high:+.3f}]"
    )
    return is_won


def score(match: Match, result: Result) -> float:
    return match.metric.value(
        match.metric.statistics(list(result.answers), [row.answers for row in match.test])
    )


def difference(match: Match, one: Result, other: Result) -> tuple[float, float]:
    """The 95% interval of how much better `one` is, by resampling rows."""
    import numpy as np

    right = [row.answers for row in match.test]
    first, second = (
        np.asarray(match.metric.statistics(list(each.answers), right), dtype=float) for each in (one, other)
    )
    lot = np.random.default_rng(0)
    drawn = [lot.integers(0, len(right), len(right)) for _ in range(1000)]
    found = [match.metric.value(first[rows]) - match.metric.value(second[rows]) for rows in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
