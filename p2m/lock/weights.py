"""The base model of a student, by its files: where it lies on this machine, and what is in it.

Nothing is fetched. Where the weights are not here, their pin has no files, which is no difference to one that
has: the student checks what it fetches against the digest among its settings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2m.engine.hashing import digest_file
from p2m.lock.model import FilePin, TeacherPin, WeightsPin
from p2m.students.weights import READ, cached, local_folder


def weights_pin(student: str, component: Any) -> WeightsPin | None:
    """The pin of a student's base model; None where it starts from nothing."""
    model = getattr(component, "model", "")
    if not isinstance(model, str) or not model:
        return None
    default = {field.name: field.default for field in dataclasses.fields(component)}.get("model")
    revision = str(getattr(component, "revision", ""))
    folder = local_folder(model, str(default)) or cached(model, revision)
    shown = Path(model).name if Path(model).is_dir() else model
    return WeightsPin(
        student, shown, revision, str(getattr(component, "license", "")), _files(folder) if folder else {}
    )


def teacher_pin(component: Any) -> TeacherPin | None:
    """The pin of a teacher; the resolved model where it has one."""
    if component is None:
        return None
    made = type(component)
    names = [getattr(component, name, "") for name in ("model", "revision", "snapshot")]
    version = "@".join(name for name in names if isinstance(name, str) and name)
    return TeacherPin(f"{made.__module__}.{made.__qualname__}", version)


def _files(folder: Path) -> Mapping[str, FilePin]:
    found = {path.name: path for pattern in READ for path in sorted(folder.glob(pattern))}
    return {name: FilePin(digest_file(path), path.stat().st_size) for name, path in found.items()}
