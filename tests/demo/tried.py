"""Bundles to try on a page: the smallest that a manifest, a model and checksums make."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.settings import Settings
from p2m.types import Example, Field, Task, TaskType

DESK = Task(
    TaskType.CLASSIFICATION, "Say which team <b>answers</b> a message.", (Field("text"),), Field("team"),
    labels=("billing", "delivery"),
    demonstrations=(
        Example({"text": "Where is my box?"}, "delivery"), Example({"text": "Pay me back"}, "billing"),
    ),
)  # fmt: skip


def bundle(folder: Path, task: Task, model: Path, **told: Any) -> Path:
    """A bundle of a model's folder."""
    shutil.copytree(model, folder / "model")
    manifest = {"schema": 1, "name": folder.name, "task": asdict(task), **told}
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


def desk(folder: Path, **told: Any) -> Path:
    """Says delivery of what holds "box", else billing."""
    model = folder.parent / f"{folder.name}.model"
    model.mkdir(parents=True)
    Settings("linear", ("text",), labels=("billing", "delivery")).write(model)
    (model / "terms.json").write_text(json.dumps({"words": ["box"]}))
    np.savez(
        model / LINEAR,
        bias=np.array([0.0, -1.0], np.float32), sparse=np.array([[0, 1]], np.int8),
        scale=np.array([1.0, 3.0], np.float32), idf=np.array([1.0], np.float32),
    )  # fmt: skip
    return bundle(folder, DESK, model, **told)
