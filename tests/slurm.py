#!/usr/bin/env python3
"""A Slurm of one machine: sbatch, srun, sacct and scancel that run what they are given as real processes.

`slurm_in(folder)` lays the commands into `folder/bin`; what was submitted lies in `jobs/<id>[_<index>]`: the
script, its pid and, once it has ended, its exit code.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scancel")


def slurm_in(folder: Path) -> dict[str, str]:
    """Lay the commands out; the environment in which they are found."""
    (folder / "bin").mkdir(parents=True)
    (folder / "jobs").mkdir()
    for name in COMMANDS:
        command = folder / "bin" / name
        words = shlex.join([sys.executable, str(Path(__file__).resolve()), name, str(folder / "jobs")])
        command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        command.chmod(0o755)
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def sbatch(jobs: Path, words: list[str]) -> int:
    """Start the script, once for every index of its array; what it is told in `#SBATCH` lines counts too."""
    parser = argparse.ArgumentParser(prog="sbatch")
    for name in (
        "wrap",
        "array",
        "output",
        "error",
        "job-name",
        "time",
        "cpus-per-task",
        "mem",
        "chdir",
        "partition",
    ):
        parser.add_argument(f"--{name}")
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("script", nargs="?")
    said = parser.parse_known_args(words)[0]
    script = f"#!/bin/sh\n{said.wrap}\n" if said.wrap else Path(said.script).read_text()
    lines = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    in_script = [word for line in lines for word in shlex.split(line)]
    said = parser.parse_known_args([*in_script, *words])[0]
    if said.partition not in (None, "main"):
        print(f"sbatch: error: invalid partition specified: {said.partition}", file=sys.stderr)
        return 1
    number = 1 + max((int(path.name.partition("_")[0]) for path in jobs.iterdir()), default=0)
    first, last = re.match(r"(\d+)-(\d+)", said.array).groups() if said.array else (None, None)
    indices = range(int(first), int(last) + 1) if said.array else [None]
    processes = [_start(jobs, str(number), index, script, said) for index in indices]
    print(f"Submitted batch job {number}", flush=True)
    return max(process.wait() for process in processes) if said.wait else 0


def _start(
    jobs: Path, number: str, index: int | None, script: str, said: argparse.Namespace
) -> subprocess.Popen[bytes]:
    name = number if index is None else f"{number}_{index}"
    place = jobs / name
    place.mkdir()
    (place / "script").write_text(script)
    (place / "script").chmod(0o755)
    environment = os.environ | {"SLURM_JOB_ID": number, "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1"}
    if index is not None:
        environment |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": str(index)}
    output = _filled(said.output or "slurm-%j.out", environment)
    error = _filled(said.error or output, environment)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    with open(output, "ab") as out, open(error, "ab") as err:
        inside = shlex.join([str(place / "script")])
        command = f"{inside}; code=$?; echo $code > {shlex.quote(str(place / 'exit'))}; exit $code"
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=said.chdir, env=environment, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
    (place / "pid").write_text(str(process.pid))
    return process


def srun(_jobs: Path, words: list[str]) -> int:
    """Run one task of the job here."""
    parser = argparse.ArgumentParser(prog="srun")
    parser.add_argument("--unbuffered", action="store_true")
    parser.add_argument("--output")
    parser.add_argument("--error")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    said = parser.parse_args(words)
    environment = os.environ | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
    output, error = _filled(said.output, environment), _filled(said.error, environment)
    with open(output, "ab") as out, open(error, "ab") as err:
        return subprocess.run(said.command, env=environment, stdout=out, stderr=err).returncode


def sacct(jobs: Path, words: list[str]) -> int:
    """The state of every job that was asked for, and of those of its array."""
    asked = {words[at + 1] for at, word in enumerate(words) if word == "-j"}
    print("JobID|State|NodeList")
    for place in jobs.iterdir():
        if place.name.partition("_")[0] in asked:
            print(f"{place.name}|{_state(place)}|here")
    return 0


def _state(place: Path) -> str:
    if (place / "exit").exists():
        return "COMPLETED" if (place / "exit").read_text().strip() == "0" else "FAILED"
    try:
        os.kill(int((place / "pid").read_text()), 0)
    except (OSError, ValueError):
        time.sleep(0.1)
        return "RUNNING" if (place / "exit").exists() else "NODE_FAIL"
    return "RUNNING"


def scancel(jobs: Path, words: list[str]) -> int:
    for place in jobs.iterdir():
        if place.name in words or place.name.partition("_")[0] in words:
            os.killpg(int((place / "pid").read_text()), 15)
    return 0


def _filled(pattern: str, environment: dict[str, str] | os._Environ[str]) -> str:
    """A name as Slurm makes it of its pattern."""
    number = environment["SLURM_JOB_ID"]
    index = environment.get("SLURM_ARRAY_TASK_ID", "0")
    values = {"%j": number, "%A": number, "%a": index, "%t": "0"}
    return re.sub("%[jAat]", lambda found: values[found[0]], pattern)


if __name__ == "__main__":
    name, folder, *rest = sys.argv[1:]
    sys.exit(globals()[name](Path(folder), rest))
