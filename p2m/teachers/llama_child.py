"""The process that serves a model file by llama.cpp (xllamacpp), on a socket of the file system.

    python -c "...; main()" '{"path": ..., "socket": ..., "context": ..., "slots": ..., "threads": ...}'

It says "ready" once the model answers, reaches no host whatever the recipe allows, and dies with its parent:
a thread waits for the end of a pipe that only the parent holds, and on Linux the kernel is asked as well.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
READY = b"ready\n"


def main() -> None:
    """Serve until standard input ends."""
    settings = json.loads(sys.argv[1])
    threading.Thread(target=_watch, daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != settings["parent"]:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to decide
    from p2m.engine.running.network import forbid_network

    forbid_network()
    server = _serve(settings)
    os.write(1, READY)
    signal.pause()
    del server


def _serve(settings: dict[str, object]) -> object:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.hostnames = [settings["socket"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = int(str(settings["context"])) * int(str(settings["slots"]))
    params.use_jinja = True
    params.offline = True
    params.ui = False
    params.verbosity = 1  # errors
    threads = int(str(settings["threads"])) or os.cpu_count() or 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    return xllamacpp.Server(params)


def command(settings: dict[str, object]) -> list[str]:
    """The command line of a child that finds modules where this process does."""
    begin = "import sys; sys.path[:] = sys.argv[2:]; from p2m.teachers.llama_child import main; main()"
    return [sys.executable, "-c", begin, json.dumps(settings), *sys.path]


def _watch() -> None:
    with suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(0)
