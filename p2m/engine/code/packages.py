"""Versions of distributions and a profile of this machine: what a key may know of its surroundings."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

# Import names that are not the distribution's name; others are looked up at a cost of about a second.
_ALIASES = {"sklearn": "scikit-learn", "yaml": "PyYAML", "PIL": "pillow", "hydra": "hydra-core"}
ABSENT = "absent"


@cache
def version_of(package: str) -> str:
    """The version of the distribution that brings an import name; "absent" where none is installed."""
    from importlib import metadata, util  # a tenth of a second, and pure steps need none of it

    try:
        return metadata.version(_ALIASES.get(package, package))
    except metadata.PackageNotFoundError:
        pass
    try:
        if util.find_spec(package) is None:
            return ABSENT
    except (ImportError, ValueError):
        return ABSENT
    names = metadata.packages_distributions().get(package, [])
    return " ".join(f"{name} {metadata.version(name)}" for name in sorted(set(names))) or "unversioned"


@cache
def machine_profile() -> tuple[tuple[str, str], ...]:
    """What a measured step depends on, without the machine's name: processor, cores, memory, system."""
    import platform  # here and below for its weight

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        ("architecture", platform.machine()),
        ("cores", str(os.cpu_count())),
        ("memory_gib", str(round(memory / 2**30))),
        ("processor", _processor()),
        ("system", platform.system()),
    )


def _processor() -> str:
    """The processor's name; model numbers where the name is as vague as virtual machines make it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part")
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            found.setdefault(name.strip(), value.strip())
    return " ".join(found[name] for name in wanted if name in found) or platform.processor()
