"""Who is waited for is said only where the wait is worth a word."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from p2m.engine.files import file_locks
from p2m.engine.files.file_locks import Holder, locked


@pytest.mark.parametrize(("held", "told"), [(0.2, 0), (1.0, 1)])
def test_a_short_wait_is_not_told_and_a_long_one_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: float, told: int
) -> None:
    monkeypatch.setattr(file_locks, "QUIET_SECONDS", 0.6)
    path, taken, said = tmp_path / "lock", threading.Event(), list[Holder]()

    def hold() -> None:
        with locked(path, "test", said.append):
            taken.set()
            time.sleep(held)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(5)
    busy = time.process_time()
    with locked(path, "test", said.append) as waited:
        assert waited
    assert time.process_time() - busy < held / 2 or not told  # asleep, not asking all the time
    holder.join()
    assert len(said) == told
