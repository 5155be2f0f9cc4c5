"""all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019): a 22M encoder with a span or a label
head.

It saw question and passage pairs of SQuAD, without their answers, in its contrastive training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.serving.settings import Settings
from p2m.errors import UserError
from p2m.students import base_model, bert_graph, weights
from p2m.students.base_model import MODEL, SHA256
from p2m.students.encoder import LabelLearner, SpanLearner
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
        if not task.is_span and task.type is not TaskType.CLASSIFICATION:
            return f"it marks spans and labels and cannot write text ({task.type}); student=tiny_seq2seq can"
        return base_model.unread(task, self.languages)

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
        write = bert_graph.spans if task.is_span else bert_graph.labelled
        write(checkpoint, target / "model.onnx")
        bert_graph.copy_tokenizer(checkpoint, target)
        self._settings(task, labels).write(target)

    def _open(self, task: Task, labels: Sequence[str], folder: Path) -> Learner:
        import torch
        from transformers import AutoTokenizer, BertForQuestionAnswering

        from p2m.students.pooled_classifier import pooled_classifier
        from p2m.students.quiet import quiet

        settings = self._settings(task, labels)
        options: dict[str, Any] = {
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            # On a CPU the fused kernel's backward pass takes a third of a step; plain products are 1.3 times
            # faster.
            "attn_implementation": "sdpa" if torch.cuda.is_available() else "eager",
        }
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            if settings.kind == "span":
                model = BertForQuestionAnswering.from_pretrained(
                    str(folder), local_files_only=True, **options
                )
                return SpanLearner(model, tokenizer, settings)
            options |= {
                "id2label": dict(enumerate(labels)),
                "label2id": {each: i for i, each in enumerate(labels)},
            }
            model = pooled_classifier().from_pretrained(str(folder), local_files_only=True, **options)
        # Half of all weights: training them takes up to a third more time, and labels are no better for it.
        model.bert.embeddings.requires_grad_(False)
        return LabelLearner(model, tokenizer, settings)

    def _settings(self, task: Task, labels: Sequence[str]) -> Settings:
        fields = tuple(each.name for each in task.inputs)
        if task.is_span:
            return Settings(
                "span", fields, task.context_field, (), self.window, self.stride, max_answer=self.max_answer
            )
        if len(labels) < 2:
            raise UserError(
                f"a classification needs two labels, there is {list(labels)}; name them: task.labels=[a,b]"
            )
        return Settings("classification", fields, labels=tuple(labels), max_length=self.window)
