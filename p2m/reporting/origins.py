"""What a report's page says of where everything came from: rows, costs, recipe and versions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from p2m.deploy.serving.shapes import spans_in
from p2m.reporting.facts import (
    Story,
    agreement,
    dropped,
    is_classification,
    million,
    outcomes,
    spending,
)
from p2m.reporting.html import Bar, Safe, barred, bars, card, joined, listed, table, tag
from p2m.types import Count, Example
from p2m.version import __version__

_MOST = 20  # values of a distribution


def funnel(story: Story) -> Safe:
    """Rows that came in, those that were dropped and why, and what the kept ones became."""
    figures, parts = story.curated.figures, story.parts
    kept, arrived = len(story.curated.rows), int(figures.get("rows_in", len(story.curated.rows)))
    lost = dropped(story.curated.counts)
    others = [each for each in story.curated.counts if not each.what.startswith("dropped: ")]
    came = [each for each in others if each.what.startswith("in: ")]
    stayed = [each for each in others if not each.what.startswith("in: ")]
    sorts = [(came, "other"), ([replace(each, what=f"dropped: {each.what}") for each in lost], "bad"),
             (stayed, "model"), (parts.counts, "teacher")]  # fmt: skip
    lines = [(each, kind) for counts, kind in sorts for each in counts]
    text = f"{arrived:,} rows came in, {kept:,} stayed: "
    text += ", ".join(
        f"{len(rows):,} {what}"
        for rows, what in (
            (parts.train, "to learn from"),
            (parts.validation, "to stop by"),
            (parts.test, "to judge by"),
        )
    )
    return card(
        "Where rows came from and went",
        tag("p", f"{text}."),
        _counts("rows from source to use", lines),
        wide=True,
    )


def _counts(caption: str, lines: Sequence[tuple[Count, str]]) -> Safe:
    most = max((each.rows for each, _ in lines), default=1) or 1
    rows = [
        (each.what, barred(Bar("", each.rows, f"{each.rows:,}", kind), most), each.example)
        for each, kind in lines
    ]
    return table(caption, (("what", ""), ("rows", "bar"), ("one of them", "input")), rows, kind="stack")


def answers(story: Story) -> Safe:
    """What there is to learn."""
    figures = story.curated.figures
    distinct, bits = int(figures.get("distinct_answers", 0)), figures.get("answer_entropy_bits", 0.0)
    text = f"{distinct:,} distinct answers, {bits:.1f} bits of answer entropy."
    written = [
        f"{value:,.4g} {name.removeprefix('generated.').replace('_', ' ')}"
        for name, value in figures.items()
        if name.startswith("generated.")
    ]
    text += f" Of the teacher: {', '.join(written)}." if written else ""
    return card("Answers to learn from", tag("p", text), _distribution(story))


def _distribution(story: Story) -> Safe:
    outputs = [row.output for row in story.parts.train]
    if is_classification(story):
        return shares(Counter(outputs), caption="rows of each label in the training set")
    if story.task.layout is not None:
        found = [len(spans_in(text, story.task.layout, story.task.none)) for text in outputs]
        return histogram(found, caption="spans of a training row", unit="spans")
    return histogram(
        [len(text.split()) for text in outputs], caption="length of training answers", unit="words"
    )


def shares(counts: Counter[str], *, caption: str) -> Safe:
    """The commonest values of a distribution and, as one bar, the others."""
    total = max(1, counts.total())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [Bar(name, count, f"{count:,} ({count / total:.1%})") for name, count in ordered[:_MOST]]
    if len(ordered) > _MOST:
        rest = sum(count for _, count in ordered[_MOST:])
        rows.append(Bar(f"{len(ordered) - _MOST} others", rest, f"{rest:,} ({rest / total:.1%})", "other"))
    return bars(caption, ("answer", "rows"), rows) if rows else Safe("")


def histogram(values: Sequence[int], *, caption: str, unit: str) -> Safe:
    """Whole numbers in at most 16 equal bins; the last one takes what lies beyond the 99th percentile."""
    ordered = sorted(values)
    if not ordered:
        return Safe("")
    last = max(1, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])
    width = max(1, -(-(last + 1) // 16))
    counts = Counter(min(value, last) // width for value in values)
    rows = []
    for place in range(last // width + 1):
        low, high = place * width, place * width + width - 1
        name = f"{low}" if low == high else f"{low} to {high}"
        name = f"{low} or more" if place == last // width and ordered[-1] > high else name
        rows.append(Bar(f"{name} {unit}", counts[place], f"{counts[place]:,}"))
    return bars(caption, (unit, "rows"), rows)


def costs(story: Story) -> list[Safe]:
    """What answers take, and what the teachers were asked, what became of it, and what it cost."""
    account = story.account
    measured = story.measured
    told = [
        *million(account, measured),
        ("measured on", f"{measured.machine or 'not said'}, {measured.rows:,} rows"),
    ]
    found = [card("What an answer takes", listed(told))]
    if account is None:
        return found
    found.append(card("What the teacher cost", listed(spending(account))))
    ended, votes = outcomes(account), agreement(account)
    if ended:
        rows = [Bar(name, number, f"{number:,} ({share})", "teacher") for name, number, share in ended]
        found.append(
            card("How requests ended", bars("requests by how they ended", ("ended", "requests"), rows))
        )
    if votes:
        rows = [Bar(name, number, f"{number:,}", "teacher") for name, number in votes]
        found.append(
            card("How far samples agree", bars("rows by agreement of samples", ("votes", "rows"), rows))
        )
    if account.funnel:
        made = _counts("from requests to rows", [(each, "teacher") for each in account.funnel])
        found.append(card("From requests to rows", made, wide=True))
    return found


def provenance(story: Story) -> Safe:
    """What made the model, by digests that anybody can take again."""
    parts = story.parts
    rows: list[tuple[str, str]] = [("recipe", story.name), ("p2m", __version__)]
    rows += [
        (f"{name} rows", joined(f"{len(of):,} ", tag("code", _digest(_plain(of)))))
        for name, of in (("training", parts.train), ("validation", parts.validation), ("test", parts.test))
        if of
    ]
    rows += [(f"trained with: {name}", value) for name, value in sorted(story.trained.environment.items())]
    note = (
        "Digests are SHA-256 of JSON lines. manifest.json has the recipe with all its settings. The recipe's"
        " lock, committed beside it, names every package, file of code and input by its digest, and the keys"
        " and outputs of all steps; SHA256SUMS has the files of this bundle. Where a build put it, built.json"
        " beside this page names that lock by its digest, the commits of recipe and p2m, and the overrides."
    )
    return card("What made it", tag("p", note), listed(rows), wide=True)


def _plain(rows: Iterable[Example]) -> Iterable[object]:
    return ({"input": row.input, "output": row.output} for row in rows)


def _digest(values: Iterable[object]) -> str:
    made = hashlib.sha256()
    for value in values:
        line = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) + "\n"
        made.update(line.encode("utf-8", "surrogatepass"))
    return made.hexdigest()
