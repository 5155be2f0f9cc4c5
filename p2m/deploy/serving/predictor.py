"""The predictor: opens a model's folder and answers rows.

It needs nothing of the package that built the model. Evaluation runs it, and the bundle ships it with those
of the files beside it that the model needs, so what was judged is what is deployed. Training uses the same
readers, so that rows become tensors, and tensors answers, in one way everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .rows import Answer, InputError, check_row
from .settings import BundleError, Settings, missing
from .shapes import shaped
from .sureness import least_score, sure

__all__ = ["Answer", "BundleError", "InputError", "Predictor", "Settings"]


class Predictor:
    """An exported model folder, opened. `threads` are those of the backend within one operator."""

    def __init__(self, folder: str | Path, *, threads: int = 1, precision: float | None = None) -> None:
        """With a `precision`, answers are abstained from that are less sure than it takes.

        Raises:
            BundleError: it is no folder of a model, or not one that the files here can open.
            InputError: the model does not know what gives that precision.
        """
        self.folder = Path(folder)
        self.settings = Settings.read(self.folder)
        self.least = least_score(self.settings, precision)
        self.tells = precision is not None or self.least > 0  # whether answers say that they are unsure
        try:
            self._model = _opened(self.folder, self.settings, threads)
        except ModuleNotFoundError as error:
            raise missing(error) from None

    def predict(self, rows: Sequence[Mapping[str, str]], *, batch_size: int = 1) -> list[Answer]:
        """Answers in the order of the rows; each row has the task's fields.

        At most `batch_size` of them go through the model at once, and fewer where they are long (`packed`).
        An answer does not depend on the batch size or on the other rows.

        Raises:
            InputError: a row lacks a field, or a field is not text.
        """
        checked = [check_row(row, self.settings.asks) for row in rows]
        answers: list[Answer] = self._model.answers(checked, batch_size) if checked else []
        answers = sure(answers, self.settings, self.least)
        if self.settings.shape == "text":
            return answers
        shape, layout, none = self.settings.shape, self.settings.layout, self.settings.none
        return [replace(each, shaped=shaped(each.output, shape, layout, none)) for each in answers]

    def logits(self, rows: Sequence[Mapping[str, str]], *, batch_size: int = 1) -> Any:
        """(rows, columns), by which labels and numbers are decided; of models that answer with these."""
        return self.outputs(rows, batch_size=batch_size)["logits"]

    def outputs(self, rows: Sequence[Mapping[str, str]], *, batch_size: int = 1) -> dict[str, Any]:
        """`logits` and, of models that may answer with none of their labels, `embeddings`."""
        found: dict[str, Any] = self._model.outputs(rows, batch_size)
        return found

    def spans(self, rows: Sequence[Mapping[str, str]], *, batch_size: int = 1) -> list[tuple[Answer, float]]:
        """The best span of each row, and by how many logits it is ahead of there being none."""
        found: list[tuple[Answer, float]] = self._model.spans(rows, batch_size)
        return found


def _opened(folder: Path, settings: Settings, threads: int) -> Any:
    """The model of the folder's kind; the other kinds' files need not be there."""
    if settings.kind == "span":
        from .spans import SpanModel

        return SpanModel(folder, settings, threads=threads)
    if settings.kind == "tags":
        from .tags import TagModel

        return TagModel(folder, settings, threads=threads)
    if settings.kind == "records":
        from .records import RecordModel

        return RecordModel(folder, settings, threads=threads)
    if settings.kind == "slots":
        from .slots import SlotModel

        return SlotModel(folder, settings, threads=threads)
    if settings.kind == "classification":
        from .labels import LabelModel

        return LabelModel(folder, settings, threads=threads)
    if settings.kind == "seq2seq":
        from .texts import TextModel

        return TextModel(folder, settings, threads=threads)
    if settings.kind == "causal":
        from .causal import CausalModel

        return CausalModel(folder, settings, threads=threads)
    if settings.kind == "copies":
        from .copies import CopyModel

        return CopyModel(folder, settings, threads=threads)
    if settings.kind == "tagger":
        from .tagger import TaggerModel

        return TaggerModel(folder, settings, threads=threads)
    if settings.kind == "editor":
        from .edits import EditModel

        return EditModel(folder, settings, threads=threads)
    if settings.kind == "fields":
        from .fields import FieldsModel

        return FieldsModel(folder, settings, threads=threads)
    from .linear import LinearModel

    return LinearModel(folder, settings, threads=threads)
