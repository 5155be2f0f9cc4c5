"""The tools that p2m is compared with: installed as published, each into an environment of its own.

`peers.txt` pins them. An environment is made when it is first asked for and found again afterwards; one that
cannot be made is told, never passed over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).parents[1] / "peers.txt"
DEFAULT = Path("~/.cache/p2m-bench")
MAKE = "make"  # no Python package: whatever the machine has


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that can be run."""

    name: str
    version: str
    bin: Path  # the folder of its programs


@dataclass(frozen=True, slots=True)
class Peers:
    """What was found: tools by name, and why others are missing."""

    found: dict[str, Peer]
    missing: dict[str, str]


def arguments(purpose: str) -> argparse.ArgumentParser:
    """What both scripts take."""
    parser = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="accepted like in the other benchmarks; not used here")
    parser.add_argument("--peers", type=Path, default=DEFAULT, help=f"where the tools are kept ({DEFAULT})")
    parser.add_argument("--only", help="tools to run, by name, with commas between")
    parser.add_argument("--allow-missing", action="store_true", help="go on where a tool cannot be installed")
    return parser


def pins() -> dict[str, list[str]]:
    """Tool -> what is installed for it: itself first, then what it is pinned together with."""
    lines = [line.split("#", 1)[0].split() for line in PINS.read_text(encoding="utf-8").splitlines()]
    return {requirements[0].split("==")[0]: requirements for requirements in lines if requirements}


def prepare(folder: Path, only: set[str] | None = None) -> Peers:
    """Every pinned tool, or those of `only`, installed under `folder` where it was not."""
    found, missing = {}, {}
    for name, requirements in pins().items():
        if only is not None and name not in only:
            continue
        version = requirements[0].split("==")[1]
        place = folder.expanduser().resolve() / f"{name}-{version}"
        failure = "" if (place / "ready").exists() else _install(place, requirements)
        if failure:
            missing[name] = failure
        else:
            found[name] = Peer(name, version, place / "bin")
    return Peers(found, missing)


def make() -> Peer | None:
    """GNU make, where the machine has one."""
    program = shutil.which(MAKE)
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return Peer(MAKE, said.split("\n", 1)[0].rsplit(" ", 1)[-1], Path(program).parent)


def _install(place: Path, requirements: list[str]) -> str:
    """Why it could not be installed; "" where it could."""
    print(f"installing {' '.join(requirements)} into {place}", file=sys.stderr)
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"pip could not install {requirements[0]}: {done.stderr.strip().splitlines()[-1:]}"
    (place / "ready").touch()
    return ""


# --------------------------------------------------------------------------- running them


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended."""

    code: int  # -9 where it was killed
    out: str  # stdout and stderr together

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def environment(home: Path) -> dict[str, str]:
    """What every tool is run with: nothing of the user's settings, no telemetry, byte code kept as usual."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "DVC_NO_ANALYTICS": "1",
        "HAMILTON_TELEMETRY_ENABLED": "false",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def start(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start a command as a process group of its own, so that all of it can be killed."""
    return subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], seconds: float) -> Ran:
    """Wait for a command; it is killed, with all that it started, when its time is over."""
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        out, _ = process.communicate()
        out += f"\nstill running after {seconds:.0f} s"
    return Ran(process.returncode, out)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a command and to everything that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def run(command: list[str], folder: Path, env: dict[str, str], *, seconds: float = 300) -> Ran:
    return finish(start(command, folder, env), seconds)
