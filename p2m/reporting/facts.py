"""What a report says, whatever its form: drawn from the artifacts, then laid out as text or as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2m.deploy.serving.shapes import read_labels
from p2m.reporting.atlas import Atlas
from p2m.sizes import count, dollars, short, show_size
from p2m.types import (
    Account,
    Choice,
    Count,
    Evaluated,
    Examples,
    Exported,
    Fit,
    Held,
    Judged,
    Ladder,
    Latencies,
    Latency,
    Measured,
    Rewritten,
    Rung,
    Split,
    Task,
    TaskType,
    Verdict,
)

WORST = 25  # errors that are listed before all others


@dataclass(frozen=True, slots=True)
class Story:
    """All that a build made known, under one name."""

    name: str
    task: Task
    curated: Examples
    parts: Split
    trained: Fit
    exported: Exported
    evaluated: Evaluated
    measured: Measured
    verdict: Verdict
    choice: Choice
    account: Account | None = None
    held: Held | None = None
    latencies: Latencies | None = None
    ladder: Ladder | None = None
    atlas: Atlas | None = None


def rungs(story: Story) -> list[tuple[str, ...]]:
    """What was tried to make the model smaller: name, MB, metric, milliseconds, kept or not, why."""
    ladder = story.ladder
    return [
        (
            f"{each.name} (encoder)" if each.of == "encoder" else each.name,
            "-" if each.score is None else show_size(each.size_bytes),
            "-" if each.score is None else f"{each.score:.4f}",
            "-" if each.latency is None else milliseconds(each.latency),
            _outcome(each, ladder.taken),
            each.reason,
        )
        for each in (ladder.rungs if ladder else ())
        if ladder
    ]


def _outcome(rung: Rung, taken: str) -> str:
    if rung.name == taken and rung.of == "model":
        return "ships"
    if rung.score is None:
        return "not made"
    return "kept" if rung.kept else "dropped"


CANDIDATES = ("student", "out of fold", "size", "an answer", "why")


def candidates(story: Story) -> list[tuple[str, str, str, str, str]]:
    """Students that could have been taken: name, score out of fold, size and median latency with fresh
    weights, and why or why not; best first.
    """
    choice, timed = story.choice, story.latencies.students if story.latencies else {}
    names = dict.fromkeys([choice.student, *choice.scores, *choice.refused])
    taken = "taken" if choice.scores else "; ".join(choice.reasons)
    rows = [
        (name, f"{choice.scores[name]:.3f}" if name in choice.scores else "",
         *_costs(timed.get(name)),
         taken if name == choice.student else choice.refused.get(name, ""))
        for name in names if name
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row[0] != choice.student, not row[1], -float(row[1] or 0)))


def _costs(timed: Latency | None) -> tuple[str, str]:
    return (show_size(timed.size_bytes), f"{timed.p50 * 1000:.1f} ms") if timed else ("", "")


def headline(story: Story) -> list[tuple[str, str]]:
    """The figures that matter most: name and value, best first."""
    primary = story.evaluated.scores[0]
    known = story.evaluated.baselines.items()
    best = min(known, key=lambda item: primary.ahead(item[1]), default=None)
    rows = [(primary.metric, f"{primary.value:.3f} [{primary.low:.3f}, {primary.high:.3f}]")]
    if best:
        rows.append((f"best baseline ({best[0]})", f"{best[1]:.3f}"))
    rows.append(("teacher", _teacher(story.evaluated)))
    if story.account and story.account.break_even is not None:
        rows.append(("paid for itself", f"after {story.account.break_even:,} requests"))
    rows += [
        ("judged by", f"{primary.rows:,} rows ({story.evaluated.evidence})"),
        ("parameters", f"{count(story.exported.parameters)}, {story.exported.precision}"),
        ("size", show_size(story.exported.size_bytes)),
        ("latency p50 / p95 / p99", _latencies(story.measured)),
        ("throughput", f"{story.measured.throughput:,.1f} rows/s"),
        ("memory", show_size(story.measured.peak_memory)),
        ("trained on", f"{_rows(story)}{_steps(story.trained)}"),
    ]
    return rows


def _latencies(measured: Measured) -> str:
    times = (measured.latency_p50, measured.latency_p95, measured.latency_p99)
    return " / ".join(milliseconds(each).removesuffix(" ms") for each in times) + " ms"


def _teacher(evaluated: Evaluated) -> str:
    """Its score and how far the model is from it, on the rows that both answered."""
    rival = evaluated.teacher
    if rival is None:
        return evaluated.teacher_note.split(":")[0]
    apart = rival.difference
    return (
        f"{rival.value:.3f}, the model {rival.student:.3f}: {apart.value:+.3f}"
        f" [{apart.low:+.3f}, {apart.high:+.3f}]"
    )


def million(account: Account | None, measured: Measured) -> list[tuple[str, str]]:
    """What a million answers take: name and value. What a core costs is its owner's to say."""
    rows = [("a million answers of the model", f"{measured.core_hours:,.2g} hours of one core, in batches")]
    if account is not None and account.per_request is not None:
        rows.append(("of the teacher", f"{dollars(1e6 * account.per_request)} USD"))
    return rows


def spending(account: Account) -> list[tuple[str, str]]:
    """What the teachers took, and what that is beside the model: name and value."""
    spent = account.spent
    cost = "not known" if spent.cost is None else f"{dollars(spent.cost)} USD"
    rows = [
        ("requests", f"{spent.requests:,}"),
        ("tokens in / out", f"{spent.input_tokens:,} / {spent.output_tokens:,}"),
        ("cost of the build", cost),
    ]
    if spent.stopped:
        rows.append(("ended early by", spent.stopped))
    a_request = "not known" if account.per_request is None else f"{dollars(account.per_request)} USD"
    rows.append(("an answer of the teacher", a_request))
    if account.latency:
        times = f"{milliseconds(account.latency)}, of the model {milliseconds(account.student_latency)}"
        rows.append(("time of the teacher", times))
    earned = account.note if account.break_even is None else f"after {account.break_even:,} requests"
    return [*rows, ("paid for itself", earned)]


def outcomes(account: Account) -> list[tuple[str, int, str]]:
    """How requests ended: name, number, share of all; the commonest first."""
    ended = sorted(account.spent.outcomes.items(), key=lambda item: (-item[1], item[0]))
    total = sum(number for _, number in ended)
    return [(name, number, f"{number / total:.1%}") for name, number in ended]


def agreement(account: Account) -> list[tuple[str, int]]:
    """Rows by the share of the samples that gave their answer."""
    return [(f"samples agree: {float(share):.0%}", rows) for share, rows in account.votes.items()]


def _rows(story: Story) -> str:
    """A sample where there were very many."""
    return story.trained.environment.get("rows") or f"{len(story.parts.train):,} rows"


def _steps(trained: Fit) -> str:
    if not trained.steps:
        return ", solved"
    steps = f", {trained.steps:,} steps"
    if len(trained.trials) < 2:
        return steps
    scores = ", ".join(f"{each.score:.3f}{' pruned' * each.was_pruned}" for each in trained.trials)
    found = trained.proposal
    what = ", ".join(f"{name} {value}" for name, value in found.items()) or "the recipe as it is"
    return f"{steps}; best of {len(trained.trials)} trials ({scores}): {what}"


def errors(story: Story) -> list[Judged]:
    """Wrong answers, the surest first: those that a user would be misled by. Of spans and of records every
    one that is not wholly right.
    """
    return [story.evaluated.rows[place] for place in wrong_rows(story.task, story.evaluated)]


def wrong_rows(task: Task, evaluated: Evaluated) -> list[int]:
    """The places of `errors` among the judged rows."""
    in_parts = task.layout is not None or task.type is TaskType.RECORDS
    rows = evaluated.rows
    wrong = [place for place, row in enumerate(rows) if row.correct < (1.0 if in_parts else 0.5)]
    return sorted(
        wrong,
        key=lambda place: (
            rows[place].correct,
            -rows[place].confidence,
            rows[place].output,
            rows[place].predicted,
        ),
    )


def are_sure(rows: Sequence[Judged]) -> bool:
    """Whether it is shown how sure the model is: out of fold it is not known, and of long texts 0.00."""
    return any(row.confidence >= 0.005 for row in rows)


def behind(rows: Sequence[Judged]) -> list[Judged]:
    """Rows on which the teacher did better than the model, by most first."""
    ahead = [row for row in rows if row.teacher is not None and row.teacher_correct > row.correct]
    return sorted(ahead, key=lambda row: (row.correct - row.teacher_correct, -row.confidence, row.output))[
        :WORST
    ]


def confusions(rows: Sequence[Judged]) -> list[tuple[str, str, int]]:
    """Pairs of right and wrongly predicted label with their counts, most frequent first."""
    counts = Counter((row.output, row.predicted) for row in rows if row.correct < 0.5)
    return [
        (right, said, n) for (right, said), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def flat(fields: Mapping[str, str], most: int = 420) -> str:
    """An input on one line of at most so many characters."""
    parts = [text if len(fields) == 1 else f"{name}: {text}" for name, text in fields.items()]
    return short(" | ".join(parts), most)


def matrix_labels(story: Story, most: int) -> list[str]:
    """The labels of a matrix, at most so many: all of them, or those that are most often taken for another or
    another for them."""
    known = labels(story)
    if len(known) <= most:
        return known
    counts: Counter[str] = Counter()
    for right, said, number in confusions(story.evaluated.rows):
        counts.update({right: number, said: number})
    kept = sorted(counts, key=lambda label: (-counts[label], label))[:most]
    return [label for label in known if label in kept]


def by_label(story: Story) -> list[tuple[str, int, int, float, float, float]]:
    """Of each label: rows in which it is right, and in which it was given, precision, recall and F1; the
    least F1 first. Of several labels a row each is one."""
    right: Counter[str] = Counter()
    given: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for row in story.evaluated.rows:
        truth, said = label_set(row.output), label_set(row.predicted)
        right.update(truth)
        given.update(said)
        both.update(truth & said)
    found = []
    for label in right | given:
        precision = both[label] / given[label] if given[label] else 0.0
        recall = both[label] / right[label] if right[label] else 0.0
        score = 2 * both[label] / (right[label] + given[label])
        found.append((label, right[label], given[label], precision, recall, score))
    return sorted(found, key=lambda each: (each[-1], -each[1], each[0]))


def label_set(text: str) -> frozenset[str]:
    """The labels of an answer, one or several."""
    try:
        return frozenset(read_labels(text))
    except ValueError:
        return frozenset([text])


def rewritten_rows(found: Sequence[Rewritten]) -> list[tuple[str, str, str, str, str]]:
    """How rows were written, the metric before and after, the difference, and how many answers stayed."""
    return [
        (each.what, f"{each.before:.3f}", f"{each.after:.3f}",
         f"{each.difference.value:+.3f} [{each.difference.low:+.3f}, {each.difference.high:+.3f}]",
         f"{each.same:.0%}")
        for each in found
    ]  # fmt: skip


def labels(story: Story) -> list[str]:
    """The labels of a classification, in the task's order where it has one."""
    seen = {row.output for row in story.evaluated.rows} | {row.predicted for row in story.evaluated.rows}
    return [*story.task.labels, *sorted(seen - set(story.task.labels))]


def is_classification(story: Story) -> bool:
    return story.task.type is TaskType.CLASSIFICATION


def dropped(counts: Sequence[Count]) -> list[Count]:
    """What curation dropped, most first, its reasons without their mark."""
    found = [
        Count(count.what.removeprefix("dropped: "), count.rows, count.example)
        for count in counts
        if count.what.startswith("dropped: ")
    ]
    return sorted(found, key=lambda count: (-count.rows, count.what))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
