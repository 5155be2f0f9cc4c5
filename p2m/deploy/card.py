"""The model card of a bundle: what it is, how to run it, what it scored, what it learnt from, its limits."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from p2m.deploy.beside import judge_line
from p2m.deploy.differences import apart
from p2m.deploy.front_matter import front_matter
from p2m.deploy.regression import held_line
from p2m.deploy.serving.command import told_score
from p2m.deploy.serving.settings import Settings
from p2m.sizes import count, dollars, short, show_size
from p2m.types import (
    CROSS_VALIDATION,
    Account,
    Choice,
    Decision,
    Evaluated,
    Example,
    Exported,
    Held,
    Measured,
    Split,
    Sureness,
    Task,
    TaskType,
    Verdict,
)

EVIDENCE = {
    "gold": "rows that the recipe's author gave for testing",
    "synthetic": "rows that the same generator made as the training rows; such scores do not rank models",
    "set aside": "rows set aside from the author's own",
    "retrieved": "rows set aside from the retrieved datasets",
    "cross-validation": "the training rows, each answered by a model that had not learnt from its fold",
}
SHOWN = 5  # wrong answers that the card shows


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells."""

    name: str
    task: Task
    parts: Split
    choice: Choice
    exported: Exported
    evaluated: Evaluated
    measured: Measured
    verdict: Verdict
    license: str  # of the base model
    needs: tuple[str, ...]  # distributions that it runs on
    account: Account | None = None
    held: Held | None = None
    base: str = ""  # the Hub's name of the base model


def model_card(facts: Facts) -> str:
    """Markdown with the Hub's front matter; the same facts give the same bytes."""
    sections = [_front(facts), _head(facts), _use(facts), _figures(facts), _data(facts), _limits(facts)]
    return "\n\n".join(sections) + "\n"


def _front(facts: Facts) -> str:
    return front_matter(
        facts.name, facts.task, facts.evaluated, license=facts.license, needs=facts.needs, base=facts.base,
        rows=facts.parts.train,
    )  # fmt: skip


def _head(facts: Facts) -> str:
    verdict = facts.verdict
    state = {
        Decision.SHIP: "It meets its contract.",
        Decision.FALLS_SHORT: "It does **not** meet its contract.",
        Decision.UNPROVEN: "Whether it meets its contract is **unproven**: too few rows judged it.",
    }[verdict.decision]
    listed = "".join(f"\n- {line}" for line in verdict.told())
    article = "An" if facts.task.type is TaskType.EXTRACTION else "A"
    return (
        f"# {facts.name}\n\n**{verdict.decision}**. {state}{listed}\n\n{facts.task.instruction}\n\n"
        f"{article} {facts.task.type} model of {count(facts.exported.parameters)} parameters"
        f" ({facts.choice.student}, {facts.exported.precision}, {show_size(facts.exported.size_bytes)})."
    )


def _use(facts: Facts) -> str:
    sample = next(chain(facts.task.demonstrations, facts.parts.test, facts.parts.train), None)
    names = ", ".join(f"`{each.name}`" for each in facts.task.inputs)
    lines = ["## Use", "", "```sh", "pip install -r requirements.txt", "python predict.py --check"]
    if sample:
        fields = {each.name: sample.input[each.name] for each in facts.task.inputs}
        argument = json.dumps(fields, ensure_ascii=False) if len(fields) > 1 else next(iter(fields.values()))
        lines.append(f"python predict.py {shlex.quote(argument)}")
    lines += ["python predict.py rows.csv answered.csv"]
    lines += ["python predict.py < inputs.jsonl > answers.jsonl", "```", ""]
    output, settings = facts.task.output.name, Settings.read(facts.exported.model)
    lines.append(
        f'Inputs are JSON objects with {names}; answers are `{{"output": ..., "score": ...}}`. A file of'
        f" rows, or a .txt of one input a line, comes back with `{output}` and `{output}_score` added. The"
        f" score, from 0 to 1, is {told_score(settings)}.{_abstaining(settings)}"
    )
    return "\n".join(lines)


def _abstaining(settings: Settings) -> str:
    """Of a model that knows which scores give a precision, how to have it abstain."""
    known = [wanted for wanted, least in settings.precisions if least is not None]
    if not known:
        return ""
    unasked = f" Unasked it does so below {settings.abstain:.2f}." if settings.abstain else ""
    return (
        f" `--precision {known[0]:g}` marks answers that are too unsure for so many to be right"
        f' (`"abstain": true`); it knows {", ".join(f"{wanted:g}" for wanted in known)}.{unasked}'
    )


def _sureness(found: Sureness, exported: Exported) -> list[str]:
    """What abstaining buys on the rows that judge."""
    lines = [f"Scores are {exported.calibrated}: expected calibration error {found.error:.3f}."]
    if found.coverages:
        lines += ["", "| wanted precision | rows answered | precision seen | interval |", "|---|---|---|---|"]
    return lines + [
        f"| {c.wanted:g} | {c.share:.0%} | {c.precision:.3f} | {c.low:.3f} to {c.high:.3f} |"
        for c in found.coverages
    ]


def _figures(facts: Facts) -> str:
    evaluated, measured = facts.evaluated, facts.measured
    turned = -1 if evaluated.scores and evaluated.scores[0].lower_is_better else 1
    gate = "validation" if facts.parts.validation else "training rows"
    rows = evaluated.scores[0].rows if evaluated.scores else 0
    lines = [
        "## Figures",
        "",
        f"On {rows} held-out rows ({evaluated.evidence}:"
        f" {EVIDENCE.get(evaluated.evidence, evaluated.evidence)}), with 95% bootstrap intervals:",
        "",
        "| metric | value | interval |",
        "|---|---|---|",
    ]
    lines += [f"| {s.metric} | {s.value:.3f} | {s.low:.3f} to {s.high:.3f} |" for s in evaluated.scores]
    first = evaluated.scores[0].metric if evaluated.scores else "the primary metric"
    lines += [
        f"| {first} of the {name} baseline | {value:.3f} | |"
        for name, value in sorted(evaluated.baselines.items())
    ]
    if evaluated.sureness:
        lines += ["", *_sureness(evaluated.sureness, facts.exported)]
    if evaluated.rewritten:
        lines += ["", *_rewritten(evaluated, first)]
    if facts.choice.scores:
        told = ", ".join(f"{name} {score:.3f}" for name, score in facts.choice.scores.items())
        lines += ["", f"Students in the cross-validation that chose: {told}."]
    lines += ["", _teacher(evaluated)]
    if facts.held:
        line = held_line(facts.held, first)[0]
        lines += ["", f"{line[0].upper()}{line[1:]}."]
    if evaluated.judgement:
        lines += ["", f"Judge: {judge_line(evaluated.judgement)}."]
    if facts.account:
        lines += ["", _earned(facts.account)]
    lines += [
        "",
        f"One answer on one core takes {measured.latency_p50 * 1000:.1f} ms (median) and"
        f" {measured.latency_p95 * 1000:.1f} ms (p95), {measured.latency_p99 * 1000:.1f} ms (p99 of"
        f" {measured.rows}); in batches it gives {measured.throughput:,.1f} answers a second"
        f" (`--batch-size 32`), a million in {measured.core_hours:,.2g} hours; it takes"
        f" {measured.peak_memory / 1e6:.0f} MB of memory. Measured on {measured.machine}.",
        "",
        "Variants: "
        + "; ".join(
            f"{t.name} {turned * t.score:.3f} on {gate}, {show_size(t.size_bytes)} ({t.reason})"
            for t in facts.exported.variants
        )
        + ".",
    ]
    return "\n".join(lines)


def _rewritten(evaluated: Evaluated, metric: str) -> list[str]:
    """What becomes of the primary metric where inputs are written otherwise."""
    found = evaluated.rewritten
    learnt = ", which it has learnt from" if evaluated.evidence == CROSS_VALIDATION else ""
    return [
        f"{metric} of {found[0].rows} rows that are written otherwise{learnt}:",
        "",
        "| rows with | before | after | 95% interval of the difference | same answers |",
        "|---|---|---|---|---|",
        *(
            f"| {each.what} | {each.before:.3f} | {each.after:.3f} | {each.difference.low:+.3f} to"
            f" {each.difference.high:+.3f} | {each.same:.0%} |"
            for each in found
        ),
    ]


def _teacher(evaluated: Evaluated) -> str:
    """The teacher beside the model, or why it is not."""
    rival = evaluated.teacher
    if rival is None:
        return f"Teacher: {evaluated.teacher_note or 'none'}."
    apart = rival.difference
    ratio = f", {rival.ratio.value:.3f} of the teacher" if rival.ratio else ""
    return (
        f"Teacher: {rival.value:.3f}, {evaluated.teacher_note}; the model {rival.student:.3f} there{ratio}:"
        f" difference {apart.value:+.3f}, 95% interval {apart.low:+.3f} to {apart.high:+.3f}."
    )


def _earned(account: Account) -> str:
    """What the build cost, and when the model has paid for it."""
    cost = "not known" if account.spent.cost is None else f"{dollars(account.spent.cost)} USD"
    told = f"The teachers were asked {account.spent.requests:,} times for the build, at a cost of {cost}."
    if account.latency:
        told += f" An answer of the teacher takes {account.latency * 1000:.0f} ms"
        told += "." if account.per_request is None else f" and {dollars(account.per_request)} USD."
    if account.per_request is not None:
        told += f" A million of its answers cost {dollars(1e6 * account.per_request)} USD."
    if account.break_even is None:
        return f"{told} When the model has paid for itself is not said: {account.note}."
    return f"{told} The model has paid for itself after {account.break_even:,} requests."


def _data(facts: Facts) -> str:
    parts = facts.parts
    lines = [
        "## Data",
        "",
        f"{len(parts.train)} training rows, {len(parts.validation)} for validation,"
        f" {len(parts.test)} for testing. Sources of the training rows:",
        "",
    ]
    lines += [f"- {source}: {rows} rows" for source, rows in sources(parts.train)]
    return "\n".join(lines)


def sources(rows: Iterable[Example]) -> list[tuple[str, int]]:
    """Where rows came from, most first: "embedded:qa.people" for "embedded:qa.people.birthplace"."""
    counts = Counter(".".join(row.source.split(".")[:2]) or "unknown" for row in rows)
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _limits(facts: Facts) -> str:
    lines = [
        "## Limits",
        "",
        f"- Trained for the {_spoken(facts.task)} and for the task above, and for nothing else.",
    ]
    lines.append(f"- {_what_it_gives(facts.task, Settings.read(facts.exported.model).none)}")
    lines.append(f"- Its figures rest on {EVIDENCE.get(facts.evaluated.evidence, facts.evaluated.evidence)}.")
    if origin := facts.exported.fit.environment.get("weights"):
        lines.append(f"- The weights that its training began with were {origin}.")
    if teacher := facts.exported.fit.environment.get("taught by"):
        lines.append(f"- It was taught by the logits of another model (arXiv 1503.02531): {teacher}.")
    lines += _mistakes(facts)
    return "\n".join(lines)


def _what_it_gives(task: Task, none: str | None) -> str:
    """What an answer can be, and what it cannot."""
    where = f"`{task.context_field}`"
    if task.is_span and none is not None:
        return f"Every answer is a span of {where}, or `{none}` where it finds none."
    if task.is_span:
        return f"Every answer is a span of {where}: it answers also where there is no answer. Mind the score."
    if task.type is TaskType.CLASSIFICATION:
        never = f" `{none}` is what it learnt to say of texts that fit no other." if none else ""
        return f"It knows its labels alone and gives one of them to any text.{never}"
    if task.type is TaskType.MULTI_LABEL:
        at_least = "any number of them" if none is not None else "one or more of them"
        return f"It knows its labels alone and gives {at_least} to any text."
    if task.type is TaskType.REGRESSION:
        return "It gives a number to any text, none beyond the scale that it learnt."
    if task.layout is not None and not task.layout.has_values:
        return f"Every span that it finds stands in {where}, none within another."
    if task.type is TaskType.RECORDS and all(each.kind != "text" for each in task.record):
        return "Each field is one of its labels, a number, a part of the input or null; never new text."
    return "It writes text and may write what is not in its input."


def _mistakes(facts: Facts) -> Sequence[str]:
    """The wrong answers that it was surest of."""
    wrong = sorted(
        (r for r in facts.evaluated.rows if r.correct < 1.0),
        key=lambda r: (-r.confidence, r.output, r.predicted),
    )
    if not wrong:
        return []
    is_scored = any(row.confidence >= 0.005 for row in wrong[:SHOWN])  # else all of them are 0.00
    which = "surest of" if is_scored else "such as"
    lines = [
        "",
        f"Wrong in {len(wrong)} of {len(facts.evaluated.rows)} test rows; {which}:",
        "",
        f"| expected | answered |{' score |' * is_scored}",
        f"|---|---|{'---|' * is_scored}",
    ]
    for row in wrong[:SHOWN]:
        said, right = apart(facts.task, row.predicted, row.output)
        score = f" {row.confidence:.2f} |" * is_scored
        lines.append(f"| {_cell(right)} | {_cell(said)} |{score}")
    return lines


def _cell(text: str) -> str:
    return short(text).replace("\\", "\\\\").replace("|", "\\|")


def _spoken(task: Task) -> str:
    names = " and ".join(task.spoken)
    return f"languages {names}" if len(task.spoken) > 1 else f"language {names}"
