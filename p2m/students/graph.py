"""ONNX graphs written from weights, node by node: nothing is traced, and the same weights give the same
bytes.

Weights keep the names that the checkpoint has for them (`<name>.T` of one that is stored transposed), and
config.json goes along as metadata, so that a runtime with a format of its own finds all it needs in a graph.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.errors import StageError

OPSET = 20  # the first with Gelu
CONFIG = "config"  # key of the metadata
_LARGEST = (
    1_900_000_000  # bytes of one file: protobuf ends at 2 GiB, and weights go beside the graph from here
)
_ACTIVATIONS = ("relu", "gelu", "gelu_new", "silu")


class Graph:
    """Nodes and weights of one graph, named in the order in which they are made."""

    def __init__(self, weights: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self.weights, self.config = weights, config
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output; the output's name."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"node_{name}", **attributes))
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        """Raises StageError where the model has no weight of that name."""
        import numpy as np

        if name not in self.weights:
            raise StageError(f"the checkpoint has no weight {name}")
        label = f"{name}.T" if transposed else name
        if label not in self.initializers:
            array = self.weights[name]
            self.initializers[label] = np.ascontiguousarray(array.T) if transposed else array
        return label

    def constant(self, value: Any) -> str:
        """An initializer: whole numbers as int64, others as float32."""
        import numpy as np

        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initializers[self._constants[key]] = array
        return self._constants[key]

    def linear(self, states: str, name: str) -> str:
        """A matrix, and a bias where the checkpoint has one."""
        product = self.node("MatMul", states, self.weight(f"{name}.weight", transposed=True))
        bias = f"{name}.bias"
        return self.node("Add", product, self.weight(bias)) if bias in self.weights else product

    def rms(self, states: str, name: str, epsilon: float) -> str:
        """Scaled to a root mean square of 1 (Zhang and Sennrich, 2019), in the parts that runtimes fuse."""
        squares = self.node("Pow", states, self.constant(2.0))
        mean = self.node("ReduceMean", squares, self.constant([-1]), keepdims=1)
        root = self.node("Sqrt", self.node("Add", mean, self.constant(epsilon)))
        return self.node("Mul", self.node("Div", states, root), self.weight(f"{name}.weight"))

    def activated(self, states: str, name: str) -> str:
        if name not in _ACTIVATIONS:
            raise StageError(f"the activation {name} cannot be exported, only {', '.join(_ACTIVATIONS)}")
        if name == "relu":
            return self.node("Relu", states)
        if name == "silu":
            return self.node("Mul", states, self.node("Sigmoid", states))
        return self.node("Gelu", states, approximate="none" if name == "gelu" else "tanh")

    def tokens(self, states: str, table: str) -> str:
        """Logits (batch, 1, vocabulary) of states (batch, 1, width): by rows of `table`, of which the same
        graph may look up words, so that it is stored once.
        """
        flat = self.node("Squeeze", states, self.constant([1]))
        return self.node(
            "Unsqueeze", self.node("Gemm", flat, self.weight(table), transB=1), self.constant([1])
        )

    def size_of(self, name: str, axis: int) -> str:
        """A dimension as a tensor of one number."""
        return self.node("Shape", name, start=axis, end=axis + 1)

    def span(self, start: str, size: str) -> str:
        """The numbers start, start + 1, ..., `size` of them; both are tensors of one number."""
        first, last = self.node("Squeeze", start), self.node("Squeeze", self.node("Add", start, size))
        return self.node("Range", first, last, self.constant(1))

    def _call(self, names: Mapping[str, str]) -> None:
        """Give outputs of nodes other names. (An Identity would copy what another node reads too.)"""
        for node in self.nodes:
            for part in (node.input, node.output):
                part[:] = [names.get(each, each) for each in part]

    def save(
        self,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, tuple[str, Sequence[int | str]]],
        path: Path,
    ) -> None:
        """Write it: `inputs` by their dimensions, int64 where the name ends in `ids` or `mask`; `outputs` get
        the names that they are given.
        """
        from onnx import TensorProto, helper, numpy_helper, save

        self._call({made: name for name, (made, _) in outputs.items()})
        kinds = {
            name: TensorProto.INT64 if name.endswith(("ids", "mask")) else TensorProto.FLOAT
            for name in inputs
        }
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info(name, kinds[name], list(dims)) for name, dims in inputs.items()],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims))
                for name, (_, dims) in outputs.items()
            ],
            [numpy_helper.from_array(array, name) for name, array in self.initializers.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10, producer_name="p2m"
        )
        helper.set_model_props(model, {CONFIG: json.dumps(self.config, sort_keys=True)})
        path.parent.mkdir(parents=True, exist_ok=True)
        size = sum(array.nbytes for array in self.initializers.values())
        (path.parent / f"{path.name}.data").unlink(missing_ok=True)  # which would be added to
        beside = {"save_as_external_data": True, "location": f"{path.name}.data"} if size > _LARGEST else {}
        save(model, str(path), **beside)


def weights_of(model: Any) -> dict[str, Any]:
    """Every weight of a torch model by name, float32."""
    return {name: each.detach().float().cpu().numpy() for name, each in model.state_dict().items()}
