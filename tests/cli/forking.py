"""A process that has imported what every verb imports, and forks once a command: 0.1 s, not 1 s."""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

# What the steps of a build with a linear model import, in the order of their cost.
BUILDS_NEED = (
    "sklearn.linear_model",
    "sklearn.manifold",
    "matplotlib.figure",
    "onnxruntime",
    "p2m.reporting.page",
)


class Zygote:
    """Calls of `p2m`, each in a child of its own that shares nothing with the others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._folder = tempfile.TemporaryDirectory(prefix="p2m-forking-")

    def call(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], *, stdin: str = "",
        is_merged: bool = False,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """What `p2m WORDS` gave in `folder` with just that environment.

        `is_merged`: standard error stands within the output, as a terminal shows it.
        """
        given, output, errors = (Path(self._folder.name, name) for name in ("in", "out", "err"))
        given.write_text(stdin)
        output.write_text("")
        errors.write_text("")
        request = {
            "words": list(words), "folder": str(folder), "environment": dict(environment),
            "streams": [str(given), str(output), str(output if is_merged else errors)],
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        said = output.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")
        return subprocess.CompletedProcess(["p2m", *words], code, *said)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


@cache
def zygote() -> Zygote:
    """The one of this test worker."""
    made = Zygote()
    atexit.register(made.close)
    return made


def _serve() -> None:
    import p2m.build
    import p2m.cli.arguments
    import p2m.cli.dispatch
    from p2m.cli import verbs
    from p2m.cli.main import main
    from p2m.engine.code import syntax
    from p2m.stages.timing import clocked

    for name in verbs.names():
        verbs.verb(name)
    assert p2m.build
    syntax.recall(syntax.memory_file())
    for file in Path(p2m.build.__file__).parent.rglob("*.py"):
        syntax.read_source(file.read_bytes(), str(file))
    syntax.retain(syntax.memory_file())
    for name in BUILDS_NEED:
        import_module(name)
    clocked.__kwdefaults__["least"] = 0.05  # seconds in which a bundle's cost is measured
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(main, request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(main: Callable[[list[str]], int], request: dict[str, Any]) -> None:
    code = 70
    try:
        given, output, errors = request["streams"]
        os.dup2(os.open(given, os.O_RDONLY), 0)
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_APPEND), 2)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        sys.argv = ["p2m", *request["words"]]
        code = main(request["words"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
