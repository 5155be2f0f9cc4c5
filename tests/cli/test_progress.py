"""What a build prints while it runs, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re
import sys

import pytest

from p2m.cli import progress as module
from p2m.cli import sweeps
from p2m.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(text: str) -> list[str]:
    """The lines that a terminal shows after these characters: up, to the line's start, clear to the end."""
    lines, row = [""], 0
    for up, other in re.findall(r"\x1b\[(\d+)A|(\r\x1b\[J|\n|[^\x1b\r\n]+)", text):
        if up:
            row -= int(up)
        elif other.startswith("\r"):
            lines[row:] = [""]
        elif other == "\n":
            row += 1
            lines[row:] = [""]
        else:
            lines[row] += other
    return lines


def test_a_terminal_shows_every_running_step_below_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "LIVE_SECONDS", 0.0)
    with Progress() as progress:
        progress.step_started("train")
        progress.step_started("read")
        progress.progress("train", 3, 10, "steps")
        progress.said("read", "12 rows")
        assert screen(terminal.getvalue())[0] == "    read: 12 rows"
        assert [line[:9] for line in screen(terminal.getvalue())[1:]] == ["  > train", "  > read"]
        progress.step_finished("read", "ran", 0.5)
        progress.step_started("split")
        shown = screen(terminal.getvalue())
        assert [line[:9] for line in shown[2:]] == ["  > train", "  > split"]
        assert shown[1].startswith("  + read       ran")
        assert "3 of 10  steps" in shown[2]
    assert screen(terminal.getvalue()) == [*shown[:2], ""]


def test_more_steps_than_a_terminal_has_room_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "6")
    progress = Progress()
    for number in range(9):
        progress.step_started(f"step{number}" + "x" * 60)
    shown = screen(terminal.getvalue())
    assert len(shown) == 4
    assert all(len(line) < 30 for line in shown)
    assert shown[-1] == "  > and 6 more"


def test_elsewhere_a_line_a_step_and_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress() as progress:
        progress.step_started("train")
        progress.progress("train", 3, 10, "steps")
        progress.waiting("train", "process 7, at it for 3 s")
        progress.step_finished("train", "cut-off", 3.0)
        progress.step_failed("split", KeyboardInterrupt())
    assert stream.getvalue().splitlines() == [
        "    train: waiting for process 7, at it for 3 s, which is building it",
        "  ~ train      ran, output unchanged",
        "  ! split      interrupted",
    ]


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_build_goes_on_where_nobody_reads_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Gone())
    with Progress() as progress:
        progress.step_started("train")
        progress.said("train", "hello")
        progress.step_finished("train", "ran", 3.0)


def test_jobs_of_a_sweep_tell_what_stages_say_each_line_with_its_variant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sweeps, "QUIET_SECONDS", 0.0)
    with sweeps._Teller(("seed=0", "seed=1")).began("seed=1", alone=False) as job:
        job.step_started("train")
        job.said("train", "loss 0.1")
        job.progress("train", 3, 10, "steps")
        monkeypatch.setattr(sweeps, "QUIET_SECONDS", 60.0)
        job.progress("train", 4, 10, "steps")
    begins, said, far = stream.getvalue().splitlines()
    assert all("[2 of 2] seed=1" in line for line in (begins, said, far))
    assert "train: loss 0.1" in said
    assert "train      3 of 10  steps" in far


def estimates(monkeypatch: pytest.MonkeyPatch, *told: tuple[float, int], total: int = 100) -> list[str]:
    """What is said to be left where a step tells at these times (seconds) how far it is."""
    clock = iter([0.0, *(when for when, _ in told)])
    monkeypatch.setattr("p2m.cli.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("p2m.cli.progress.QUIET_SECONDS", 0.0)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    shown = Progress()
    shown.step_started("train")
    for _, done in told:
        shown.progress("train", done, total)
    return [line.partition("about ")[2] for line in stream.getvalue().splitlines()]


def test_nothing_is_said_to_be_left_before_enough_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert estimates(monkeypatch, (1, 1), (3, 2), (10, 4), (11, 7)) == ["", "", "", "31 s left"]
    assert estimates(monkeypatch, (1, 1), (32, 2)) == ["", "50 min 38 s left"]  # a long step, slow throughout


def test_what_is_left_is_told_by_the_latest_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_at_first = [(1.0, 1), (15.0, 2), *((15.0 + n / 10, 2 + n) for n in range(1, 60))]
    told = estimates(monkeypatch, *slow_at_first)
    assert told[1] == ""
    assert told[-1] == "3.9 s left"
    assert all(float(line.split()[0]) < 40 for line in told if line)


def test_what_a_step_does_before_it_counts_is_no_measure_of_its_pace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 30.0, 100.0])
    monkeypatch.setattr("p2m.cli.progress.time.monotonic", lambda: next(clock, 100.0))
    monkeypatch.setattr("p2m.cli.progress.QUIET_SECONDS", 0.0)
    shown = Progress()
    shown.step_started("train")  # loads libraries for half a minute
    shown.progress("train", 1, 60)
    assert "left" not in capsys.readouterr().err
    shown.progress("train", 8, 60)
    assert "about 8 min 40 s left" in capsys.readouterr().err
