"""The entry point. It answers a build that has nothing to do by itself, without any import beyond the
standard library; everything else is reached through `dispatch`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from p2m import noop


def main(argv: Sequence[str] | None = None) -> int:
    """Run `p2m ARGUMENTS` and return the exit code (see `p2m --help`)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _never_unwritable()
    try:
        answer = noop.lookup(arguments) if arguments[:1] == ["build"] else None
        if answer is not None:
            print(answer.text)
            return answer.exit_code
        from p2m.cli.dispatch import run

        return run(arguments)
    except BrokenPipeError:  # `p2m show ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # while modules were loaded: nothing had begun
        print("\ninterrupted before anything began", file=sys.stderr)
        return 130


def _never_unwritable() -> None:
    """What the encoding of standard output lacks is escaped: names of files may hold anything."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
