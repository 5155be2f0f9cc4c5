"""What a report's page says of answers: how sure and how right they are, of what, and which are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from p2m.deploy.differences import apart
from p2m.deploy.regression import held_line
from p2m.reporting import charts
from p2m.reporting.facts import (
    WORST,
    Story,
    are_sure,
    behind,
    by_label,
    confusions,
    errors,
    is_classification,
    labels,
    matrix_labels,
    rewritten_rows,
)
from p2m.reporting.html import section, table
from p2m.types import CROSS_VALIDATION, Judged

_SLICES = 12  # that are shown
_MATRIX = 24  # labels that a confusion matrix can show
_LABELS = 100  # that are listed
_PAIRS = 20  # of labels
_FOLDED = 200  # errors of one kind


def answers(story: Story) -> list[str]:
    """How sure the model is and, for a classification, what it takes for what."""
    found = [_slices(story)] if story.evaluated.slices else []
    if any(row.confidence for row in story.evaluated.rows):  # none: the student knows none out of fold
        chart = charts.calibration(story.evaluated.rows) + _abstaining(story)
        found.append(section("Right answers by the model's own confidence", chart))
    found += _rewritten(story)
    if story.task.type.is_labelled:
        found.append(_by_label(story))
    if not is_classification(story):
        return found
    names = matrix_labels(story, _MATRIX)
    rows = [row for row in story.evaluated.rows if {row.output, row.predicted} <= set(names)]
    some = "" if len(names) == len(labels(story)) else f", of the {len(names)} labels that are most confused"
    if names:
        title = f"Right labels (down) and predicted ones (across){some}"
        found.append(section(title, charts.confusion(rows, names)))
    pairs = [
        ((right, ""), (said, "wrong"), (str(n), "n"))
        for right, said, n in confusions(story.evaluated.rows)[:_PAIRS]
    ]
    listed = table(("right label", "taken for", "rows"), pairs)
    return [*found, section("Commonest confusions", listed)] if pairs else found


def _rewritten(story: Story) -> list[str]:
    """What becomes of the primary metric where inputs are written otherwise."""
    rows = rewritten_rows(story.evaluated.rewritten)
    if not rows:
        return []
    of = story.evaluated.rewritten[0].rows
    learnt = ", which it has learnt from" if story.evaluated.evidence == CROSS_VALIDATION else ""
    text = f"<p>{escape(story.evaluated.scores[0].metric)} of {of:,} rows{learnt}.</p>"
    header = ("rows with", "before", "after", "difference", "same answers")
    return [section("Written otherwise", text, table(header, [
        ((what, ""), *((cell, "n") for cell in cells)) for what, *cells in rows
    ]))]  # fmt: skip


def _by_label(story: Story) -> str:
    """Of each label how well it is found, the worst first."""
    rows = [
        ((label, ""), (f"{right:,}", "n"), (f"{given:,}", "n"), *((f"{each:.3f}", "n") for each in figures))
        for label, right, given, *figures in by_label(story)[:_LABELS]
    ]
    header = ("label", "rows", "given", "precision", "recall", "F1")
    return section("Labels, the worst first", table(header, rows))


def _slices(story: Story) -> str:
    """Where the model is weakest."""
    rows = [
        ((each.name, "input"), (f"{each.rows:,}", "n"), (f"{each.value:.3f}", "n"),
         (f"{each.low:.3f} to {each.high:.3f}", "n"))
        for each in story.evaluated.slices[:_SLICES]
    ]  # fmt: skip
    return section("Slices, the weakest first", table(("rows where", "rows", "right", "interval"), rows))


def _abstaining(story: Story) -> str:
    """What abstaining from unsure answers buys."""
    found = story.evaluated.sureness
    if found is None or not found.coverages:
        return ""
    rows = [
        ((f"{each.wanted:g}", "n"), (f"{each.share:.0%}", "n"), (f"{each.precision:.3f}", "n"),
         (f"{each.low:.3f} to {each.high:.3f}", "n"))
        for each in found.coverages
    ]  # fmt: skip
    return table(("wanted precision", "rows answered", "precision seen", "95% interval"), rows)


def behind_teacher(story: Story) -> str:
    """Rows that the teacher got right and the model did not, where there are any."""
    rows = []
    for row in behind(story.evaluated.rows):
        said, right = apart(story.task, row.predicted, row.output)
        taught = apart(story.task, row.teacher or "", row.output)[0]
        rows.append(((said, "wrong"), (taught, "right"), (right, ""), (_input(row), "input")))
    header = ("the model said", "the teacher said", "right", "input")
    return section("Where the teacher is ahead", table(header, rows), wide=True) if rows else ""


def before(story: Story) -> str:
    """The model beside the bundle that it must not be worse than, and rows that it lost."""
    if story.held is None:
        return ""
    line = held_line(story.held, story.evaluated.scores[0].metric)[0]
    text = f"<p>{escape(line)}</p>"
    rows = []
    for row in story.held.examples:
        said, right = apart(story.task, row.predicted, row.output)
        earlier = apart(story.task, row.teacher or "", row.output)[0]
        rows.append(((said, "wrong"), (earlier, "right"), (right, ""), (_input(row), "input")))
    header = ("said now", "said before", "right", "input")
    listed = table(header, rows) if rows else ""
    return section("Beside the bundle before it", text, listed, wide=bool(rows))


def mistakes(story: Story) -> str:
    wrong = errors(story)
    if not wrong:
        return section("Errors", "<p>None on these rows.</p>", wide=True)
    is_told = are_sure(wrong)
    title = "Surest errors" if is_told else "Errors"
    listed = _errors(story, wrong[:WORST], is_told=is_told)
    if len(wrong) <= WORST and not is_classification(story):
        return section(title, listed, wide=True)
    return section(title, listed, *_browser(story, wrong, is_told=is_told), wide=True)


def _browser(story: Story, wrong: Sequence[Judged], *, is_told: bool) -> Iterator[str]:
    """How sure the errors are, as a picture, and every one of them, folded by what was taken for what."""
    if is_told:
        yield charts.errors(wrong)
    groups: dict[str, list[Judged]] = {}
    for row in wrong:
        one = is_classification(story)
        groups.setdefault(f"{row.output} taken for {row.predicted}" if one else "all of them", []).append(row)
    for name, rows in sorted(groups.items(), key=lambda each: (-len(each[1]), each[0])):
        content = _errors(story, rows[:_FOLDED], is_told=is_told)
        some = f" (the first {_FOLDED})" if len(rows) > _FOLDED else ""
        title = f"{name}: {len(rows):,} rows{some}" if len(rows) > 1 else f"{name}: 1 row"
        yield f"<details><summary>{escape(title)}</summary>\n{content}\n</details>\n"


def _errors(story: Story, wrong: Sequence[Judged], *, is_told: bool) -> str:
    rows = []
    for row in wrong:
        said, right = apart(story.task, row.predicted, row.output)
        sure = [(f"{row.confidence:.2f}", "n")] * is_told
        rows.append((*sure, (said, "wrong"), (right, "right"), (_input(row), "input")))
    return table((*["sure"] * is_told, "said", "right", "input"), rows)


def _input(row: Judged, most: int = 420) -> str:
    parts = [text if len(row.input) == 1 else f"{name}: {text}" for name, text in row.input.items()]
    flat = " | ".join(" ".join(part.split()) for part in parts)
    return flat if len(flat) <= most else flat[: most - 1] + "…"
