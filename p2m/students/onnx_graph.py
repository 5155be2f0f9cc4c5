"""The one place that turns torch modules into ONNX files; the exporter's interface still moves, ours does
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.students.quiet import quiet

OPSET = 20
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def pooled(states: Any, attention_mask: Any) -> Any:
    """The mean of states (batch, length, width) over each row's tokens, of unit length: (batch, width)."""
    import torch

    mask = attention_mask[:, :, None].to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
    return torch.nn.functional.normalize(mean, dim=-1)


def pooled_graph(model: Any, path: Path, *, head: Any = None) -> None:
    """Write a bare BERT as one graph: ids, mask, types (batch, length) to embeddings (batch, width).

    With a `head` over the embeddings, its logits (batch, labels) are written in their place.
    """
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = model
            self.head = head if head is not None else torch.nn.Identity()

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            bias = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e9
            found = self.inner(input_ids=input_ids, attention_mask=bias, token_type_ids=token_type_ids)
            return self.head(pooled(found.last_hidden_state, attention_mask))

    model.set_attn_implementation("eager")
    _traced(Pooled(), {("embeddings" if head is None else "logits"): {0: "batch"}}, path)


def encoder_graph(model: Any, outputs: Sequence[str], path: Path) -> None:
    """Write a BERT model with a head as one graph: ids, mask, types (batch, length) to `outputs`."""
    import torch

    class Heads(torch.nn.Module):  # type: ignore[misc]
        """The named outputs as a tuple, by position of the three inputs."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> tuple[Any, ...]:
            # An additive mask of four axes passes through untouched: the library's own would freeze the
            # length.
            bias = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e9
            found = self.inner(input_ids=input_ids, attention_mask=bias, token_type_ids=token_type_ids)
            return tuple(found[name] for name in outputs)

    model.set_attn_implementation("eager")
    _traced(Heads(), {name: {0: "batch", 1: "length"} for name in outputs}, path)


def _traced(module: Any, outputs: dict[str, dict[int, str]], path: Path) -> None:
    """Write a module over ids, mask and types, whose `outputs` have these dynamic axes.

    An encoder has no branch that depends on its input, so that one run of it tells all: a second, where
    torch.export and its decompositions take ten. The same weights give the same bytes.
    """
    import torch

    ids = torch.ones((2, 16), dtype=torch.long)
    with quiet(), torch.no_grad():
        torch.onnx.export(
            module.eval().to("cpu").float(),
            tuple(ids.clone() for _ in _INPUTS),  # the exporter takes one tensor given twice for one input
            str(path),
            dynamo=False,
            input_names=list(_INPUTS),
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch", 1: "length"} for name in _INPUTS} | outputs,
            opset_version=OPSET,
        )
    module.eval()  # the exporter brings back the mode of the outer module to the inner ones, too


def write_graph(
    module: Any,
    inputs: dict[str, Any],
    axes: dict[str, dict[int, str]],
    outputs: Sequence[str],
    path: Path,
    *,
    variadic_from: int | None = None,
) -> None:
    """Trace `module` over example inputs (by parameter name, in order) and write it, weights inside, to
    `path`.

    `axes` names the dynamic axes of each input. Where the module takes `*rest`, `variadic_from` is the index
    of the first input in it. The same weights give the same bytes.
    """
    import torch

    shapes: tuple[Any, ...] = tuple(axes.get(each, {}) for each in inputs)
    if variadic_from is not None:
        shapes = (*shapes[:variadic_from], shapes[variadic_from:])
    module = module.eval().to("cpu").float()
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            opset_version=OPSET,
            verbose=False,
            optimize=True,
        )
    _strip(program.model)
    program.save(str(path), external_data=False)


def _strip(model: Any) -> None:
    """Remove what tells where a graph was traced: it weighs, and it differs between machines."""
    for graph in [model.graph, *(function.graph for function in model.functions.values())]:
        for node in graph:
            node.metadata_props.clear()
            node.doc_string = None
        for value in [*graph.inputs, *graph.outputs, *graph.initializers.values()]:
            value.metadata_props.clear()
        graph.metadata_props.clear()
    model.metadata_props.clear()
