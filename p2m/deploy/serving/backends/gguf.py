"""Writers by llama.cpp (xllamacpp), on the processor: model.gguf, which is given ids and gives ids."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..settings import BundleError, Settings, first_line
from . import Written

MODEL = "model.gguf"
_SLOTS = 4  # rows that are written at once; each has memory for the longest one
_SPARE = 8  # tokens of a slot that are never filled


class GgufWriter:
    """llama.cpp's server within this process, as a `Writer`."""

    def __init__(self, server: Any, place: Any) -> None:
        self._server, self._place = server, place
        self._slots = ThreadPoolExecutor(_SLOTS)

    def write(
        self, prompts: Sequence[Sequence[int]], most: int, among: Mapping[str, Sequence[int]]
    ) -> list[Written]:
        asked: dict[str, Any] = {
            "n_predict": most, "temperature": 0, "samplers": ["temperature"], "n_probs": 1,
            "return_tokens": True, "verbose": True,
        }  # fmt: skip
        if among:
            asked["grammar"] = "root ::= " + " | ".join(
                json.dumps(each, ensure_ascii=False) for each in among
            )
        return list(self._slots.map(lambda ids: self._written({**asked, "prompt": list(ids)}), prompts))

    def _written(self, asked: Mapping[str, Any]) -> Written:
        """Of a character that takes several tokens, the probability of the last one alone is known."""
        found = self._server.handle_completions(asked)
        if "choices" not in found:
            raise BundleError(f"{MODEL}: llama.cpp gave no answer ({json.dumps(found)[:200]})")
        parts = (found["choices"][0].get("logprobs") or {}).get("content") or ()
        return Written(list(found["__verbose"]["tokens"]), float(sum(each["logprob"] for each in parts)))


def open_writer(folder: Path, settings: Settings, *, threads: int) -> GgufWriter:
    """Raises BundleError where the file is missing, or is no model."""
    import xllamacpp

    path = folder / MODEL
    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again")
    place = tempfile.TemporaryDirectory(prefix="p2m-")  # of this user's alone: it opens no port
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.hostnames = [str(Path(place.name) / "s.sock")]
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * (settings.max_length + settings.max_answer + _SPARE)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(threads, 1)
    params.cache_ram_mib = 0
    params.warmup = False
    params.verbosity = -1
    try:
        return GgufWriter(xllamacpp.Server(params), place)
    except Exception as error:  # xllamacpp raises plain RuntimeError, and whatever its bindings do
        raise BundleError(f"{path}: llama.cpp cannot open it ({first_line(error)})") from None
