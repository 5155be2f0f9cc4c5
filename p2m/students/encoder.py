"""An encoder with a head as a torch module, and the learner over it: any of one with any of the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from p2m.deploy.serving.batches import padded
from p2m.students.heads import Head, Projection, SolvedHead
from p2m.students.lengths import by_length
from p2m.students.quiet import quiet
from p2m.types import Example, Shaping

MULTIPLE = 8  # padded lengths: fewer distinct shapes, for which kernels are prepared once each
WEIGHTS = "model.safetensors"


@cache
def headed_encoder() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    import torch
    from safetensors.torch import save_file

    from p2m.students.onnx_graph import pooled

    class HeadedEncoder(torch.nn.Module):  # type: ignore[misc]
        """`base`, a transformers encoder, and `head`: ids, mask, types (batch, length) to outputs by name."""

        def __init__(self, base: Any, projections: Sequence[Projection], dropout: float) -> None:
            super().__init__()
            self.base, self.config = base, base.config
            self.projections = tuple(projections)
            width = base.config.hidden_size
            self.head = torch.nn.ModuleDict(
                {each.name: torch.nn.Linear(width, each.size) for each in projections if each.size}
            )
            for linear in self.head.values():
                torch.nn.init.normal_(linear.weight, std=0.02)
                torch.nn.init.zeros_(linear.bias)
            self.dropout = torch.nn.Dropout(dropout)
            self.rates = {f"head.{each.name}.": each.rate for each in projections if each.rate != 1.0}

        def states(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            """The last hidden states, (batch, length, width)."""
            given = {"token_type_ids": token_type_ids} if takes_types(self.config) else {}
            found = self.base(input_ids=input_ids, attention_mask=attention_mask, **given)
            return found.last_hidden_state

        def embed(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            """Embeddings of unit length, (batch, width)."""
            return pooled(self.states(input_ids, attention_mask, token_type_ids), attention_mask)

        def forward(
            self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, **_: Any
        ) -> dict[str, Any]:
            """Outputs of the projections; further inputs, the targets, are for the loss."""
            states = self.states(input_ids, attention_mask, token_type_ids)
            row = None
            found: dict[str, Any] = {}
            for each in self.projections:
                if each.is_pooled and row is None:
                    row = self.dropout(pooled(states, attention_mask))
                logits: Any = row if each.is_pooled else states
                if each.size:
                    logits = self.head[each.name](logits)
                if each.columns:
                    found |= dict(zip(each.columns, logits.unbind(-1), strict=True))
                else:
                    found[each.name] = logits
            return found

        def save_pretrained(self, folder: str) -> None:
            """config.json of the base, and all weights as `base.*` and `head.*`: what `opened` reads."""
            self.config.save_pretrained(folder)
            weights = {name: each.contiguous() for name, each in self.state_dict().items()}
            save_file(weights, str(Path(folder) / WEIGHTS), metadata={"format": "pt"})

    return HeadedEncoder


def opened(folder: Path, projections: Sequence[Projection], options: dict[str, Any], dropout: float) -> Any:
    """A HeadedEncoder of a base checkpoint, with a fresh head, or of what one saved.

    `options` are of the base's configuration. Only safetensors are read.
    """
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModel

    with quiet():
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, **options)
        pooler = {"add_pooling_layer": False} if config.model_type in _POOLERS else {}
        if is_headed(folder):
            base = AutoModel.from_config(config, **pooler)
            model, saved = headed_encoder()(base, projections, dropout), load_file(str(folder / WEIGHTS))
            _narrow(model, saved)
            model.load_state_dict(saved)
            return model
        base = AutoModel.from_pretrained(
            str(folder), config=config, local_files_only=True, use_safetensors=True, **pooler
        )
    return headed_encoder()(base, projections, dropout)


def _narrow(model: Any, saved: dict[str, Any]) -> None:
    """Give the base's linear maps that were pruned the sizes that they were saved with."""
    import torch

    for path, module in list(model.base.named_modules()):
        weight = saved.get(f"base.{path}.weight")
        if isinstance(module, torch.nn.Linear) and weight is not None and weight.shape != module.weight.shape:
            parent, _, name = path.rpartition(".")
            made = torch.nn.Linear(weight.shape[1], weight.shape[0], module.bias is not None)
            setattr(model.base.get_submodule(parent), name, made)


_POOLERS = ("bert", "roberta", "xlm-roberta", "camembert")


def is_headed(folder: Path) -> bool:
    """Whether a checkpoint's weights are those of a HeadedEncoder; read from the file's header alone."""
    with (folder / WEIGHTS).open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        names = json.loads(stream.read(size))
    return any(name.startswith("base.") for name in names)


def takes_types(config: Any) -> bool:
    """Whether the encoder tells the parts of a pair apart by token types."""
    return int(getattr(config, "type_vocab_size", 0)) > 1


class EncoderLearner:
    """A `Learner` of an encoder with a head."""

    encodes_rows_apart = True  # what a row's features are depends on no other row

    def __init__(self, model: Any, tokenizer: Any, head: Head) -> None:
        self.model, self.tokenizer, self.head = model, tokenizer, head
        self.settings = head.settings

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        return self.head.encode(rows, max_length=max_length)

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        return self.head.cut(rows, max_length=max_length)

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids, mask and types (batch, length), and the head's targets."""
        batch = _tensors([(each["input_ids"], each["token_type_ids"]) for each in features])
        return batch | self.head.targets(features, batch["input_ids"].shape[1])

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        return self.head.loss(self.model(**batch), batch, shaping)

    def warm_start(
        self, features: Sequence[dict[str, Any]], *, batch_size: int, device: Any, balanced: bool
    ) -> float | None:
        """Solve the head over the embeddings of the features, where it has a best value."""
        import numpy as np
        import torch

        if not isinstance(self.head, SolvedHead):
            return None
        vectors = np.zeros((len(features), self.model.config.hidden_size), dtype=np.float32)
        self.model.eval()
        for batch in by_length([len(each["input_ids"]) for each in features], batch_size):
            items = [(features[i]["input_ids"], features[i]["token_type_ids"]) for i in batch]
            feeds = {name: each.to(device) for name, each in _tensors(items).items()}
            with torch.inference_mode():
                vectors[batch] = self.model.embed(**feeds).float().cpu().numpy()
        found = self.head.solve(vectors, features, balanced=balanced)
        if found is None:
            return None
        for each in (found, *found.others):
            linear = self.model.head[each.projection]
            with torch.no_grad():
                linear.weight.copy_(torch.as_tensor(each.weight))
                linear.bias.copy_(torch.as_tensor(each.bias))
        return found.loss

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        return [text for text, _ in self.scored(rows, batch_size=batch_size, device=device)]

    def scored(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[tuple[str, float]]:
        import torch

        inputs = [row.input for row in rows]
        items = self.head.items(inputs)
        outputs: list[Any] = [None] * len(items)
        for batch in by_length([len(each.ids) for each in items], batch_size):
            feeds = _tensors([(items[i].ids, items[i].types) for i in batch])
            with torch.inference_mode():
                found = self.model(**{name: tensor.to(device) for name, tensor in feeds.items()})
            arrays = {name: each.float().cpu().numpy() for name, each in found.items()}
            for place, i in enumerate(batch):
                outputs[i] = {name: array[place] for name, array in arrays.items()}
        return [(each.output, each.score) for each in self.head.answers(inputs, items, outputs)]


def _tensors(items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> dict[str, Any]:
    import torch
    from torch.nn.functional import pad

    arrays = padded(items)
    extra = -arrays["input_ids"].shape[1] % MULTIPLE
    return {name: pad(torch.from_numpy(array), (0, extra)) for name, array in arrays.items()}
