"""Whole bundles of models that other tests export, with the manifest of a build that shipped."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from conftest import LABELS, rows_of

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving.command import CHECKSUMS
from p2m.deploy.serving.linear import LINEAR, TERMS
from p2m.deploy.serving.settings import Settings
from p2m.deploy.shipping import lay_out, requirements, shipped
from p2m.stages import package
from p2m.types import Task

# Case, accents and blanks that JavaScript sees otherwise than Python, signs of several units, a long text.
ODD = (
    "STRASSE, Straße und İstanbul: ΣΊΣΥΦΟΣ",
    "naïve cafe\u0301 — Ada’s “Rome”\u00a0№ 5",
    "東京に Ada lives 𝒳 😀 in Oslo",
    "x\x1fy\x85z\ufeffw ٣½ under_score a\u0301b",
    "[SEP] Ada [UNK] lives in Rome",
    "Ada lives in Rome. " * 40,
)
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


def texts(task: Task = LABELS) -> list[dict[str, str]]:
    rows = [dict(row.input) for row in rows_of(task)[::4]]
    return rows + [{**rows[place], task.inputs[-1].name: text} for place, text in enumerate(ODD)]


def words_model(folder: Path) -> Path:
    """Terms of the odd texts too, so that how they are parted counts."""
    folder.mkdir()
    known = [row["text"] for row in texts()]
    terms = {name: sorted({term for text in known for term in cut(text)}) for name, cut in TERMS.items()}
    count = sum(map(len, terms.values()))
    random = np.random.default_rng(1)
    np.savez(
        folder / LINEAR, bias=np.array([0.1, -0.1], np.float32), scale=np.array([0.02, 0.03], np.float32),
        sparse=random.integers(-127, 128, (count, 2), np.int8),
        idf=random.uniform(1, 3, count).astype(np.float32),
    )  # fmt: skip
    (folder / "terms.json").write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
    Settings("linear", ("text",), labels=LABELS.labels).write(folder)
    return folder
