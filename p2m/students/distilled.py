"""A student that is taught by a model on this machine: what the teacher makes of rows, and how it is learnt.

L = alpha * CE + (1 - alpha) * T^2 * KL(teacher || student), both at the temperature T (Hinton et al., 2015,
arXiv 1503.02531). Of written text the teacher's likeliest tokens stand for all, in the places of the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from p2m.errors import DataError
from p2m.students.encoder import EncoderLearner
from p2m.students.heads.labels import LabelHead
from p2m.students.heads.spans import SpanHead
from p2m.students.lengths import by_length
from p2m.students.losses import cross_entropy
from p2m.students.text_learner import CausalLearner, TextLearner
from p2m.types import Distilling, Example, Learner, Shaping

UNSEEN = -100  # a token that no loss sees
_LEAST = -1e4  # the logit of what a teacher never says


def said(
    learner: Any, rows: Sequence[Example], *, max_length: int, top_k: int, batch_size: int, device: Any
) -> dict[str, Any]:
    """What the teacher makes of rows with their answers, as arrays to be kept.

    Labels: `logits` (rows, labels). Texts: `answers` (tokens,), of them the `top_k` likeliest `tokens` with
    their `logits` (tokens, k), and `ends` (rows,), where the tokens of each row end. Spans: `starts_of` and
    `ends_of` (tokens,), logits of each token of a window, `windows` (features,), where these end, and `rows`
    (features,), the row of each.
    """
    features = learner.encode(rows, max_length=max_length)
    found: list[Any] = [None] * len(features)
    learner.model.to(device).eval()
    for places in by_length([len(each["input_ids"]) for each in features], batch_size):
        few = [features[place] for place in places]
        for place, each in zip(places, _outputs(learner, few, top_k, device), strict=True):
            found[place] = each
    if isinstance(learner, TextLearner):
        return _texts(found, features, len(rows), top_k)
    return _windows(found, features) if isinstance(learner.head, SpanHead) else _labels(found)


def taught(learner: Learner, arrays: dict[str, Any], distil: Distilling, gold: Sequence[bool]) -> Learner:
    """The learner, taught: `gold` says of each row that it will encode whether its answer is a gold one; of
    others the teacher's logits alone are learnt.
    """
    if isinstance(learner, TextLearner):
        return TaughtText(learner, arrays, distil, gold)
    assert isinstance(learner, EncoderLearner)
    if isinstance(learner.head, SpanHead):
        return TaughtSpans(learner, arrays, distil, gold)
    return TaughtLabels(learner, arrays, distil, gold)


def vocabulary(learner: Any) -> str:
    """A digest of the tokens that a learner writes or points at, which a teacher must share; else ""."""
    if not isinstance(learner, TextLearner) and not isinstance(learner.head, SpanHead):
        return ""
    tokenizer: Any = learner.tokenizer
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        return f"bytes {learner.model.config.vocab_size}"
    tokens = sorted(tokenizer.get_vocab().items())
    return hashlib.sha256(json.dumps(tokens).encode()).hexdigest()


class _Taught:
    """A learner whose loss has a teacher's part; everything else is the learner's own."""

    def __init__(
        self, learner: Any, arrays: dict[str, Any], distil: Distilling, gold: Sequence[bool]
    ) -> None:
        self.learner, self.model, self.tokenizer = learner, learner.model, learner.tokenizer
        self.settings = learner.settings
        self._arrays, self._distil, self._gold = arrays, distil, tuple(gold)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """The learner's features, each with what the teacher made of it."""
        features: list[dict[str, Any]] = self.learner.encode(rows, max_length=max_length)
        for number, each in enumerate(features):
            each["taught"] = self._lesson(number, each)
        return features

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        found: int = self.learner.cut(rows, max_length=max_length)
        return found

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The learner's batch, `gold` (batch,), and what the teacher made of its rows."""
        import torch

        batch: dict[str, Any] = self.learner.collate(features)
        gold = torch.tensor([self._gold[each["row"]] for each in features])
        return batch | {"gold": gold} | self._lessons(features, batch)

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """Of answers and of the teacher's logits; mean over the batch."""
        alpha, heat = self._distil.alpha, self._distil.temperature
        hard, soft = self._both(batch, shaping, heat)
        return alpha * hard + (1 - alpha) * heat**2 * soft

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        found: list[str] = self.learner.predict(rows, batch_size=batch_size, device=device)
        return found

    def _lesson(self, number: int, feature: dict[str, Any]) -> Any:
        """What the teacher made of a feature, by the number of which the learner encoded it."""
        raise NotImplementedError

    def _lessons(self, features: Sequence[dict[str, Any]], batch: dict[str, Any]) -> dict[str, Any]:
        """The lessons of a batch, as tensors."""
        raise NotImplementedError

    def _both(self, batch: dict[str, Any], shaping: Shaping, heat: float) -> tuple[Any, Any]:
        """The loss of the answers that are gold, as part of a mean over all, and KL at the temperature."""
        raise NotImplementedError


class _TaughtEncoder(_Taught):
    def warm_start(
        self, features: Sequence[dict[str, Any]], *, batch_size: int, device: Any, balanced: bool
    ) -> float | None:
        """As the learner's own, by the answers, which the teacher's are of rows without gold ones."""
        found: float | None = self.learner.warm_start(
            features, batch_size=batch_size, device=device, balanced=balanced
        )
        return found

    def _hard(self, outputs: dict[str, Any], batch: dict[str, Any], shaping: Shaping) -> Any:
        gold = batch["gold"]
        share = gold.float().mean()
        if not gold.any():
            return share
        if not gold.all():
            outputs = {name: each[gold] for name, each in outputs.items()}
            batch = {name: each[gold] for name, each in batch.items()}
        return share * self.learner.head.loss(outputs, batch, shaping)


class TaughtLabels(_TaughtEncoder):
    """One label a row, or several."""

    def _lesson(self, number: int, feature: dict[str, Any]) -> Any:
        return self._arrays["logits"][feature["row"]]

    def _lessons(self, features: Sequence[dict[str, Any]], batch: dict[str, Any]) -> dict[str, Any]:
        import numpy as np
        import torch

        return {"taught": torch.from_numpy(np.stack([each["taught"] for each in features]).astype("float32"))}

    def _both(self, batch: dict[str, Any], shaping: Shaping, heat: float) -> tuple[Any, Any]:
        outputs = self.model(**batch)
        logits = outputs["logits"].float()
        is_one = isinstance(self.learner.head, LabelHead)
        soft = (divergence if is_one else divergence_of_sets)(logits, batch["taught"], heat)
        return self._hard(outputs, batch, shaping), soft.mean()


class TaughtSpans(_TaughtEncoder):
    """One span of a passage, window by window."""

    def __init__(self, *given: Any) -> None:
        import numpy as np

        super().__init__(*given)
        ends = self._arrays["windows"]
        self._windows = list(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True))

    def _lesson(self, number: int, feature: dict[str, Any]) -> Any:
        if number >= len(self._windows) or self._arrays["rows"][number] != feature["row"]:
            raise DataError(_CUT_OTHERWISE)
        first, last = self._windows[number]
        if last - first != len(feature["input_ids"]):
            raise DataError(_CUT_OTHERWISE)
        return [self._arrays[name][first:last] for name in ("starts_of", "ends_of")]

    def _lessons(self, features: Sequence[dict[str, Any]], batch: dict[str, Any]) -> dict[str, Any]:
        import numpy as np
        import torch

        length = batch["input_ids"].shape[1]
        padded = np.full((len(features), 2, length), _LEAST, dtype=np.float32)
        for place, each in enumerate(features):
            for side, logits in enumerate(each["taught"]):
                padded[place, side, : len(logits)] = logits
        return {"taught": torch.from_numpy(padded)}

    def _both(self, batch: dict[str, Any], shaping: Shaping, heat: float) -> tuple[Any, Any]:
        outputs = self.model(**batch)
        known = [batch["taught"][:, side] for side in (0, 1)]
        hidden = batch["attention_mask"] == 0
        ends = [outputs[f"{end}_logits"].float().masked_fill(hidden, _LEAST) for end in ("start", "end")]
        soft = [divergence(one, other, heat).mean() for one, other in zip(ends, known, strict=True)]
        return self._hard(outputs, batch, shaping), sum(soft) / 2


class TaughtText(_Taught):
    """Written text, token by token."""

    def __init__(self, *given: Any) -> None:
        import numpy as np

        super().__init__(*given)
        ends = self._arrays["ends"]
        self._ends = list(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True))

    def remarks(self, rows: Sequence[Example]) -> list[str]:
        found: list[str] = self.learner.remarks(rows)
        return found

    def _lesson(self, number: int, feature: dict[str, Any]) -> Any:
        """Likeliest tokens and their logits, (tokens, k) each; the answer itself where there are none."""
        import numpy as np

        first, last = self._ends[feature["row"]]
        answer, k = np.array(feature["labels"]), self._arrays["tokens"].shape[1]
        if first == last:
            only = np.full((len(answer), k), _LEAST, dtype=np.float32)
            only[:, 0] = 0.0
            return np.repeat(answer[:, None], k, axis=1), only
        if not np.array_equal(self._arrays["answers"][first:last], answer):
            raise DataError(
                f"the tokenizers of teacher and student do not match: row {feature['row'] + 1} has"
                f" {last - first} tokens for the one and {len(answer)} for the other, or others"
            )
        return self._arrays["tokens"][first:last], self._arrays["logits"][first:last]

    def _lessons(self, features: Sequence[dict[str, Any]], batch: dict[str, Any]) -> dict[str, Any]:
        import numpy as np
        import torch

        tokens, logits = (np.concatenate([each["taught"][side] for each in features]) for side in (0, 1))
        return {
            "tokens": torch.from_numpy(tokens.astype(np.int64)),
            "taught": torch.from_numpy(logits.astype(np.float32)),
        }

    def _both(self, batch: dict[str, Any], shaping: Shaping, heat: float) -> tuple[Any, Any]:
        logits, labels = _written(self.learner, batch)
        known = labels != UNSEEN
        own = (logits[known].float() / heat).log_softmax(-1).gather(-1, batch["tokens"])
        shares = (batch["taught"] / heat).softmax(-1)
        soft = (shares * (shares.clamp(min=1e-9).log() - own)).sum(-1).mean()
        right = labels.masked_fill(~batch["gold"][:, None], UNSEEN)
        share = (right != UNSEEN).sum() / known.sum()
        return share * cross_entropy(logits, right, shaping), soft


def divergence(logits: Any, taught_by: Any, heat: float) -> Any:
    """(rows,): KL of the teacher from the student in nats, of logits (rows, labels), at a temperature."""
    own, other = (logits / heat).log_softmax(-1), (taught_by / heat).log_softmax(-1)
    return (other.exp() * (other - own)).sum(-1)


def divergence_of_sets(logits: Any, taught_by: Any, heat: float) -> Any:
    """(rows, labels): the same of each label by itself, held or not."""
    from torch.nn import functional

    other = (taught_by / heat).sigmoid()
    own = functional.binary_cross_entropy_with_logits(logits / heat, other, reduction="none")
    least = functional.binary_cross_entropy_with_logits(taught_by / heat, other, reduction="none")
    return own - least


_CUT_OTHERWISE = (
    "teacher and student cut passages into other windows: give both the same tokenizer, window and stride"
)


def _outputs(learner: Any, features: Sequence[dict[str, Any]], top_k: int, device: Any) -> Iterator[Any]:
    """Of each feature: the answer's likeliest tokens with their logits, both ends' logits, or the labels'."""
    import torch

    batch = {name: each.to(device) for name, each in learner.collate(features).items()}
    with torch.inference_mode():
        if isinstance(learner, TextLearner):
            logits, labels = _written(learner, batch)
            best = logits.float().topk(min(top_k, logits.shape[-1]), dim=-1)
            for row, known in enumerate(labels != UNSEEN):
                yield best.indices[row][known].cpu().numpy(), best.values[row][known].cpu().numpy()
            return
        outputs = {name: each.float().cpu().numpy() for name, each in learner.model(**batch).items()}
    for row, each in enumerate(features):
        if "logits" in outputs:
            yield outputs["logits"][row]
        else:
            length = len(each["input_ids"])
            yield [outputs[f"{end}_logits"][row, :length] for end in ("start", "end")]


def _written(learner: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """Logits (batch, length, tokens) and the answers' tokens in their places, UNSEEN elsewhere."""
    feeds = {name: batch[name] for name in _FEEDS if name in batch}
    labels = batch["labels"]
    if not isinstance(learner, CausalLearner):
        return learner.model(**feeds).logits, labels
    first = int((labels != UNSEEN).int().argmax(dim=1).min())
    logits = learner.model(**feeds, logits_to_keep=labels.shape[1] - first + 1).logits
    return logits[:, :-1], labels[:, first:]


_FEEDS = ("input_ids", "attention_mask", "decoder_input_ids")


def _labels(found: Sequence[Any]) -> dict[str, Any]:
    import numpy as np

    return {"logits": np.stack(found).astype(np.float16)}


def _texts(found: Sequence[Any], features: Sequence[dict[str, Any]], rows: int, top_k: int) -> dict[str, Any]:
    import numpy as np

    counts = np.zeros(rows, dtype=np.int64)
    for each in features:
        counts[each["row"]] = len(each["labels"])
    answers = [np.array(each["labels"], dtype=np.int32) for each in features]
    return {
        "answers": np.concatenate(answers),
        "tokens": np.concatenate([each[0] for each in found]).astype(np.int32),
        "logits": np.concatenate([each[1] for each in found]).astype(np.float16),
        "ends": counts.cumsum(),
    }


def _windows(found: Sequence[Any], features: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    return {
        "starts_of": np.concatenate([each[0] for each in found]).astype(np.float16),
        "ends_of": np.concatenate([each[1] for each in found]).astype(np.float16),
        "windows": np.cumsum([len(each["input_ids"]) for each in features]),
        "rows": np.array([each["row"] for each in features]),
    }


def keep(arrays: dict[str, Any], path: Path) -> None:
    """Write what `opened` reads."""
    import numpy as np

    np.savez_compressed(path, **arrays)


def opened(path: Path) -> dict[str, Any]:
    """The arrays that `said` made."""
    import numpy as np

    with np.load(path) as found:
        return dict(found)
