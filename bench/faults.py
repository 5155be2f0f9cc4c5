"""What p2m and other tools do when things go wrong: `python bench/faults.py [DATA] [--peers DIR]`.

One small project, written for every tool in its own idiom (peers/projects.py), is put through real faults:
bits are flipped, processes killed, files edited while they are read. What a tool did is read off its result,
its exit codes and a log that the steps write, and nothing else. Exits 1 where p2m does not do what it must.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import peers
from peers import Ran
from peers.projects import COMMENT, LOG, P2M, PEERS, Project, expected

SLOW = 1.5  # seconds that a step takes where something is to happen in the middle of it
PATIENCE = 60.0  # seconds after which a command is given up
OWN_PATH = {"PYTHONPATH": os.fspath(Path(__file__).resolve().parents[1])}  # the p2m that this file belongs to


class CannotPutError(Exception):
    """The fault could not be put to this tool, so nothing can be said."""


@dataclass(frozen=True)
class Bench:
    """One tool's project in a folder of its own."""

    project: Project
    bin: Path
    folder: Path
    env: dict[str, str]

    def start(self, *extra: str, delay: float = 0) -> subprocess.Popen[str]:
        command = [*self.project.command(self.bin), *extra]
        return peers.start(command, self.folder, self.env | {"DELAY": str(delay)})

    def run(self, *extra: str, delay: float = 0) -> Ran:
        return peers.finish(self.start(*extra, delay=delay), PATIENCE)

    def built(self) -> Ran:
        """Build it for the first time, which must work."""
        done = self.run()
        if self.result(done) != expected(5, 10, 1):
            raise CannotPutError(f"the first build failed ({done.code}):\n{done.out}")
        return done

    def result(self, ran: Ran) -> str:
        return self.project.result(self.folder, ran)

    def log(self) -> list[str]:
        path = self.folder / LOG
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def started(self) -> Counter[str]:
        """How often each step began."""
        return Counter(line.split()[0] for line in self.log() if line.endswith(" start"))

    def wait_for(self, line: str, process: subprocess.Popen[str]) -> None:
        began = time.monotonic()
        while line not in self.log():
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise CannotPutError(f"it never came to {line!r}:\n{peers.finish(process, 1).out}")
            time.sleep(0.005)

    def set_value(self, value: str) -> None:
        """The parameter of b, as JSON."""
        wraps = "{" in self.project.files.get("value.json", "")
        self.edit("value.json", lambda _: f'{{"value": {value}}}' if wraps else value)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self.folder / name
        before = path.read_text(encoding="utf-8")
        after = change(before)
        if after == before:
            raise CannotPutError(f"{name} stayed what it was")
        time.sleep(0.02)  # for those who go by the times of files
        path.write_text(after, encoding="utf-8")

    def damage(self, how: Callable[[bytes, int], bytes]) -> None:
        """Change what the store holds of a's artifact in place; mode and times stay; working copies go."""
        for copy in self.project.copies:
            path = self.folder / copy
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        hit = 0
        for path in sorted((self.folder / self.project.store).rglob("*")):
            if path.is_file() and self._is_artifact_of_a(path):
                self._overwrite(path, how)
                hit += 1
        if not hit:
            raise CannotPutError("nothing in its store holds the artifact")

    def _is_artifact_of_a(self, path: Path) -> bool:
        content = path.read_bytes()
        is_of_b = b"-of-a|" in content
        return b"artifact-0000015-of-a" in content and not is_of_b and "redun.db" not in path.name

    @staticmethod
    def _overwrite(path: Path, how: Callable[[bytes, int], bytes]) -> None:
        stat = path.stat()
        content = path.read_bytes()
        changed = how(content, content.index(b"-of-a") - 1)
        with open(path, "r+b") as stream:
            stream.write(changed)
            stream.truncate(len(changed))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


# --------------------------------------------------------------------------- faults


def flipped(bench: Bench) -> str:
    return _damaged(bench, lambda content, at: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def truncated(bench: Bench) -> str:
    return _damaged(bench, lambda content, at: content[: at - 2])


def _damaged(bench: Bench, how: Callable[[bytes, int], bytes]) -> str:
    """Damage what a made, then change b's parameter, so that a's artifact is needed."""
    bench.built()
    bench.damage(how)
    bench.set_value("2")
    done = bench.run()
    if done.code:
        return f"exits {done.code}"
    if bench.result(done) != expected(5, 10, 2):
        return "uses wrong bytes"
    if bench.started()["a"] == 1:
        return "right, though never repaired"
    aside = list((bench.folder / "store" / "quarantine").glob("*")) if bench.project is P2M else []
    return "quarantines, rebuilds" if aside else "rebuilds"


def killed(bench: Bench) -> str:
    process = bench.start(delay=SLOW)
    bench.wait_for("b start", process)
    peers.kill(process)
    peers.finish(process, 5)
    done = bench.run()
    note = ""
    if done.code and bench.project.unlock:
        first = done
        bench.run(*bench.project.unlock)
        done = bench.run()
        note = f"exits {first.code} until {bench.project.unlock[0]}, then "
    if done.code:
        return f"exits {done.code}"
    if bench.result(done) != expected(5, 10, 1):
        return note + "wrong result"
    again = bench.started()
    if again["a"] > 1:
        return note + "starts over"
    return note + ("resumes" if again["b"] == 2 else "takes the unfinished step for done")


def twice(bench: Bench) -> str:
    processes = [bench.start(delay=SLOW) for _ in range(2)]
    ends = [peers.finish(process, PATIENCE) for process in processes]
    codes = sorted((end.code for end in ends), key=abs)
    count = bench.started()
    if any(codes):
        which = "both exit" if all(codes) else "one exits"
        return f"{which} {codes[-1]}"
    if any(bench.result(end) != expected(5, 10, 1) for end in ends):
        return "wrong result"
    if count == {"a": 1, "b": 1}:
        return "one works, one waits and shares"
    return "both do all" if count == {"a": 2, "b": 2} else f"runs a {count['a']} times, b {count['b']} times"


def helper(bench: Bench) -> str:
    """Edit the helper of a, first as users write projects, then with the helper named as an input."""
    if _follows_helper(bench):
        return "rebuilds"
    if bench.project.listed is None:
        return "stale"
    name, text, instead = bench.project.listed
    other = replace(bench, folder=bench.folder.with_name(f"{bench.folder.name}-listed"))
    _lay_out(other)
    other.edit(name, lambda content: content.replace(text, instead))
    return "only if listed" if _follows_helper(other) else "stale, listed or not"


def _follows_helper(bench: Bench) -> bool:
    bench.built()
    place = "project/helper.py" if bench.project is P2M else "helper.py"
    bench.edit(place, lambda content: content.replace("10", "20"))
    done = bench.run()
    found = bench.result(done)
    if done.code or found not in (expected(5, 10, 1), expected(5, 20, 1)):
        raise CannotPutError(f"after the edit it gave {found!r} ({done.code}):\n{done.out}")
    return found == expected(5, 20, 1)


def text_or_number(bench: Bench) -> str:
    bench.built()
    bench.set_value('"1"')
    done = bench.run()
    if done.code:
        return f"exits {done.code}"
    return {expected(5, 10, "1"): "differ", expected(5, 10, 1): "same key"}.get(bench.result(done), "wrong")


def comment(bench: Bench) -> str:
    bench.built()
    names = [name for name, text in bench.project.files.items() if COMMENT in text]
    bench.edit(names[0], lambda content: content.replace(COMMENT, "# says why, and says it better"))
    done = bench.run()
    if done.code:
        return f"exits {done.code}"
    return "rebuilds" if bench.started()["a"] > 1 else "nothing runs"


def edited_under(bench: Bench) -> str:
    """Edit n.txt after a has read it and before a ends; then ask again."""
    process = bench.start(delay=SLOW)
    bench.wait_for("a start", process)
    bench.edit("n.txt", lambda _: "7")
    first = peers.finish(process, PATIENCE)
    done = bench.run()
    if done.code:
        return f"exits {done.code}"
    refused = f"refuses ({first.code}), then " if first.code else ""
    if bench.result(done) == expected(7, 10, 1):
        return refused + "right"
    return refused + "keeps the old result"


@dataclass(frozen=True)
class Fault:
    """A row of the table."""

    name: str
    put: Callable[[Bench], str]
    must: tuple[str, ...]  # what p2m may be found to do


FAULTS = (
    Fault("one bit flipped in a stored artifact", flipped, ("quarantines, rebuilds",)),
    Fault("a stored artifact cut short", truncated, ("quarantines, rebuilds",)),
    Fault("SIGKILL in a build, then the same command", killed, ("resumes",)),
    Fault("two cold builds at once", twice, ("one works, one waits and shares",)),
    Fault("a helper function edited", helper, ("rebuilds",)),
    Fault("a comment edited", comment, ("nothing runs",)),
    Fault('1 and "1" as a parameter', text_or_number, ("differ",)),
    Fault(
        "an input edited while its step runs",
        edited_under,
        ("refuses (1), then right", "refuses (2), then right"),
    ),
)


def main(argv: Sequence[str]) -> int:
    parser = peers.arguments(str(__doc__))
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say where the work is done, and keep it"
    )
    given = parser.parse_args(argv)
    only = set(given.only.split(",")) if given.only else None
    wanted = {project.tool for project in PEERS} & (only or {project.tool for project in PEERS})
    found = peers.prepare(given.peers, wanted)
    bins = {name: peer.bin for name, peer in found.found.items()} | {P2M.tool: Path(sys.executable).parent}
    projects = [project for project in (*PEERS, P2M) if project.tool in bins]
    place = Path(tempfile.mkdtemp(prefix="p2m-faults-"))
    try:
        cells = {
            (fault.name, project.tool): _cell(fault, project, bins[project.tool], place)
            for fault in FAULTS
            for project in projects
        }
    finally:
        if given.verbose:
            print(f"kept {place}", file=sys.stderr)
        else:
            shutil.rmtree(place, ignore_errors=True)
    _table(cells, projects, {name: peer.version for name, peer in found.found.items()})
    for name, why in found.missing.items():
        print(f"MISSING {name}: {why}")
    bad = [fault for fault in FAULTS if cells[fault.name, P2M.tool] not in fault.must]
    for fault in bad:
        print(f"MISSED  {fault.name}: p2m {cells[fault.name, P2M.tool]}; it must: {' or '.join(fault.must)}")
    unput = [cell for cell in cells.values() if cell.startswith("?")]
    return 1 if bad or unput or (found.missing and not given.allow_missing) else 0


def _cell(fault: Fault, project: Project, bin: Path, place: Path) -> str:
    env = peers.environment(place / "home") | {"PYTHONDONTWRITEBYTECODE": "1"}
    bench = Bench(
        project,
        bin,
        place / f"{fault.put.__name__}-{project.tool}",
        env | (OWN_PATH if project is P2M else {}),
    )
    _lay_out(bench)
    try:
        return fault.put(bench)
    except CannotPutError as error:
        print(f"{fault.name}, {project.tool}: {error}", file=sys.stderr)
        return "? could not be put"


def _lay_out(bench: Bench) -> None:
    bench.folder.mkdir(parents=True)
    bench.project.write(bench.folder)
    python = os.fspath(bench.bin / "python")
    for name in bench.project.files:
        path = bench.folder / name
        path.write_text(path.read_text(encoding="utf-8").replace("PYTHON", python), encoding="utf-8")


def _table(cells: dict[tuple[str, str], str], projects: list[Project], versions: dict[str, str]) -> None:
    header = ["fault", *(f"{project.tool} {versions.get(project.tool, '')}".strip() for project in projects)]
    rows = [[fault.name, *(cells[fault.name, project.tool] for project in projects)] for fault in FAULTS]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
