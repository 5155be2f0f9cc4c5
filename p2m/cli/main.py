"""One verb, from what was typed to an exit code: deliberate errors and Ctrl-C end in a message."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

from p2m.cli import arguments, common, verbs
from p2m.errors import P2MError


def run(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code; only a bug of ours gives a traceback."""
    typed = arguments.parse(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code: int = verbs.verb(typed.verb).run(typed, list(argv))
        return code
    except P2MError as error:
        print(f"p2m {typed.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "\ninterrupted; every finished step is kept, and so is what a training had written."
            "\nThe same command goes on from there.",
            file=sys.stderr,
        )
        return common.INTERRUPTED


def _terminate(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt
