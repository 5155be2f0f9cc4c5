"""A base model of a Hub, pinned: its commit, the digest of its weights, its licence."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from p2m.catalogs.hub import Repository, RepositoryFault, fetched, opened
from p2m.errors import MissingWeights

_WEIGHTS = "model.safetensors"

# What checkpoints are made for, in optimum's names, and what takes those that are no encoders of text.
_ENCODERS = (
    "feature-extraction", "fill-mask", "question-answering", "sentence-similarity", "text-classification",
    "token-classification", "multiple-choice", "next-sentence-prediction",
)  # fmt: skip
_WRITERS = {"text2text-generation": "flan_t5_small", "text-generation": "smollm2_135m"}


def pinned(name: str, revision: str = "") -> dict[str, str | int]:
    """What `student: hub` wants to know of a model: model, revision, sha256, license, count.

    Raises:
        MissingWeights: it cannot be had, or not without running code that lies in its weights.
        DataError: the Hub cannot be reached.
    """
    try:
        there = opened(name, "model", revision)
    except RepositoryFault as fault:
        raise MissingWeights(f"{name}: {fault}") from None
    weights = there.files.get(_WEIGHTS)
    if weights is None:
        parts = sorted(path for path in there.files if path.endswith((".safetensors", ".bin", ".pt", ".h5")))
        shown = ", ".join(parts[:3]) or "no weights"
        raise MissingWeights(
            f"{name}: it has no {_WEIGHTS} ({shown}), and nothing else is opened: other files may run code"
        )
    if not weights.sha256:
        raise MissingWeights(f"{name}: the Hub gives no sha256 of its {_WEIGHTS}")
    if "config.json" not in there.files or "tokenizer.json" not in there.files:
        raise MissingWeights(f"{name}: it lacks config.json or tokenizer.json")
    for kind in _architectures(there):
        if reason := _unfit(kind):
            raise MissingWeights(f"{name}: {reason}")
    return {
        "model": name, "revision": there.commit, "sha256": weights.sha256,
        "license": there.license or "unknown", "count": there.parameters or weights.size // 4,
    }  # fmt: skip


def _architectures(there: Repository) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = fetched(there, there.files["config.json"], Path(folder))
        try:
            config = json.loads(path.read_bytes())
        except ValueError:
            raise MissingWeights(f"{there.id}: its config.json is not JSON") from None
    found = config.get("architectures") if isinstance(config, dict) else None
    return [kind for kind in found if isinstance(kind, str)] if isinstance(found, list) else []


def _unfit(kind: str) -> str | None:
    """Why a checkpoint of that class is no encoder for `student: hub`."""
    import transformers
    from optimum.exporters.tasks import TasksManager

    found: Any = getattr(transformers, kind, None)
    if found is None:
        return (
            f"it is a {kind}, which transformers lacks: it would need code of the repository, and none is run"
        )
    try:
        purpose = TasksManager.infer_task_from_model(found)
    except ValueError:
        return None  # a class for pretraining, as ElectraForPreTraining: its encoder may do
    if purpose in _ENCODERS:
        return None
    if purpose in _WRITERS:
        family = _WRITERS[purpose]
        return (
            f"it is a {kind}, made for {purpose}, and `student: hub` takes encoders; "
            f"fetch it into a folder and type: student={family} student.candidates.{family}.model=FOLDER"
        )
    return f"it is a {kind}, made for {purpose}; students read text"
