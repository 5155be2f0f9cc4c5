"""A server by the wire formats of both providers, for every test of teachers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wire import SECRET, Wire, serving


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("WIRE_KEY", SECRET)
    with serving() as made:
        yield made
