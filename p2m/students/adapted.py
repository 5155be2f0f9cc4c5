"""A causal model with low-rank adapters (LoRA: Hu et al., 2022, arXiv 2106.09685) whose state is that of the
adapters alone, so that a checkpoint has some megabytes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from p2m.errors import UserError
from p2m.students.quiet import quiet

ADAPTER = "adapter_config.json"


@cache
def adapted_model() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    import torch

    class AdaptedModel(torch.nn.Module):  # type: ignore[misc]
        """`base` is a peft model: weights and config are those of what it adapts."""

        def __init__(self, base: Any) -> None:
            super().__init__()
            self.base, self.config = base, base.get_base_model().config

        @property
        def generation_config(self) -> Any:
            return self.base.get_base_model().generation_config

        @generation_config.setter
        def generation_config(self, value: Any) -> None:
            self.base.get_base_model().generation_config = value

        @property
        def served(self) -> int:
            """Weights of the model once adapters are merged."""
            return sum(each.numel() for name, each in self.base.named_parameters() if "lora_" not in name)

        def train(self, mode: bool = True) -> Any:
            """Only adapters learn, whatever else is set: nothing else is kept."""
            for name, each in self.base.named_parameters():
                each.requires_grad_("lora_" in name and each.requires_grad)
            return super().train(mode)

        def forward(self, **batch: Any) -> Any:
            return self.base(**batch)

        def generate(self, **batch: Any) -> Any:
            return self.base.generate(**batch)

        def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            """Of what is learnt."""
            return {name: each for name, each in self.base.named_parameters() if "lora_" in name}

        def load_state_dict(self, state: dict[str, Any], strict: bool = True, assign: bool = False) -> Any:
            return _loaded(self.state_dict(), state, strict)

        def save_pretrained(self, folder: str) -> None:
            self.base.save_pretrained(folder, save_embedding_layers=False)
            self.generation_config.save_pretrained(folder)

        def merged(self) -> Any:
            """The model with the adapters added to its weights."""
            with quiet():
                return self.base.merge_and_unload()

    return AdaptedModel


def _loaded(own: dict[str, Any], state: dict[str, Any], strict: bool) -> Any:
    """Give the weights `own` the values of `state`; what torch's own loading tells."""
    import torch
    from torch.nn.modules.module import _IncompatibleKeys

    missing, unexpected = sorted(own.keys() - state), sorted(state.keys() - own)
    if strict and (missing or unexpected):
        raise RuntimeError(f"not the weights of this adapter: {[*missing, *unexpected][:3]}")
    with torch.no_grad():
        for name in own.keys() & state.keys():
            own[name].copy_(state[name])
    return _IncompatibleKeys(missing, unexpected)


def adapt(model: Any, *, rank: int, alpha: float, dropout: float, name: str) -> Any:
    """The model with fresh adapters beside every matrix but the words'; `name` is what they call their base.

    Raises:
        UserError: peft is not installed.
    """
    peft = _peft()
    settings = peft.LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with quiet():
        found = peft.get_peft_model(model, settings)
    found.peft_config["default"].base_model_name_or_path = name  # never a path of this machine
    return adapted_model()(found)


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapters of a checkpoint.

    Raises:
        UserError: peft is not installed.
    """
    from transformers import GenerationConfig

    peft, model.generation_config = _peft(), GenerationConfig.from_pretrained(str(folder))
    with quiet():
        found = peft.PeftModel.from_pretrained(model, str(folder), local_files_only=True)
    return adapted_model()(found)


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise UserError(
            "low-rank adapters need peft, which is not installed: type pip install 'p2m[lora]', or tune all"
            " weights with rank=0 of the student"
        ) from None
    return peft
