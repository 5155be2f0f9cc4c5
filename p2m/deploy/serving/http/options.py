"""What a server is told: where it listens, to whom, and how much it takes on."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOKENS = "P2M_SERVE_TOKENS"  # in the environment: tokens, separated by blanks or commas
_LEAST = 16  # letters of a token
_MEBI = 2**20


class OptionError(ValueError):
    """An option that cannot be; the message says what could."""


@dataclass(frozen=True)
class Options:
    """Seconds, bytes and rows."""

    host: str = "127.0.0.1"
    port: int = 8000
    tokens: tuple[bytes, ...] = ()  # digests of those that are let in; (): everybody on this machine
    threads: int = 1  # within one model
    workers: int = 1  # batches that are answered at once, each by a model of its own
    batch_size: int = 32  # rows
    batch_wait: float = 0.002
    queue: int = 2048  # rows that wait at most, of each model
    max_rows: int = 1024  # of one request
    max_body: int = _MEBI
    body_timeout: float = 10.0
    timeout: float = 30.0  # until an answer is there
    connections: int = 4096
    drain: float = 30.0
    canary: tuple[str, float] | None = None  # a model, and its share of what the first one is asked
    shadow: str | None = None
    record: Path | None = None
    feedback: Path | None = None
    precision: float | None = None
    has_access_log: bool = True

    def lets_in(self, authorization: str) -> bool:
        """Whether the header has a token that is known; every token is compared, each in constant time."""
        if not self.tokens:
            return True
        scheme, _, said = authorization.partition(" ")
        digest = hashlib.sha256(said.strip().encode("utf-8", "surrogateescape")).digest()
        found = False
        for token in self.tokens:
            found |= hmac.compare_digest(token, digest)
        return found and scheme.lower() == "bearer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a server; those of `Options` have its defaults."""
    listen = parser.add_argument_group("where and to whom")
    listen.add_argument("--host", default=Options.host, help="address to bind (default: %(default)s)")
    listen.add_argument(
        "--port", type=_number(0, 65535), default=Options.port, metavar="N",
        help="port; 0: any that is free (default: %(default)s)",
    )  # fmt: skip
    listen.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help=f"bearer tokens, one a line; or in {TOKENS}. Without any, only this machine is served",
    )  # fmt: skip
    _add_limits(parser.add_argument_group("how much"))
    several = parser.add_argument_group("two models beside each other")
    several.add_argument(
        "--canary",
        metavar="NAME=SHARE",
        help="NAME answers that share of what the first model is asked: new=0.1",
    )
    several.add_argument(
        "--shadow", metavar="NAME",
        help="NAME is asked what the first model is asked; what it answers is compared, and not sent",
    )  # fmt: skip
    written = parser.add_argument_group("what is written down")
    written.add_argument(
        "--record", type=Path, metavar="FILE",
        help="append every row and its answer to a feedback log (default: no input is written anywhere)",
    )  # fmt: skip
    written.add_argument(
        "--feedback", type=Path, metavar="FILE",
        help="append what people say at /feedback to this log (default: the file of --record)",
    )  # fmt: skip
    written.add_argument(
        "--no-access-log", action="store_true",
        help="write no line a request to standard error; it never holds an input",
    )  # fmt: skip


def _add_limits(group: argparse._ArgumentGroup) -> None:
    whole, seconds = _number(1, 10**9), _seconds
    for flag, kind, metavar, told in (
        ("--threads", whole, "N", "threads of a model; more pay for long texts alone (default: %(default)s)"),
        ("--workers", whole, "N", "batches answered at once, by copies of the model (default: %(default)s)"),
        ("--batch-size", whole, "N", "rows that are answered together at most (default: %(default)s)"),
        ("--batch-wait", _number(0, 10_000), "MS", "the longest that a row waits for others to go with it"
         " (default: 2); a row alone never waits"),
        ("--queue", whole, "N", "rows that may wait; more are refused with 429 (default: %(default)s)"),
        ("--max-rows", whole, "N", "rows of a request, or it is refused (422) (default: %(default)s)"),
        ("--max-body", whole, "BYTES", "bytes of a request, or it is refused (413) (default: %(default)s)"),
        ("--body-timeout", seconds, "S", "seconds that a request may take to arrive (default: %(default)g)"),
        ("--timeout", seconds, "S", "seconds until a request is given up with 504 (default: %(default)g)"),
        ("--connections", whole, "N", "connections; more are refused with 503 (default: %(default)s)"),
        ("--drain", seconds, "S", "seconds that requests may take after SIGTERM (default: %(default)g)"),
    ):  # fmt: skip
        name = flag.removeprefix("--").replace("-", "_")
        default = None if name == "batch_wait" else getattr(Options, name)
        group.add_argument(flag, type=kind, metavar=metavar, default=default, help=told)
    group.add_argument(
        "--precision", type=float, metavar="SHARE",
        help="mark answers that are less sure than it takes for so many to be right, such as 0.95",
    )  # fmt: skip


def options_of(typed: argparse.Namespace) -> Options:
    """Checked, as far as that needs no model.

    Raises:
        OptionError: with what could be typed instead.
    """
    tokens = _tokens(typed.token_file)
    if not tokens and not is_loopback(typed.host):
        raise OptionError(
            f"--host {typed.host} can be reached from elsewhere, so it takes a token: --token-file FILE, or"
            f" {TOKENS} in the environment;"
            " python -c 'import secrets; print(secrets.token_urlsafe())' makes one"
        )
    if typed.max_rows > typed.queue:
        raise OptionError(f"--max-rows {typed.max_rows} would never fit into --queue {typed.queue}")
    if typed.precision is not None and not 0 < typed.precision < 1:
        raise OptionError(f"--precision is a share between 0 and 1, such as 0.95, not {typed.precision:g}")
    for flag, path in (("--record", typed.record), ("--feedback", typed.feedback)):
        if path is not None:
            _check_log(flag, path)
    wait = Options.batch_wait if typed.batch_wait is None else typed.batch_wait / 1000
    same = (
        "host",
        "port",
        "workers",
        "batch_size",
        "queue",
        "max_rows",
        "max_body",
        "body_timeout",
        "timeout",
    )
    return Options(
        **{name: getattr(typed, name) for name in (*same, "connections", "drain", "record", "feedback")},
        tokens=tokens, threads=typed.threads, batch_wait=wait,
        canary=_canary(typed.canary), shadow=typed.shadow, precision=typed.precision,
        has_access_log=not typed.no_access_log,
    )  # fmt: skip


def _check_log(flag: str, path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OptionError(f"{flag} {path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise OptionError(f"{flag} {path}: not a regular file; name one, such as seen.jsonl")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise OptionError(f"{flag} {path}: cannot be written; name a file that can")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches the address, or any address of the name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except OSError:
        raise OptionError(f"--host {host}: no address of that name") from None
    return all(ipaddress.ip_address(str(each).partition("%")[0]).is_loopback for each in found)


def _tokens(path: Path | None) -> tuple[bytes, ...]:
    said = os.environ.get(TOKENS, "").replace(",", " ").split()
    where = [f"a token of {TOKENS}"] * len(said)
    if path is not None:
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"--token-file {path}: cannot be read ({error})") from None
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                said.append(line.strip())
                where.append(f"{path}:{number}: the token")
        if not said:
            raise OptionError(f"--token-file {path}: no token in it; expected one a line")
    for token, place in zip(said, where, strict=True):
        if len(token) < _LEAST:
            raise OptionError(
                f"{place} has {len(token)} letters; expected {_LEAST} or more, which nobody guesses"
            )
    return tuple(hashlib.sha256(token.encode()).digest() for token in said)


def _canary(text: str | None) -> tuple[str, float] | None:
    if text is None:
        return None
    name, _, share = text.rpartition("=")
    try:
        found = float(share)
    except ValueError:
        found = -1.0
    if not name or not 0 < found < 1:
        raise OptionError(
            f"--canary {text}: expected NAME=SHARE with a share between 0 and 1, such as new=0.1"
        )
    return name, found


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 86_400:
        raise argparse.ArgumentTypeError(f"seconds, such as 30, not {text!r}")
    return found
