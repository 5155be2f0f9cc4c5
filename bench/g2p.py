"""Words to phonemes, learnt from scratch: p2m's tiny_seq2seq beside a plain Trainer script.

    python bench/g2p.py [DATA] [--rows 100000] [--epochs 5] [--threads 1]

CMUdict; a twentieth of the words is set aside by their digests. Both have the same shape, rows, batch and
rate, and the script as many steps as fit into the processor time that p2m's took (training/contest.py says
what it is). Prints the share of words that are right in all phonemes and stresses (any of a word's
pronunciations will do), and the errors a phoneme (edits to the nearest pronunciation over its length). Exits
with 1 where p2m reads fewer than 1.5 times the script's tokens a second, or is worse in either figure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.contest import Result, by_p2m, by_script
from training.rows import Match, phonemes

BAR = 1.5


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=100_000, help="words to learn from")
    parser.add_argument("--test", type=int, default=2000, help="words to ask")
    parser.add_argument("--epochs", type=float, default=5.0, help="of p2m")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(argv)
    match = phonemes(given.data, given.rows, given.test)
    ours = by_p2m(match, given.epochs, given.threads)
    script = by_script(match, given.epochs, given.threads, seconds=ours.seconds)
    print(f"\n{len(match.train):,} words, {len(match.test):,} asked")
    for each in (script, ours):
        right, errors = figures(match, each)
        print(
            f"  {each.name:14s} {each.steps:6d} steps in {each.seconds:5.0f} s"
            f" {each.tokens_a_second:7.0f} tokens/s  words right {right:.3f}, errors a phoneme {errors:.3f}"
        )
    ratio = ours.tokens_a_second / script.tokens_a_second
    (our_right, our_errors), (right, errors) = figures(match, ours), figures(match, script)
    is_won = ratio >= BAR and our_right >= right and our_errors <= errors
    print(f"{'PASS' if is_won else 'FAIL'}  {ratio:.2f} times the script's tokens a second, bar {BAR}")
    return 0 if is_won else 1


def figures(match: Match, result: Result) -> tuple[float, float]:
    """Share of words that are right, and errors a phoneme."""
    right = edits = length = 0
    for row, said in zip(match.test, result.answers, strict=True):
        nearest, one = min((distance(said.split(), each.split()), each) for each in row.answers)
        right += said in row.answers
        edits += nearest
        length += len(one.split())
    return right / len(match.test), edits / length


def distance(said: Sequence[str], right: Sequence[str]) -> int:
    """Phonemes to insert, leave out or replace (Levenshtein)."""
    last = list(range(len(right) + 1))
    for i, one in enumerate(said, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (one != other)))
        last = row
    return last[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
