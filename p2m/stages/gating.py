"""What the gate says to the variants of a model."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.errors import StageError
from p2m.types import Exported, Fit, Gated, Task, TaskType, Variant


def warnings(task: Task, fit: Fit) -> tuple[str, ...]:
    """What of the rows was not learnt."""
    found = []
    if len(fit.trials) == 1:
        found.append("no validation rows to tell tuning.trials apart by, so one was made: data.validation")
    if not fit.cut:
        return tuple(found)
    reads = "training.max_length and the student allow" if fit.steps else "its encoder reads"
    hint = "; student=linear_tfidf reads all of them" if task.type is TaskType.CLASSIFICATION else ""
    found.append(
        f"{fit.cut:,} of {fit.rows:,} training rows are longer than {reads}: their end was cut off{hint}"
    )
    return tuple(found)


SLACK = 1e-9  # a mean of floats: 0.02 lost may read 0.020000000000000018


def loss(full: float, score: float) -> float:
    """What a variant loses of the metric; of an error in units of its own, tolerance is a share of it."""
    return (full - score) / max(1.0, abs(full)) - SLACK


def holds(full: Variant, made: Variant, tolerance: float) -> bool:
    """Whether a variant was made, and loses no more to `full` than is tolerated."""
    return made.model is not None and loss(full.score, made.score) <= tolerance


def words(lost: float, tolerance: float) -> str:
    """What the gate says to such a loss."""
    word = "at most" if lost <= tolerance else "more than"
    return f"loses {max(0.0, lost):.4f}, {word} the {tolerance:g} that is tolerated"


def exported_of(variants: Sequence[Variant]) -> list[Variant]:
    """Those that there is a model of, the exported one first. Raises: StageError, where there is none."""
    made = [each for each in variants if each.model is not None]
    if not made:
        raise StageError("no student was exported")
    return made


def taken(task: Task, made: Sequence[Variant], gates: tuple[Gated, ...], best: Gated) -> Exported:
    """The variant that is the `best`, with what the gate said to each."""
    one = next(each for each in made if each.name == best.name)
    assert one.model is not None
    return Exported(
        one.model, one.name, one.fit.parameters, one.size_bytes, gates, warnings(task, one.fit), one.fit
    )


def gated(each: Variant, made: Sequence[Variant], tolerance: float, max_size: int | None) -> Gated:
    """What the gate says to a variant."""
    full = made[0]
    lost = loss(full.score, each.score)
    kept = each is full or lost <= tolerance
    reason = "the exported model itself" if each is full else words(lost, tolerance)
    if max_size is not None:
        fits = each.size_bytes <= max_size
        reason += f"; {'within' if fits else 'over'} max_size ({each.size_bytes:,} of {max_size:,} bytes)"
        others = [other.size_bytes for other in made if other is not each]
        if fits and not kept and all(other > max_size for other in others):
            reason += "; it is the only one that fits, so the size cannot be met: raise max_size or tolerance"
    return Gated(each.name, each.score, each.size_bytes, kept, reason)
