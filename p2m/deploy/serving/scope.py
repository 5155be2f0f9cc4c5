"""None of these: how near a row is to those that its labels were learnt from.

The nearness is the logarithm of the likeliest label's probability plus WEIGHT times the cosine to the nearest
row that was learnt from: of intents that no row was seen of, both together tell more than either (maximum
softmax: Hendrycks and Gimpel, 2017; nearest neighbours: Sun et al., 2022, arXiv 2204.06507).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .rows import Answer
from .settings import BundleError, Settings, first_line

ARRAYS = "scope.npz"
WEIGHT = 4.0
_CHUNK = 256  # rows compared at once


class Scope:
    """scope.npz: `rows` (rows, dimensions) int8 and `scale`, embeddings of what was learnt from; `known`,
    nearness of rows that have a label and were held out, ascending.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Raises BundleError where the arrays are not whole."""
        import numpy as np

        self.settings = settings
        path = folder / ARRAYS
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.known = arrays["known"]
                self.rows = arrays["rows"].astype(np.float32) * np.float32(arrays["scale"])
        except Exception as error:  # numpy and zipfile raise a dozen unrelated types for a damaged file
            raise BundleError(f"{path}: not whole ({first_line(error)}); copy the bundle again") from None

    def limited(self, answers: Sequence[Answer], logits: Any, embeddings: Any) -> list[Answer]:
        """`none` for rows that fewer of the known ones are as far away as than the threshold says.

        Its score is the share of those that are nearer.
        """
        none = self.settings.none or ""
        shares = share_of(nearness(logits, embeddings, self.rows, self.settings), self.known)
        return [
            answer if answer.output == none or share >= self.settings.threshold else Answer(none, 1 - share)
            for answer, share in zip(answers, shares.tolist(), strict=True)
        ]


def open_scope(folder: Path, settings: Settings) -> Scope | None:
    """That of a model's folder; None where every row has a label."""
    return Scope(folder, settings) if (folder / ARRAYS).is_file() else None


def nearness(logits: Any, embeddings: Any, rows: Any, settings: Settings) -> Any:
    """(asked,) of logits (asked, labels) and embeddings (asked, dimensions) to `rows` (rows, dimensions)."""
    import numpy as np

    logits = np.asarray(logits, dtype=np.float64)
    shares = logits - logits.max(axis=1, keepdims=True)
    shares -= np.log(np.exp(shares).sum(axis=1, keepdims=True))
    real = [place for place, label in enumerate(settings.labels) if label != settings.none]
    found = shares[:, real].max(axis=1)
    if embeddings is not None and len(rows):
        for at in range(0, len(found), _CHUNK):
            found[at : at + _CHUNK] += WEIGHT * (embeddings[at : at + _CHUNK] @ rows.T).max(axis=1)
    return found


def share_of(near: Any, known: Any) -> Any:
    """The share of the known rows that are no nearer, each asked one counted among them."""
    import numpy as np

    return (1 + np.searchsorted(known, near, side="right")) / (1 + len(known))
