"""Learners over a BERT encoder: rows to features and back, through the readers that the bundle uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.deploy.serving.batches import padded
from p2m.deploy.serving.labels import LabelReader
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.spans import SpanReader
from p2m.errors import DataError, nearest
from p2m.students.lengths import by_length, longer
from p2m.students.losses import cross_entropy, positions
from p2m.students.solver import solved
from p2m.students.spans import Span, locate
from p2m.types import Example, Shaping

MULTIPLE = 8  # padded lengths: fewer distinct shapes, for which kernels are prepared once each
CHUNK = 1000  # rows tokenised at once
HEAD_STRENGTH = 20.0  # C of the head that training starts from, as frozen students have it
LOWEST_BIAS = -20.0  # of a label without a row: never chosen, and no more than label smoothing can bear


class SpanLearner:
    """Extractive question answering: start and end of the answer among the tokens of a window."""

    def __init__(self, model: Any, tokenizer: Any, settings: Settings) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self._reader = SpanReader(settings, backend(tokenizer))

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a window that holds the answer, and one window without it a row; both have `row`.

        A window without the answer points at its first token. Rows whose answer is not in the passage have
        none.
        """
        features = []
        length = min(max_length, self.settings.max_length)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            spans = [self._locate(row) for row in chunk]
            spare = set(range(len(chunk)))  # rows that may still give a window without the answer
            for window in self._reader.windows([row.input for row in chunk], length):
                span = spans[window.row]
                if span is None:
                    continue
                first, last = _tokens(window, span)
                if not last:
                    if window.row not in spare:
                        continue
                    spare.discard(window.row)
                features.append(
                    {
                        "input_ids": window.ids,
                        "token_type_ids": window.types,
                        "start_positions": first,
                        "end_positions": last,
                        "row": start + window.row,
                    }
                )
        return features

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """None: what is longer is read in windows."""
        return 0

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids, mask and types (batch, length); positions (batch,)."""
        import torch

        batch = _tensors([(each["input_ids"], each["token_type_ids"]) for each in features])
        for name in ("start_positions", "end_positions"):
            batch[name] = torch.tensor([each[name] for each in features], dtype=torch.long)
        return batch

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        found = self.model(**batch)
        ends = (batch["start_positions"], batch["end_positions"])
        return positions(found.start_logits, found.end_logits, *ends, shaping)

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        inputs = [row.input for row in rows]
        windows = self._reader.windows(inputs)
        starts: list[Any] = [None] * len(windows)
        ends: list[Any] = [None] * len(windows)
        for batch in by_length([len(window.ids) for window in windows], batch_size):
            output = _forward(self.model, [(windows[i].ids, windows[i].types) for i in batch], device)
            first, last = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
            for place, i in enumerate(batch):
                starts[i], ends[i] = first[place], last[place]
        return [answer.output for answer in self._reader.answers(inputs, windows, starts, ends)]

    def _locate(self, row: Example) -> Span | None:
        context = row.input[self.settings.context]
        question = joined(row.input, self._reader.question_fields) if self._reader.question_fields else ""
        return locate(context, row.answers, question)


class LabelLearner:
    """Classification: one of the labels a row."""

    def __init__(self, model: Any, tokenizer: Any, settings: Settings) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self._reader = LabelReader(settings, backend(tokenizer))

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row.

        Raises:
            DataError: a row's answer is not one of the labels.
        """
        index = {label: i for i, label in enumerate(self.settings.labels)}
        features = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            length = min(max_length, self.settings.max_length)
            encodings = self._reader.encode([row.input for row in chunk], length)
            for i, (row, encoding) in enumerate(zip(chunk, encodings, strict=True)):
                if row.output not in index:
                    raise DataError(
                        f"a row of {row.source or 'the data'} has the label {row.output!r};"
                        f" {nearest(row.output, index)}"
                    )
                features.append(
                    {
                        "input_ids": encoding.ids,
                        "token_type_ids": encoding.type_ids,
                        "labels": index[row.output],
                        "row": start + i,
                    }
                )
        return features

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more tokens than `encode` keeps."""
        length = min(max_length, self.settings.max_length)
        return longer(backend(self.tokenizer), rows, self.settings.fields, length)

    def warm_start(
        self, features: Sequence[dict[str, Any]], *, batch_size: int, device: Any, balanced: bool
    ) -> float:
        """Solve the head over the embeddings of the features (LP-FT: Kumar et al., 2022, arXiv 2202.10054).

        Training then starts at the level of frozen embeddings, and a random head's gradients cannot spoil
        them. Gives the mean cross-entropy of the features under the solved head, in nats.
        """
        import numpy as np
        import torch

        vectors = np.zeros((len(features), self.model.config.hidden_size), dtype=np.float32)
        self.model.eval()
        for batch in by_length([len(each["input_ids"]) for each in features], batch_size):
            items = [(features[i]["input_ids"], features[i]["token_type_ids"]) for i in batch]
            feeds = {name: each.to(device) for name, each in _tensors(items).items()}
            with torch.inference_mode():
                vectors[batch] = self.model.embed(**feeds).float().cpu().numpy()
        labels = self.settings.labels
        answers = [labels[each["labels"]] for each in features]
        weights = solved(vectors, answers, labels, strength=HEAD_STRENGTH, balanced=balanced)
        bias = np.maximum(weights.bias, LOWEST_BIAS)
        head = self.model.classifier
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weights.matrix.T.copy()))
            head.bias.copy_(torch.from_numpy(bias))
        logits = torch.from_numpy(vectors @ weights.matrix + bias)
        wanted = torch.tensor([each["labels"] for each in features])
        return float(torch.nn.functional.cross_entropy(logits, wanted))

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids, mask and types (batch, length); labels (batch,)."""
        import torch

        batch = _tensors([(each["input_ids"], each["token_type_ids"]) for each in features])
        batch["labels"] = torch.tensor([each["labels"] for each in features], dtype=torch.long)
        return batch

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        return cross_entropy(self.model(**batch).logits, batch["labels"], shaping)

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        encodings = self._reader.encode([row.input for row in rows])
        outputs = [""] * len(rows)
        for batch in by_length([len(each.ids) for each in encodings], batch_size):
            output = _forward(self.model, [(encodings[i].ids, encodings[i].type_ids) for i in batch], device)
            answers = self._reader.answers(output.logits.float().cpu().numpy())
            for i, answer in zip(batch, answers, strict=True):
                outputs[i] = answer.output
        return outputs


def backend(tokenizer: Any) -> Any:
    """A copy of the `tokenizers.Tokenizer` inside a transformers tokenizer: readers set its truncation."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())


def _tokens(window: Any, span: Span) -> tuple[int, int]:
    """First and last token of the span in the window; (0, 0), the first token, where it is not all there."""
    inside = [
        i
        for i, (start, end) in enumerate(zip(window.starts, window.ends, strict=True))
        if end > span.start >= 0 and 0 <= start < span.end
    ]
    if not inside or window.starts[inside[0]] > span.start or window.ends[inside[-1]] < span.end:
        return 0, 0
    return inside[0], inside[-1]


def _tensors(items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> dict[str, Any]:
    import torch
    from torch.nn.functional import pad

    arrays = padded(items)
    extra = -arrays["input_ids"].shape[1] % MULTIPLE
    return {name: pad(torch.from_numpy(array), (0, extra)) for name, array in arrays.items()}


def _forward(model: Any, items: Sequence[tuple[Sequence[int], Sequence[int]]], device: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(**{name: tensor.to(device) for name, tensor in _tensors(items).items()})
