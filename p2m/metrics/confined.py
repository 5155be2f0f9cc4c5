"""A program that nobody vouches for, run by itself: what `sandbox` starts, with the standard library alone.

Linux takes the rights from this process before it runs a line: a filter of system calls (seccomp) refuses
sockets, other processes, programs, and whatever changes a file; limits hold time, memory and files. It may
read what its user may read, but can tell nobody: only whether it ended well leaves it. It proves that it is
confined before it runs anything.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import socket
import struct
import sys
from contextlib import suppress

# Of each architecture: its audit number, openat, clone, and the calls that are refused.
_CALLS = {
    "x86_64": (
        0xC000003E, 257, 56,
        (2, 41, 42, 43, 44, 46, 49, 50, 53, 57, 58, 59, 62, 76, 77, *range(82, 89), *range(90, 95), 101, 132,
         133, 155, 160, 161, 165, 166, 188, 189, 190, 197, 198, 199, 200, 235, 248, 249, 250, 258, 259, 260,
         261, 263, 264, 265, 266, 268, 272, 280, 288, 302, 308, 310, 311, 316, 321, 322),
    ),
    "aarch64": (
        0xC00000B7, 56, 220,
        (5, 6, 7, 14, 15, 16, *range(33, 42), 45, 46, *range(51, 56), 88, 97, 117, 129, 130, 164,
         *range(198, 204), 206, 211, 217, 218, 219, 221, 242, 261, 268, 270, 271, 276, 280, 281),
    ),
}  # fmt: skip
_NEWER = (
    *range(425, 436),
    437,
    438,
    440,
    442,
    443,
    452,
    *range(462, 470),
)  # the same everywhere; 435: clone3
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_THREAD = 0x10000
_REFUSE, _ABSENT, _ALLOW, _KILL = 0x00050001, 0x00050026, 0x7FFF0000, 0x80000000  # EPERM, ENOSYS
_LOAD, _EQUAL, _FROM, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_OTHER_TABLE = 0x40000000  # numbers of x32, of which the filter knows none


def _program(audit: int, openat: int, clone: int, refused: tuple[int, ...]) -> bytes:
    """Instructions of the filter, each (code, jump if so, jump if not, number)."""
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0),
             (_FROM, 0, 1, _OTHER_TABLE), (_RETURN, 0, 0, _REFUSE)]  # fmt: skip
    for number in (*refused, *_NEWER):
        answer = _ABSENT if number == 435 else _REFUSE
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    lines += [(_EQUAL, 0, 4, openat), (_LOAD, 0, 0, 32), (_ANY_BIT, 0, 1, _WRITES), (_RETURN, 0, 0, _REFUSE),
              (_RETURN, 0, 0, _ALLOW)]  # fmt: skip
    lines += [(_EQUAL, 0, 4, clone), (_LOAD, 0, 0, 16), (_ANY_BIT, 1, 0, _THREAD), (_RETURN, 0, 0, _REFUSE),
              (_RETURN, 0, 0, _ALLOW)]  # fmt: skip
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *line) for line in lines)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


def confine(seconds: int, memory: int) -> None:
    """Take the rights from this process.

    Raises:
        OSError: this system cannot do it, or what was refused went through.
    """
    calls = _CALLS.get(platform.machine())
    if sys.platform != "linux" or calls is None:
        raise OSError("only Linux on x86_64 and aarch64 can confine a program")
    for what, most in (
        (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))
    program = _program(*calls)
    buffer = ctypes.create_string_buffer(program, len(program))
    rules = _Filter(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(
        22, 2, ctypes.byref(rules), 0, 0
    ):  # no new rights; the filter
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
    _proved()


def _proved() -> None:
    for what, attempt in (
        ("a socket", lambda: socket.socket().close()),
        ("a file", lambda: os.close(os.open("/dev/null", os.O_WRONLY))),
        ("a process", lambda: os.fork() or os._exit(0)),
    ):
        try:
            attempt()
        except PermissionError:
            continue
        raise OSError(f"{what} was not refused")


def _main() -> None:
    """Answer {"token": ...} on standard output where the program ended well; {"unfit": why} where it may not
    be run here at all.
    """
    work = json.load(sys.stdin)
    tell, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    for each in (1, 2):
        os.dup2(nowhere, each)
    try:
        confine(work["seconds"], work["memory"])
    except (OSError, ValueError) as error:
        os.write(tell, json.dumps({"unfit": str(error)}).encode())
        return
    names = {"__name__": "answer", **work["names"]}
    with suppress(BaseException):
        for text in work["programs"]:
            exec(compile(text, "<answer>", "exec"), names)
        os.write(tell, json.dumps({"token": work["token"]}).encode())
    os._exit(0)


if __name__ == "__main__":
    _main()
