"""The same model in quicker parts, for the steps of a training on a processor.

Measured on two cores: transformers writes T5's and GPT-2's gelu as eight operations where torch has one, a
third of a small T5's step; torch draws dropout number by number, a tenth of an encoder's step; and the fused
kernel of attention has a backward pass that is slower than plain products at the lengths of training rows.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def quicken(model: Any) -> None:
    """Replace what is slow on a processor; weights and their names stay as they are."""
    import torch
    from transformers import PreTrainedModel
    from transformers.activations import NewGELUActivation

    outermost = next((each for each in model.modules() if isinstance(each, PreTrainedModel)), None)
    if outermost is not None and outermost.config._attn_implementation == "sdpa":
        outermost.set_attn_implementation("eager")
    for module in list(model.modules()):
        for name, part in module.named_children():
            if isinstance(part, NewGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))
            elif type(part) is torch.nn.Dropout:
                setattr(module, name, byte_dropout()(part.p))


@cache
def byte_dropout() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    import torch

    class ByteDropout(torch.nn.Dropout):  # type: ignore[misc]
        """Dropout by a random byte a value: the share is the nearest 256th."""

        def forward(self, given: Any) -> Any:
            dropped = min(255, round(256 * self.p))
            if not self.training or not dropped:
                return given
            words = torch.empty((given.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
            drawn = words.view(torch.uint8)[: given.numel()].view(given.shape)
            return given * (drawn >= dropped).to(given.dtype).mul_(256 / (256 - dropped))

    return ByteDropout
