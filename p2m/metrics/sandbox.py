"""Programs of models, each run in a process that can do nothing but compute (`confined`)."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from p2m.errors import StageError
from p2m.metrics import confined

MEMORY = 512 * 2**20  # bytes of address space
SECONDS = 5  # of processor time, and twice that by the clock


def ends_well(
    programs: Sequence[str], names: Mapping[str, str], *, seconds: int = SECONDS, memory: int = MEMORY
) -> bool:
    """Whether the programs run to their ends, one after another with the same names, nothing raised.

    Raises:
        StageError: this machine cannot confine them, so nothing was run.
    """
    token = secrets.token_hex(16)  # so that a program that ends itself early has not passed
    work = {"programs": list(programs), "names": dict(names), "token": token, "seconds": seconds,
            "memory": memory}  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(Path(confined.__file__))],
            input=json.dumps(work), text=True, capture_output=True, timeout=2 * seconds + 5, env={}, cwd="/",
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return False
    if "unfit" in told:
        raise StageError(f"answers are not run where they cannot be confined: {told['unfit']}")
    return bool(told.get("token") == token)


@cache
def unfit() -> str:
    """Why this machine cannot confine a program; "" where it can."""
    try:
        return "" if ends_well(["pass"], {}) else "a program that does nothing does not end well"
    except StageError as error:
        return str(error)
