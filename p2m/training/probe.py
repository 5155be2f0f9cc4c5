"""How fast a student is tuned on this machine: measured over real steps, and remembered between builds.

A memory of speed is a guess for plans and progress. It is in no key and changes no result.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.handles import Device
from p2m.engine.slots import processors
from p2m.training.machine import BF16_FLAGS, choose_machine, cpu_flags, prepare, processor
from p2m.training.schedule import scheduled
from p2m.types import Example, Shaping, Task, Training, TunedStudent

MOST = 500  # speeds that are remembered, the latest ones
_STEPS = 3  # timed ones of a probe
_WARM = 2  # untimed ones, in which kernels are prepared


def memory_file() -> Path:
    """Where speeds are kept: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2m" / "speed.json"


def characters(rows: Sequence[Example]) -> float:
    """Mean length of the rows' inputs: what time depends on, known without a tokenizer."""
    return sum(sum(map(len, row.input.values())) for row in rows) / max(1, len(rows))


def speed_key(student: TunedStudent, precision: str, threads: int, batch_size: int, device: str) -> str:
    """What a step's time depends on, but for the length of its rows."""
    where = processor() if device == "cpu" else device
    family = f"{type(student).__name__}({student.parameters})"
    return f"{where} x{threads} | {family} | {precision} | batch {batch_size}"


def remember(key: str, length: float, seconds: float) -> None:
    """Keep the seconds of a step at a mean length in characters; never an error."""
    try:
        path, speeds = memory_file(), _speeds()
        by_length = speeds.pop(key, {})
        by_length[str(_rounded(length))] = round(seconds, 5)
        speeds[key] = by_length
        text = json.dumps(dict(list(speeds.items())[-MOST:]), indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(path, text.encode(), durable=False)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        return


def remembered(key: str, length: float) -> float | None:
    """Seconds of a step; from the nearest length that is known, at most twice as long or half."""
    by_length = _speeds().get(key, {})
    wanted = _rounded(length)
    near = [known for known in map(int, by_length) if wanted / 2 <= known <= 2 * wanted]
    if not near:
        return None
    nearest = min(near, key=lambda known: abs(math.log(known / wanted)))
    return float(by_length[str(nearest)]) * wanted / nearest


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
        precision = "bf16" if kind == "cuda" or BF16_FLAGS & cpu_flags() else "fp32"
    schedule = scheduled(training, student.pace, rows)
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
    schedule = scheduled(training, student.pace, len(rows))
    learner = student.prepare(task, labels, seed=0)
    model: Any = learner.model.to(machine.device).train()
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


def _rounded(length: float) -> int:
    """To the nearest quarter of a doubling."""
    return max(1, round(2 ** (round(4 * math.log2(max(1.0, length))) / 4)))


def _speeds() -> dict[str, dict[str, float]]:
    try:
        found = json.loads(memory_file().read_text(encoding="utf-8"))
        return {
            key: {each: float(value) for each, value in known.items() if each.isdigit() and float(value) > 0}
            for key, known in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError):
        return {}
