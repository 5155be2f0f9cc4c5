"""How fast a student is tuned on this machine: measured over real steps, and remembered between builds.

A memory of speed is a guess for plans and progress. It is in no key and changes no result.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from p2m.engine.handles import Device
from p2m.engine.slots import processors
from p2m.training.machine import choose_machine, is_bf16_expected, prepare, processor
from p2m.training.quick import quicken
from p2m.training.schedule import planned
from p2m.training.speeds import remember, remembered
from p2m.types import Example, Shaping, Task, Training, TunedStudent

_STEPS = 3  # timed ones of a probe
_WARM = 2  # untimed ones, in which kernels are prepared


def characters(rows: Sequence[Example]) -> float:
    """Mean length of the rows' inputs: what time depends on, known without a tokenizer."""
    return sum(sum(map(len, row.input.values())) for row in rows) / max(1, len(rows))


def speed_key(student: TunedStudent, precision: str, threads: int, batch_size: int, device: str) -> str:
    """What a step's time depends on, but for the length of its rows."""
    where = processor() if device == "cpu" else device
    family = f"{type(student).__name__}({student.parameters})"
    return f"{where} x{threads} | {family} | {precision} | batch {batch_size}"


def expected_seconds(
    student: TunedStudent, task: Task, training: Training, rows: int, length: float,
    device: Device | None = None,
) -> float | None:  # fmt: skip
    """Time of the steps of a training on this machine's processor, without evaluations; None: not known.

    `length`: mean `characters` of a row. Imports no torch, so a device other than the processor is only known
    where `device` names it.
    """
    device = device or Device()
    kind = "cuda" if device.type == "cuda" else "cpu"
    precision = training.precision
    if precision == "auto":
        precision = "bf16" if kind == "cuda" or is_bf16_expected() else "fp32"
    schedule = planned(student, training, rows)
    key = speed_key(student, precision, device.threads or processors(), schedule.batch_size, kind)
    known = remembered(key, length)
    return None if known is None else known * schedule.steps


def probe(
    student: TunedStudent, task: Task, labels: Sequence[str], rows: Sequence[Example], training: Training,
    device: Device,
) -> float:  # fmt: skip
    """Seconds of a step of `student` over batches of `rows` here, measured over a few; it is remembered."""
    import torch

    from p2m.training.machine import autocast

    machine = choose_machine(device, training.precision)
    prepare(machine)
    schedule = planned(student, training, len(rows))
    learner = student.prepare(task, labels, seed=0)
    model: Any = learner.model.to(machine.device).train()
    if machine.device == "cpu":
        quicken(model)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    few = rows[: schedule.batch_size * (_WARM + _STEPS)]
    features = learner.encode(few, max_length=training.max_length)
    size, took = schedule.batch_size, []
    for step in range(_WARM + _STEPS):
        batch = [features[(step * size + i) % len(features)] for i in range(size)]
        began = time.perf_counter()
        inputs = {name: each.to(machine.device) for name, each in learner.collate(batch).items()}
        with autocast(machine):
            loss = learner.loss(inputs, Shaping(training.label_smoothing))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss.detach())
        took.append(time.perf_counter() - began)
    seconds = sum(took[_WARM:]) / _STEPS
    key = speed_key(student, machine.precision, machine.threads, size, machine.device)
    remember(key, characters(few), seconds)
    return seconds
