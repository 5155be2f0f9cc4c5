"""CTranslate2 on the processor: models of the T5 kind, which it decodes by itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.backends import extras
from p2m.deploy.backends.graphs import read_weights
from p2m.deploy.serving.backends import ctranslate2
from p2m.deploy.serving.settings import Settings
from p2m.errors import StageError
from p2m.types import Student, Task

_ACTIVATIONS = {"relu": "RELU", "gelu": "GELU", "gelu_new": "GELUTanh", "silu": "SWISH"}


@dataclass(frozen=True)
class CTranslate2:
    """CTranslate2's format, in float32 and in eight bits; the latter is what makes it fast.

    Its vocabulary is the ids themselves, written as numbers: texts become ids, and ids texts, where they do
    for every other backend. Encoders of labels and spans gain nothing by it over onnxruntime's int8.
    """

    name: ClassVar[str] = "ctranslate2"
    computes: ClassVar[str] = ""
    precisions: ClassVar[tuple[str, ...]] = ("float32", "int8")
    requirements: ClassVar[tuple[str, ...]] = ("ctranslate2",)
    serving: ClassVar[Path] = Path(ctranslate2.__file__)

    def missing(self) -> str | None:
        return extras.missing("ctranslate2", "ct2")

    def refusal(self, task: Task) -> str | None:
        """None: of any task there may be a student that writes its answers."""
        return None

    def unfit(self, student: Student) -> str | None:
        if getattr(student, "writes", "") == "seq2seq":
            return None
        return "it runs models of the T5 kind; student=t5_small and student=tiny_seq2seq are some"

    def convert(self, source: Path, target: Path, *, precision: str = "") -> None:
        """model.bin, config.json and the vocabulary from the graphs of a T5, and its other files as they are.

        Raises:
            StageError: it is another model.
        """
        settings = Settings.read(source)
        if settings.kind != "seq2seq":
            raise StageError(f"ctranslate2 runs no model of the kind {settings.kind}")
        config, weights = read_weights(source, ("encoder", "decoder"))
        target.mkdir(parents=True, exist_ok=True)
        spec = _spec(config, weights, settings)
        spec.validate()
        spec.optimize(quantization=None if precision in ("", "float32") else precision)
        spec.save(str(target))
        for path in sorted(source.iterdir()):
            if ".onnx" not in path.name:
                shutil.copyfile(path, target / path.name)
        replace(settings, backend=self.name).write(target)


CTRANSLATE2 = CTranslate2()


def _spec(config: Mapping[str, Any], weights: Mapping[str, Any], settings: Settings) -> Any:
    """A T5's weights where CTranslate2 has them."""
    from ctranslate2.specs import common_spec, transformer_spec

    spec = transformer_spec.TransformerSpec.from_config(
        (int(config["num_layers"]), int(config["num_decoder_layers"])), int(config["num_heads"]),
        pre_norm=True, activation=common_spec.Activation[_ACTIVATIONS[config["dense_act_fn"]]],
        ffn_glu=bool(config["is_gated_act"]), relative_attention_bias=True, rms_norm=True,
    )  # fmt: skip
    filling = _Filling(config, weights)
    filling.stack(spec.encoder, "encoder", spec.encoder.embeddings[0])
    filling.stack(spec.decoder, "decoder", spec.decoder.embeddings)
    tied = "shared.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    spec.decoder.projection.weight = weights[tied]
    if config["scale_decoder_outputs"]:
        spec.decoder.scale_outputs = float(config["d_model"]) ** -0.5
    ids = [str(each) for each in range(len(weights["shared.weight"]))]
    spec.register_source_vocabulary(ids)
    spec.register_target_vocabulary(ids)
    spec.config.bos_token = spec.config.decoder_start_token = str(settings.start)
    spec.config.eos_token = str(settings.ends[0])
    spec.config.unk_token = ids[-1]
    spec.config.layer_norm_epsilon = float(config["layer_norm_epsilon"])
    return spec


class _Filling:
    """Layers of a specification from weights by name."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
        self._most = int(config["relative_attention_max_distance"])
        self._weights = weights

    def stack(self, spec: Any, name: str, embeddings: Any) -> None:
        spec.scale_embeddings = False
        embeddings.weight = self._weights["shared.weight"]
        self._norm(spec.layer_norm, f"{name}.final_layer_norm")
        for number, layer in enumerate(spec.layer):
            parts = f"{name}.block.{number}.layer"
            self._attention(layer.self_attention, f"{parts}.0", "SelfAttention", (("q", "k", "v"),))
            self._places(layer.self_attention, f"{name}.block.0.layer.0.SelfAttention")
            if name == "decoder":
                self._attention(layer.attention, f"{parts}.1", "EncDecAttention", (("q",), ("k", "v")))
            self._fed(layer.ffn, f"{parts}.{2 if name == 'decoder' else 1}")

    def _attention(self, spec: Any, name: str, kind: str, fused: tuple[tuple[str, ...], ...]) -> None:
        import numpy as np

        spec.queries_scale = 1.0  # T5's initialisation does it
        for place, letters in enumerate(fused):
            matrices = [self._weights[f"{name}.{kind}.{letter}.weight"] for letter in letters]
            spec.linear[place].weight = np.concatenate(matrices)
        spec.linear[-1].weight = self._weights[f"{name}.{kind}.o.weight"]
        self._norm(spec.layer_norm, f"{name}.layer_norm")

    def _places(self, spec: Any, name: str) -> None:
        """Biases by distance, which all layers share."""
        import numpy as np

        spec.relative_attention_bias = self._weights[f"{name}.relative_attention_bias.weight"]
        spec.relative_attention_max_distance = np.int32(self._most)

    def _fed(self, spec: Any, name: str) -> None:
        dense = f"{name}.DenseReluDense"
        if hasattr(spec, "linear_0_noact"):
            spec.linear_0.weight = self._weights[f"{dense}.wi_0.weight"]
            spec.linear_0_noact.weight = self._weights[f"{dense}.wi_1.weight"]
        else:
            spec.linear_0.weight = self._weights[f"{dense}.wi.weight"]
        spec.linear_1.weight = self._weights[f"{dense}.wo.weight"]
        self._norm(spec.layer_norm, f"{name}.layer_norm")

    def _norm(self, spec: Any, name: str) -> None:
        spec.gamma = self._weights[f"{name}.weight"]
