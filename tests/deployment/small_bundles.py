"""Whole bundles of models that other tests export, with the manifest of a build that shipped."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conftest import rows_of

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving.command import CHECKSUMS
from p2m.deploy.shipping import lay_out, requirements, shipped
from p2m.stages import package
from p2m.types import Task

README = "---\nlicense: mit\nlanguage: en\n---\n\n# small\n"


def bundle_of(model: Path, target: Path, task: Task, name: str = "small", **more: Any) -> Path:
    """A bundle of the model's folder in `target`; `more` replaces parts of its manifest."""
    shutil.copytree(model, target / "model")
    lay_out(shipped(model, ONNX) | package.ASKING | package.SERVER, target)
    shown = [{"input": dict(row.input), "output": row.output} for row in rows_of(task)[:2]]
    manifest = {
        "schema": 1,
        "name": name,
        "task": {**asdict(task), "demonstrations": shown},
        "verdict": {"decision": "SHIP", "ship": True},
        "metrics": [],
        "measured": {"latency_p99": 0.002, "peak_memory": 60_000_000},
        "model": {"license": "mit", "student": "minilm"},
    }
    (target / "manifest.json").write_text(json.dumps({**manifest, **more}))
    (target / "README.md").write_text(README)
    needs = requirements(model, ONNX)
    (target / "requirements.txt").write_text("".join(f"{need}\n" for need in needs))
    (target / "requirements-server.txt").write_text("".join(f"{need}\n" for need in package.SERVER_NEEDS))
    return sealed(target)


def sealed(folder: Path) -> Path:
    """Its checksums, written anew."""
    (folder / CHECKSUMS).unlink(missing_ok=True)
    sums = package.digests(folder)
    (folder / CHECKSUMS).write_text("".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    return folder
