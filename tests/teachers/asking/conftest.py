"""A run with a real ledger, and a real server, for tests of asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from asking_runs import Bench, a_run
from counting_server import Server

from p2m.engine.recording import ledger


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield a_run(tmp_path / "store")
    ledger.close_all()
