"""Checkpoints of the T5 kind, fine-tuned: T5 (Raffel et al., 2020), its version 1.1, FLAN-T5 (Chung et al.,
2022), mT5 (Xue et al., 2021), ByT5 (Xue et al., 2022), CodeT5 (Wang et al., 2021) and CodeT5+.

They differ in their tokenizers, in whether words share a table with the output, and in the feed-forward
layers; all of that is read from the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.serving.settings import Settings
from p2m.students import base_model, checkpoints, weights
from p2m.students.t5_graphs import FAMILIES, write_graphs
from p2m.students.text_learner import TextLearner
from p2m.students.text_tasks import INPUT, text_settings, unwritten
from p2m.types import Learner, Pace, Task


@dataclass(frozen=True)
class Seq2Seq:
    """A T5 checkpoint with its tokenizer."""

    writes: ClassVar[str] = "seq2seq"  # kind of its graphs, for backends that decode by themselves

    model: str  # on the Hub, or a folder
    revision: str = "main"  # of the Hub: a commit, a branch or a tag
    sha256: str = ""  # of model.safetensors; "" accepts any
    license: str = ""
    languages: tuple[str, ...] = ()  # that the model knows; () means any
    prompt: str = INPUT  # around the input; {instruction} is the recipe's prompt
    max_input: int = 512  # tokens, of ByT5 bytes; a longer input loses the end of its longest field
    max_output: int = 256  # tokens of the longest answer that is learnt
    learning_rate: float = 3e-4  # at its highest
    epochs: float = 3.0  # passes over the rows, where there are many

    @property
    def shape(self) -> Mapping[str, Any]:
        return checkpoints.shape_of(self.model, self.revision)

    @property
    def parameters(self) -> int:
        return checkpoints.count_t5(self.shape) if "d_model" in self.shape else 0

    @property
    def size_bytes(self) -> int:
        """Eight bits a weight; encoder, decoder and output have a table of words each."""
        if "d_model" not in self.shape:
            return 0
        words = int(self.shape["vocab_size"])
        again = 3 * words * int(self.shape["d_model"]) - checkpoints.tables_t5(self.shape)
        return int(1.02 * (self.parameters + again)) + 60 * words

    @property
    def download(self) -> str:
        """What is fetched before it is trained; "" where it is here."""
        return checkpoints.to_fetch(self.model, self.revision, self.parameters)

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=self.learning_rate, epochs=self.epochs, fewest_steps=150)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        return (
            unwritten(task, self.prompt)
            or checkpoints.unknown(self.model, self.revision, FAMILIES)
            or base_model.unread(task, self.model, self.languages)
        )

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The checkpoint as it is: nothing about it is random.

        Raises:
            MissingWeights: it cannot be had, has no safetensors, or is not what was published.
        """
        return self._open(
            task, labels, weights.find(self.model, "", revision=self.revision, sha256=self.sha256)
        )

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> TextLearner:
        return self._open(task, labels, checkpoint)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """encoder.onnx, decoder.onnx, predictor.json, and tokenizer.json unless it reads bytes."""
        target.mkdir(parents=True, exist_ok=True)
        learner = self.restore(task, labels, checkpoint)
        write_graphs(learner.model, target)
        learner.write_reader(target)

    def _open(self, task: Task, labels: Sequence[str], folder: Path) -> TextLearner:
        import torch
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        from p2m.students.quiet import quiet

        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            model = AutoModelForSeq2SeqLM.from_pretrained(
                str(folder), local_files_only=True, dtype=torch.float32, use_safetensors=True
            )
        return TextLearner(model, tokenizer, self._settings(task, labels, model.config))

    def _settings(self, task: Task, labels: Sequence[str], config: Any) -> Settings:
        start = config.decoder_start_token_id
        ends = config.eos_token_id
        return text_settings(
            "seq2seq", task, labels, prompt=self.prompt,
            max_length=self.max_input, max_answer=self.max_output,
            start=config.pad_token_id if start is None else start,
            ends=tuple(ends) if isinstance(ends, list) else (ends,),
        )  # fmt: skip
