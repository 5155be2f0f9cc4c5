"""The report as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.deploy.beside import judge_line
from p2m.deploy.differences import apart
from p2m.reporting.facts import (
    CANDIDATES,
    Story,
    agreement,
    are_sure,
    candidates,
    confusions,
    dropped,
    errors,
    headline,
    is_classification,
    million,
    outcomes,
    rewritten_rows,
    rungs,
    spending,
)
from p2m.sizes import short

_NAME = 25  # characters of a figure's name
_ERRORS = 5  # errors that the short form shows


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """Columns as wide as their widest cell; cells that begin with a digit are set right."""
    everything = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not everything:
        return ""
    widths = [max(len(row[place]) for row in everything) for place in range(len(everything[0]))]
    lines = [
        "  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)) for row in everything
    ]
    if header:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def render(story: Story) -> str:
    """Scores, data, and the surest errors, in some forty lines of at most about 110 characters."""
    scores = [
        (score.metric, f"{score.value:.3f}", f"[{score.low:.3f}, {score.high:.3f}]")
        for score in story.evaluated.scores
    ]
    told = headline(story)
    wide = max(_NAME, *(len(name) for name, _ in told))
    rivals = [(name, f"{value:.3f}") for name, value in sorted(story.evaluated.baselines.items())]
    parts = [
        "\n".join([f"{story.verdict.decision}  {story.name}", *story.verdict.told()]),
        story.task.instruction[:90],
        "\n".join(f"{name:<{wide}}  {value}" for name, value in told),
        table(scores, header=("metric", "value", "95% interval")),
        table(rivals, header=("baseline", story.evaluated.scores[0].metric)),
        table(candidates(story), header=CANDIDATES) if story.choice.scores else "",
        _rewritten(story),
        _smaller(story),
        f"teacher: {story.evaluated.teacher_note}",
        _judge(story),
        *_taught(story),
        table(_data(story), header=("rows", "number")),
        _mistakes(story),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)


def _smaller(story: Story) -> str:
    """What was tried to make the model smaller."""
    if story.ladder is None:
        return ""
    header = ("smaller", "size", story.evaluated.scores[0].metric, "p50", "", "why")
    return f"{table(rungs(story), header=header)}\njudged by {story.ladder.judged}"


def _judge(story: Story) -> str:
    judgement = story.evaluated.judgement
    return "judge: " + judge_line(judgement).replace("; ", ";\n  ") if judgement else ""


def _rewritten(story: Story) -> str:
    """What becomes of the primary metric where inputs are written otherwise."""
    rows = rewritten_rows(story.evaluated.rewritten)
    return table(rows, header=("written otherwise", "before", "after", "difference", "same")) if rows else ""


def _taught(story: Story) -> list[str]:
    """What the teachers cost, how requests ended, and what became of the rows."""
    account = story.account
    if account is None:
        return []
    told = [*spending(account), *million(account, story.measured)]
    wide = max(_NAME, *(len(name) for name, _ in told))
    ended = [(name, f"{number:,}", share) for name, number, share in outcomes(account)]
    rows = [(short(count.what, 70), f"{count.rows:,}") for count in account.funnel]
    rows += [(name, f"{number:,}") for name, number in agreement(account)]
    return [
        "\n".join(f"{name:<{wide}}  {value}" for name, value in told),
        table(ended, header=("requests", "number", "share")) if ended else "",
        table(rows, header=("from requests to rows", "number")) if rows else "",
    ]


def _data(story: Story) -> list[tuple[str, str]]:
    curated = [
        (count.what, f"{count.rows:,}")
        for count in story.curated.counts
        if not count.what.startswith("dropped")
    ]
    lost = [(f"dropped: {count.what}", f"{count.rows:,}") for count in dropped(story.curated.counts)]
    cut = [(count.what, f"{count.rows:,}") for count in story.parts.counts]
    return [*curated, *lost, *cut]


def _mistakes(story: Story) -> str:
    """The commonest confusions of a classification, else the surest wrong answers."""
    if is_classification(story):
        rows = [(right, said, str(n)) for right, said, n in confusions(story.evaluated.rows)[:_ERRORS]]
        return table(rows, header=("right label", "taken for", "rows")) if rows else ""
    shown = errors(story)[:_ERRORS]
    cells, is_told = [], are_sure(shown)
    for row in shown:
        pair = apart(story.task, row.predicted, row.output)
        told = [short(each, 48) or "(nothing)" for each in pair]
        cells.append((*[f"{row.confidence:.2f}"] * is_told, *told))
    return table(cells, header=(*["sure"] * is_told, "said", "right")) if cells else ""
