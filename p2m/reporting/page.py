"""The report as one HTML file: its pictures and its style are inside it, and it asks nothing of a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import escape

from p2m.deploy.beside import judge_line
from p2m.deploy.serving.shapes import spans_in
from p2m.reporting import charts
from p2m.reporting.facts import (
    CANDIDATES,
    Story,
    agreement,
    candidates,
    dropped,
    headline,
    is_classification,
    million,
    outcomes,
    rungs,
    spending,
    verdict_lines,
)
from p2m.reporting.html import section as _section
from p2m.reporting.html import table as _table
from p2m.reporting.judging import answers, before, behind_teacher, mistakes
from p2m.reporting.pictures import TEACHER
from p2m.types import Count

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f6f8fa; color: #1f2933; line-height: 1.45;
  font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1220px; margin: 0 auto; padding: 24px; }
h1 { margin: 0 0 4px; font-size: 26px; } h2 { margin: 0 0 10px; font-size: 16px; }
p { margin: 0 0 10px; color: #52606d; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 12px;
  margin: 18px 0; }
.tile, section { background: #fff; border: 1px solid #e3e8ee; border-radius: 8px; }
.tile { padding: 10px 14px; } .tile b { display: block; font-size: 16px; }
.tile span { color: #66727f; font-size: 13px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 560px), 1fr)); gap: 16px; }
section { padding: 16px; overflow-x: auto; } section.wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; max-width: 720px; height: auto; }
svg text { font-family: inherit !important; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 5px 10px 5px 0; border-bottom: 1px solid #e3e8ee; }
th { color: #66727f; font-weight: 600; } td.n, th.n { text-align: right; white-space: nowrap; width: 1%; }
td.input { color: #52606d; max-width: 520px; overflow-wrap: anywhere; }
p.verdict { font-size: 18px; margin-bottom: 4px; } p.ship b { color: #2c8a57; }
p.short b { color: #c0463b; } p.unproven b { color: #a06a00; } ul { margin: 0 0 12px; padding-left: 20px; }
details { margin-top: 8px; } summary { cursor: pointer; color: #52606d; }
td.wrong { color: #c0463b; } td.right { color: #2c8a57; }
"""


def render(story: Story) -> str:
    """A whole HTML document; every text from data is escaped."""
    tiles = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b></div>'
        for name, value in headline(story)
    )
    parts = (_scores(story), _candidates(story), _smaller(story), *_training(story), *_data(story),
             *_taught(story), *answers(story), behind_teacher(story), before(story))  # fmt: skip
    sections = "\n".join(part for part in (*parts, mistakes(story)) if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(story.name)}: report</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(story.name)}</h1>\n{_verdict(story)}<p>{escape(story.task.instruction)}</p>\n"
        f'<div class="tiles">{tiles}</div>\n<div class="grid">\n{sections}\n</div>\n</main>\n'
        "</body>\n</html>\n"
    )


def _verdict(story: Story) -> str:
    """The decision as a word in its colour, and under it what is said against the model."""
    decision = story.verdict.decision
    kind = {"SHIP": "ship", "UNPROVEN": "unproven"}.get(decision, "short")
    lines = "".join(f"<li>{escape(line)}</li>" for line in verdict_lines(story))
    return f'<p class="verdict {kind}"><b>{escape(decision)}</b></p>\n' + (
        f"<ul>{lines}</ul>\n" if lines else ""
    )


def _scores(story: Story) -> str:
    rows = [
        ((score.metric, ""), (f"{score.value:.3f}", "n"), (f"{score.low:.3f} to {score.high:.3f}", "n"))
        for score in story.evaluated.scores
    ]
    primary = story.evaluated.scores[0]
    return _section(
        f"Scores on {primary.rows:,} {story.evaluated.evidence} rows",
        f"<p>{escape(primary.metric)}; the whisker is the 95% bootstrap interval."
        f" Teacher: {escape(story.evaluated.teacher_note)}.{escape(_judge(story))}</p>",
        charts.scores(story.evaluated),
        _table(("metric", "value", "95% interval"), rows),
    )


def _judge(story: Story) -> str:
    judgement = story.evaluated.judgement
    return f" Judge: {judge_line(judgement)}." if judgement else ""


def _candidates(story: Story) -> str:
    """The students that were tried, why the one was taken, and what each trades for what."""
    rows = [(*((cell, "n" if place else "") for place, cell in enumerate(row[:-1])), (row[-1], "input"))
            for row in candidates(story)]  # fmt: skip
    if not rows:
        return ""
    return _section("Students", *_tradeoffs(story), _table(CANDIDATES, rows))


def _tradeoffs(story: Story) -> list[str]:
    """What the metric costs in bytes and in time, where several students were tried."""
    metric, choice = story.evaluated.scores[0].metric, story.choice
    timed = story.latencies.students if story.latencies else {}
    known = [name for name in choice.scores if name in timed]
    if len(known) < 2:
        return []
    sizes = {name: timed[name].size_bytes / 1e6 for name in known}
    times = {name: timed[name].p50 * 1000 for name in known}
    return [
        charts.tradeoff(
            [charts.Point(name, costs[name], choice.scores[name], name == choice.student) for name in known],
            title=f"{metric} out of fold by {what}", unit=unit,
        )
        for what, unit, costs in (("size", "MB", sizes), ("time of an answer", "ms", times))
    ]  # fmt: skip


def _smaller(story: Story) -> str:
    """What was tried to make the model smaller, as a picture of size against metric and as a table."""
    if story.ladder is None:
        return ""
    metric = story.evaluated.scores[0].metric
    rows = [tuple(zip(row, ("", "n", "n", "n", "", "input"), strict=True)) for row in rungs(story)]
    return _section(
        f"Smaller: size against {metric}",
        f"<p>{escape(metric)} on {escape(story.ladder.judged)}; time is the median of an answer on one"
        " core.</p>",
        charts.ladder(story.ladder.rungs, story.ladder.taken, metric=metric),
        _table(("way", "size", metric, "p50", "", "why"), rows),
        wide=True,
    )


def _training(story: Story) -> list[str]:
    fit, found = story.trained, []
    if fit.history:
        made = ", ".join(f"{name} {value}" for name, value in sorted(fit.environment.items()))
        metric = story.evaluated.scores[0].metric
        found.append(
            _section(
                f"Training: {metric} on {len(story.parts.validation):,} validation rows, by step",
                charts.progress(fit.history), f"<p>best {fit.best:.3f}; {escape(made)}</p>",
            )
        )  # fmt: skip
    if len(fit.losses) > 1:
        found.append(_section("Training: loss by step", charts.losses(fit)))
    return found


def _data(story: Story) -> list[str]:
    figures = story.curated.figures
    kept, arrived = len(story.curated.rows), int(figures.get("rows_in", len(story.curated.rows)))
    lost = [replace(count, what=f"dropped: {count.what}") for count in dropped(story.curated.counts)]
    distinct, bits = int(figures.get("distinct_answers", 0)), figures.get("answer_entropy_bits", 0.0)
    text = (
        f"<p>{arrived:,} rows came in, {kept:,} stayed; {distinct:,} distinct answers,"
        f" {bits:.1f} bits of answer entropy.</p>"
    )
    written = [
        f"{value:,.4g} {name.removeprefix('generated.').replace('_', ' ')}"
        for name, value in figures.items()
        if name.startswith("generated.")
    ]
    if written:
        text += f"<p>Of the teacher: {escape(', '.join(written))}.</p>"
    kept_or_made = [count for count in story.curated.counts if not count.what.startswith("dropped: ")]
    rows = [*kept_or_made, *lost, *story.parts.counts]
    return [
        _section("Answers to learn from", text, _distribution(story)),
        _section("Where rows came from and went", _counts(rows), wide=True),
    ]


def _taught(story: Story) -> list[str]:
    """What the teachers were asked, what became of it, and what it cost."""
    account = story.account
    if account is None:
        return []
    ended, votes = outcomes(account), agreement(account)
    told = [*spending(account), *million(account, story.measured)]
    found = [_section("What the teacher cost", _table(("", ""), [((a, ""), (b, "")) for a, b in told]))]
    if ended:
        bars = [charts.Bar(name, number, f"{number:,} ({share})", TEACHER) for name, number, share in ended]
        found.append(_section("How requests ended", charts.bars(bars, title="requests by how they ended")))
    if votes:
        bars = [charts.Bar(name, rows, f"{rows:,}", TEACHER) for name, rows in votes]
        found.append(
            _section("How far samples agree", charts.bars(bars, title="rows by agreement of samples"))
        )
    if account.funnel:
        found.append(_section("From requests to rows", _counts(account.funnel), wide=True))
    return found


def _distribution(story: Story) -> str:
    outputs = [row.output for row in story.parts.train]
    if is_classification(story):
        return charts.shares(Counter(outputs), title="rows of each label in the training set")
    if story.task.layout is not None:
        found = [len(spans_in(text, story.task.layout, story.task.none)) for text in outputs]
        return charts.histogram(found, title="spans of a training row", unit="spans")
    return charts.histogram(
        [len(text.split()) for text in outputs], title="length of training answers", unit="words"
    )


def _counts(counts: Sequence[Count]) -> str:
    rows = [((count.what, ""), (f"{count.rows:,}", "n"), (count.example, "input")) for count in counts]
    return _table(("what", "rows", "one of them"), rows)
