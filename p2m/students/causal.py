"""Checkpoints of the Llama kind, fine-tuned with low-rank adapters: SmolLM2 (Ben Allal et al., 2025), Qwen3
(Yang et al., 2025), Llama. A prompt goes in by the checkpoint's own chat template, and the model goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.serving.settings import Settings
from p2m.students import checkpoints
from p2m.students.adapted import ADAPTER, adapt, with_adapter
from p2m.students.causal_graph import FAMILIES, write_graph
from p2m.students.chat import turns
from p2m.students.text_checkpoint import TextCheckpoint
from p2m.students.text_learner import CausalLearner
from p2m.students.text_tasks import INPUT, INSTRUCTION, text_settings
from p2m.types import Learner, Task

PROMPT = f"{INSTRUCTION}\n\n{INPUT}"


@dataclass(frozen=True)
class Causal(TextCheckpoint):
    """A decoder with its tokenizer; adapters are merged when it is exported."""

    writes: ClassVar[str] = "causal"  # kind of its graph, for backends that decode by themselves
    families: ClassVar[tuple[str, ...]] = FAMILIES
    fewest_steps: ClassVar[int] = 100

    prompt: str = PROMPT  # what the user says; {instruction} is the recipe's prompt
    rank: int = 16  # of the adapters; 0 tunes all weights
    alpha: float = 32.0  # by which adapters count, over the rank
    dropout: float = 0.05  # before the adapters
    four_bits: bool = False  # QLoRA (Dettmers et al., 2023): base weights in four bits, where there is a GPU
    max_input: int = 1024  # tokens; a longer input loses the end of its longest field
    learning_rate: float = 2e-4  # at its highest
    epochs: float = 2.0  # passes over the rows, where there are many

    @property
    def parameters(self) -> int:
        return checkpoints.count_causal(self.shape) if "hidden_size" in self.shape else 0

    @property
    def size_bytes(self) -> int:
        """Eight bits a weight, the table of words once more where it is tied to the output, the tokenizer."""
        if "hidden_size" not in self.shape:
            return 0
        words = int(self.shape["vocab_size"])
        again = words * int(self.shape["hidden_size"]) if self.shape.get("tie_word_embeddings") else 0
        return int(1.02 * (self.parameters + again)) + 60 * words

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        if self.rank < 0:
            return f"rank={self.rank} is no rank: 16 is usual, 0 tunes all weights"
        if self.rank and find_spec("peft") is None:
            return "adapters need peft: pip install 'p2m[lora]', or rank=0, which tunes all weights"
        return super().refusal(task)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The checkpoint with fresh adapters, which change nothing yet.

        Raises:
            MissingWeights: it cannot be had, has no safetensors, or is not what was published.
        """
        import torch

        folder = self.folder()
        model, tokenizer = self._base(folder, small=self.four_bits), self._tokenizer(folder)
        if self.rank:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = adapt(
                    model, rank=self.rank, alpha=self.alpha, dropout=self.dropout, name=Path(self.model).name
                )
        learner = CausalLearner(model, tokenizer, self._settings(task, labels, tokenizer))
        if self.four_bits and not _has_four_bits():
            learner.notes.append("four_bits takes a GPU and bitsandbytes: here base weights have 32 bits")
        return learner

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> CausalLearner:
        """In full precision; the base of adapters is found as it was before."""
        tokenizer = self._tokenizer(checkpoint)
        if (checkpoint / ADAPTER).is_file():
            model = with_adapter(self._base(self.folder()), checkpoint)
        else:
            model = self._base(checkpoint)
        return CausalLearner(model, tokenizer, self._settings(task, labels, tokenizer))

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """decoder.onnx, tokenizer.json and predictor.json."""
        target.mkdir(parents=True, exist_ok=True)
        learner = self.restore(task, labels, checkpoint)
        model = learner.model
        write_graph(model.merged() if hasattr(model, "merged") else model, target / "decoder.onnx")
        learner.write_reader(target)

    def _tokenizer(self, folder: Path) -> Any:
        from transformers import AutoTokenizer

        from p2m.students.quiet import quiet

        with quiet():
            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)

    def _base(self, folder: Path, *, small: bool = False) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        from p2m.students.quiet import quiet

        options: dict[str, Any] = {"dtype": torch.float32}
        if small and _has_four_bits():
            options = _four_bits()
        with quiet():
            return AutoModelForCausalLM.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, **options
            )

    def _settings(self, task: Task, labels: Sequence[str], tokenizer: Any) -> Settings:
        around = turns(tokenizer)
        after = around.after or "\n"  # an answer begins a line of its own
        return text_settings(
            "causal", task, labels, prompt=f"{around.before}{self.prompt}{after}",
            max_length=self.max_input, max_answer=self.max_output, ends=(around.end,),
        )  # fmt: skip


def _has_four_bits() -> bool:
    import torch

    return torch.cuda.is_available() and find_spec("bitsandbytes") is not None


def _four_bits() -> dict[str, Any]:
    """Weights as QLoRA has them."""
    import torch
    from transformers import BitsAndBytesConfig

    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": settings, "device_map": {"": 0}}
