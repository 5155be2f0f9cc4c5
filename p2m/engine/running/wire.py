"""What goes between a build and its workers: framed messages, and errors that survive the way.

A frame is its length in four bytes and a pickled tuple whose first word says what it is. Both ends are this
program: on one machine over a socket pair that nobody else has, on several over a connection that is closed
unread where it does not begin with the build's token.
"""

from __future__ import annotations

import pickle
import socket
import struct
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from p2m.errors import P2MError, StageError

LENGTH = struct.Struct(">I")
TOKEN = 32  # bytes
_PATIENCE = 30.0  # seconds that a build has to answer a connection


@dataclass(frozen=True, slots=True)
class Address:
    """Where a build listens to those who work for it on other machines."""

    host: str  # a number, which needs no look-up
    port: int
    token: bytes  # of this build alone


class RemoteTraceback(Exception):
    """Where in a worker an error arose, as text: the cause of the error that the build raises."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0])


def knock(address: str) -> None:
    """Raises OSError where nobody listens at `host:port`; Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConnectionError(f"nobody answers at {address}: {reason}") from error


def connect(address: Address) -> socket.socket:
    """A connection to a build. Raises OSError where nobody answers."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    channel = socket.socket(family, socket.SOCK_STREAM)
    try:
        channel.settimeout(_PATIENCE)
        channel.connect((address.host, address.port))
        channel.settimeout(None)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        channel.sendall(address.token)
    except BaseException:
        channel.close()
        raise
    return channel


def frame(message: tuple[Any, ...]) -> bytes:
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content


class Frames:
    """Puts what was received together again."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> Iterator[tuple[Any, ...]]:
        self._buffer += content
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            end = LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield pickle.loads(body)


def receive(channel: socket.socket) -> tuple[Any, ...] | None:
    """The next message of a blocking socket; None where the other end is gone."""
    head = _exactly(channel, LENGTH.size)
    body = None if head is None else _exactly(channel, LENGTH.unpack(head)[0])
    return None if body is None else pickle.loads(body)


def pack(error: BaseException) -> tuple[Any, ...]:
    """An error as plain data; one that cannot be sent as it is becomes a StageError of the same words."""
    trace = "" if isinstance(error, P2MError) else "".join(traceback.format_exception(error))
    words = f"{type(error).__name__}: {error}"
    for packed in (("pickled", error), ("parts", type(error), error.args, dict(vars(error)))):
        try:
            found = _unpacked(pickle.loads(pickle.dumps(packed)))
        except Exception:
            continue
        if type(found) is type(error) and str(found) == str(error):
            return (pickle.dumps(packed), trace, words)
    return (pickle.dumps(("pickled", StageError(words))), trace, words)


def unpack(packed: tuple[Any, ...]) -> BaseException:
    content, trace, words = packed
    try:
        error = _unpacked(pickle.loads(content))
    except Exception:  # its class is of a module that only the worker finds
        error = StageError(words)
    if trace:
        error.__cause__ = RemoteTraceback(trace)
    return error


def _unpacked(packed: tuple[Any, ...]) -> BaseException:
    if packed[0] == "pickled":
        found: BaseException = packed[1]
        return found
    _, kind, arguments, fields = packed
    error: BaseException = kind.__new__(kind)  # its own __init__ may take other arguments than it passed on
    error.args = arguments
    vars(error).update(fields)
    return error


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = channel.recv(length - len(parts))
        except ConnectionResetError:  # it hung up without reading the last that it was told
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
