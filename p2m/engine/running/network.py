"""Forbid the network: an audit hook that Python itself calls before it looks a name up or connects.

It sees everything that goes through Python's own sockets, in whatever library; a native library with sockets
of its own it does not see, so the environment variables that such libraries heed are set too. Sockets of the
local file system, which processes of one machine talk through, keep working.

What a step may reach follows from the policy of the build (`Network`) and from whether the step asks a
teacher elsewhere; between steps a process under a policy reaches nobody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.engine.handles import Network
from p2m.engine.plan import Step
from p2m.errors import UserError

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")
_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_FROZEN = "--frozen"


class NetworkForbidden(UserError):
    """Something wanted to reach a host although the network is not allowed."""


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a step may reach other machines and their servers on this one, and what to say where not."""

    is_free: bool
    rule: str = ""  # that forbids the rest
    way: str = ""  # what to type to allow it


ANYONE = Access(True)


def access_of(allowed: Network | None, step: Step) -> Access:
    """Whether a step may reach anybody under a policy; None: a frozen build's."""
    if allowed is Network.ALL:
        return ANYONE
    if allowed is None:
        records = ", or bring its records: p2m ledger import FILE" if step.asks_elsewhere else ""
        return Access(False, _FROZEN, f"build without --frozen{records}")
    rule = f"constraints.network={allowed}"
    wanted = Network.TEACHER if step.asks_elsewhere else Network.HUB
    return Access(allowed is wanted, rule, f"constraints.network={wanted} or constraints.network=all")


class _State:
    forbidden = 0  # how many ask that nobody be reached
    governed = 0  # how many ask that a step reach whom it may, and nothing else anybody
    access: Access = ANYONE  # of the step that runs
    step = ""
    hooked = False
    spared: ClassVar[set[tuple[str, int]]] = set()  # addresses of the build itself


def forbid_network(allowed: Network | None = None) -> None:
    """From now on nothing in this process reaches any host; under a policy, a step whom it may."""
    _forbid(allowed, 1)
    for name in _offline(allowed):
        os.environ[name] = "1"


def spare(address: tuple[str, int]) -> None:
    """From now on the build that this process works for can be reached, at that host and port."""
    _State.spared.add(address)


@contextmanager
def without_network(allowed: Network | None = None) -> Iterator[None]:
    """Nothing in this process reaches any host within the block; under a policy, a step whom it may."""
    kept = {name: os.environ.get(name) for name in _offline(allowed)}
    forbid_network(allowed)
    try:
        yield
    finally:
        _forbid(allowed, -1)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def apart() -> Iterator[None]:
    """What this process does itself within the block is no step's, and reaches whom it wants."""
    kept = _State.forbidden, _State.governed
    _State.forbidden = _State.governed = 0
    try:
        yield
    finally:
        _State.forbidden, _State.governed = kept


@contextmanager
def on_behalf_of(step: str, access: Access = ANYONE) -> Iterator[None]:
    """A step runs, which may reach those; errors name it."""
    before = _State.step, _State.access
    _State.step, _State.access = step, access
    try:
        yield
    finally:
        _State.step, _State.access = before


def _offline(allowed: Network | None) -> tuple[str, ...]:
    """The variables that keep libraries from the Hub, where no step may reach it; they are read at import."""
    return () if allowed is Network.HUB else OFFLINE


def _forbid(allowed: Network | None, change: int) -> None:
    if allowed is None:
        _State.forbidden += change
    else:
        _State.governed += change
    if not _State.hooked:
        _State.hooked = True
        sys.addaudithook(_hook)  # stays for as long as the process lives


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not (_State.forbidden or _State.governed) or not event.startswith("socket."):
        return
    if event in _NAMES:
        host = arguments[0]
        if host is None or host in ("", b"") or _is_allowed():
            return
        port = arguments[1] if event == "socket.getaddrinfo" else None
        raise _refusal(_text(host) + (f":{_text(port)}" if port else ""))
    if event in _SENDS:
        import socket  # whoever gets here has loaded it; who has nothing to do need not

        family, address = arguments[0].family, arguments[1]
        if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        if not _is_allowed() and address[:2] not in _State.spared:
            raise _refusal(f"{_text(address[0])}:{address[1]}")


def _is_allowed() -> bool:
    return not _State.forbidden and bool(_State.step) and _State.access.is_free


def _refusal(place: str) -> NetworkForbidden:
    who = f"step {_State.step}" if _State.step else "this command"
    rule = f" ({_State.access.rule})" if _State.access.rule else ""
    way = _State.access.way or "constraints.network=all, and no --frozen"
    return NetworkForbidden(
        f"{who} wants to reach {place}, and the network is not allowed here{rule}\n"
        f"    fetch what it needs beforehand, or allow it: {way}"
    )


def _text(host: object) -> str:
    return host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host)
