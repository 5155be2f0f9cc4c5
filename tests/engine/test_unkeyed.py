"""A field that cannot change a result enters no key, and reaches the step that runs all the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from toys import Number, log

from p2m.engine.executor import Inline, Local, execute
from p2m.engine.handles import Device
from p2m.engine.hashing import keyed_fields, plain
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.types import unkeyed


@dataclass(frozen=True)
class Server:
    """A component that is reached somewhere, which has no part in what it answers."""

    model: str = "small"
    address: str = unkeyed("localhost")
    retries: int = unkeyed(3)

    def answer(self) -> int:
        return len(self.model)


@stage(version="1", kind="pure")
def ask(*, server: Server) -> Number:
    log(f"{server.address} {server.retries}")
    return Number(server.answer())


def plan_of(server: Server) -> Plan:
    plan = Plan("unkeyed")
    plan.add("ask", ask, server=server)
    return plan


def test_what_is_unkeyed_is_no_part_of_a_plain_value() -> None:
    assert [each.name for each in keyed_fields(Server)] == ["model"]
    assert plain(Server(address="elsewhere", retries=9)) == plain(Server())
    assert plain(Server(model="large")) != plain(Server())
    assert Server(address="elsewhere") != Server()  # which is another component nevertheless


def test_the_value_of_a_field_without_a_key_may_be_one_that_no_key_can_be_made_of() -> None:
    odd = Server(address=Path("/tmp"))  # type: ignore[arg-type]
    assert plain(odd) == plain(Server())


@pytest.mark.parametrize("executor", [Inline(), Local(workers=1)], ids=["inline", "local"])
def test_a_running_step_is_handed_the_component_with_what_no_key_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Inline | Local
) -> None:
    seen = tmp_path / "log"
    monkeypatch.setenv("P2M_TOY_LOG", str(seen))
    store = Store(tmp_path / "store")

    def status(server: Server) -> str:
        return execute(plan_of(server), store, Device(), executor=executor).outcome("ask").status

    assert status(Server(address="far", retries=7)) == "ran"
    assert status(Server(address="farther", retries=0)) == "reused"
    assert seen.read_text().splitlines() == ["far 7"]
    assert status(Server(model="large", address="near")) == "ran"
    assert seen.read_text().splitlines() == ["far 7", "near 3"]
