"""Texts of cards as vectors, each text read once: what was read for an earlier index is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from p2m.deploy.serving.backends.onnx import open_graph
from p2m.deploy.serving.batches import open_tokenizer, packed, padded
from p2m.engine.files.memo import Memo
from p2m.engine.handles import Run
from p2m.engine.hashing import digest_bytes, digest_tree
from p2m.engine.slots import processors

# Texts of one length that go through the encoder together, always so many: sums over a batch of another size
# may be taken in another order, and a text has one vector, whatever it was read along with.
_TOGETHER = 4
_CHUNK = 8192  # texts after which what was read is remembered, so that a killed build loses no more


def vectors(texts: Sequence[str], folder: Path, *, window: int, run: Run) -> Any:
    """The embeddings of the first `window` tokens of each text, (texts, dimensions) float16.

    They are the same, to the bit, whatever is remembered. `folder` has the encoder.
    """
    import numpy as np

    wanted = {hashlib.sha256(text.encode()).digest(): text for text in texts}
    memo = _memo(folder, window, run.memos)
    known = memo.known()
    there = {digest: known[digest] for digest in wanted if digest in known}
    new = iter([(digest, text) for digest, text in wanted.items() if digest not in there])
    total = len(wanted) - len(there)
    if there and total:
        run.say(f"{total:,} of {len(wanted):,} cards are new or changed: the others are known already")
    reader = Reader(folder, window, run.device.threads or processors())
    done = 0
    while some := dict(islice(new, _CHUNK)):
        for digest, vector in reader.read(some):
            there[digest] = vector.astype(np.float16).tobytes()
            done += 1
            run.progress(done, total, "cards embedded")
        memo.keep(there)
    order = (hashlib.sha256(text.encode()).digest() for text in texts)
    return np.stack([np.frombuffer(there[digest], dtype=np.float16) for digest in order])


def _memo(folder: Path, window: int, memos: Path) -> Memo:
    """Where vectors are remembered: by all that one depends on beside its text."""
    about = [digest_tree(folder), window, _TOGETHER, version("onnxruntime"), version("tokenizers")]
    return Memo(memos / f"vectors-{digest_bytes(repr(about).encode())[:32]}")


class Reader:
    """An encoder that is run by several threads, each batch on one of them."""

    def __init__(self, folder: Path, window: int, threads: int) -> None:
        self._threads = threads
        self._graph = open_graph(folder, "model", threads=1)
        self._tokenizer = open_tokenizer(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(window)

    def read(self, texts: Mapping[bytes, str]) -> Iterator[tuple[bytes, Any]]:
        """Each digest with the vector of its text, in no order."""
        digests = list(texts)
        encodings = self._tokenizer.encode_batch(list(texts.values()))

        def run(batch: Sequence[int], length: int) -> list[tuple[bytes, Any]]:
            full = [*batch, *[batch[0]] * (_TOGETHER - len(batch))]
            feed = padded([(encodings[i].ids, encodings[i].type_ids) for i in full], length)
            found = self._graph.run(feed)["embeddings"]
            return [(digests[i], vector) for i, vector in zip(batch, found, strict=False)]

        lengths = [len(each.ids) for each in encodings]
        batches = packed(lengths, _TOGETHER, tokens=_TOGETHER * max(lengths))
        with ThreadPoolExecutor(self._threads) as pool:
            for each in pool.map(lambda pair: run(*pair), batches):
                yield from each
