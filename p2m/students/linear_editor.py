"""A linear editor: what is written for each character of a text, from left to right, by logistic regression.

It suits answers that keep the order of their input: spellings, scripts, forms, letters to sounds. Characters
and what they write are aligned first (`aligned`); what was written before is known of each, as gold has it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from p2m.deploy.serving.edits import (
    COPY,
    EDITS,
    FEATURES,
    MARKS,
    START,
    WEIGHTS,
    EditModel,
    Edits,
    Places,
    asked,
    history,
    plain,
    written,
)  # fmt: skip
from p2m.deploy.serving.settings import Settings
from p2m.students.aligned import aligned
from p2m.students.linear import in_bytes
from p2m.students.solver import solved
from p2m.students.text_tasks import text_settings
from p2m.types import Example, Lesson, Task, TaskType

MOST_PLACES = 40_000  # that are learnt from
MOST_EDITS = 120  # different ones, the most frequent
_COMMON = 20_000  # places from which on a feature must stand twice
_COMPARED = 50  # rows that tell which field is written anew
_FEWEST, _ASKED = 150, 120  # rows from which on some are held out to tell what to trust, and so many of them
_LESS = 0.3
# Names of features (`Places`, `history`) that are of one character, one place or a field beside the text.
_SINGLE = re.compile(r"=.|-?\d=.|first \d|later|last \d|start|<.|\d~.*|o1 .?|e1 [^ ]*", re.DOTALL)


@dataclass(frozen=True)
class LinearEditor:
    """Edits by multinomial logistic regression over features of characters, taken greedily."""

    strength: float = 10.0  # C of scikit-learn, inverse of the penalty
    max_features: int = 60_000  # the most frequent ones
    license: str = "apache-2.0"  # of nothing but the user's own words
    encoder: None = None

    @property
    def parameters(self) -> int:
        """Of forty edits, with half of the features that may be kept."""
        return 20 * self.max_features

    @property
    def size_bytes(self) -> int:
        """Of a small table: one of many edits takes a byte a feature and edit."""
        return 1_000_000

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return (
                f"it writes a text anew, character by character, and answers with nothing else ({task.type})"
            )
        return None

    def solve(self, lesson: Lesson, target: Path) -> int:
        target.mkdir(parents=True, exist_ok=True)
        settings = replace(
            text_settings("editor", lesson.task, (), max_length=1, max_answer=1), context=edited_field(lesson)
        )
        learnt = _Learnt(lesson.rows, settings)
        return self._write(learnt, self._trust(lesson.rows, settings), settings, target)

    def _trust(self, rows: Sequence[Example], settings: Settings) -> float:
        """How far features of several characters or of words are trusted: less than those of one where
        held-out rows are answered better so by more than a standard error (Breiman et al., 1984).

        Spellings of words need them; of numbers they learn by heart which row had which.
        """
        import numpy as np

        if len(rows) < _FEWEST:
            return 1.0
        asked, rest = rows[::3][:_ASKED], [row for place, row in enumerate(rows) if place % 3]
        learnt, right = _Learnt(rest, settings), []
        for trust in (1.0, _LESS):
            with TemporaryDirectory() as folder:
                self._write(learnt, trust, settings, Path(folder))
                answers = EditModel(Path(folder), settings, threads=1).answers(
                    [row.input for row in asked], 1
                )
            right.append([each.output in row.answers for each, row in zip(answers, asked, strict=True)])
        ahead = np.subtract(right[1], right[0], dtype=float)
        return _LESS if ahead.mean() > ahead.std() / len(ahead) ** 0.5 else 1.0

    def _write(self, learnt: _Learnt, trust: float, settings: Settings, target: Path) -> int:
        """The files that `EditModel` opens; the number of weights."""
        import numpy as np

        names, matrix, bias = learnt.weights(self.strength, self.max_features, trust)
        np.savez_compressed(target / WEIGHTS, **in_bytes(matrix), bias=bias.astype(np.float32))
        (target / FEATURES).write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        (target / EDITS).write_text(json.dumps(asdict(learnt.edits), ensure_ascii=False), "utf-8")
        settings.write(target)
        return int(matrix.size + bias.size)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)


def edited_field(lesson: Lesson) -> str:
    """The input that answers are most like."""
    fields, rows = [each.name for each in lesson.task.inputs], lesson.rows[:_COMPARED]

    def likeness(name: str) -> float:
        return sum(SequenceMatcher(None, row.input[name], row.output, autojunk=False).ratio() for row in rows)

    return max(fields, key=likeness) if len(fields) > 1 else fields[0]


class _Learnt:
    """The places of rows that could be aligned, with their features and edits."""

    def __init__(self, rows: Sequence[Example], settings: Settings) -> None:
        read = [asked(row.input, settings) for row in rows]
        total, most = 0, 0
        while most < len(read) and total < MOST_PLACES:
            total, most = total + len(read[most][0]) + 1, most + 1
        answers = [plain(row.output) for row in rows[:most]]
        found = aligned([(text, answer) for (text, _), answer in zip(read, answers, strict=False)])
        self._rows = [(*each, edits) for each, edits in zip(read, found, strict=False) if edits]
        counts = Counter(edit for *_, edits in self._rows for edit in edits)
        self._common = {edit for edit, _ in counts.most_common(MOST_EDITS)}
        self.edits = self._edits()

    def _edits(self) -> Edits:
        every = sorted({*self._common, "", COPY})
        number = {edit: place for place, edit in enumerate(every)}
        known = {START: {number[""]}}
        for text, _, edits in self._rows:
            for letter, edit in zip(START + text, edits, strict=True):
                if edit in number:
                    known.setdefault(letter, set()).add(number[edit])
        anywhere = [number[edit] for edit in ("", *MARKS) if edit in self._common] or [number[COPY]]
        return Edits(every, {letter: sorted(found) for letter, found in sorted(known.items())}, anywhere)

    def weights(self, strength: float, most: int, trust: float) -> tuple[list[str], Any, Any]:
        """Names of features, their weights (features, edits), and biases (edits,).

        What is not of one character counts `trust` times as much, so that its weights cost more.
        """
        import numpy as np
        from scipy.sparse import diags
        from sklearn.feature_extraction.text import CountVectorizer

        features: list[list[str]] = []
        answers: list[str] = []
        for each in self._rows:
            self._add(*each, features, answers)
        if not features:
            return [], np.zeros((0, len(self.edits.every))), np.zeros(len(self.edits.every))
        least = 2 if len(features) >= _COMMON else 1
        counter = CountVectorizer(analyzer=list, binary=True, max_features=most, min_df=least, dtype=float)
        counted = counter.fit_transform(features)
        names = counter.get_feature_names_out().tolist()
        counts = np.array([1.0 if _SINGLE.fullmatch(name) else trust for name in names])
        found = solved(counted @ diags(counts), answers, self.edits.every, strength=strength, balanced=False)
        return names, found.matrix * counts[:, None], found.bias

    def _add(
        self,
        text: str,
        beside: Sequence[str],
        edits: Sequence[str],
        features: list[list[str]],
        answers: list[str],
    ) -> None:
        done, before = "", ["", ""]
        for letter, edit, told in zip(START + text, edits, Places(text, beside), strict=True):
            if edit in self._common:
                features.append([*told, *history(letter, done, before)])
                answers.append(edit)
            done, before = done + written(edit, letter), [edit, before[0]]
