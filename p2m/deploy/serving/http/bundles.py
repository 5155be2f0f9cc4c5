"""Bundles, opened to be served: their models, and what they say of themselves."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..predictor import Predictor
from ..rows import Answer
from ..settings import BundleError, Fields, Settings, first_line

HERE = Path(__file__).resolve().parents[2]  # the bundle whose file this is, or p2m's own folder
_MANIFEST, _SUMS = "manifest.json", "SHA256SUMS"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
Predict = Callable[[Sequence[Mapping[str, str]]], list[Answer]]


@dataclass(frozen=True)
class Served:
    """A bundle that answers; each of `predict` may run while the others do."""

    name: str
    digest: str  # 12 letters, of its checksums
    settings: Settings
    task: Mapping[str, Any]  # as the manifest has it
    predict: tuple[Predict, ...]

    @property
    def fields(self) -> Fields:
        return self.settings.asks

    @property
    def version(self) -> str:
        """As the feedback log calls it."""
        return f"{self.name}@{self.digest}"

    @property
    def output(self) -> str:
        """What the task calls its answer."""
        return str((self.task.get("output") or {}).get("name") or "output")

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Rows of the recipe's prompt, each with `input` and `output`."""
        found = self.task.get("demonstrations") or ()
        return [each for each in found if all(name in each.get("input", {}) for name in self.fields)]


def open_all(
    asked: Sequence[str], *, threads: int, workers: int, precision: float | None
) -> dict[str, Served]:
    """Name -> bundle, in the order of `asked`, each a folder or `NAME=FOLDER`.

    Raises:
        ValueError: two have one name, or one has none that can be typed.
        BundleError: a folder is no bundle that can be opened.
        InputError: a model does not know what gives the precision.
    """
    found: dict[str, Served] = {}
    for text in asked:
        called, mark, place = text.partition("=")
        folder = Path(place if mark and not Path(text).exists() else text)
        manifest = _manifest(folder)
        name = called if mark and not Path(text).exists() else str(manifest.get("name") or folder.name)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name that an address can hold: serve it as NAME={folder}")
        if name in found:
            raise ValueError(f"two bundles are called {name}: serve one of them as NAME={folder}")
        found[name] = _opened(folder, name, manifest, threads, workers, precision)
    return found


def _opened(
    folder: Path, name: str, manifest: Mapping[str, Any], threads: int, workers: int, precision: float | None
) -> Served:
    model = folder / "model"
    opener = _opener(folder)
    opened = [opener(model, threads=threads, precision=precision) for _ in range(workers)]
    sums = folder / _SUMS
    digest = hashlib.sha256(sums.read_bytes() if sums.is_file() else json.dumps(manifest).encode())
    task = manifest.get("task")
    return Served(
        name, digest.hexdigest()[:12], Settings.read(model), task if isinstance(task, dict) else {},
        tuple(_asking(each) for each in opened),
    )  # fmt: skip


def _asking(predictor: Any) -> Predict:
    return lambda rows: list(predictor.predict(rows, batch_size=max(1, len(rows))))


def _opener(folder: Path) -> Any:
    """What opens a model: the files beside this one or, of another bundle than this, its own."""
    own = folder / "predict.py"
    if not (HERE / _MANIFEST).is_file() or folder.resolve() == HERE or not own.is_file():
        return Predictor
    name = f"_served_{hashlib.sha256(str(own.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, own)
    if spec is None or spec.loader is None:
        raise BundleError(f"{own}: cannot be read; copy the bundle again")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return module.Predictor
    except Exception as error:
        raise BundleError(f"{own}: {first_line(error)}; copy the bundle again") from None


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise BundleError(f"{path}: cannot be read ({reason}); is {folder} a bundle?") from None
    except ValueError as error:
        raise BundleError(f"{path}: not JSON ({first_line(error)}); copy the bundle again") from None
    if not isinstance(found, dict):
        raise BundleError(f"{path}: not a bundle's manifest; copy the bundle again")
    return found
