"""What bundles scored on labelled rows, as text."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from p2m.bundle_scores import Compared, Labelled, Opened, Scored
from p2m.cli.text import table
from p2m.engine.files.disk import replace
from p2m.errors import UserError, nearest
from p2m.reporting.base import confusions, rewritten_rows
from p2m.sizes import on_a_line
from p2m.types import Judged, Rewritten, Score, TaskType

_SHOWN = 5  # slices, confusions and rows
_EVERY = 5  # seconds between two lines of progress


class Answering:
    """How many rows are answered, on standard error every few seconds."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._said >= _EVERY and done < total:
            self._said = time.monotonic()
            print(f"{done:,} of {total:,} rows answered", file=sys.stderr)


def scored_text(
    bundle: Opened, data: Path, found: Scored, missed: Sequence[str], others: Sequence[Rewritten] | None,
    given: Labelled,
) -> str:  # fmt: skip
    """Each metric beside what it was when the bundle was built, and where it is weakest."""
    before = {each.metric: each for each in bundle.before}
    rows = [
        (each.metric, _figure(each), f"when it was built: {_figure(old)} of {old.rows:,}")
        for each in found.scores
        if (old := before[each.metric])
    ]
    lines = [f"{bundle.folder} on {len(found.rows):,} rows of {data}", table(rows, indent=2)]
    if found.sureness is not None:
        sure = found.sureness
        lines.append(f"  calibration error {sure.error:.3f} ({sure.before:.3f} of the model's own scores)")
        told = ", ".join(f"{e.share:.2f} at {e.wanted:.0%} ({e.precision:.2f})" for e in sure.coverages)
        lines += [f"  answers by precision (seen): {told}"] * bool(told)
    lines += _weakest(found)
    if bundle.task.type is TaskType.CLASSIFICATION:
        lines += _confused(found.rows)
    if others is not None:
        lines += _rewritten(bundle, others)
    lines += _unseen(bundle, given)
    lines += [f"  not computed: {text}" for text in bundle.left]
    lines += [f"  missed: {text}" for text in missed]
    return "\n".join(lines)


def _unseen(bundle: Opened, given: Labelled) -> list[str]:
    """Labels of the rows that a bundle was not taught, and where they stand."""
    lines = []
    for label, places in list(given.unseen.items())[:_SHOWN]:
        shown = ", ".join(Path(place).name for place in places[:_SHOWN]) + ", ..." * (len(places) > _SHOWN)
        close = nearest(label, bundle.task.labels)
        hint = f"; {close}" if close.startswith("did you mean") else ""
        lines.append(
            f"  ! {len(places):,} row{'s' * (len(places) != 1)} with {label!r}, which {bundle.folder} was not"
            f" taught, so wrong whatever it says: {shown}{hint}"
        )
    more = len(given.unseen) - _SHOWN
    return [*lines, *([f"  ! and {more:,} more such labels"] if more > 0 else [])]


def _rewritten(bundle: Opened, others: Sequence[Rewritten]) -> list[str]:
    """What becomes of the first metric where rows are written otherwise."""
    if not others:
        return ["  written otherwise: not applicable, since answers stand in the only text"]
    header = (f"{bundle.metrics[0].name} of {others[0].rows:,} rows", "as is", "then", "difference", "same")
    return [table(rewritten_rows(others), header=header, indent=2)]


def _weakest(found: Scored) -> list[str]:
    """Where it is weakest, and what it takes for what."""
    mean = sum(row.correct for row in found.rows) / max(1, len(found.rows))
    below = [each for each in found.slices if each.value < mean]
    told = [f"{each.name} {each.value:.2f} of {each.rows}" for each in below[:_SHOWN]]
    return [f"  weakest: {', '.join(told)}"] * bool(told)


def _confused(rows: Sequence[Judged]) -> list[str]:
    pairs = [f"{right} for {said} {n}" for right, said, n in confusions(rows)[:_SHOWN]]
    return [f"  taken for another: {', '.join(pairs)}"] * bool(pairs)


def compared_text(first: Opened, second: Opened, data: Path, found: Compared, given: Labelled) -> str:
    """Both side by side, and what of the difference chance may account for."""
    theirs = {each.metric: each for each in found.second.scores}
    rows = [
        (each.metric, _figure(each), _figure(theirs[each.metric]) if each.metric in theirs else "")
        for each in found.first.scores
    ]
    seen, outcomes = found.beside, found.outcomes
    gap = seen.difference
    lines = [
        f"{len(found.first.rows):,} rows of {data}",
        table(rows, header=("", str(first.folder), str(second.folder)), indent=2),
        f"  {first.metrics[0].name}: the second's less the first's is {gap.value:+.3f}"
        f" [{gap.low:+.3f}, {gap.high:+.3f}], p {min(seen.better, seen.worse):.3f} one-sided:"
        f" {_verdict(found)}",
        f"  rows: {outcomes['both']:,} right by both, {outcomes['second']:,} where the second is righter,"
        f" {outcomes['first']:,} where the first is, {outcomes['neither']:,} wrong by both",
    ]
    lost = [
        (one, two) for one, two in zip(found.first.rows, found.second.rows, strict=True)
        if one.correct > two.correct
    ]  # fmt: skip
    lost.sort(key=lambda pair: -pair[1].confidence)
    for one, two in lost[:_SHOWN]:
        shown = on_a_line(one.input, most=80)
        lines.append(f"    lost: {shown!r} is {one.output}: {two.predicted} ({two.confidence:.2f})")
    return "\n".join([*lines, *_unseen(first, given)])


def _verdict(found: Compared) -> str:
    if found.beside.better < 0.05:
        return "better by more than chance"
    return "worse by more than chance" if found.beside.worse < 0.05 else "may be chance"


def _figure(score: Score) -> str:
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def write_wrong(found: Scored, path: Path) -> None:
    """The wrong answers as JSON Lines, the surest first."""
    wrong = sorted((row for row in found.rows if row.correct < 1), key=lambda row: -row.confidence)
    told = [
        {**row.input, "right": row.output, "said": row.predicted, "score": round(row.confidence, 4)}
        for row in wrong
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in told]
    try:
        replace(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise UserError(f"--wrong {path}: cannot be written ({error.strerror or error})") from None
