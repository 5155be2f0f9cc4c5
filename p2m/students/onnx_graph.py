"""The one place that turns torch modules into ONNX files: the exporter's interface still moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.students.quiet import quiet

OPSET = 20


def pooled(states: Any, attention_mask: Any) -> Any:
    """The mean of states (batch, length, width) over the tokens, of unit length: (batch, width)."""
    import torch

    mask = attention_mask[:, :, None].to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
    return torch.nn.functional.normalize(mean, dim=-1)


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
    _turn_weights(program.model.graph)
    _strip(program.model)
    program.save(str(path), external_data=False)


def _turn_weights(graph: Any) -> None:
    """Keep transposed what the graph transposes at every run, which int8 would not know for a matrix."""
    import numpy as np
    import onnx_ir

    for node in list(graph):
        weight = node.inputs[0] if node.op_type == "Transpose" else None
        if weight is None or not weight.is_initializer():
            continue
        order = node.attributes["perm"].as_ints()
        turned = np.ascontiguousarray(weight.const_value.numpy().transpose(order))
        value = onnx_ir.val(f"{weight.name}.T", const_value=onnx_ir.tensor(turned))
        graph.register_initializer(value)
        node.outputs[0].replace_all_uses_with(value)
        graph.remove(node, safe=True)
        if not weight.uses():
            del graph.initializers[weight.name]


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
