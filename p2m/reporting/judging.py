"""What a report's page says of answers: how sure and how right they are, and what is taken for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from p2m.deploy.beside import judge_line
from p2m.deploy.differences import apart
from p2m.deploy.regression import held_line
from p2m.reporting.facts import (
    Story,
    behind,
    by_label,
    confusions,
    flat,
    is_classification,
    labels,
    matrix_labels,
    rewritten_rows,
)
from p2m.reporting.html import Bar, Safe, barred, bars, card, framed, joined, table, tag
from p2m.types import CROSS_VALIDATION, Judged

_SLICES = 12  # that are shown
_MATRIX = 24  # labels that a confusion matrix can show
_LABELS = 100  # that are listed
_PAIRS = 20  # of labels
_SHADE = 62  # per cent of colour in the fullest cell of a matrix: what is written in it stays legible


def scores(story: Story) -> Safe:
    """The primary metric beside baselines and teacher, then every metric with its interval."""
    evaluated = story.evaluated
    primary, judgement = evaluated.scores[0], evaluated.judgement
    rows = [Bar("this model", primary.value, f"{primary.value:.3f}", "model", primary.low, primary.high)]
    ranked = sorted(evaluated.baselines.items(), key=lambda item: (-item[1], item[0]))
    rows += [Bar(name, value, f"{value:.3f}", "other") for name, value in ranked]
    if evaluated.teacher is not None:
        some = "" if evaluated.teacher.rows == primary.rows else f", on {evaluated.teacher.rows:,} rows"
        rows.append(
            Bar(f"teacher{some}", evaluated.teacher.value, f"{evaluated.teacher.value:.3f}", "teacher")
        )
    told = f"{primary.metric}; the whisker is the 95% bootstrap interval. Teacher: {evaluated.teacher_note}."
    others = [
        (each.metric, f"{each.value:.3f}", f"{each.low:.3f} to {each.high:.3f}") for each in evaluated.scores
    ]
    return card(
        f"Scores on {primary.rows:,} {evaluated.evidence} rows",
        tag("p", told + (f" Judge: {judge_line(judgement)}." if judgement else "")),
        bars(
            f"{primary.metric} of the model, of baselines and of the teacher",
            ("answers of", primary.metric),
            rows,
            top=1.0,
        ),
        table("every metric", (("metric", ""), ("value", "n"), ("95% interval", "n")), others),
    )


def calibration(story: Story, bins: int = 5) -> Safe:
    """How often the model is right, by how sure it says it is, and what abstaining buys."""
    if not any(row.confidence for row in story.evaluated.rows):  # the student knows none out of fold
        return Safe("")
    found = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [
            row.correct for row in story.evaluated.rows if low <= row.confidence < (high if high < 1 else 2)
        ]
        mean = sum(inside) / len(inside) if inside else 0.0
        shown = f"{mean:.2f} of {len(inside):,}" if inside else "no row"
        found.append(Bar(f"{low:.0%} to {high:.0%}", mean, shown))
    chart = bars("share of right answers by confidence", ("sure", "right"), found, top=1.0)
    return card("Right answers by the model's own confidence", chart, _abstaining(story))


def _abstaining(story: Story) -> Safe:
    found = story.evaluated.sureness
    if found is None or not found.coverages:
        return Safe("")
    header = (
        ("wanted precision", "n"),
        ("rows answered", "n"),
        ("precision seen", "n"),
        ("95% interval", "n"),
    )
    rows = [
        (
            f"{each.wanted:g}",
            f"{each.share:.0%}",
            f"{each.precision:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
        )
        for each in found.coverages
    ]
    return joined(
        tag("h4", "Where it abstains from unsure answers"), table("what abstaining buys", header, rows)
    )


def rewritten(story: Story) -> Safe:
    """What becomes of the primary metric where inputs are written otherwise."""
    rows = rewritten_rows(story.evaluated.rewritten)
    if not rows:
        return Safe("")
    of = story.evaluated.rewritten[0].rows
    learnt = ", which it has learnt from" if story.evaluated.evidence == CROSS_VALIDATION else ""
    text = tag("p", f"{story.evaluated.scores[0].metric} of {of:,} rows{learnt}.")
    header = (("rows with", ""), ("before", "n"), ("after", "n"), ("difference", "n"), ("same answers", "n"))
    return card("Written otherwise", text, table("inputs written otherwise", header, rows, kind="stack"))


def labelled(story: Story) -> Safe:
    """Of each label how well it is found, the worst first."""
    if not story.task.type.is_labelled:
        return Safe("")
    rows = [
        (label, f"{right:,}", f"{given:,}", f"{precision:.3f}", f"{recall:.3f}",
         barred(Bar("", score, f"{score:.3f}")))
        for label, right, given, precision, recall, score in by_label(story)[:_LABELS]
    ]  # fmt: skip
    header = (
        ("label", ""),
        ("rows", "n"),
        ("given", "n"),
        ("precision", "n"),
        ("recall", "n"),
        ("F1", "bar"),
    )
    return card("Labels, the worst first", table("figures of each label", header, rows, kind="figures"))


def slices(story: Story) -> Safe:
    """Where the model is weakest."""
    if not story.evaluated.slices:
        return Safe("")
    rows = []
    for each in story.evaluated.slices[:_SLICES]:
        shown = f"{each.value:.3f} [{each.low:.2f}, {each.high:.2f}]"
        bar = barred(Bar("", each.value, shown, "model", each.low, each.high))
        rows.append((each.name, f"{each.rows:,}", bar))
    header = (("rows where", ""), ("rows", "n"), ("right", "bar"))
    return card("Slices, the weakest first", table("right answers by slice", header, rows))


def matrix(story: Story) -> Safe:
    """Right labels down, predicted ones across; a cell leads to its errors."""
    names = matrix_labels(story, _MATRIX) if is_classification(story) else []
    rows = [row for row in story.evaluated.rows if {row.output, row.predicted} <= set(names)]
    if not names:
        return Safe("")
    some = "" if len(names) == len(labels(story)) else f", of the {len(names)} labels that are most confused"
    title = f"Right labels (down) and predicted ones (across){some}"
    return card(title, _matrix(rows, names), wide=len(names) > 9)


def _matrix(rows: Sequence[Judged], names: Sequence[str]) -> Safe:
    counts = Counter((row.output, row.predicted) for row in rows)
    totals = Counter(row.output for row in rows)
    across = [tag("th", name, scope="col") for name in names]
    head = tag("tr", tag("td", "right ↓ said →"), *across)
    lines = [
        tag("tr", tag("th", right, scope="row"),
            *(_cell(right, said, counts[right, said], totals[right]) for said in names))
        for right in names
    ]  # fmt: skip
    made = framed(
        "rows by right label (down) and by what the model said (across)", head, lines, kind="matrix"
    )
    return tag("div", made, class_="scroll", role="group", aria_label="confusion matrix", tabindex=0)


def _cell(right: str, said: str, number: int, total: int) -> Safe:
    if not number:
        return tag("td", "")
    colour = "good" if right == said else "bad"
    style = f"background:color-mix(in srgb,var(--cell-{colour}) {_SHADE * number / total:.0f}%,var(--track))"
    if right == said:
        return tag("td", f"{number}", style=style, title=f"{right}: {number:,} right")
    told = f"{right} taken for {said}: {number:,}"
    link = tag("a", f"{number}", href="#error-rows", data_pair=True, data_right=right, data_said=said,
               title=told, aria_label=told)  # fmt: skip
    return tag("td", link, style=style)


def confused(story: Story) -> Safe:
    """The commonest confusions."""
    found = confusions(story.evaluated.rows)[:_PAIRS] if is_classification(story) else []
    if not found:
        return Safe("")
    most = max(n for *_, n in found)
    rows = [(right, said, barred(Bar("", n, f"{n:,}", "bad"), most)) for right, said, n in found]
    header = (("right label", ""), ("taken for", "wrong"), ("rows", "bar"))
    return card("Commonest confusions", table("what is taken for what", header, rows))


def behind_teacher(story: Story) -> Safe:
    """Rows that the teacher got right and the model did not, where there are any."""
    rows = []
    for row in behind(story.evaluated.rows):
        said, right = apart(story.task, row.predicted, row.output)
        rows.append((flat(row.input), said, apart(story.task, row.teacher or "", row.output)[0], right))
    header = (("input", "input"), ("the model said", "wrong"), ("the teacher said", "right"), ("right", ""))
    made = table("rows on which the teacher is ahead", header, rows, kind="stack")
    return card("Where the teacher is ahead", made, wide=True) if rows else Safe("")


def before(story: Story) -> Safe:
    """The model beside the bundle that it must not be worse than, and rows that it lost."""
    if story.held is None:
        return Safe("")
    text = tag("p", held_line(story.held, story.evaluated.scores[0].metric)[0])
    rows = []
    for row in story.held.examples:
        said, right = apart(story.task, row.predicted, row.output)
        rows.append((flat(row.input), said, apart(story.task, row.teacher or "", row.output)[0], right))
    header = (("input", "input"), ("said now", "wrong"), ("said before", "right"), ("right", ""))
    made = table("rows that were lost", header, rows, kind="stack") if rows else ""
    return card("Beside the bundle before it", text, made, wide=bool(rows))
