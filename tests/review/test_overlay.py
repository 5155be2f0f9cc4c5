"""The decisions file while people decide: nothing that was answered is ever lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p2m.curation.decisions import Entry, read_entries
from p2m.errors import DataError, UserError
from p2m.review.overlay import Overlay


def said(text: str, output: str | None = "yes", *, at: int = 0, **more: object) -> Entry:
    return Entry(f"2026-01-31T09:{at:02}:00Z", {"text": text}, output, **more)  # type: ignore[arg-type]


def test_lines_are_appended_then_sorted_and_what_was_replaced_goes(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "desk.decisions.jsonl")
    assert overlay.entries() == []
    overlay.tidy()
    assert not overlay.path.exists()
    for entry in (said("b", at=1), said("a", at=2), said("b", "no", at=3), said("c", at=4)):
        overlay.append(entry)
    overlay.append(said("c", at=5, undone=True))
    assert [entry.input["text"] for entry in overlay.entries()] == ["b", "a", "b", "c", "c"]
    overlay.path.chmod(0o640)
    overlay.tidy()
    assert [(entry.input["text"], entry.output) for entry in overlay.entries()] == [("a", "yes"), ("b", "no")]
    assert overlay.path.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["desk.decisions.jsonl"]


@pytest.mark.parametrize("rest", [b'{"at": "2026-01', b'{"input": {"text": "caf\xc3'])
def test_a_last_line_that_was_cut_off_is_taken_out_and_the_others_stay(tmp_path: Path, rest: bytes) -> None:
    overlay = Overlay(tmp_path / "d.jsonl")
    overlay.append(said("a"))
    whole = overlay.path.read_bytes()
    overlay.path.write_bytes(whole + rest)
    overlay.append(said("b"))
    assert [entry.input["text"] for entry in overlay.entries()] == ["a", "b"]
    overlay.path.write_bytes(whole.rstrip(b"\n"))  # an editor that ends no line
    overlay.append(said("b"))
    assert [entry.input["text"] for entry in overlay.entries()] == ["a", "b"]


def test_a_wrong_line_within_is_an_error_and_nothing_is_written_anew(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "d.jsonl")
    text = f"{said('b').line()}\nnonsense\n{said('a').line()}\n"
    overlay.path.write_text(text)
    for work in (overlay.tidy, overlay.entries):
        with pytest.raises(DataError, match=r"d\.jsonl:2: is no JSON"):
            work()
    assert overlay.path.read_text() == text


def test_a_file_that_cannot_be_written_is_an_error_of_the_users(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="decisions cannot be kept there"):
        Overlay(tmp_path / "missing" / "d.jsonl").append(said("a"))


WRITER = """
import sys
from pathlib import Path
from p2m.curation.decisions import Entry
from p2m.deploy.serving.feedback import now
from p2m.review.overlay import Overlay
overlay = Overlay(Path(sys.argv[1]))
for number in range(10_000):
    overlay.append(Entry(now(), {"text": f"{sys.argv[2]} {number}"}, "yes"))
    print(number, flush=True)
    if number % 20 == 19:
        overlay.tidy()
"""


def test_what_was_answered_survives_kills_while_two_write_and_sort(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    writers = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    }
    told: dict[str, int] = {}
    for name, writer in writers.items():
        assert writer.stdout is not None
        told[name] = next(int(line) for line in writer.stdout if int(line) >= 45)
    for name, writer in writers.items():
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate(timeout=60)
        told[name] = max([told[name], *(int(line) for line in rest.split("\n")[:-1])])
    Overlay(path).tidy()
    found = {entry.input["text"] for entry in read_entries(path)}
    assert {f"{name} {number}" for name, last in told.items() for number in range(last + 1)} <= found
