"""Forbid the network: an audit hook that Python itself calls before it looks a name up or connects.

It sees everything that goes through Python's own sockets, in whatever library; a native library with sockets
of its own it does not see, so the environment variables that such libraries heed are set too. Sockets of the
local file system, which processes of one machine talk through, keep working.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from p2m.errors import UserError

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")
_LOOPBACK = ("localhost", "127.", "::1")
_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkForbidden(UserError):
    """Something wanted to reach a host although the network is not allowed."""


class _State:
    forbidden = 0  # how many ask for it
    loopback = False  # whether this machine may be talked to all the same
    step = ""
    hooked = False


def forbid_network(*, allow_loopback: bool = False) -> None:
    """From now on nothing in this process reaches any host."""
    _forbid(allow_loopback)
    for name in OFFLINE:
        os.environ[name] = "1"


@contextmanager
def without_network() -> Iterator[None]:
    """Nothing in this process reaches any host within the block."""
    kept = {name: os.environ.get(name) for name in OFFLINE}
    forbid_network()
    try:
        yield
    finally:
        _State.forbidden -= 1
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def on_behalf_of(step: str) -> Iterator[None]:
    """Errors name this step."""
    before, _State.step = _State.step, step
    try:
        yield
    finally:
        _State.step = before


def _forbid(allow_loopback: bool) -> None:
    _State.forbidden += 1
    _State.loopback = allow_loopback
    if not _State.hooked:
        _State.hooked = True
        sys.addaudithook(_hook)  # stays for as long as the process lives


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _State.forbidden or not event.startswith("socket."):
        return
    if event in _NAMES:
        host = arguments[0]
        if host is None or host in ("", b"") or _is_allowed(_text(host)):
            return
        port = arguments[1] if event == "socket.getaddrinfo" else None
        raise _refusal(_text(host) + (f":{_text(port)}" if port else ""))
    if event in _SENDS:
        import socket  # whoever gets here has loaded it; who has nothing to do need not

        family, address = arguments[0].family, arguments[1]
        if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        host = _text(address[0])
        if not _is_allowed(host):
            raise _refusal(f"{host}:{address[1]}")


def _is_allowed(host: str) -> bool:
    return _State.loopback and host.startswith(_LOOPBACK)


def _refusal(place: str) -> NetworkForbidden:
    who = f"step {_State.step}" if _State.step else "this command"
    return NetworkForbidden(
        f"{who} wants to reach {place}, and the network is not allowed here\n"
        "    fetch what it needs beforehand, or allow it: constraints.network=true, and no --frozen"
    )


def _text(host: object) -> str:
    return host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host)
