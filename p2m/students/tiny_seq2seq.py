"""A small byte-level T5 (Raffel et al., 2020; ByT5: Xue et al., 2022), trained from scratch: needs no
weights.

It reads and writes any language and any format, and knows nothing before it is trained: it suits short,
regular mappings (dates, codes, normalisation) and learns reading comprehension hardly at all from a few
thousand rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.texts import BYTES, EOS, PAD, ByteReader
from p2m.students.lengths import by_length
from p2m.students.losses import cross_entropy
from p2m.types import Example, Learner, Pace, Shaping, Task

BYTES_PER_TOKEN = 4  # a word piece of English is about four bytes; training's max_length counts word pieces


@dataclass(frozen=True)
class TinySeq2Seq:
    """Gated-GELU T5 with tied embeddings over 259 ids; the defaults have 5.7M weights."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    d_model: int = 256
    d_ff: int = 768
    layers: int = 4  # of the encoder
    decoder_layers: int = 2  # byte-level text is harder to read than to write (ByT5, section 3.1)
    heads: int = 4
    dropout: float = 0.0
    max_input: int = 1024  # bytes; a longer input loses the end of its longest field
    max_output: int = 128  # bytes of the longest answer, its end mark included
    license: str = "apache-2.0"  # of nothing but our own initialisation

    @property
    def parameters(self) -> int:
        attention, norm = 4 * self.d_model * self.d_model, self.d_model
        feed = 3 * self.d_model * self.d_ff + norm
        encoder = self.layers * (attention + norm + feed)
        decoder = self.decoder_layers * (2 * (attention + norm) + feed)
        return BYTES * self.d_model + encoder + decoder + 2 * norm + 2 * 32 * self.heads

    @property
    def size_bytes(self) -> int:
        """Eight bits a weight; graphs and tables add a little."""
        return int(1.1 * self.parameters) + 400_000

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=1e-3, epochs=3.0, fewest_steps=2000, from_scratch=True)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        longest = max((len(label.encode("utf-8")) for label in task.labels), default=0)
        if longest >= self.max_output:
            return f"a label has {longest} bytes and answers at most {self.max_output - 1}; raise max_output"
        if self.d_model % self.heads:
            return f"d_model {self.d_model} is not a multiple of heads {self.heads}"
        return None

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """Fresh weights; the same for the same seed."""
        import torch
        from transformers import T5Config, T5ForConditionalGeneration

        config = T5Config(
            vocab_size=BYTES, d_model=self.d_model, d_kv=self.d_model // self.heads, d_ff=self.d_ff,
            num_layers=self.layers, num_decoder_layers=self.decoder_layers, num_heads=self.heads,
            dropout_rate=self.dropout, feed_forward_proj="gated-gelu",
            pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # With T5's own initialisation: embeddings of deviation 1, which the output divides by the root of
            # d_model. Smaller ones keep the logits near zero: words to phonemes stand at 3.1 nats a byte after
            # 120 steps with deviation 0.05, and at 1.2 with this.
            model = T5ForConditionalGeneration(config)
        return ByteLearner(model, self._settings(task))

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        from transformers import T5ForConditionalGeneration

        from p2m.students.quiet import quiet

        with quiet():
            model = T5ForConditionalGeneration.from_pretrained(str(checkpoint), local_files_only=True)
        return ByteLearner(model, self._settings(task))

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """encoder.onnx, decoder.onnx, predictor.json; bytes need no tokenizer."""
        from p2m.students.t5_graphs import write_graphs

        target.mkdir(parents=True, exist_ok=True)
        write_graphs(self.restore(task, labels, checkpoint).model, target)
        self._settings(task).write(target)

    def _settings(self, task: Task) -> Settings:
        fields = tuple(each.name for each in task.inputs)
        return Settings("seq2seq", fields, max_length=self.max_input, max_answer=self.max_output)


class ByteLearner:
    """Any text to any text, byte by byte."""

    tokenizer = None

    def __init__(self, model: Any, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self._reader = ByteReader(settings)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row whose answer fits; one that was cut would teach to stop short."""
        limit = self._limit(max_length)
        return [
            {
                "input_ids": self._reader.encode(row.input, limit),
                "labels": self._reader.encode_answer(row.output, self.settings.max_answer),
                "row": place,
            }
            for place, row in enumerate(rows)
            if len(row.output.encode("utf-8")) < self.settings.max_answer
        ]

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more bytes than `encode` keeps, the end mark included."""
        limit = self._limit(max_length)
        texts = (joined(row.input, self.settings.fields) for row in rows)
        return sum(len(text.encode("utf-8")) >= limit for text in texts)

    def _limit(self, max_length: int) -> int:
        """Bytes of an input."""
        return min(max_length * BYTES_PER_TOKEN, self.settings.max_length)

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids and mask (batch, source); labels (batch, target) with -100 where there is none."""
        batch = _padded([each["input_ids"] for each in features])
        batch["labels"] = _right([each["labels"] for each in features], -100)
        return batch

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """Of the answers' bytes."""
        return cross_entropy(self.model(**batch).logits, batch["labels"], shaping)

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        """Greedy answers."""
        import torch

        encoded = [self._reader.encode(row.input) for row in rows]
        outputs = [""] * len(rows)
        for batch in by_length([len(ids) for ids in encoded], batch_size):
            feeds = {name: each.to(device) for name, each in _padded([encoded[i] for i in batch]).items()}
            with torch.inference_mode():
                found = self.model.generate(
                    **feeds, max_new_tokens=self.settings.max_answer, do_sample=False, num_beams=1
                )
            for i, ids in zip(batch, found[:, 1:].tolist(), strict=True):
                outputs[i] = self._reader.decode(ids)
        return outputs


def _padded(sequences: Sequence[Sequence[int]]) -> dict[str, Any]:
    ids = _right(sequences, PAD)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}


def _right(sequences: Sequence[Sequence[int]], fill: int) -> Any:
    import torch

    longest = max(len(each) for each in sequences)
    return torch.tensor([[*each, *[fill] * (longest - len(each))] for each in sequences], dtype=torch.long)
