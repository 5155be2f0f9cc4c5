"""A sentence encoder's graph gives what sentence-transformers gives, however the checkpoint pools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from p2m.deploy.base import open_encoder
from p2m.students.sentence_encoder import SentenceEncoder

TEXTS = ["ada lives in rome.", "who is away?", "hugo, emil and fay"]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_gives_what_the_library_gives(tiny_bert: Path, tmp_path: Path, pooling: str) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    transformer = Transformer(str(tiny_bert))
    model = SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode=pooling)], device="cpu")
    model.save(str(tmp_path / "checkpoint"))
    SentenceEncoder(str(tmp_path / "checkpoint"), sha256="").export(tmp_path / "graph")
    found = open_encoder(tmp_path / "graph", threads=1, max_length=64).encode(TEXTS)
    wanted = model.encode(TEXTS, normalize_embeddings=True)
    assert np.allclose(found, wanted, atol=1e-5)
    plain = SentenceEncoder(str(tiny_bert), sha256="")
    plain.export(tmp_path / "plain")
    mean = open_encoder(tmp_path / "plain", threads=1, max_length=64).encode(TEXTS)
    assert np.allclose(found, mean, atol=1e-5) == (pooling == "mean")
