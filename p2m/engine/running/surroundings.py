"""What a step may change of its process, and the next step in that process must not find changed.

A worker, like the command itself, carries out one step after the other. Where it stands, its environment, its
mask for new files, its signals, timers and streams, and the places of modules are therefore put back after
each, so that what a step makes does not depend on which steps the same process had before it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGPIPE")


@contextmanager
def put_back() -> Iterator[None]:
    """Whatever is changed within the block is as it was when the block ends, however it ends."""
    folder = _here()
    mask = os.umask(0o077)
    os.umask(mask)
    variables, path, streams = dict(os.environ), list(sys.path), (sys.stdout, sys.stderr)
    handlers: dict[int, Any] = _handlers()
    timer = signal.getitimer(signal.ITIMER_REAL)
    try:
        yield
    except KeyboardInterrupt:
        handlers = {}  # whoever was interrupted has said what the next signal does
        raise
    finally:
        os.umask(mask)
        if folder is not None:
            with suppress(OSError):
                os.fchdir(folder)
            os.close(folder)
        _put_back_environment(variables)
        if sys.path != path:
            sys.path[:] = path
        sys.stdout, sys.stderr = streams
        _put_back_signals(handlers)
        if handlers and signal.getitimer(signal.ITIMER_REAL)[0] > timer[0]:
            signal.setitimer(signal.ITIMER_REAL, *timer)  # or it would end a later step


def _here() -> int | None:
    """The working folder as a handle, which leads there even if it is renamed; None where it is gone."""
    with suppress(OSError):
        return os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    return None


def _put_back_environment(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _handlers() -> dict[int, Any]:
    """What Python does about each signal; nothing in a thread, which cannot change that."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in _SIGNALS}
    return {number: handler for number, handler in found.items() if handler is not None}


def _put_back_signals(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
