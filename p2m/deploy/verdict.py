"""Whether a model may ship: what its recipe requires, and that it beats what needs no model.

A recipe that requires nothing has a contract all the same. Baselines that need no learning must be beaten on
the same rows (a paired test); linear models of ten lines, where the constraints allow them, must not be
better. Spans and written text must reach a share of the metric, too. Too few rows to tell is a decision of
its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from p2m.deploy.beside import (
    FEW_ROWS,
    JUDGE,
    TEACHER_RATIO,
    beside_lines,
    ended_early,
    few_beside,
    few_groups,
    group_lines,
    is_vouched_for,
    judge_doubts,
)
from p2m.deploy.fields import field_doubts
from p2m.deploy.regression import WORSE, held_line, p_value
from p2m.deploy.sureness import precision_doubts, sureness_lines
from p2m.sizes import count, show_size
from p2m.types import (
    ALPHA,
    CROSS_VALIDATION,
    Account,
    Comparison,
    Decision,
    Evaluated,
    Exported,
    Held,
    Measured,
    Requirement,
    Score,
    Task,
    TaskType,
    Verdict,
)

_COMMON = 5  # rows of a label that is none of chance
_FOLDED = 1000  # rows from which some are set aside, unless a recipe says otherwise
_BEATEN = 0.05  # one-sided p at which a linear model is taken to be better
# Of the primary metric, that a model must reach where nothing is required: a model that is right once in
# twenty may beat every baseline and is of no use.
_LEAST = {
    TaskType.TEXT_TO_TEXT: 0.5,
    TaskType.QUESTION_ANSWERING: 0.3,
    TaskType.EXTRACTION: 0.3,
    TaskType.RECORDS: 0.5,
    TaskType.MULTI_LABEL: 0.3,
    TaskType.REGRESSION: 0.3,
}

_OTHER_TRAINING = (
    "the folds that judge it trained as the recipe says, not as the trial that ships; data.test judges it"
)


def verdict_on(
    task: Task,
    requirements: Sequence[Requirement],
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
    account: Account | None = None,
    held: Held | None = None,
    *,
    max_parameters: int | None = None,
    max_size: int | None = None,
    max_latency: float | None = None,
    precision: float | None = None,
    smaller: Sequence[str] = ("compression=ladder", "student=linear_tfidf"),
) -> Verdict:
    """A line for each requirement, limit, baseline and bundle before it; no figure is a failure."""
    lines, failures = _requirements(requirements, evaluated)
    required = {each.metric for each in requirements}
    lines += [
        _scored(score, f"{score.value:.2f}") for score in evaluated.scores if score.metric not in required
    ]
    if evaluated.out_of_fold is not None:
        lines.append(
            f"{evaluated.scores[0].metric} {evaluated.out_of_fold:.2f}"
            " in the cross-validation of the training rows that chose it"
        )
    costs = _costs(exported, measured, max_parameters, max_size, max_latency)
    for line, met in (*sureness_lines(exported, evaluated, precision), *costs):
        lines.append(line)
        failures += [] if met else [line]
    primary = evaluated.scores[0] if evaluated.scores else None
    unproven: list[str] = []
    warnings = [*exported.warnings, *_other_training(exported, evaluated), *ended_early(account)]
    if primary is not None:
        stated = _is_stated(requirements, evaluated)
        beaten = [_compared(each, primary, evaluated.tried, stated=stated) for each in evaluated.comparisons]
        for line, fault in [*beaten, *([held_line(held, primary.metric)] if held else [])]:
            lines.append(line)
            {"short": failures, "unproven": unproven, "warning": warnings}.get(fault, []).append(line)
        least = _LEAST.get(task.type, 0.0)
        if not stated and not primary.lower_is_better and primary.value < least:
            line = f"{primary.metric} {primary.value:.2f} (>= {least:.2f}, where a recipe requires nothing)"
            lines.append(line)
            vouched = warnings if is_vouched_for(requirements, evaluated) else failures
            (unproven if primary.rows < FEW_ROWS else vouched).append(line)
        open_questions = _open_questions(requirements, evaluated, primary)
        lines += [*group_lines(evaluated), *beside_lines(evaluated), *open_questions]
        unproven += open_questions
        warnings += [*_doubts(requirements, evaluated, primary), *_misspelt(task, evaluated)]
        warnings += field_doubts(task, evaluated)
        warnings += precision_doubts(evaluated, precision)
    lines.append(_summary(exported, evaluated, measured))
    decision = Decision.FALLS_SHORT if failures else Decision.UNPROVEN if unproven else Decision.SHIP
    return Verdict(
        decision, tuple(lines), tuple(failures), evaluated.evidence, tuple(unproven), tuple(warnings),
        tuple(_advice(decision, task, [*failures, *unproven], evaluated, smaller)),
    )  # fmt: skip


def _other_training(exported: Exported, evaluated: Evaluated) -> list[str]:
    """Folds are trained as the recipe says, and the model as the best of its trials."""
    is_other = bool(exported.fit.proposal) and evaluated.evidence == CROSS_VALIDATION
    return [_OTHER_TRAINING] * is_other


def _requirements(requirements: Sequence[Requirement], evaluated: Evaluated) -> tuple[list[str], list[str]]:
    lines, failures = [], []
    for requirement in requirements:
        line, met = _required(requirement, evaluated)
        lines.append(line)
        failures += [] if met else [line]
    return lines, failures


def _is_stated(requirements: Sequence[Requirement], evaluated: Evaluated) -> bool:
    """Whether a requirement asks more of the primary metric than answers reach that know no training row.

    Looking up the nearest row is a model of a kind; whoever states a figure may prefer another.
    """
    primary = evaluated.scores[0]
    known = [each for each in evaluated.comparisons if not each.is_learnt and each.name != "nearest"]
    asking = ("<=", "<", "==") if primary.lower_is_better else (">=", ">", "==")
    asked = [
        replace(primary, value=each.value)
        for each in requirements
        if each.metric == primary.metric and each.operator in asking
    ]
    return any(all(each.ahead(other.value) > 0 for other in known) and each.value != 0 for each in asked)


def _compared(each: Comparison, primary: Score, tried: int, *, stated: bool) -> tuple[str, str]:
    """The line on a baseline, and what it comes to: "", "warning", "unproven" or "short".

    Where the recipe states what the primary metric must reach (`stated`), chance is its author's business.
    """
    behind, few = primary.ahead(each.value) <= 0, primary.rows < FEW_ROWS
    missed = "unproven" if few else "short"
    if each.is_learnt:
        line = f"{each.name} has {each.value:.2f} on the same rows"
        if each.worse < _BEATEN and behind:
            way = "and learns nothing" if each.name == "zero_shot" else f"student={each.name}"
            return f"{line}, which is better: {way}", "warning" if stated else missed
        return (f"{line}, which is not worse", "warning") if primary.ahead(each.value) < 0 else (line, "")
    if behind:
        return f"no better than {_called(each)}, itself {primary.value:.2f}", "warning" if stated else missed
    if each.better < ALPHA / tried:
        return f"better than {_called(each)}, p {p_value(each.better)}", ""
    line = f"better than {_called(each)} only as chance may have it"
    line += f", p {p_value(each.better)} (below {ALPHA / tried:.2g} is asked)"
    if each.needed is not None:
        line += f": {_rows(max(each.needed, FEW_ROWS))} rows would tell"
    return line, "warning" if stated else "unproven"


def _called(each: Comparison) -> str:
    names = {
        "majority": "always the commonest answer", "nearest": "the nearest training row's answer",
        "median": "always the median", "common_label": "always the commonest label",
        "overlap": "a likely span near the question's words", "copy": "the input itself",
        "dictionary": "the spans of training rows, looked up", "fields": "each field's commonest value",
    }  # fmt: skip
    return f"{names.get(each.name, each.name)} ({each.value:.2f})"


def _enough(evaluated: Evaluated) -> int:
    """Rows that would tell, of what could be told."""
    needed = [each.needed for each in evaluated.comparisons if each.needed is not None and not each.is_learnt]
    return _rows(max([FEW_ROWS, *needed]))


def _rows(number: int) -> int:
    """The number in two leading digits at most, upward."""
    scale = 10 ** max(0, len(str(number)) - 2)
    return int(-(-number // scale) * scale)


def _open_questions(requirements: Sequence[Requirement], evaluated: Evaluated, primary: Score) -> list[str]:
    """Why figures that are met prove nothing yet."""
    found = [*few_beside(requirements, evaluated), *judge_doubts(requirements, evaluated)]
    found += few_groups(evaluated)
    if primary.rows < FEW_ROWS:
        found.append(f"{primary.rows} rows to judge by tell little: {_enough(evaluated)} would tell")
    return found


def _doubts(requirements: Sequence[Requirement], evaluated: Evaluated, primary: Score) -> list[str]:
    """What no contract asks about, and a user should know before trusting the model."""
    found = []
    ratio = evaluated.teacher.ratio if evaluated.teacher else None
    figures = {score.metric: score for score in (ratio, primary) if score is not None}
    for requirement in requirements:
        score = figures.get(requirement.metric)
        if score is None:
            continue
        if requirement.operator in (">=", ">") and score.low < requirement.value <= score.value:
            found.append(
                f"on {score.rows} rows {score.metric} may be as low as {score.low:.2f},"
                f" below the {requirement.value:g} that is required"
            )
        if requirement.operator in ("<=", "<") and score.value <= requirement.value < score.high:
            found.append(
                f"on {score.rows} rows {score.metric} may be as high as {score.high:.2f},"
                f" above the {requirement.value:g} that is required"
            )
    if evaluated.evidence == "synthetic":
        found.append("judged on rows that were generated like those it learnt from; give data.test")
    return found


def _misspelt(task: Task, evaluated: Evaluated) -> list[str]:
    """Labels of one row that are spelt nearly like a common one, where nobody listed the labels."""
    if task.type is not TaskType.CLASSIFICATION or task.labels:
        return []
    counts = Counter(row.output for row in evaluated.rows)
    common = [label for label, rows in counts.items() if rows >= _COMMON]
    return [
        f"the label {label!r} has one row: is it {near[0]!r} misspelt? (task.labels=[...] refuses such rows)"
        for label, rows in counts.items()
        if rows == 1 and (near := get_close_matches(label, common, 1, 0.8))
    ]


def _advice(
    decision: Decision, task: Task, faults: Sequence[str], evaluated: Evaluated, smaller: Sequence[str]
) -> list[str]:  # fmt: skip
    """What to do next: which rows, and how many; `faults` is what keeps the model from shipping."""
    if decision is Decision.SHIP or not evaluated.scores:
        return []
    primary = evaluated.scores[0]
    best = 0.0 if primary.lower_is_better else 1.0
    said = "\n".join(faults)
    behind = [each for each in evaluated.comparisons if f"no better than {_called(each)}" in said]
    ratio = [line for line in faults if line.startswith(TEACHER_RATIO)]
    if decision is Decision.UNPROVEN and not behind:
        if any(line.startswith("the judge ") for line in faults):
            return ["require a metric that needs no judge, or choose another judge (teacher.judge)"]
        if ratio:
            return [
                f"let the teacher answer at least {FEW_ROWS} of the rows that judge: evaluation.teacher_rows,"
                " data.test, and limits (constraints) that leave room for it"
            ]
        return [_rows_to_give(task, evaluated)]
    if behind and primary.value == best:
        return ["answers without a model are right throughout, too: do without one, or give rows less alike"]
    better = next((each.name for each in evaluated.comparisons if f"student={each.name}" in said), "")
    if better:
        return [f"type: student={better}, or student=auto, which chooses by itself"]
    if faults and all(line.startswith(WORSE) for line in faults):
        return ["look at the rows that were lost in report.html; it ships all the same with"
                " metrics.no_worse_than=null"]  # fmt: skip
    if ratio and evaluated.teacher is not None:
        return [
            "give it more rows that the teacher answers (generation.num_examples, or inputs of your own as"
            " data.inputs), or take a larger student; report.html shows where it falls behind"
        ]
    if not behind and not any(line.startswith(evaluated.scores[0].metric) for line in faults):
        return _costly(faults, smaller)
    return [
        f"give more rows to learn from as data.train{_above_all(task, evaluated)}; look at the surest errors"
        " in report.html: if a reader could not tell the answer from the input, no model can"
    ]


def _costly(faults: Sequence[str], smaller: Sequence[str]) -> list[str]:
    """What to do about a size or a time; nothing where that is not what falls short."""
    if any(line.startswith("p95 latency") for line in faults):
        ways = " or ".join([*(each for each in smaller if each.startswith("student=")), "runtime=fastest"])
        return [f"take what answers sooner, e.g. {ways}, or raise constraints.max_latency"]
    if any(line.startswith(("size ", "parameters ")) for line in faults):
        made = f"make it smaller, e.g. {' or '.join(smaller)}, or " if smaller else ""
        return [f"{made}raise the limit"]
    return []


def _rows_to_give(task: Task, evaluated: Evaluated) -> str:
    """The rows that would tell, and what to give them as."""
    enough, rows = _enough(evaluated), evaluated.scores[0].rows
    more = _rows(max(1, enough - rows))
    if evaluated.evidence == CROSS_VALIDATION and rows + more < _FOLDED:
        return f"label about {more} more rows and give them as data.train{_above_all(task, evaluated)}"
    if evaluated.evidence == "gold":
        return f"label about {more} more rows and give them as data.test{_above_all(task, evaluated)}"
    return f"label about {enough} rows that are not among these and give them as data.test"


def _above_all(task: Task, evaluated: Evaluated) -> str:
    """The labels that are wrong most often."""
    if task.type is not TaskType.CLASSIFICATION:
        return ""
    wrong = Counter(row.output for row in evaluated.rows if row.correct < 0.5)
    worst = sorted(wrong, key=lambda label: (-wrong[label], label))[:3]
    return f", above all of {', '.join(worst)}" if worst else ""


def _summary(exported: Exported, evaluated: Evaluated, measured: Measured) -> str:
    """What is worth knowing without being asked: size and speed."""
    rows = f"; {evaluated.scores[0].rows} rows judged it" if evaluated.scores else ""
    return (
        f"{count(exported.parameters)} parameters, {show_size(exported.size_bytes)}"
        f" {exported.precision}, p50 {_milliseconds(measured.latency_p50)} ms,"
        f" p95 {_milliseconds(measured.latency_p95)} ms and {measured.throughput:,.0f} rows/s"
        f" on one core{rows}"
    )


def _milliseconds(seconds: float) -> str:
    """Whole ones, and below one as many digits as tell."""
    return f"{seconds * 1e3:.0f}" if seconds >= 1e-3 else f"{seconds * 1e3:.1g}"


def _required(requirement: Requirement, evaluated: Evaluated) -> tuple[str, bool]:
    limit = f"({requirement.operator} {_limit(requirement.value)})"
    if requirement.metric == TEACHER_RATIO:
        rival = evaluated.teacher
        if rival is None:
            return f"{TEACHER_RATIO} not measured {limit}: {evaluated.teacher_note}", False
        if rival.ratio is None:
            return f"{TEACHER_RATIO} not defined {limit}: the teacher scored {rival.value:.2f}", False
        met = requirement.is_met(rival.ratio.value)
        figure = _figure(rival.ratio.value, requirement.value, met)
        return f"{_scored(rival.ratio, figure)} {limit} on {rival.rows} rows", met
    for score in evaluated.scores:
        if score.metric == requirement.metric:
            met = requirement.is_met(score.value)
            return f"{_scored(score, _figure(score.value, requirement.value, met))} {limit}", met
    why = evaluated.judgement.note if requirement.metric == JUDGE and evaluated.judgement else ""
    return f"{requirement.metric} not measured {limit}" + (f": {why}" if why else ""), False


def _costs(
    exported: Exported, measured: Measured, max_parameters: int | None, max_size: int | None,
    max_latency: float | None,
) -> list[tuple[str, bool]]:  # fmt: skip
    found = []
    if max_parameters is not None:
        line = f"parameters {exported.parameters:,} (<= {max_parameters:,})"
        found.append((line, exported.parameters <= max_parameters))
    if max_size is not None:
        line = f"size {exported.size_bytes:,} bytes (<= {max_size:,})"
        found.append((line, exported.size_bytes <= max_size))
    if max_latency is not None:
        line = f"p95 latency {measured.latency_p95 * 1000:.1f} ms (<= {max_latency * 1000:g} ms)"
        found.append((line, measured.latency_p95 <= max_latency))
    return found


def _scored(score: Score, figure: str) -> str:
    return f"{score.metric} {figure} [{score.low:.2f}, {score.high:.2f}]"


def _figure(value: float, limit: float, met: bool) -> str:
    """Two digits, or as many as it takes for the reader to see that the limit was missed."""
    for digits in range(2, 7):
        text = f"{value:.{digits}f}"
        if met or abs(float(text) - limit) > 1e-12:
            return text
    return repr(value)


def _limit(value: float) -> str:
    text = f"{value:.2f}"
    return text if float(text) == value else f"{value:g}"
