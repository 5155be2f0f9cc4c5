"""Workers at the edge: endless output, no more processes."""

from __future__ import annotations

import os
import resource
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from toys import Number

from p2m.engine.executor import Local, execute
from p2m.engine.handles import Device, Network
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.errors import StageError


@stage(version="1", kind="pure")
def chatter(*, until: str) -> Number:
    """Prints as fast as it can until a file is there."""
    while not os.path.exists(until):
        os.write(1, b"x\n" * 20_000)
    return Number(1)


@stage(version="1", kind="pure")
def create(first: Number | None, *, path: str) -> Number:
    if first is not None:
        Path(path).touch()
    return Number(2)


def test_a_step_that_never_stops_printing_keeps_no_other_from_starting(tmp_path: Path) -> None:
    plan = Plan("noise")
    plan.add("chatter", chatter, until=str(tmp_path / "there"))
    before = plan.add("before", create, None, path="")
    plan.add("after", create, before, path=str(tmp_path / "there"))
    execute(plan, Store(tmp_path / "store"), Device(), executor=Local(workers=2))  # or it would never end


def test_a_machine_that_starts_no_more_processes_is_a_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    local: Any = Local(workers=1).open(store, "run", {}, network=Network.ALL, code=frozenset())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir("/proc/self/fd")))
    fifth_free = next(islice((number for number in count() if number not in taken), 4, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (fifth_free, hard))
    try:
        with pytest.raises(StageError, match="no worker could be started"):
            local._pool._begin(())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
