"""Checkpoints of the T5 kind, fine-tuned: T5 (Raffel et al., 2020), its version 1.1, FLAN-T5 (Chung et al.,
2022), mT5 (Xue et al., 2021), ByT5 (Xue et al., 2022), CodeT5 (Wang et al., 2021) and CodeT5+.

They differ in their tokenizers, in whether words share a table with the output, and in the feed-forward
layers; all of that is read from the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.serving.settings import Settings
from p2m.students import checkpoints
from p2m.students.t5_graphs import FAMILIES, write_graphs
from p2m.students.text_checkpoint import TextCheckpoint
from p2m.students.text_learner import TextLearner
from p2m.students.text_tasks import text_settings
from p2m.types import Learner, Task


@dataclass(frozen=True)
class Seq2Seq(TextCheckpoint):
    """A T5 checkpoint with its tokenizer."""

    writes: ClassVar[str] = "seq2seq"  # kind of its graphs, for backends that decode by themselves
    families: ClassVar[tuple[str, ...]] = FAMILIES
    fewest_steps: ClassVar[int] = 150

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

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The checkpoint as it is: nothing about it is random.

        Raises:
            MissingWeights: it cannot be had, has no safetensors, or is not what was published.
        """
        return self._open(task, labels, self.folder())

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
