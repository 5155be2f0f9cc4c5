"""Which students a recipe may choose from: the one place that judges them, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from p2m.sizes import show_size
from p2m.spec.units import show_parameters
from p2m.types import (
    Choosing,
    Constraints,
    Contender,
    Limits,
    LinearStudent,
    Student,
    Task,
    TunedStudent,
)

# Steps that every student shares; those of one student are shown as one line, by its name.
STEPS = frozenset(
    (
        *("parse", "retrieve", "select", "merge", "catalogue", "generate", "curate", "split", "encoder"),
        *(
            "embed",
            "choose",
            "winner",
            "pick",
            "calibrate",
            "baselines",
            "evaluate",
            "measure",
            "verdict",
            "report",
        ),
        *("package", "collect", "examine", "gate", "attributes", "draw", "invent", "answer", "probe"),
        *("answered", "taught", "vet", "account", "judge", "race", "card-reader", "index", "rank"),
        *("climb", "encoders"),
        *("teacher", "soften"),
        *("transform", "settle", "reshape", "rewrite", "generated", "imagine", "search", "rerank", "shards"),
        *("shards-1", "shards-2"),
        *("latencies", "within", "room", "halve", "rung"),
    )
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a student cannot be taken: the config path that refuses it, and the reason in words."""

    path: str
    reason: str


def refusals(student: Student, task: Task, limits: Constraints) -> list[Refusal]:
    """Every reason why the student cannot be taken; [] where it can."""
    found = []
    if reason := student.refusal(task):
        found.append(Refusal("student", f"does not fit the task: {reason}"))
    elif limits.languages and (reason := student.refusal(replace(task, languages=limits.languages))):
        found.append(Refusal("constraints.languages", f"does not fit constraints.languages: {reason}"))
    if limits.max_parameters is not None and student.parameters > limits.max_parameters:
        most = show_parameters(limits.max_parameters)
        reason = f"has {rounded(student.parameters)} parameters (at most {most} allowed)"
        found.append(Refusal("constraints.max_parameters", reason))
    if limits.max_size is not None and (least := least_bytes(student, limits)) > limits.max_size:
        smaller = "" if least == student.size_bytes else ", made as small as it gets,"
        reason = f"takes about {rounded(least)}B{smaller} (at most {show_size(limits.max_size)} allowed)"
        found.append(Refusal("constraints.max_size", reason))
    accepted = [name.lower() for name in limits.licenses]
    if accepted and student.license.lower() not in accepted:
        reason = f"is licensed {student.license} (accepted: {', '.join(limits.licenses)})"
        found.append(Refusal("constraints.licenses", reason))
    return found


def least_bytes(student: Student, limits: Constraints) -> int:
    """Of the exported student, about, once compression has done what it may: it makes weights smaller, not
    what a student takes beside them (tokenizer, terms)."""
    share = limits.least_share if isinstance(limits, Limits) else 1.0
    is_terms = isinstance(student, LinearStudent) and student.encoder is None
    weights = 0 if is_terms else min(student.size_bytes, student.parameters)
    return student.size_bytes - weights + int(weights * share)


def allowed(students: Mapping[str, Student], task: Task, limits: Constraints) -> dict[str, Student]:
    """The students that task and constraints allow, by name."""
    return {name: each for name, each in students.items() if not refusals(each, task, limits)}


def refused(students: Mapping[str, Student], task: Task, limits: Constraints) -> dict[str, str]:
    """Of the others, every reason in words."""
    found = {name: refusals(each, task, limits) for name, each in students.items()}
    return {name: "; ".join(each.reason for each in reasons) for name, reasons in found.items() if reasons}


def contenders(students: Mapping[str, Student]) -> tuple[Contender, ...]:
    """What choosing needs to know of each, the largest first.

    A pretrained encoder refuses what it cannot express (free text), so where nothing is tried the largest is
    taken: the encoder for spans, a sequence-to-sequence model for the rest.
    """
    found = [
        Contender(name, each.parameters, each.size_bytes, each.license, isinstance(each, TunedStudent))
        for name, each in students.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.parameters, each.name)))


def is_choice(understood: Task, able: Mapping[str, Student]) -> bool:
    """Whether only rows can tell which is the best. Of spans and texts that is worth its trainings where one
    of the candidates is solved in seconds.
    """
    kind = understood.type
    is_open = kind.is_decided or any(isinstance(each, LinearStudent) for each in able.values())
    return kind.is_chosen_for and is_open and len(able) > 1


def untaught(understood: Task, able: Mapping[str, Student]) -> dict[str, str]:
    """Of those that begin from nothing, why they are not tried where others know something already."""
    if not understood.type.is_decided or not is_choice(understood, able):
        return {}
    why = "not tried: from scratch, labels are learnt from tens of thousands of rows at best"
    found = {name: why for name, each in able.items() if _from_scratch(each)}
    return found if len(found) < len(able) else {}


def over_budget(choosing: Choosing, able: Mapping[str, Student]) -> dict[str, str]:
    """The smaller candidates, which `choosing.trials` leaves no probe training for, and the reason."""
    most, tuned = choosing.trials, [n for n, each in able.items() if isinstance(each, TunedStudent)]
    kept = len(tuned)
    while most is not None and kept and trainings(choosing, kept) > most:
        kept -= 1
    order = [each.name for each in contenders(able) if each.name in tuned]
    why = f"not tried: choosing.trials allows {most} probe trainings"
    return dict.fromkeys(order[kept:], why) if kept < len(able) else {}


def trainings(choosing: Choosing, students: int) -> int:
    """How many probe trainings so many students take, of whom half go on each time."""
    found = 0
    for _ in range(rungs(choosing, students)):
        found, students = found + students, (students + 1) // 2
    return found


def rungs(choosing: Choosing, students: int) -> int:
    """How many samples so many students that are tuned are tried on: smaller ones only tell who goes on."""
    return choosing.rungs if students > 1 else students


def _from_scratch(student: Student) -> bool:
    return isinstance(student, TunedStudent) and student.pace.from_scratch


def rounded(number: int, *, up: bool = False) -> str:
    """`22.7M`; with `up`, a round figure that is not below the number."""
    for name, factor in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{-(-number // factor)}{name}" if up else f"{number / factor:.3g}{name}"
    return str(number)
