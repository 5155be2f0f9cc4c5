"""Bundles land whole, beside what is kept, and never over something better or something foreign."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p2m.delivery import check_writable, deliver
from p2m.errors import UserError


def bundle(folder: Path, *, ship: bool, mark: str) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"verdict": {"ship": ship}}))
    (folder / "mark").write_text(mark)
    return folder


def test_a_bundle_replaces_the_one_before_and_keeps_sweeps(tmp_path: Path) -> None:
    target = tmp_path / "outputs" / "qa"
    deliver(bundle(tmp_path / "a", ship=True, mark="a"), target, ship=True)
    (target / "sweeps" / "s1").mkdir(parents=True)
    landed = deliver(bundle(tmp_path / "b", ship=True, mark="b"), target, ship=True)
    assert landed == target
    assert (target / "mark").read_text() == "b"
    assert (target / "sweeps" / "s1").is_dir()
    assert [entry.name for entry in target.parent.iterdir()] == ["qa"]


def test_a_bundle_that_falls_short_never_replaces_one_that_ships(tmp_path: Path) -> None:
    target = tmp_path / "qa"
    deliver(bundle(tmp_path / "good", ship=True, mark="good"), target, ship=True)
    landed = deliver(bundle(tmp_path / "bad", ship=False, mark="bad"), target, ship=False)
    assert (target / "mark").read_text() == "good"
    assert landed == target / "rejected"
    assert (landed / "mark").read_text() == "bad"


def test_a_bundle_that_falls_short_replaces_another_that_did(tmp_path: Path) -> None:
    target = tmp_path / "qa"
    deliver(bundle(tmp_path / "a", ship=False, mark="a"), target, ship=False)
    assert deliver(bundle(tmp_path / "b", ship=False, mark="b"), target, ship=False) == target
    assert (target / "mark").read_text() == "b"


def test_a_folder_that_p2m_did_not_write_is_refused_and_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "qa"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        check_writable(target)
    with pytest.raises(UserError, match=r"not a bundle"):
        deliver(bundle(tmp_path / "a", ship=True, mark="a"), target, ship=True)
    assert (target / "thesis.tex").read_text() == "years of work"


def test_outputs_that_cannot_be_written_are_found_out_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot be written.*\n.*--outputs"):
        check_writable(tmp_path / "outputs" / "qa")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(tmp_path / "qa")


DELIVERIES = """
import sys
from pathlib import Path
from p2m.delivery import deliver
for _ in range(400):
    deliver(Path(sys.argv[1]), Path(sys.argv[2]), ship=True)
"""


def test_processes_that_deliver_to_one_place_at_once_all_succeed(tmp_path: Path) -> None:
    target = tmp_path / "outputs" / "qa"
    marks = ("a", "b", "c")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DELIVERIES, bundle(tmp_path / mark, ship=True, mark=mark), target],
            stderr=subprocess.PIPE,
            text=True,
        )
        for mark in marks
    ]
    for process in running:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert (target / "mark").read_text() in marks
    assert [entry.name for entry in target.parent.iterdir()] == ["qa"]


KILLED = """
import os, signal, sys
from pathlib import Path
from p2m.delivery import deliver
left, rename = int(sys.argv[3]), Path.rename
def dying(path, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
Path.rename = dying
deliver(Path(sys.argv[1]), Path(sys.argv[2]), ship=sys.argv[4] == "ships")
"""


@pytest.mark.parametrize("renames", range(5))
def test_a_kill_in_the_middle_of_a_delivery_loses_nothing_that_stands_beside_a_bundle(
    tmp_path: Path, renames: int
) -> None:
    target = tmp_path / "outputs" / "qa"
    deliver(bundle(tmp_path / "a", ship=True, mark="a"), target, ship=True)
    deliver(bundle(tmp_path / "short", ship=False, mark="short"), target, ship=False)
    for name in ("sweeps", "variants"):
        (target / name / "one").mkdir(parents=True)
    new = bundle(tmp_path / "b", ship=True, mark="b")
    killed = subprocess.run([sys.executable, "-c", KILLED, new, target, str(renames), "ships"], check=False)
    assert killed.returncode == -signal.SIGKILL
    deliver(bundle(tmp_path / "c", ship=True, mark="c"), target, ship=True)
    assert (target / "mark").read_text() == "c"
    assert (target / "rejected" / "mark").read_text() == "short"
    assert {"sweeps", "variants"} <= {entry.name for entry in target.iterdir()}
    assert [entry.name for entry in target.parent.iterdir()] == ["qa"]


def test_a_bundle_that_a_kill_left_aside_still_outranks_one_that_falls_short(tmp_path: Path) -> None:
    target = tmp_path / "outputs" / "qa"
    deliver(bundle(tmp_path / "a", ship=True, mark="a"), target, ship=True)
    new = bundle(tmp_path / "b", ship=True, mark="b")
    subprocess.run([sys.executable, "-c", KILLED, new, target, "1", "ships"], check=False)
    assert not target.exists()
    landed = deliver(bundle(tmp_path / "short", ship=False, mark="short"), target, ship=False)
    assert landed == target / "rejected"
    assert (target / "mark").read_text() == "a"


def test_half_of_a_rejected_bundle_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "outputs" / "qa"
    deliver(bundle(tmp_path / "a", ship=True, mark="a"), target, ship=True)
    deliver(bundle(tmp_path / "b", ship=False, mark="b"), target, ship=False)
    new = bundle(tmp_path / "c", ship=False, mark="c")
    subprocess.run([sys.executable, "-c", KILLED, new, target, "1", "falls short"], check=False)
    deliver(new, target, ship=False)
    assert (target / "rejected" / "mark").read_text() == "c"
    assert sorted(entry.name for entry in target.iterdir()) == ["manifest.json", "mark", "rejected"]
