"""Hydra's launchers: which are installed, what to type for one that is not, how many jobs run at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from omegaconf import DictConfig, OmegaConf

from p2m.engine.slots import cores
from p2m.errors import nearest

# What to type for a launcher's package; the plugin's own package is named by the launcher.
_INSTALL = {
    "joblib": "pip install 'p2m[launchers]'",
    "ray": "pip install hydra-ray-launcher; or choose executor=ray, which spreads the steps of each build",
    "rq": "pip install hydra-rq-launcher",
    "submitit_local": "pip install 'p2m[slurm]'",
    "submitit_slurm": "pip install 'p2m[slurm]'",
}
_PACKAGES = {"submitit_local": "submitit", "submitit_slurm": "submitit"}


def lacking(name: str) -> tuple[str, str] | None:
    """Why that launcher cannot be had, and what to type; None where nothing is known against it."""
    if name == "basic":
        return None
    known = name in _INSTALL
    if known and _is_installed(f"hydra_{_PACKAGES.get(name, name)}_launcher"):
        return _without_slurm() if name == "submitit_slurm" else None
    if known:
        return f"the launcher {name!r} is not installed", f"install it: {_INSTALL[name]}"
    if _others():
        return None  # one of those may bring it; Hydra will say
    return f"there is no launcher {name!r}", nearest(name, ["basic", *_INSTALL])


def jobs_at_once(launcher: Mapping[str, Any], jobs: int) -> int:
    """How many of so many jobs, of one batch of the sweeper, that launcher runs at once on this machine."""
    target = str(launcher.get("_target_"))
    if target.endswith("submitit_launcher.LocalLauncher"):
        return max(1, jobs)  # a process each, all of them started at once
    if "joblib" not in target:
        return 1
    said = launcher.get("n_jobs")
    wanted = 1 if said is None else int(said)
    return max(1, min(jobs, wanted if wanted > 0 else cores() + 1 + wanted))  # as joblib counts


def log_files(launcher: DictConfig, folder: Path) -> str:
    """Where jobs of a sweep in that folder leave what they say, as a pattern; "" where they say it here."""
    written = OmegaConf.to_container(launcher, resolve=False)
    place = (
        str(written["submitit_folder"]) if isinstance(written, dict) and "submitit_folder" in written else ""
    )
    return f"{place.replace('${hydra.sweep.dir}', str(folder)).replace('%j', '*')}/*_log.err" if place else ""


def _without_slurm() -> tuple[str, str] | None:
    missing = [name for name in ("sbatch", "srun") if which(name) is None]
    if not missing:
        return None
    reason = f"the launcher 'submitit_slurm' needs Slurm, and {' and '.join(missing)} cannot be found here"
    return reason, "type it where sbatch works, such as a login node; submitit_local runs the jobs here"


def _is_installed(plugin: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{plugin}") is not None
    except ModuleNotFoundError:
        return False


def _others() -> list[str]:
    """Launchers' packages that this module knows nothing of."""
    found = find_spec("hydra_plugins")
    known = {f"hydra_{_PACKAGES.get(name, name)}_launcher" for name in _INSTALL}
    places = found.submodule_search_locations if found and found.submodule_search_locations else ()
    names = {entry.name for place in places for entry in Path(place).glob("*launcher*")}
    return sorted(names - known)
