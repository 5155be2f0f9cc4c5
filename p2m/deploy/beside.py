"""What a verdict says of teachers: the one that stands beside the model, and the one that graded it."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.types import Account, Evaluated, Judgement, Requirement, Score

TEACHER_RATIO, JUDGE = "teacher_ratio", "judge"
FEW_ROWS = 30  # rows below which no figure tells
FEW_GROUPS = 10  # of rows that belong together, below which no interval tells (Cameron et al., 2008)
_AGREES = (
    0.8  # share of pairs in which a judge that a verdict rests on prefers the known answer, at the least
)
_OWN = ("gold", "set aside", "cross-validation")  # evidence whose known answers are the user's


def beside_lines(evaluated: Evaluated) -> list[str]:
    """What the teacher scores on the same rows, how far apart they are, and how far to trust the judge."""
    rival, judgement, lines = evaluated.teacher, evaluated.judgement, []
    if rival is not None:
        apart = rival.difference
        lines.append(
            f"{rival.name} has {rival.value:.2f} on {rival.rows} rows, the model {rival.student:.2f} on the"
            f" same: difference {apart.value:+.2f} [{apart.low:+.2f}, {apart.high:+.2f}]"
        )
    if judgement is not None and judgement.note:
        lines.append(f"nothing was judged by {judgement.judge}: {judgement.note}")
    elif judgement is not None and judgement.agreement is not None:
        lines.append(f"judged by {judgement.judge}, which prefers {_preference(judgement.agreement)}")
    return lines


def few_beside(requirements: Sequence[Requirement], evaluated: Evaluated) -> list[str]:
    """A required ratio to a teacher that answered few of the rows."""
    rival = evaluated.teacher
    if not _requires(requirements, TEACHER_RATIO) or rival is None or rival.rows >= FEW_ROWS:
        return []
    return [f"{TEACHER_RATIO} rests on {rival.rows} rows that the teacher answered: {FEW_ROWS} would tell"]


def judge_doubts(requirements: Sequence[Requirement], evaluated: Evaluated) -> list[str]:
    """Why a required grade proves nothing: its judge was not seen to agree with the user."""
    judgement = evaluated.judgement
    if not _requires(requirements, JUDGE) or judgement is None or judgement.note:
        return []
    if evaluated.evidence not in _OWN:
        return ["the judge was held against answers that are not yours: data.test would tell"]
    agreement = judgement.agreement
    if agreement is None or agreement.rows < FEW_ROWS:
        rows = 0 if agreement is None else agreement.rows
        return [f"the judge was held against {rows} of your answers: {FEW_ROWS} would tell"]
    if agreement.low < _AGREES:
        return [f"the judge prefers {_preference(agreement)}, and at least {_AGREES:g} is asked of one"]
    return []


def is_vouched_for(requirements: Sequence[Requirement], evaluated: Evaluated) -> bool:
    """Whether a judge that agrees with the user gave a grade that meets what is required of it."""
    grade = next((score for score in evaluated.scores if score.metric == JUDGE), None)
    asked = [each for each in requirements if each.metric == JUDGE]
    met = grade is not None and bool(asked) and all(each.is_met(grade.value) for each in asked)
    return met and not judge_doubts(requirements, evaluated)


def ended_early(account: Account | None) -> list[str]:
    """A cap that was reached: the rows are those that were made until then."""
    if account is None or not account.spent.stopped:
        return []
    return [f"{account.spent.stopped} was reached: the model learnt from what was made until then"]


def judge_line(judgement: Judgement) -> str:
    """What the judge gave others, and how far it can be trusted, in a sentence."""
    if judgement.note:
        return f"nothing was judged by {judgement.judge}: {judgement.note}"
    told = f"{judgement.judge} grades the known answers {judgement.right:.2f}"
    told += "" if judgement.teacher is None else f", the teacher's {judgement.teacher:.2f}"
    if judgement.agreement is not None:
        told += f"; it prefers {_preference(judgement.agreement)}"
    told += f"; the order of answers changed nothing in {judgement.steady:.0%} of the rows"
    return told + (f"; {judgement.ungraded} rows have no grade" if judgement.ungraded else "")


def _preference(agreement: Score) -> str:
    return (
        f"a row's known answer to another row's in {agreement.value:.2f}"
        f" [{agreement.low:.2f}, {agreement.high:.2f}] of {agreement.rows} pairs"
    )


def _requires(requirements: Sequence[Requirement], metric: str) -> bool:
    return any(each.metric == metric for each in requirements)


def group_lines(evaluated: Evaluated) -> list[str]:
    """Of how many groups the rows are that judge, where the user's own column tells these."""
    said = f"judged by rows of {evaluated.groups} groups (data.group), none of which it had learnt from"
    return [said] if evaluated.groups else []


def few_groups(evaluated: Evaluated) -> list[str]:
    """That so few groups tell little of further ones."""
    few = 0 < evaluated.groups < FEW_GROUPS
    said = f"{evaluated.groups} group{'s' * (evaluated.groups != 1)} (data.group)"
    return [f"{said} to judge by tell little of others: {FEW_GROUPS} would tell"] if few else []
