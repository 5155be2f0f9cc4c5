"""The weights of exported graphs by the names that their checkpoint has for them, and its configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.errors import StageError

_CONFIG, _TRANSPOSED = "config", ".T"


def read_weights(folder: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json as the graphs carry it, and every matrix and vector of the graphs `names`, float32.

    Raises:
        StageError: a graph does not say what it is of.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    config: dict[str, Any] = {}
    weights: dict[str, Any] = {}
    for name in names:
        model = onnx.load(str(folder / f"{name}.onnx"))
        said = {each.key: each.value for each in model.metadata_props}
        if _CONFIG not in said:
            raise StageError(f"{name}.onnx does not say which checkpoint it is of")
        config |= json.loads(said[_CONFIG])
        for each in model.graph.initializer:
            array = numpy_helper.to_array(each)
            plain = each.name.removesuffix(_TRANSPOSED)
            weights[plain] = np.array(array if plain == each.name else array.T, order="C")
    return config, weights
