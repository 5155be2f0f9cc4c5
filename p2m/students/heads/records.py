"""A record a row: for each field a linear map, of the row's embedding or of every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import p2m.students.record_fields as told
from p2m.deploy.serving.record_fields import RecordField, fields_of
from p2m.deploy.serving.records import RecordReader, output_of
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import read_record
from p2m.deploy.serving.tagging import without_marks
from p2m.deploy.serving.tags import Units, units_of
from p2m.errors import DataError, UserError, nearest
from p2m.students.heads.base import TOKEN_RATE, Projection, Reach, Solution
from p2m.students.heads.labels import LOWEST_BIAS
from p2m.students.heads.rows import STRENGTH
from p2m.students.heads.windows import WindowHead
from p2m.students.losses import any_position, cross_entropy
from p2m.students.solver import ridge, solved, solved_sets
from p2m.students.spans import occurrences
from p2m.types import Example, Shaping, Task, TaskType

IGNORED = -100
KINDS = ("label", "labels", "span", "number")  # of fields; text that is written anew is none


class RecordHead(WindowHead):
    """Records whose fields are labels, spans and numbers."""

    _reader: RecordReader

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._reader = RecordReader(settings, tokenizer)
        self._fields = self._reader.fields

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.RECORDS and bool(task.record) and not written_fields(task)

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        """
        Raises:
            UserError: a field has no label.
        """
        fields = told.described(task, labels)
        for field in fields:
            if field.kind in ("label", "labels") and not field.labels:
                raise UserError(
                    f"the field {field.name!r} has no labels, and no row has one;"
                    f" name them: task.record={{{field.name}: [a, b]}}"
                )
        return Settings(
            "records", tuple(each.name for each in task.inputs), max_length=reach.window, stride=reach.stride,
            shape="record", record=tuple(asdict(field) for field in fields),
        )  # fmt: skip

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        found = []
        for number, field in enumerate(fields_of(settings)):
            name = output_of(number)
            columns = (f"{name}_first", f"{name}_last")
            if field.is_pointed_at:
                found.append(Projection(name, field.size, is_pooled=False, columns=columns, rate=TOKEN_RATE))
            else:
                found.append(Projection(name, field.size, is_pooled=True))
        return tuple(found)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a window, with `aims`, what each field should be; None where the row does not tell.

        Raises:
            DataError: an answer is no record of these fields.
        """
        features = []
        for feature, window, record in self.windows(rows, max_length):
            row = rows[feature["row"]]
            text = self._reader.text_of(row.input)
            units = units_of(window, text)
            aims = [self._aim(field, record, row, text, units) for field in self._fields]
            features.append(feature | {"aims": aims})
        return features

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """By the outputs' names: indices (batch,) of labels; (batch, logits) of labels and of told numbers,
        nan where a row tells nothing; of what stands in the text, (batch, length) true where it may begin
        and where it may end.
        """
        import torch

        found: dict[str, Any] = {}
        for number, field in enumerate(self._fields):
            name, aims = output_of(number), [each["aims"][number] for each in features]
            if field.is_pointed_at:
                for side, column in enumerate((f"{name}_first", f"{name}_last")):
                    places = torch.zeros((len(aims), length), dtype=torch.bool)
                    for row, aim in enumerate(aims):
                        places[row, [each[side] for each in aim or ()]] = True
                    found[column] = places
            elif field.kind == "label":
                found[name] = torch.tensor([IGNORED if aim is None else aim for aim in aims])
            else:
                nothing = [float("nan")] * field.size
                found[name] = torch.tensor([nothing if aim is None else aim for aim in aims])
        return found

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        """The mean of the fields' losses: of labels, ends and presence in nats, of numbers squared."""
        shaping = replace(shaping, weights=None)
        losses = []
        for number, field in enumerate(self._fields):
            name = output_of(number)
            if field.is_pointed_at:
                ends = (f"{name}_first", f"{name}_last")
                seen = batch["attention_mask"]
                losses.append(sum(any_position(outputs[end], batch[end], seen) for end in ends) / 2)
            elif field.kind == "label":
                losses.append(cross_entropy(outputs[name], batch[name], shaping))
            else:
                losses.append(_told_loss(field, outputs[name].float(), batch[name]))
        return sum(losses) / len(losses)

    def solve(
        self, vectors: Any, features: Sequence[Mapping[str, Any]], *, balanced: bool
    ) -> Solution | None:
        """The fields that the whole text tells, each by itself."""
        found = []
        for number, field in enumerate(self._fields):
            if field.is_pointed_at:
                continue
            aims = [each["aims"][number] for each in features]
            rows = [row for row, aim in enumerate(aims) if aim is not None]
            if rows:
                known, told_rows = vectors[rows], [aims[row] for row in rows]
                weight, bias = solved_field(field, known, told_rows, balanced)
                loss = _loss_of(field, known @ weight.T + bias, told_rows)
                found.append(Solution(output_of(number), weight, bias, loss))
        if not found:
            return None
        loss = sum(each.loss for each in found) / len(found)
        return replace(found[0], loss=loss, others=tuple(found[1:]))

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        return self._reader.answers(rows, items, outputs)

    def known(self, row: Example) -> dict[str, Any]:
        return record_of(row)

    def _aim(
        self, field: RecordField, record: Mapping[str, Any], row: Example, text: str, units: Units
    ) -> Any:
        """A label's number; 0 or 1 of each label, or a number on its scale, and whether it is null; tokens
        where the value may begin and end, (0, 0) where it is null or not in this window. None: not told.
        """
        value = record.get(field.name)
        if not field.is_pointed_at:
            return told_aim(field, value, row)
        if value is None:
            return [(0, 0)] if field.nullable else None
        return _ends(field, value, text, units)


def record_of(row: Example) -> dict[str, Any]:
    """Raises DataError where its answer is no JSON object."""
    try:
        return read_record(row.output)
    except ValueError as error:
        raise DataError(f"a row of {row.source or 'the data'}: {error}") from None


def written_fields(task: Task) -> tuple[str, ...]:
    """The fields that no part of the input is: text that must be written anew."""
    return tuple(each.name for each in task.record if each.kind not in KINDS)


def told_aim(field: RecordField, value: Any, row: Example) -> Any:
    """Of a field that the whole text tells: a label's number; 0 or 1 of each label, or a number on its scale,
    and whether it is null. None: the row does not tell.

    Raises:
        DataError: it is a label that there is not.
    """
    if value is None and not field.nullable:
        return None
    if field.kind == "label":
        return len(field.labels) if value is None else _number(field, value, row)
    null = [float(value is None)] * field.nullable
    if field.kind == "labels":
        held = {_number(field, each, row) for each in value or ()}
        return [*(float(number in held) for number in range(len(field.labels))), *null]
    if value is None:
        return [float("nan"), *null]
    assert field.scale is not None, f"a number that is told has a scale: {field.name}"
    low, high, _ = field.scale
    return [(float(value) - low) / ((high - low) or 1.0), *null]


def places_of(field: RecordField, value: Any, text: str) -> list[tuple[int, int]]:
    """First character and the one after the last of each place where the value of a field stands."""
    if field.kind == "number":
        known = field.numbers_in(text)
        return [(start, end) for start, end, each in known if each == value]
    return [(each.start, each.end) for each in occurrences(text, str(value))]


def _number(field: RecordField, value: Any, row: Example) -> int:
    label = told.plain_label(value)
    if label not in field.labels:
        raise DataError(
            f"a row of {row.source or 'the data'} has {label!r} as {field.name!r};"
            f" {nearest(label, field.labels)}"
        )
    return field.labels.index(label)


def _ends(field: RecordField, value: Any, text: str, units: Units) -> list[tuple[int, int]] | None:
    """The first and the last token of each occurrence of a value. Of one that stands outside of this window,
    the first token of all; None of one that stands nowhere, or where no token begins or ends.
    """
    import numpy as np

    places = places_of(field, value, text)
    found, is_here = [], False
    for start, end in places:
        inside = np.flatnonzero((units.ends > start) & (units.starts < end))
        whole = len(inside) and units.starts[inside[0]] <= start
        if whole and units.ends[inside[-1]] >= without_marks(text, end):
            found.append((int(units.places[inside[0]]), int(units.places[inside[-1]])))
        elif len(inside):
            is_here = units.starts[0] <= start and units.ends[-1] >= end
    return found or ([(0, 0)] if places and not is_here else None)


def _told_loss(field: RecordField, logits: Any, wanted: Any) -> Any:
    """Of labels, or of a number, and of null, over the rows that tell them."""
    import torch
    from torch.nn import functional

    known = ~torch.isnan(wanted)
    aimed = torch.where(known, wanted, torch.zeros_like(wanted))
    each = functional.binary_cross_entropy_with_logits(logits, aimed, reduction="none")
    if field.kind == "number":
        each = torch.cat([((logits - aimed) ** 2)[:, :1], each[:, 1:]], dim=1)
    return (each * known).sum() / known.sum().clamp(min=1)


def _loss_of(field: RecordField, logits: Any, aims: Sequence[Any]) -> float:
    import torch

    given, wanted = torch.as_tensor(logits, dtype=torch.float32), torch.tensor(aims)
    if field.kind == "label":
        return float(cross_entropy(given, wanted, Shaping()))
    return float(_told_loss(field, given, wanted))


def solved_field(field: RecordField, vectors: Any, aims: Sequence[Any], balanced: bool) -> tuple[Any, Any]:
    """Weights (size, width) and bias (size,) of a field over features (rows, width)."""
    import numpy as np

    names = [str(number) for number in range(field.size)]
    if field.kind == "label":
        made = solved(vectors, [names[aim] for aim in aims], names, strength=STRENGTH, balanced=balanced)
        return made.matrix.T.copy(), np.maximum(made.bias, LOWEST_BIAS)
    switches = names[1:] if field.kind == "number" else names
    held = [[name for name in switches if aim[int(name)] == 1.0] for aim in aims]
    made = solved_sets(vectors, held, switches, strength=STRENGTH, balanced=balanced)
    matrix, bias = made.matrix.T.copy(), np.clip(made.bias, LOWEST_BIAS, -LOWEST_BIAS)
    if field.kind == "number":
        known = [row for row, aim in enumerate(aims) if aim[0] == aim[0]]
        line = ridge(vectors[known], [aims[row][0] for row in known], strength=2.0) if known else None
        first = line.matrix.T if line else np.zeros((1, vectors.shape[1]))
        matrix, bias = np.concatenate([first, matrix]), np.concatenate([line.bias if line else [0.0], bias])
    return matrix, bias
