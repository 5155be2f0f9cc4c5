"""Writers by CTranslate2, on the processor: model.bin, whose vocabulary is the ids themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..settings import BundleError, Settings, first_line
from . import Written


class CTranslate2Writer:
    """A translator as a `Writer`."""

    def __init__(self, translator: Any, ends: Sequence[int]) -> None:
        self._translator, self._ends = translator, [str(each) for each in ends]

    def write(
        self, prompts: Sequence[Sequence[int]], most: int, among: Mapping[str, Sequence[int]]
    ) -> list[Written]:
        sources = [_named(each) for each in prompts]
        found = self._translator.translate_batch(
            sources, beam_size=1, max_decoding_length=most, min_decoding_length=0, max_input_length=0,
            end_token=self._ends, return_end_token=True, return_scores=True, length_penalty=0,
        )  # fmt: skip
        written = [Written([int(each) for each in one.hypotheses[0]], one.scores[0]) for one in found]
        allowed = [list(each) for each in among.values()]
        for place, one in enumerate(written):
            if allowed and one.ids not in allowed:
                written[place] = self._likeliest(sources[place], allowed)
        return written

    def _likeliest(self, source: Sequence[str], among: Sequence[list[int]]) -> Written:
        """Of the texts that may be written; the end mark of each is the scorer's own."""
        targets = [_named(each[:-1]) for each in among]
        scored = self._translator.score_batch([source] * len(targets), targets, max_input_length=0)
        sums = [sum(each.log_probs) for each in scored]
        best = max(range(len(sums)), key=sums.__getitem__)
        return Written(among[best], sums[best])


def _named(ids: Sequence[int]) -> list[str]:
    return [str(each) for each in ids]


def open_writer(folder: Path, settings: Settings, *, threads: int) -> CTranslate2Writer:
    """Raises BundleError where a file is missing, or is no model."""
    import ctranslate2

    if not (folder / "model.bin").is_file():
        raise BundleError(f"{folder / 'model.bin'}: missing; copy the bundle again")
    try:
        translator = ctranslate2.Translator(
            str(folder), device="cpu", inter_threads=1, intra_threads=max(threads, 0)
        )
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"{folder}: CTranslate2 cannot open it ({first_line(error)})") from None
    return CTranslate2Writer(translator, settings.ends)
