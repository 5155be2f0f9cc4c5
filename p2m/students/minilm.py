"""all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019): a 22M encoder with any head.

It saw question and passage pairs of SQuAD, without their answers, in its contrastive training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.students import base_model, bert_graph, weights
from p2m.students.base_model import MODEL, SHA256
from p2m.students.encoder import EncoderLearner, backend, opened
from p2m.students.heads import Head, Reach, head_of, unlearnt
from p2m.students.quiet import quiet
from p2m.types import Learner, Pace, Task, TaskType


@dataclass(frozen=True)
class MiniLM:
    """A BERT checkpoint, fine-tuned; any folder or Hub name of that architecture does as `model`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str = MODEL
    revision: str = "main"  # on the Hub; what arrives is checked against `sha256`
    sha256: str = SHA256  # of model.safetensors; "" accepts any
    license: str = "apache-2.0"
    languages: tuple[str, ...] = ("en",)  # that the base model knows
    window: int = 384  # tokens read at once when answering; longer passages are read in several windows
    stride: int = 128  # tokens that neighbouring windows share
    max_answer: int = 16  # tokens of the longest answer
    dropout: float = 0.1  # after each sublayer
    attention_dropout: float = 0.0  # above 0 it leaves the fused kernel, and a CPU's step takes twice as long

    @property
    def parameters(self) -> int:
        """Encoder and a head of two outputs; a label head adds hidden_size + 1 a further label."""
        return base_model.parameters(self.model)

    @property
    def size_bytes(self) -> int:
        return base_model.size_bytes(self.model)

    @property
    def pace(self) -> Pace:
        # Of labels: 60 steps do as well as 100 or 200 for 55 rows, and 1e-4 better than 2e-4 for 55 to 3,800.
        return Pace(learning_rate=1e-4, epochs=3.0, fewest_steps=60)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        return unlearnt(task) or base_model.unread(task, self.languages)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The base model with a fresh head.

        Raises:
            MissingWeights: the weights cannot be had, or are not those that were published.
        """
        import torch

        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._open(task, labels, folder)

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        return self._open(task, labels, checkpoint)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """model.onnx with dynamic batch and length, tokenizer.json, predictor.json."""
        target.mkdir(parents=True, exist_ok=True)
        head = self._head(task)
        settings = head.described(task, labels, self._reach)
        bert_graph.headed(checkpoint, head.projections(settings), target / "model.onnx")
        bert_graph.copy_tokenizer(checkpoint, target)
        settings.write(target)

    def _open(self, task: Task, labels: Sequence[str], folder: Path) -> Learner:
        import torch
        from transformers import AutoTokenizer

        head = self._head(task)
        settings = head.described(task, labels, self._reach)
        options: dict[str, Any] = {
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            # On a CPU the fused kernel's backward pass takes a third of a step; plain products are 1.3 times
            # faster.
            "attn_implementation": "sdpa" if torch.cuda.is_available() else "eager",
            "num_labels": max(1, len(settings.labels)),
        }
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = opened(folder, head.projections(settings), options, self.dropout)
        if task.type.is_labelled or task.type is TaskType.REGRESSION:
            # Half of all weights: training them takes up to a third more time, and labels are no better for
            # it.
            model.base.embeddings.requires_grad_(False)
        return EncoderLearner(model, tokenizer, head(settings, backend(tokenizer)))

    @property
    def _reach(self) -> Reach:
        return Reach(self.window, self.stride, self.max_answer)

    @staticmethod
    def _head(task: Task) -> type[Head]:
        found = head_of(task)
        assert found is not None, f"refused before: {task.type}"
        return found
