"""Slots: an encoder that marks spans, and a small model from scratch that writes the value of each.

Names with codes, amounts with units, times with dates: whatever the values are, they are learnt from the
rows. The encoder reads the whole text and says where spans are; what writes a value sees the span, its
neighbourhood and the beginning of the text alone (`p2m.deploy.serving.slots`), so that it can be small, and
be shown far more spans in the same time than the encoder rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from p2m.deploy.serving.copies import PAD, PIECES, arrays
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import Found, Layout, read_spans
from p2m.deploy.serving.slots import SpanReader, Values, short_text
from p2m.errors import DataError
from p2m.students import base_model
from p2m.students.encoder import EncoderLearner
from p2m.students.heads import Head, Reach
from p2m.students.heads.tags import TagHead
from p2m.students.minilm import MiniLM
from p2m.students.rewriter import FEWEST_PIECES, Shape, learnt_pieces, rewriter, rewriting_of, write_graphs
from p2m.students.spans import placed
from p2m.types import Example, Learner, Pace, Shaping, Task, TaskType

PACK = 16  # values a feature
MOST_PASSES = 50  # over a span's value while its row is read once
_WEIGHTS = "rewriter.safetensors"
_SAMPLE = 20_000  # texts that pieces are learnt from


@dataclass(frozen=True)
class Slots(MiniLM):
    """The fields of `minilm`, and the size of what writes values."""

    width: int = 128
    inner: int = 256
    layers: int = 1  # that read the short text
    decoder_layers: int = 3
    heads: int = 4
    pieces: int = 1500  # of the vocabulary, which is learnt from the rows
    max_answer: int = 32  # pieces of the longest value
    rows: int = 24_000  # of them the encoder learns, in one pass; the values are learnt from all
    faster: float = 20.0  # rate of what writes values, over that of the encoder
    values: int = 1_000_000  # written in one pass, each span's at most 50 times

    @property
    def parameters(self) -> int:
        return super().parameters + self._shape.parameters

    @property
    def size_bytes(self) -> int:
        return super().size_bytes + self._shape.parameters

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=1e-4, epochs=1.0, fewest_steps=600)

    def features(self, rows: int) -> int:
        """About what so many rows make to learn from, where each has a span: rows, and packs of values."""
        return min(rows, self.rows) + -(-min(MOST_PASSES * rows, self.values) // PACK)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        if not SlotHead.fits(task):
            what = "its spans have no values" if task.layout else f"the task is {task.type}"
            return f"it finds spans and writes a value for each, and {what}; student=auto may fit"
        if self.pieces < FEWEST_PIECES:
            return f"pieces is {self.pieces}; bytes and pairs of digits alone are {FEWEST_PIECES}"
        if self.width % self.heads:
            return f"width {self.width} is not a multiple of heads {self.heads}"
        return base_model.unread(task, self.model, self.languages)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        import torch

        learner = super().prepare(task, labels, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._with_values(learner, rewriter()(self._shape), seed)

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        model = rewriter()(self._shape)
        model.load_state_dict(load_file(str(checkpoint / _WEIGHTS)))
        learner = self._with_values(super().restore(task, labels, checkpoint), model, 0)
        learner.know(Tokenizer.from_file(str(checkpoint / PIECES)))
        return learner

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """Beside what an encoder has: encoder.onnx, decoder.onnx and pieces.json."""
        super().export(task, labels, checkpoint, target)
        learner = self.restore(task, labels, checkpoint)
        write_graphs(learner.model.rewriter, target)
        (target / PIECES).write_bytes((checkpoint / PIECES).read_bytes())

    def _with_values(self, learner: Any, model: Any, seed: int) -> SlotLearner:
        return SlotLearner(learner, model, self, seed)

    @property
    def _shape(self) -> Shape:
        return Shape(
            self.pieces, self.width, self.inner, self.layers, self.decoder_layers, self.heads, self.max_answer
        )

    @staticmethod
    def _head(task: Task) -> type[Head]:
        return SlotHead


class SlotHead(TagHead):
    """Tags, as for spans without values; the answers have them."""

    values: Values | None = None

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.EXTRACTION and task.layout is not None and task.layout.has_values

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        tagged = TagHead.described(task, labels, reach)
        return dataclasses.replace(tagged, kind="slots", max_answer=reach.max_answer)

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        found = self._reader.spans(rows, items, [each["tags"] for each in outputs])
        assert self.values is not None
        return self.values.answers(rows, found, batch_size=256)


class SlotLearner(EncoderLearner):
    """Both parts, learnt side by side: rows for the one, packs of short texts for the other."""

    encodes_rows_apart = False

    def __init__(self, learner: EncoderLearner, model: Any, student: Slots, seed: int) -> None:
        super().__init__(_both()(learner.model, model, student.faster), learner.tokenizer, learner.head)
        self._rows, self._values, self._seed = student.rows, student.values, seed
        self._layout = self.settings.layout or Layout(has_values=True)
        self._reader: SpanReader | None = None

    def know(self, pieces: Any) -> None:
        """Take the tokenizer of short texts."""
        self.model.pieces = pieces
        self.model.rewriter.tell(pieces)
        self._reader = SpanReader(pieces)
        rewriting = rewriting_of(self.model.rewriter, self._reader, self.settings.max_answer)
        self.head.values = Values(self.settings, rewriting)  # type: ignore[attr-defined]

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """Features of rows, at most so many, evenly taken; and packs of spans and values of all rows.

        The pieces of short texts are learnt here, of the first rows that are encoded.
        """
        found = super().encode(rows, max_length=max_length)
        packs = self._packs(self._pairs(rows))
        if len(found) > self._rows:
            known = sorted({each["row"] for each in found})
            found = [found[i * len(found) // self._rows] for i in range(self._rows)]
            found[0]["rows"] = known  # of those left out the values are learnt, or that there is none
        return found + packs

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What rows have, where there are any; and `source`, `places`, `mask`, `values` of packs."""
        import torch

        packs = [pair for each in features if "pairs" in each for pair in each["pairs"]]
        rows = [each for each in features if "pairs" not in each]
        batch = super().collate(rows) if rows else {}
        if packs:
            length = max(len(read.ids) for read, _ in packs)
            feed = arrays([read for read, _ in packs], length)
            batch |= {name: torch.from_numpy(array) for name, array in feed.items()}
            most = max(len(value) for _, value in packs)
            values = [[*value, *[PAD] * (most - len(value))] for _, value in packs]
            batch["values"] = torch.tensor(values, dtype=torch.long)
        return batch

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """The mean over features, be they rows or packs."""
        import torch

        losses, counts = [], []
        if "tags" in batch:
            losses.append(super().loss(batch, shaping))
            counts.append(len(batch["tags"]))
        if "values" in batch:
            values = batch["values"]
            with torch.autocast(values.device.type, enabled=False):
                logs = self.model.rewriter(batch["source"], batch["places"], batch["mask"], values)
            losses.append(-(logs * (values != PAD)).sum() / (values != PAD).sum())
            counts.append(-(-len(values) // PACK))
        return sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)

    def _pairs(self, rows: Sequence[Example]) -> list[tuple[str, str, int]]:
        """Short texts and values, each once, with the number of a row."""
        found: dict[tuple[str, str], int] = {}
        for number, row in enumerate(rows):
            spans = self._spans(row)
            context = row.input[self.settings.context]
            numbered = [dataclasses.replace(span, type=str(place)) for place, span in enumerate(spans)]
            where = placed(context, numbered)
            for at in where.found if where else ():
                span = spans[int(at.type)]
                source = short_text(row.input, self.settings, *at.place, span.type)
                found.setdefault((source, span.value), number)
        return [(source, value, number) for (source, value), number in found.items()]

    def _spans(self, row: Example) -> tuple[Found, ...]:
        try:
            return read_spans(row.output, self._layout, self.settings.none)
        except ValueError as error:
            raise DataError(f"a row of {row.source or 'the data'}: {error}") from None

    def _packs(self, pairs: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
        """The pairs in random order as often as they are to be learnt, those of like length together."""
        if self._reader is None:
            texts = (text for source, value, _ in islice(pairs, _SAMPLE) for text in (source, value))
            self.know(learnt_pieces(texts, self.model.rewriter.shape.vocabulary))
        assert self._reader is not None
        read = self._reader.read([source for source, _, _ in pairs])
        values = self._reader.write([value for _, value, _ in pairs])
        fit = [i for i, value in enumerate(values) if len(value) <= self.settings.max_answer]
        rng, packs = Random(self._seed), []
        for _ in range(max(1, min(MOST_PASSES, self._values // max(1, len(fit))))):
            rng.shuffle(fit)
            for start in range(0, len(fit), 64 * PACK):
                chunk = sorted(fit[start : start + 64 * PACK], key=lambda i: len(read[i].ids))
                packs += [chunk[at : at + PACK] for at in range(0, len(chunk), PACK)]
        return [
            {
                "pairs": [(read[i], values[i]) for i in pack],
                "input_ids": read[pack[-1]].ids,
                "row": pairs[pack[0]][2],
            }
            for pack in packs
        ]


@cache
def _both() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    import torch
    from safetensors.torch import save_file

    class Both(torch.nn.Module):  # type: ignore[misc]
        """`tagger`, a HeadedEncoder, and `rewriter`; called as the tagger."""

        def __init__(self, tagger: Any, model: Any, faster: float) -> None:
            super().__init__()
            self.tagger, self.rewriter, self.config = tagger, model, tagger.config
            self.rates = {"rewriter.": faster}
            self.pieces: Any = None

        def forward(self, **inputs: Any) -> dict[str, Any]:
            found: dict[str, Any] = self.tagger(**inputs)
            return found

        def save_pretrained(self, folder: str) -> None:
            """What the tagger's has, and the rewriter's weights and pieces beside it."""
            self.tagger.save_pretrained(folder)
            weights = {name: each.contiguous() for name, each in self.rewriter.state_dict().items()}
            save_file(weights, str(Path(folder) / _WEIGHTS), metadata={"format": "pt"})
            self.pieces.save(str(Path(folder) / PIECES))

    return Both
