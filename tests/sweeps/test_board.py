"""The state of a sweep outlives its processes, is right whoever writes it, and mixes in nothing stale."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p2m.errors import UserError
from p2m.leaderboard import Entry
from p2m.sweeps import Board
from p2m.types import Decision, Score

NAMES = ("seed=0", "seed=1", "seed=2", "seed=3")


def board_of(folder: Path, *names: str, identity: str = "i") -> Board:
    return Board(folder / "sweep", tuple((name, identity) for name in names or NAMES), "call")


def bundle(folder: Path, variant: str, value: float = 0.5) -> Entry:
    """An entry with a bundle on disk."""
    place = folder / "sweep" / variant
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").write_text(f"{variant} {value}")
    return Entry(
        variant,
        (Score("exact_match", value, value, value, 9),),
        1000,
        10,
        0.01,
        Decision.SHIP,
        3.0,
        str(place),
        (variant,),
        ("9 rows to judge by tell little",),
    )


def states(board: Board) -> dict[str, str]:
    entries, pending = board.now()
    return {entry.variant: "done" for entry in entries} | {each.variant: str(each) for each in pending}


def test_every_variant_has_its_state_and_the_files_say_so(tmp_path: Path) -> None:
    board = board_of(tmp_path)
    board.end("seed=0", "i", bundle(tmp_path, "seed=0"))
    board.end("seed=2", "i", "data.test: there is no such file")
    with board.building("seed=1", lambda _who: None):
        board.update()
    assert (tmp_path / "sweep" / "leaderboard.csv").read_text().count("building") == 1
    data = json.loads((tmp_path / "sweep" / "leaderboard.json").read_text())
    assert [each["variant"] for each in data["entries"]] == ["seed=0"]
    assert [each["state"] for each in data["pending"]] == ["building", "failed", "waiting"]
    assert states(board)["seed=1"] == "waiting"  # its builder is gone
    assert states(board)["seed=2"] == "failed: data.test: there is no such file"
    board.forget_failures()
    assert states(board) == {"seed=0": "done", "seed=1": "waiting", "seed=2": "waiting", "seed=3": "waiting"}


def test_what_was_built_for_another_recipe_or_of_another_command_does_not_count(tmp_path: Path) -> None:
    for name in NAMES:
        board_of(tmp_path).end(name, "i", bundle(tmp_path, name))
    assert set(states(board_of(tmp_path)).values()) == {"done"}
    assert states(board_of(tmp_path, "seed=0", "seed=9")) == {"seed=0": "done", "seed=9": "waiting"}
    edited = board_of(tmp_path, identity="edited")
    assert set(states(edited).values()) == {"waiting"}
    assert edited.finished("seed=0", "edited") is None
    board_of(tmp_path, "seed=1").update()
    assert len((tmp_path / "sweep" / "leaderboard.csv").read_text().splitlines()) == 2


def test_a_variant_is_finished_only_while_its_bundle_is_as_it_was_left(tmp_path: Path) -> None:
    board = board_of(tmp_path)
    entry = bundle(tmp_path, "seed=0")
    assert board.finished("seed=0", "i") is None
    board.end("seed=0", "i", entry)
    assert board.finished("seed=0", "i") == entry
    manifest = tmp_path / "sweep" / "seed=0" / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace("0.5", "0.9"))
    assert board.finished("seed=0", "i") is None
    manifest.unlink()
    assert board.finished("seed=0", "i") is None


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": 9}', "[1]", "\x00", '{"format": 1, "entry": {"variant": 1}}']
)
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    board = board_of(tmp_path)
    board.end("seed=0", "i", bundle(tmp_path, "seed=0"))
    (record,) = (tmp_path / "sweep" / ".jobs").glob("*.json")
    record.write_text(content)
    assert states(board)["seed=0"] == "waiting"


JOBS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_board import board_of, bundle
folder, names = Path(sys.argv[1]), [f"seed={n}" for n in range(9)]
board = board_of(folder, *names)
for name in names[int(sys.argv[2])::3]:
    with board.building(name, lambda _who: None):
        board.end(name, "i", bundle(folder, name))
    board.update()
"""


def test_three_processes_that_end_jobs_at_once_lose_no_line(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    running = [
        subprocess.Popen([sys.executable, "-c", JOBS, tmp_path, str(number), here]) for number in range(3)
    ]
    target = tmp_path / "sweep" / "leaderboard.json"
    seen = []
    while any(process.poll() is None for process in running):
        if target.exists():
            data = json.loads(target.read_text())  # never half a file
            assert len(data["entries"]) + len(data["pending"]) == 9
            seen.append(len(data["entries"]))
        time.sleep(0.03)
    assert [process.returncode for process in running] == [0] * 3
    assert seen == sorted(seen)
    assert len(json.loads(target.read_text())["entries"]) == 9
    assert not [path for path in (tmp_path / "sweep").rglob("*") if path.name.startswith(".leaderboard")]


def test_whoever_builds_the_same_variant_later_waits_and_is_told_for_whom(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[2])\n"
        "from test_board import board_of, bundle\nboard = board_of(Path(sys.argv[1]))\n"
        "with board.building('seed=0', print):\n"
        "    print('has it', flush=True)\n    time.sleep(2)\n"
        "    board.end('seed=0', 'i', bundle(Path(sys.argv[1]), 'seed=0'))\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "has it\n"
    board, told = board_of(tmp_path), []
    assert states(board)["seed=0"] == "building"
    with board.building("seed=0", lambda who: told.append(who.pid)):
        assert board.finished("seed=0", "i") is not None
    assert told == [first.pid]
    assert first.wait() == 0
    first.stdout.close()


def test_a_sweepers_own_variants_count_as_they_come_and_only_of_this_call(tmp_path: Path) -> None:
    mine, other = (Board(tmp_path / "sweep", None, call) for call in ("mine", "other"))
    mine.end("seed=1", "x", bundle(tmp_path, "seed=1"))
    other.end("seed=2", "y", bundle(tmp_path, "seed=2"))
    assert states(mine) == {"seed=1": "done"}


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "sweep").write_text("")
    with pytest.raises(UserError, match="choose another with --outputs"):
        board_of(tmp_path)
