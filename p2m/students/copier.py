"""Text from text by copying: a small encoder and decoder from scratch (`rewriter`) that reads the whole row.

It suits what is rewritten rather than composed (dates, amounts, spellings, commands): most of an answer is in
its input, or follows from it by few rules, so that hundreds of rows teach what a decoder that writes each
byte by itself learns from tens of thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from p2m.deploy.serving.copies import PAD, PIECES, PLACES, PieceReader, arrays
from p2m.deploy.serving.rows import Answer, joined
from p2m.deploy.serving.settings import Settings
from p2m.errors import DataError
from p2m.students.rewriter import FEWEST_PIECES, Shape, learnt_pieces, rewriter, rewriting_of, write_graphs
from p2m.students.text_tasks import text_settings, unwritten
from p2m.types import Example, Learner, Pace, Shaping, Task, TaskType

_WEIGHTS = "rewriter.safetensors"
_SAMPLE = 20_000  # rows that pieces are learnt from
_LABELLED = (TaskType.CLASSIFICATION, TaskType.MULTI_LABEL)


@dataclass(frozen=True)
class Copier:
    """A rewriter over at most 160 pieces of a row; the defaults have 1.1M weights."""

    width: int = 128
    inner: int = 256
    layers: int = 1  # that read
    decoder_layers: int = 3
    heads: int = 4
    pieces: int = 700  # of the vocabulary, which is learnt from the rows
    max_output: int = 128  # pieces of the longest answer
    license: str = "apache-2.0"  # of nothing but our own initialisation

    @property
    def parameters(self) -> int:
        return self._shape.parameters

    @property
    def size_bytes(self) -> int:
        """Eight bits a weight; graphs and pieces add a little."""
        return int(1.1 * self.parameters) + 400_000

    @property
    def reads(self) -> int:
        """Tokens of an encoder that fit into its places, about: on plain English a token has two pieces."""
        return PLACES // 2

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=2e-3, epochs=3.0, fewest_steps=1500, from_scratch=True)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        if task.type in _LABELLED:
            return "it writes texts that it copies from; of labels, student=linear_tfidf learns more"
        if self.pieces < FEWEST_PIECES:
            return f"pieces is {self.pieces}; bytes and pairs of digits alone are {FEWEST_PIECES}"
        if self.width % self.heads:
            return f"width {self.width} is not a multiple of heads {self.heads}"
        return unwritten(task)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """Fresh weights; the same for the same seed."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CopyLearner(_whole()(rewriter()(self._shape)), self._settings(task, labels))

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> CopyLearner:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        model = rewriter()(self._shape)
        model.load_state_dict(load_file(str(checkpoint / _WEIGHTS)))
        learner = CopyLearner(_whole()(model), self._settings(task, labels))
        learner.know(Tokenizer.from_file(str(checkpoint / PIECES)))
        return learner

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """encoder.onnx, decoder.onnx, predictor.json and pieces.json."""
        target.mkdir(parents=True, exist_ok=True)
        learner = self.restore(task, labels, checkpoint)
        write_graphs(learner.model.rewriter, target)
        (target / PIECES).write_bytes((checkpoint / PIECES).read_bytes())
        learner.settings.write(target)

    def _settings(self, task: Task, labels: Sequence[str]) -> Settings:
        return text_settings("copies", task, labels, max_length=PLACES, max_answer=self.max_output)

    @property
    def _shape(self) -> Shape:
        return Shape(
            self.pieces, self.width, self.inner, self.layers, self.decoder_layers, self.heads, self.max_output
        )


class CopyLearner:
    """Rows, whose fields are one text, to pieces of their answers."""

    tokenizer = None
    encodes_rows_apart = False  # the first rows tell what the pieces are

    def __init__(self, model: Any, settings: Settings) -> None:
        self.model, self.settings = model, settings
        self._reader: PieceReader | None = None

    def know(self, pieces: Any) -> None:
        """Take the tokenizer."""
        self.model.pieces = pieces
        self.model.rewriter.tell(pieces)
        self._reader = PieceReader(pieces)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row whose answer fits.

        Raises:
            DataError: no answer fits.
        """
        reader = self._read_by(rows)
        read = reader.read([self._text(row) for row in rows])
        values = reader.write([row.output for row in rows])
        found = [
            {"input_ids": one.ids, "labels": value, "row": place}
            for place, (one, value) in enumerate(zip(read, values, strict=True))
            if len(value) <= self.settings.max_answer
        ]
        if rows and not found:
            raise DataError(f"every answer has more than {self.settings.max_answer} pieces: raise max_output")
        return found

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more pieces than are read."""
        pieces = self._read_by(rows).pieces([self._text(row) for row in rows])
        return sum(len(ids) > PLACES for ids in pieces)

    def remarks(self, rows: Sequence[Example]) -> list[str]:
        """How many answers are too long to be learnt."""
        most = self.settings.max_answer
        left = sum(len(value) > most for value in self._read_by(rows).write([row.output for row in rows]))
        if not left:
            return []
        what = f"{left} of {len(rows)} answers have more than {most} pieces and are left out"
        return [f"{what}: raise max_output of the student"]

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """`source`, `places`, `mask` (batch, source) and `values` (batch, target)."""
        import torch

        length = max(len(each["input_ids"]) for each in features)
        feed = arrays([PieceReader.placed(each["input_ids"]) for each in features], length)
        most = max(len(each["labels"]) for each in features)
        values = [[*each["labels"], *[PAD] * (most - len(each["labels"]))] for each in features]
        batch = {name: torch.from_numpy(array) for name, array in feed.items()}
        return {**batch, "values": torch.tensor(values, dtype=torch.long)}

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """The mean over pieces of answers, their end marks included."""
        import torch

        values = batch["values"]
        with torch.autocast(values.device.type, enabled=False):
            logs = self.model.rewriter(batch["source"], batch["places"], batch["mask"], values)
        return -(logs * (values != PAD)).sum() / (values != PAD).sum()

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        return [answer.output for answer in self._answers(rows, batch_size)]

    def scored(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[tuple[str, float]]:
        return [(answer.output, answer.score) for answer in self._answers(rows, batch_size)]

    def _answers(self, rows: Sequence[Example], batch_size: int) -> list[Answer]:
        rewriting = rewriting_of(self.model.rewriter, self._read_by(rows), self.settings.max_answer)
        return rewriting.answers([self._text(row) for row in rows], batch_size)

    def _read_by(self, rows: Sequence[Example]) -> PieceReader:
        """What reads texts; its pieces are learnt of the first rows that are looked at."""
        if self._reader is None:
            texts = [text for row in rows[:_SAMPLE] for text in (self._text(row), row.output)]
            self.know(learnt_pieces(texts, self.model.rewriter.shape.vocabulary))
        assert self._reader is not None
        return self._reader

    def _text(self, row: Example) -> str:
        return joined(row.input, self.settings.fields)


@cache
def _whole() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    import torch
    from safetensors.torch import save_file

    class Whole(torch.nn.Module):  # type: ignore[misc]
        """`rewriter`, with what is saved beside its weights."""

        config: Any = None

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.rewriter = model
            self.pieces: Any = None

        def save_pretrained(self, folder: str) -> None:
            """The weights and the pieces."""
            Path(folder).mkdir(parents=True, exist_ok=True)
            weights = {name: each.contiguous() for name, each in self.rewriter.state_dict().items()}
            save_file(weights, str(Path(folder) / _WEIGHTS), metadata={"format": "pt"})
            self.pieces.save(str(Path(folder) / PIECES))

    return Whole
