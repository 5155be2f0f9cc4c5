"""A bundle as what is to run somewhere: its files, its name, and what it was measured to need."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.delivery import MANIFEST, ORIGIN
from p2m.deploy.serving.command import CHECKSUMS, check_sums
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.errors import UserError, command

SERVER, SERVER_NEEDS = "server.py", "requirements-server.txt"
_MIB = 2**20
_MOST = 2**50  # bytes or seconds that anything was measured to take
_SERVER_MIB = 96  # what the web server takes beside the model
_STEP_MIB = 32
_LONGEST = 50  # characters of a name, which Kubernetes adds to
_SERVED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")  # names that server.py takes
_MANY = 5  # damaged files that are named


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle's folder, whole, with what its manifest says."""

    folder: Path
    manifest: dict[str, Any]
    settings: Settings
    digest: str  # 12 hex digits, of SHA256SUMS

    @property
    def name(self) -> str:
        """The recipe's name as a DNS label: a-z, 0-9 and inner dashes."""
        spelt = re.sub(r"[^a-z0-9]+", "-", str(self.manifest["name"]).lower())[:_LONGEST].strip("-")
        return spelt if spelt[:1].isalpha() else f"model-{spelt}".rstrip("-")

    @property
    def served_as(self) -> tuple[str, ...]:
        """What server.py is told beside its options: nothing, or how to call what has a name in letters that
        no address takes.
        """
        return () if _SERVED.fullmatch(str(self.manifest["name"])) else (f"{self.name}=.",)

    @property
    def decision(self) -> str:
        return str(self.manifest["verdict"]["decision"])

    @property
    def ships(self) -> bool:
        return bool(self.manifest["verdict"]["ship"])

    @property
    def files(self) -> tuple[str, ...]:
        """Relative paths of what belongs to the bundle: what SHA256SUMS lists, that list, and what the bundle
        was built from, where it is told.

        What else lies in the folder (variants, sweeps, a rejected build) is no part of it.
        """
        return _files(self.folder)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum((self.folder / name).stat().st_size for name in self.files)

    @property
    def memory(self) -> int:
        """MiB that a server of it is given: what the model was measured to take, and the server's own."""
        peak = int(self.manifest["measured"].get("peak_memory") or 0) / _MIB
        return math.ceil((peak + _SERVER_MIB) / _STEP_MIB) * _STEP_MIB

    @property
    def patience(self) -> int:
        """Whole seconds within which a healthy server answers a probe: at least 2."""
        return max(2, math.ceil(4 * float(self.manifest["measured"].get("latency_p99") or 0)))

    def copy(self, target: Path) -> None:
        """Its files, and nothing else of the folder."""
        for name in self.files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / name, target / name)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Path and bytes of each file, the list of checksums last."""
        for name in self.files:
            yield name, (self.folder / name).stat().st_size


def opened(folder: Path) -> Opened:
    """The bundle in `folder`.

    Raises:
        UserError: there is none, or not one that is as it was packaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{folder}: no bundle here ({MANIFEST} is missing)\n"
            "    next: p2m build RECIPE, which makes one in outputs/"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if damage := _damage(manifest):
            raise BundleError(f"{path} is damaged: {damage}")
        settings = Settings.read(folder / "model")
        wrong = check_sums(folder) or _leading_out(folder)
        digest = hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest()[:12]
    except (OSError, ValueError, TypeError, RecursionError, BundleError) as error:
        raise UserError(
            f"{folder}: cannot be used ({error})\n    next: build or copy the bundle again"
        ) from None
    if wrong:
        told = "".join(f"\n      {line}" for line in wrong[:_MANY])
        more = f"\n      and {len(wrong) - _MANY} more" if len(wrong) > _MANY else ""
        raise UserError(
            f"{folder}: not as it was packaged:{told}{more}\n    next: build or copy the bundle again"
        )
    return Opened(folder, manifest, settings, digest)


def _files(folder: Path) -> tuple[str, ...]:
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    origin = (ORIGIN,) if (folder / ORIGIN).is_file() else ()
    return (*(line.partition("  ")[2] for line in lines), *origin, CHECKSUMS)


def _leading_out(folder: Path) -> list[str]:
    """Files of the bundle that are links to what lies elsewhere, which must not be copied as its own."""
    whole = folder.resolve()
    names = [name for name in _files(folder) if whole not in (folder / name).resolve().parents]
    return [f"{name}: leads to {(folder / name).resolve()}, outside the bundle" for name in names]


def _damage(manifest: Any) -> str:
    """What is not as p2m writes it, of what is read here; "" where nothing is."""
    if not isinstance(manifest, dict):
        return "expected an object"
    parts = {"name": str, "task": dict, "verdict": dict, "measured": dict, "model": dict, "metrics": list}
    for name, kind in parts.items():
        if not isinstance(manifest.get(name), kind):
            return f"{name} is {_shown(manifest.get(name))}"
    task, verdict, measured = manifest["task"], manifest["verdict"], manifest["measured"]
    shown = task.get("demonstrations") or []
    texts = (task.get("instruction") or "", manifest["model"].get("license") or "", verdict.get("decision"))
    sound = {
        "name": bool(manifest["name"]),
        "verdict": isinstance(verdict.get("ship"), bool),
        "task, model or verdict": all(isinstance(text, str) for text in texts),
        "task.demonstrations": isinstance(shown, list)
        and all(isinstance(row, dict) and isinstance(row.get("input"), dict) for row in shown),
        **{f"measured.{name}": _is_amount(measured.get(name)) for name in ("latency_p99", "peak_memory")},
    }
    json.dumps(manifest, ensure_ascii=False).encode()  # half a sign, which no file can hold: a ValueError
    return next((f"{name} is not as p2m writes it" for name, is_sound in sound.items() if not is_sound), "")


def _is_amount(value: Any) -> bool:
    """Of bytes or seconds; None where nothing was measured."""
    return value is None or (isinstance(value, int | float) and 0 <= value < _MOST)


def _shown(value: Any) -> str:
    return "missing" if value is None else f"{json.dumps(value)[:40]}"


def with_server(bundle: Opened) -> Opened:
    """The bundle, which can be served by itself.

    Raises:
        UserError: it was built before bundles brought their server along.
    """
    missing = [name for name in (SERVER, SERVER_NEEDS) if name not in bundle.files]
    if missing:
        again = command("build", "RECIPE")
        raise UserError(
            f"{bundle.folder}: has no {' and no '.join(missing)}: it was built by an earlier p2m\n"
            f"    next: {again}, which makes a bundle that serves itself"
        )
    return bundle
