"""A base model of a Hub, pinned: its commit, the digest of its weights, its licence."""

from __future__ import annotations

from p2m.catalogs.hub import RepositoryFault, opened
from p2m.errors import MissingWeights

_WEIGHTS = "model.safetensors"


def pinned(name: str, revision: str = "") -> dict[str, str]:
    """What `student: hub` wants to know of a model: model, revision, sha256, license.

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
    return {"model": name, "revision": there.commit, "sha256": weights.sha256, "license": there.license}
