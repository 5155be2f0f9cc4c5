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

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.texts import BYTES, EOS, PAD
from p2m.students.checkpoints import count_t5
from p2m.students.text_learner import TextLearner
from p2m.students.text_tasks import text_settings, unwritten
from p2m.types import Learner, Pace, Task


@dataclass(frozen=True)
class TinySeq2Seq:
    """Gated-GELU T5 with tied embeddings over 259 ids; the defaults have 5.7M weights."""

    writes: ClassVar[str] = "seq2seq"  # kind of its graphs, for backends that decode by themselves

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
        return count_t5(self._shape)

    @property
    def _shape(self) -> dict[str, Any]:
        return {
            "vocab_size": BYTES, "d_model": self.d_model, "d_kv": self.d_model // self.heads,
            "d_ff": self.d_ff, "num_layers": self.layers,
            "num_decoder_layers": self.decoder_layers, "num_heads": self.heads,
            "feed_forward_proj": "gated-gelu",
        }  # fmt: skip

    @property
    def size_bytes(self) -> int:
        """Eight bits a weight; graphs add a little."""
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
        return unwritten(task)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """Fresh weights; the same for the same seed."""
        import torch
        from transformers import T5Config, T5ForConditionalGeneration

        config = T5Config(
            **self._shape, dropout_rate=self.dropout, pad_token_id=PAD, eos_token_id=EOS,
            decoder_start_token_id=PAD,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # With T5's own initialisation: embeddings of deviation 1, by the root of d_model in the output.
            # Smaller ones keep the logits near zero: words to phonemes stand at 3.1 nats a byte after 120
            # steps with deviation 0.05, and at 1.2 with this.
            model = T5ForConditionalGeneration(config)
        return TextLearner(model, None, self._settings(task, labels))

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> TextLearner:
        from transformers import T5ForConditionalGeneration

        from p2m.students.quiet import quiet

        with quiet():
            model = T5ForConditionalGeneration.from_pretrained(str(checkpoint), local_files_only=True)
        return TextLearner(model, None, self._settings(task, labels))

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """encoder.onnx, decoder.onnx, predictor.json; bytes need no tokenizer."""
        from p2m.students.t5_graphs import write_graphs

        target.mkdir(parents=True, exist_ok=True)
        learner = self.restore(task, labels, checkpoint)
        write_graphs(learner.model, target)
        learner.write_reader(target)

    def _settings(self, task: Task, labels: Sequence[str]) -> Settings:
        return text_settings(
            "seq2seq",
            task,
            labels,
            max_length=self.max_input,
            max_answer=self.max_output,
            start=PAD,
            ends=(EOS,),
        )
