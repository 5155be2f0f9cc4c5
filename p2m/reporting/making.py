"""What a report's page says of the model: students that were tried, its training, making it smaller."""

from __future__ import annotations

from p2m.reporting import charts
from p2m.reporting.facts import CANDIDATES, Story, candidates, rungs
from p2m.reporting.html import Safe, card, folded, table, tag

_STUDENT = tuple(zip(CANDIDATES, ("", "n", "n", "n", "input"), strict=True))


def students(story: Story) -> Safe:
    """The students that were tried, why the one was taken, and what each trades for what."""
    rows = candidates(story)
    if not rows:
        return Safe("")
    made = table("students that were tried", _STUDENT, rows, kind="stack")
    return card("Students", *_tradeoffs(story), made)


def _tradeoffs(story: Story) -> list[Safe]:
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


def smaller(story: Story) -> Safe:
    """What was tried to make the model smaller, as a picture of size against metric and as a table."""
    if story.ladder is None:
        return Safe("")
    metric = story.evaluated.scores[0].metric
    rows = [(f"{number}", *row) for number, row in enumerate(rungs(story), 1)]
    names = ("no.", "way", "size", metric, "p50", "outcome", "why")
    header = tuple(zip(names, ("n", "", "n", "n", "n", "", "input"), strict=True))
    told = f"{metric} on {story.ladder.judged}; time is the median of an answer on one core. Hollow: dropped."
    return card(
        f"Smaller: size against {metric}",
        tag("p", told),
        charts.ladder(story.ladder.rungs, story.ladder.taken, metric=metric),
        table("ways to make the model smaller", header, rows, kind="stack"),
        wide=True,
    )


def training(story: Story) -> list[Safe]:
    """Curves of the score and of the loss, each with its figures."""
    fit, found = story.trained, []
    if fit.history:
        metric = story.evaluated.scores[0].metric
        names = (("step", "n"), (metric, "n"), ("loss", "n"))
        figures = [(f"{each.step:,}", f"{each.score:.4f}", f"{each.loss:.4f}") for each in fit.history]
        title = f"Training: {metric} on {len(story.parts.validation):,} validation rows, by step"
        made = folded("The figures", table("evaluations during training", names, figures))
        found.append(card(title, charts.progress(fit.history), tag("p", f"best {fit.best:.3f}"), made))
    if len(fit.losses) > 1:
        steps = zip(charts.loss_steps(fit), fit.losses, strict=True)
        rows = [(f"{step:,}", f"{loss:.4f}") for step, loss in steps]
        made = folded("The figures", table("loss by step", (("step", "n"), ("loss", "n")), rows))
        found.append(card("Training: loss by step", charts.losses(fit), made))
    return found
