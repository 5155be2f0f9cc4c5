"""p2m serve: bundles by p2m's own files, until a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import LABELS, Exports, rows_of

sys.path.append(str(Path(__file__).parents[1] / "deploy"))
from servers import bundle_of

from p2m.cli import arguments
from p2m.cli.verbs import serve
from p2m.deploy.serving.http import command
from p2m.deploy.serving.http.options import options_of
from p2m.errors import UserError


@pytest.fixture(scope="module")
def bundle(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "desk"
    return bundle_of(exports["classification"][1], folder, LABELS, rows_of(LABELS), "desk")


def test_it_answers_until_it_is_asked_to_stop(bundle: Path) -> None:
    typed = [sys.executable, "-m", "p2m", "serve", f"mine={bundle}", "--port", "0"]
    with subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        address = re.search(r"serving mine@[0-9a-f]{12} \(text\) at (http://127\.0\.0\.1:\d+);", said)
        assert address is not None, said
        body = json.dumps(rows_of(LABELS)[0].input).encode()
        request = urllib.request.Request(f"{address[1]}/predict", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            assert json.load(reply)["output"] in LABELS.labels
        process.send_signal(signal.SIGINT)
        log = process.stderr.read()
    assert process.returncode == 0
    assert len(log.splitlines()) == 1  # of the request


def test_what_is_no_bundle_is_told_with_the_ones_near(bundle: Path) -> None:
    (bundle.parent / "last").symlink_to(bundle)
    for text in (str(bundle.parent), f"new={bundle.parent}"):
        typed = arguments.parse(["serve", text])
        with pytest.raises(UserError, match=r"no bundle here\n    next: .*p2m serve .*last"):
            serve.run(typed, [])


def test_examples_name_a_second_bundle_beside_the_first() -> None:
    told = serve.EXAMPLES + command.EXAMPLES.format(command="p2m serve", tokens="TOKENS")
    lines = [line.strip() for line in told.splitlines() if "--canary" in line or "--shadow" in line]
    assert len(lines) == 3
    for line in lines:
        typed = arguments.parse(line.split()[1:])
        options = options_of(typed)
        name = options.shadow or (options.canary or ("",))[0]
        assert name in [each.partition("=")[0] for each in typed.bundles[1:]], line
