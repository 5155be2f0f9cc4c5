"""What a training runs on: the device, the number format it computes in, the allocator; measured, not
guessed.

On a CPU with AMX or AVX-512 bf16 units, autocast to bf16 makes a MiniLM step 1.8 times as fast as fp32; on
others it is slower. So `auto` times both once, and remembers what came of it for this processor.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from p2m.engine.handles import Device
from p2m.engine.slots import processors
from p2m.errors import UserError
from p2m.training.speeds import remember, remembered

BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
WORTH = 0.9  # of fp32's time: what bf16 must be below to be taken
_PROBED = ((512, 384), (384, 1536), (1536, 384))  # of a batch's tokens, and of a layer's weights
_TOLD = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc, malloc.h


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and in which precision a training computes."""

    device: str  # "cpu" or "cuda"
    precision: str  # "fp32" or "bf16"
    threads: int
    bf16_share: float | None = None  # of the time of fp32 that bf16 takes, where that decided

    def __str__(self) -> str:
        why = "" if self.bf16_share is None else f" (bf16 takes {self.bf16_share:.2f} of fp32's time)"
        return f"{self.precision}{why} on {self.device} with {self.threads} threads"


def choose_machine(device: Device, precision: str) -> Machine:
    """Resolve `auto`.

    Raises:
        UserError: the device is not there, or the words are none of ours.
    """
    import torch

    kind = device.type
    if kind not in ("auto", "cpu", "cuda"):
        raise UserError(f"device.type={kind}: expected auto, cpu or cuda")
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(f"training.precision={precision}: expected auto, fp32 or bf16")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("device.type=cuda: this torch sees no CUDA device; type: device.type=cpu")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    share = None
    if precision == "auto" and kind == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    elif precision == "auto":
        share = bf16_share()
        precision = "bf16" if share < WORTH else "fp32"
    return Machine(kind, precision, device.threads or processors(), share)


def bf16_share() -> float:
    """Of the time of fp32 that bf16 takes in products like a small encoder's; measured once, some tenths of
    a second, and remembered.
    """
    key = f"{_processor_as_used()} | bf16 over fp32"
    known = remembered(key, 1)
    if known is None:
        known = _timed(True) / _timed(False)
        remember(key, 1, known)
    return known


def is_bf16_expected() -> bool:
    """What `auto` will come to on the processor, without torch: what was measured, else by its features."""
    known = remembered(f"{_processor_as_used()} | bf16 over fp32", 1)
    return bool(BF16_FLAGS & cpu_flags()) if known is None else known < WORTH


def _processor_as_used() -> str:
    """With what libraries were told of it."""
    told = [os.environ[name] for name in _TOLD if name in os.environ]
    return " ".join((processor(), *told))


def _timed(is_bf16: bool) -> float:
    """Seconds of the fastest of some passes, forward and backward."""
    import torch

    generator = torch.Generator().manual_seed(0)
    rows, inner, outer = (torch.randn(size, generator=generator) for size in _PROBED)
    inner.requires_grad_()
    outer.requires_grad_()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            states = torch.nn.functional.gelu(rows @ inner) @ outer
        states.float().sum().backward()
        took.append(time.perf_counter() - began)
    return min(took)


def prepare(machine: Machine) -> None:
    """Threads and allocator of this process."""
    import torch

    torch.set_num_threads(machine.threads)
    _keep_memory()


def autocast(machine: Machine) -> Any:
    """The context in which matrix products are computed in the machine's precision."""
    import torch

    return torch.autocast(machine.device, torch.bfloat16, enabled=machine.precision == "bf16")


@cache
def cpu_flags() -> frozenset[str]:
    """The processor's features as Linux names them; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        flag for line in lines if line.startswith("flags") for flag in line.split(":", 1)[1].split()
    )


@cache
def processor() -> str:
    """The processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def environment(machine: Machine) -> dict[str, str]:
    """What may move a figure, for the record."""
    import torch
    import transformers

    return {
        "device": torch.cuda.get_device_name() if machine.device == "cuda" else "cpu",
        "precision": machine.precision,
        "threads": str(machine.threads),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def _keep_memory() -> None:
    """Let glibc keep freed blocks: activations above 32 MB would be mapped and zeroed anew at every step."""
    try:
        mallopt: Any = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
