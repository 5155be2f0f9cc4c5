"""One verb, from what was typed to an exit code: deliberate errors and Ctrl-C end in a message.

The first Ctrl-C (or SIGTERM) ends what runs, keeps what is finished and says how to go on; the second ends
the process at once, and workers end with it.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any

from p2m.cli import arguments, common, verbs
from p2m.cli.text import safe
from p2m.errors import P2MError


def run(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code; only a bug of ours gives a traceback."""
    typed = arguments.parse(argv)
    if getattr(typed, "trust", None) and "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a script's path lacks it, and trusted code often lies beside a project
    heed_interrupts()
    try:
        code: int = verbs.verb(typed.verb).run(typed, list(argv))
        return code
    except P2MError as error:
        print(f"p2m {typed.verb}: {common.runnable(common.from_here(safe(str(error))))}", file=sys.stderr)
        if line := _see(error):
            print(common.runnable(line), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        print(common.runnable(interrupted_text(interrupt, argv)), file=sys.stderr)
        return common.INTERRUPTED


def _see(error: P2MError) -> str:
    """Where the manual says more; "" where it does not."""
    from p2m.cli import manual

    return manual.see(manual.topics_of(error))


def interrupted_text(interrupt: KeyboardInterrupt, argv: Sequence[str]) -> str:
    """What was finished, what was running, and what to type."""
    from p2m.cli.text import duration
    from p2m.engine.executor import Interrupted

    lines = ["\ninterrupted; every finished step is kept."]
    if isinstance(interrupt, Interrupted):
        if interrupt.finished:
            lines.append(f"  finished in this run: {', '.join(interrupt.finished)}")
        for stopped in interrupt.running:
            then = "goes on from its last checkpoint, or starts again" if stopped.kept else "starts again"
            lines.append(f"  stopped: {stopped.step} after {duration(stopped.seconds)}; it {then}")
    lines.append(f"The same command goes on from there:\n    {shlex.join(['p2m', *argv])}")
    return "\n".join(lines)


def heed_interrupts() -> None:
    """Both signals raise KeyboardInterrupt once; a background job of a shell goes on ignoring Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_signal: int, _frame: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_at_once)
    raise KeyboardInterrupt


def _end_at_once(_signal: int, _frame: Any) -> None:
    if os.isatty(2):
        os.write(2, b"\n")  # below what is drawn there
    os._exit(common.INTERRUPTED)
