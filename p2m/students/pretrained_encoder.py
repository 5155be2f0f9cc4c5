"""A pretrained encoder, fine-tuned with any head: BERT, RoBERTa, ModernBERT, DeBERTa and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.students import base_model, bert_graph, traced, weights
from p2m.students.encoder import EncoderLearner, opened
from p2m.students.heads import Head, Reach, head_of, unlearnt
from p2m.students.tokenizer import backend, copy_tokenizer, open_tokenizer
from p2m.types import Learner, Pace, Task


@dataclass(frozen=True)
class PretrainedEncoder(base_model.OverBaseModel):
    """An encoder with a head for its task."""

    window: int = 384  # tokens read at once when answering; longer passages are read in several windows
    stride: int = 128  # tokens that neighbouring windows share
    max_answer: int = 16  # tokens of the longest answer
    dropout: float = 0.1  # after each sublayer
    attention_dropout: float = 0.0  # above 0 it leaves the fused kernel, and a CPU's step takes twice as long
    learning_rate: float = 1e-4  # at its highest, where the recipe leaves it open

    @property
    def download(self) -> str:
        """What is fetched before it is trained; "" where it is here."""
        return base_model.download(self.model, self.revision)

    @property
    def pace(self) -> Pace:
        # Of labels: 60 steps do as well as 100 or 200 for 55 rows, and minilm's 1e-4 better than 2e-4 for 55
        # to 3,800.
        return Pace(learning_rate=self.learning_rate, epochs=3.0, fewest_steps=60)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        return unlearnt(task) or base_model.unread(task, self.model, self.languages)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The base model with a fresh head.

        Raises:
            MissingWeights: the weights cannot be had, or are not those that were published.
        """
        import torch

        folder = weights.find(self.model, base_model.MODEL, revision=self.revision, sha256=self.sha256)
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
        writer = bert_graph if bert_graph.can_write(checkpoint) else traced
        writer.headed(checkpoint, head.projections(settings), target / "model.onnx")
        copy_tokenizer(checkpoint, target, prefix=self.prefix)
        settings.write(target)

    def _open(self, task: Task, labels: Sequence[str], folder: Path) -> Learner:
        head = self._head(task)
        settings = head.described(task, labels, self._reach)
        tokenizer = open_tokenizer(folder)
        model = opened(folder, head.projections(settings), self._options(folder), self.dropout)
        if task.type.is_decided:
            # Half of all weights: training them takes up to a third more time, and labels are no better for
            # it.
            model.base.embeddings.requires_grad_(False)
        return EncoderLearner(model, tokenizer, head(settings, backend(tokenizer, prefix=self.prefix)))

    def _options(self, folder: Path) -> dict[str, Any]:
        """Of the configuration. Dropout has other names in ModernBERT."""
        import torch

        kind = weights.shape(folder).get("model_type")
        # On a CPU the fused kernel's backward pass takes a third of a step; plain products are 1.3 times
        # faster. DeBERTa has none.
        fused = torch.cuda.is_available() and kind != "deberta-v2"
        options: dict[str, Any] = {"attn_implementation": "sdpa" if fused else "eager"}
        if kind == "modernbert":
            dropped = {"embedding_dropout": self.dropout, "mlp_dropout": self.dropout}
            return options | dropped | {"attention_dropout": self.attention_dropout}
        dropped = {"hidden_dropout_prob": self.dropout}
        return options | dropped | {"attention_probs_dropout_prob": self.attention_dropout}

    @property
    def _reach(self) -> Reach:
        return Reach(self.window, self.stride, self.max_answer)

    @staticmethod
    def _head(task: Task) -> type[Head]:
        found = head_of(task)
        assert found is not None, f"refused before: {task.type}"
        return found
