"""Any encoder with a head as an ONNX graph, by tracing: for those that `bert_graph` cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.students.bert_graph import INPUTS
from p2m.students.encoder import opened
from p2m.students.heads import Projection
from p2m.students.onnx_graph import write_graph

_LENGTH = 24  # tokens of the example that is traced; batch and length stay free


def headed(folder: Path, projections: Sequence[Projection], path: Path) -> None:
    """As `bert_graph.headed`: the outputs of a HeadedEncoder, by the same names."""
    names = [name for each in projections for name in (each.columns or (each.name,))]
    _write(folder, projections, lambda model, feeds: tuple(model(*feeds).values()), names, path)


def pooled(folder: Path, path: Path) -> None:
    """As `bert_graph.pooled`: embeddings of unit length."""
    _write(folder, (), lambda model, feeds: model.embed(*feeds), ["embeddings"], path)


def sentence(folder: Path, path: Path) -> None:
    """As `pooled`, of a checkpoint whose own modules (modules.json) say how it pools and what follows."""
    import torch
    from sentence_transformers import SentenceTransformer

    options = {"attn_implementation": "eager", "use_safetensors": True, "dtype": torch.float32}
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs=options)
    _graph(model.eval(), lambda model, feeds: _embedded(model, feeds), ["embeddings"], path)


def _embedded(model: Any, feeds: tuple[Any, ...]) -> Any:
    import torch

    found = model(dict(zip(INPUTS, feeds, strict=True)))["sentence_embedding"]
    return torch.nn.functional.normalize(found, dim=-1)


def _write(
    folder: Path, projections: Sequence[Projection], outputs: Any, names: Sequence[str], path: Path
) -> None:
    _graph(opened(folder, projections, {"attn_implementation": "eager"}, 0.0), outputs, names, path)


def _graph(model: Any, outputs: Any, names: Sequence[str], path: Path) -> None:
    import torch

    class Traced(torch.nn.Module):  # type: ignore[misc]
        """All inputs have a name in the graph, those too that this encoder does not read."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return outputs(self.model, (input_ids, attention_mask, token_type_ids))

    ids = torch.full((2, _LENGTH), 5)
    mask = torch.ones_like(ids)
    mask[1, _LENGTH // 2 :] = 0
    feeds = dict(zip(INPUTS, (ids, mask, torch.zeros_like(ids)), strict=True))
    axes = {name: {0: "batch", 1: "length"} for name in INPUTS}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_graph(Traced(), feeds, axes, names, path)
