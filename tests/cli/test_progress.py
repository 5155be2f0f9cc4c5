"""What a build prints while it runs, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from p2m.cli import progress as module
from p2m.cli import sweeps
from p2m.cli.progress import Progress

SHOUTING = "[red]:smile:[/red]"  # what rich would take for markup


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """What a terminal shows after these characters, and whether its cursor is to be seen."""

    def __init__(self, text: str) -> None:
        self.lines, row, column = [""], 0, 0
        self.has_cursor = True
        for token in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|\n|\r|[^\x1b\r\n]+", text):
            if token == "\n":
                row, column = row + 1, 0
                self.lines += [""] * (row + 1 - len(self.lines))
            elif token == "\r":
                column = 0
            elif token.endswith("A"):
                row -= int(token[2:-1])
            elif token == "\x1b[2K":
                self.lines[row] = ""
            elif token in ("\x1b[?25h", "\x1b[?25l"):
                self.has_cursor = token.endswith("h")
            elif not token.startswith("\x1b"):
                line = self.lines[row].ljust(column)
                self.lines[row] = line[:column] + token + line[column + len(token) :]
                column += len(token)

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.lines if line.strip()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error, 100 columns wide and 24 lines high."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "100"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    return Terminal()


def picture(terminal: Terminal) -> list[str]:
    """What it shows once it was drawn anew."""
    time.sleep(0.5)
    return Screen(terminal.getvalue()).shown


def progress_on(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setattr(sys, "stderr", stream)  # not in a fixture: pytest sets it before each test
    return Progress()


def test_a_terminal_shows_every_running_step_below_what_stays(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress_on(terminal, monkeypatch) as progress:
        progress.step_started("train")
        progress.step_started("read")
        progress.progress("train", 3, 10, "steps")
        progress.said("read", "12 rows")
        shown = Screen(terminal.getvalue()).shown
        assert shown[0] == "    read: 12 rows"
        assert [line.split()[1] for line in shown[1:]] == ["train", "read"]
        progress.step_finished("read", "ran", 0.5)
        progress.step_started("split")
        shown = picture(terminal)
        assert shown[1] == "  + read       ran         0.5 s"
        assert [line.split()[1] for line in shown[2:]] == ["train", "split"]
        assert re.search(r"━ 3 of 10  steps  after 0\.\d s$", shown[2])
        assert re.search(r"━ after 0\.\d s$", shown[3])
    screen = Screen(terminal.getvalue())
    assert screen.shown == shown[:2]
    assert screen.has_cursor


def test_a_running_step_tells_its_time_where_nothing_happens(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress_on(terminal, monkeypatch) as progress:
        progress.step_started("train")
        time.sleep(1.2)
        assert re.search(r"after 1\.\d s$", Screen(terminal.getvalue()).shown[0])


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_a_live_line_never_runs_over_the_end_of_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with progress_on(terminal, monkeypatch) as progress:
        for number in range(40):
            progress.step_started(f"step{number}" + "x" * 60)
            progress.progress(f"step{number}" + "x" * 60, 1_000, 1_000_000, "rows of a kind")
        progress.step_started("train")
        shown = Screen(terminal.getvalue()).lines
    assert all(len(line) <= columns for line in shown)
    assert len(shown) <= 25


def test_the_name_of_a_step_stays_whole_where_there_is_room_for_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with progress_on(terminal, monkeypatch) as progress:
        progress.step_started("read-the-train-rows")
        progress.progress("read-the-train-rows", 1_000, 2_000, "rows of your own")
        progress.said("read-the-train-rows", "a line of more than forty columns, which stays whole")
        shown = picture(terminal)
    assert shown[0].endswith("which stays whole")
    assert shown[1].startswith("  > read-the-train-rows 1,000 of")
    assert shown[1].endswith("…")


def test_colours_are_left_out_where_they_are_not_wanted(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with progress_on(terminal, monkeypatch) as progress:
        progress.progress("train", 3, 10)
    assert "3 of 10" in terminal.getvalue()
    assert not re.search(r"\x1b\[[\d;]*3\d", terminal.getvalue())


def test_a_terminal_that_knows_no_cursor_gets_whole_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    tell(terminal, monkeypatch)
    assert terminal.getvalue() == TOLD


def tell(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr("rich.console.monotonic", lambda: 7.0)
    with progress_on(stream, monkeypatch) as progress:
        progress.step_started(SHOUTING)
        progress.progress(SHOUTING, 3, 10, SHOUTING)
        progress.said(SHOUTING, SHOUTING)
        progress.counted("blobs", 4_000)
        progress.step_finished(SHOUTING, "ran", 3.0)


TOLD = f"""\
  > {SHOUTING} 3 of 10  {SHOUTING}  after 0.0 s
    {SHOUTING}: {SHOUTING}
  > blobs      4,000  after 0.0 s
  + {SHOUTING} ran         3.0 s
"""


@pytest.mark.parametrize("forced", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "CLICOLOR_FORCE"])
def test_whatever_the_environment_wants_a_pipe_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch, forced: str
) -> None:
    stream = io.StringIO()
    monkeypatch.setenv(forced, "1")
    monkeypatch.setenv("COLUMNS", "20")
    tell(stream, monkeypatch)
    assert stream.getvalue() == TOLD


def test_what_users_write_is_no_markup_on_a_terminal_either(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress_on(terminal, monkeypatch) as progress:
        progress.progress(SHOUTING, 3, 10, SHOUTING)
        progress.said(SHOUTING, SHOUTING)
        shown = picture(terminal)
    assert shown[0] == f"    {SHOUTING}: {SHOUTING}"
    assert shown[1].startswith(f"  > {SHOUTING} ")
    assert f" 3 of 10  {SHOUTING}  after" in shown[1]


_WAITING = """
import sys, time
from p2m.cli.dispatch import heed_interrupts
from p2m.cli.progress import Progress
heed_interrupts()
with Progress() as progress:
    progress.step_started("train")
    for _ in range(int(sys.argv[1])):
        try:
            progress.said("train", "ready")
            time.sleep(60)
        except KeyboardInterrupt:
            pass
print("ended")
"""


@pytest.mark.parametrize(("waits", "code"), [(1, 0), (2, 130)])
def test_an_interrupt_leaves_the_terminal_clean(waits: int, code: int) -> None:
    """The first one ends what runs; a second one ends the process while the live part is drawn."""
    own, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING, str(waits)],
        **dict.fromkeys(("stdin", "stdout", "stderr"), other),
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(other)
    seen, sent = "", 0
    with suppress(OSError):  # the other end is closed
        while select.select([own], [], [], 60)[0]:
            seen += os.read(own, 65536).decode()
            if sent < waits and seen.count("ready") > sent:
                time.sleep(0.5)  # or it may come while a line is written, which is then written again
                process.send_signal(signal.SIGINT)
                sent += 1
    os.close(own)
    assert process.wait(30) == code, seen
    screen = Screen(seen)
    assert screen.has_cursor
    assert screen.lines[-1] == ""  # where the shell goes on
    if code == 0:
        assert screen.shown == ["    train: ready", "ended"]


def test_a_program_without_a_command_line_can_show_progress() -> None:
    """`import p2m.cli.progress` reads no arguments; a notebook has none."""
    code = "import sys, p2m.cli.progress\nassert not {'argparse', 'hydra', 'torch'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


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
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    with sweeps._Teller(("seed=0", "seed=1")).began("seed=1", alone=False) as job:
        job.step_started("train")
        job.said("train", "loss 0.1")
        job.progress("train", 3, 10, "steps")
        monkeypatch.setattr(module, "QUIET_SECONDS", 60.0)
        job.progress("train", 4, 10, "steps")
    begins, said, far = stream.getvalue().splitlines()
    assert all("[2 of 2] seed=1" in line for line in (begins, said, far))
    assert "train: loss 0.1" in said
    assert "train      3 of 10  steps" in far


class Clock:
    """What rich takes for the time, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("rich.console.monotonic", lambda: self.now)
        monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)


def estimates(monkeypatch: pytest.MonkeyPatch, *told: tuple[float, int], total: int = 100) -> list[str]:
    """What is said to be left where a step tells at these times (seconds) how far it is."""
    clock, stream = Clock(monkeypatch), io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    shown = Progress()
    shown.step_started("train")
    for clock.now, done in told:
        shown.progress("train", done, total)
    return [line.partition("about ")[2] for line in stream.getvalue().splitlines()]


def test_nothing_is_said_to_be_left_before_enough_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert estimates(monkeypatch, (1, 1), (3, 2), (10, 4), (11, 7)) == ["", "", "", "2 min 35 s left"]
    assert estimates(monkeypatch, (1, 1), (32, 2)) == ["", "50 min 38 s left"]  # a long step, slow throughout


def test_what_is_left_is_told_by_the_pace_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_at_first = [(1.0, 1), (90.0, 2), *((90.0 + n / 10, 2 + n) for n in range(1, 60))]
    told = estimates(monkeypatch, *slow_at_first)
    assert told[1] == ""
    assert told[-1] == "4.0 s left"


def test_what_a_step_does_before_it_counts_is_no_measure_of_its_pace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    shown = Progress()
    shown.step_started("train")  # loads libraries for half a minute
    clock.now = 30.0
    shown.progress("train", 1, 60)
    assert "left" not in capsys.readouterr().err
    clock.now = 80.0
    shown.progress("train", 8, 60)
    assert "8 of 60  after 1 min 20 s, about 6 min 12 s left" in capsys.readouterr().err


def test_of_a_step_that_counts_anew_nothing_is_said_to_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = [(time, count) for start in (0, 10) for time, count in ((start + 1, 1), (start + 9, 100))]
    assert [line for line in estimates(monkeypatch, *folds) if line.startswith("0")] == []
