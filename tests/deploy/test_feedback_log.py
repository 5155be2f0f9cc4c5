"""The feedback log: appended to by many at once, never torn, never half of an append."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from p2m.deploy.serving.feedback import RIGHT, Entry, Log, now

WRITER = """
import sys
from pathlib import Path
from p2m.deploy.serving.feedback import Entry, Log, now
for number in range(50):
    log = Log(Path(sys.argv[1]))
    text = {"text": "x" * 5000}
    ids = [f"{sys.argv[2]}-{number}-{part}" for part in "ab"]
    log.append(*(Entry(now(), each, "desk@1", "server", text, "a", 1.0) for each in ids))
"""


def entry(text: str = "Where is my box?") -> Entry:
    return Entry(now(), "1", "desk@1f0c", "demo", {"text": text}, "delivery", 0.5, judged=RIGHT)


def test_a_line_holds_what_was_said(tmp_path: Path) -> None:
    made = entry("Wo ist mein Päckchen? \ud800")
    Log(tmp_path / "log.jsonl").append(made)
    told = json.loads((tmp_path / "log.jsonl").read_bytes().decode("utf-8", "surrogatepass"))
    assert told.pop("from") == made.source
    assert told == {
        "at": made.at, "id": "1", "bundle": "desk@1f0c", "input": dict(made.input), "output": "delivery",
        "score": 0.5, "abstain": False, "judged": "right", "answer": None, "note": "",
    }  # fmt: skip


def test_many_processes_append_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "123"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    assert len(ids) == 300
    assert [each[:-1] for each in ids[::2]] == [each[:-1] for each in ids[1::2]]


def test_what_a_power_failure_cut_off_spoils_no_later_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"at": "2026-')
    Log(path).append(entry())
    assert json.loads(path.read_text().splitlines()[-1])["id"] == "1"


def test_where_there_is_no_room_nothing_is_kept_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    Log(path).append(entry())
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(OSError):
            Log(path).append(entry("y" * 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
