"""Parts of the rows that judge a model: by answer, length, source, script and question word; of records each
field of all rows.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Any

from p2m.deploy.serving.shapes import record_in
from p2m.evaluation.calibration import wilson
from p2m.types import Judged, Metric, Slice

FEWEST = 10  # rows of a slice that is shown
_WORDS = ("what", "who", "whom", "whose", "which", "when", "where", "why", "how")
_DOUBT = 0.05  # that the weakest is weak by chance, over all slices together


def slices(
    rows: Sequence[Judged], sources: Sequence[str] = (), metric: Metric | None = None
) -> tuple[Slice, ...]:
    """Slices of `FEWEST` rows and more that are not all rows, each with its mean of `Judged.correct` and an
    interval (Wilson, 1927) that all slices together keep to in 95 cases of 100; the weakest first. Of records
    each field of all rows, by the `metric` of that field alone.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for place, row in enumerate(rows):
        source = sources[place] if sources else ""
        for name in _named(row, source):
            found[name].append(row.correct)
    for name, places in _lengths(rows):
        found[name] = [rows[place].correct for place in places]
    kept = {name: values for name, values in found.items() if FEWEST <= len(values) < len(rows)}
    kept |= _by_field(rows, metric) if metric is not None and len(rows) >= FEWEST else {}
    z = NormalDist().inv_cdf(1 - _DOUBT / 2 / max(1, len(kept)))
    made = []
    for name, values in kept.items():
        mean = sum(values) / len(values)
        made.append(Slice(name, len(values), mean, *wilson(mean, len(values), z)))
    return tuple(sorted(made, key=lambda each: (each.high, each.value, each.name)))


def _by_field(rows: Sequence[Judged], metric: Metric) -> dict[str, list[float]]:
    """How right each field is in each row; {} where one of the answers is no record."""
    right = [record_in(row.output) or {} for row in rows]
    said = [record_in(row.predicted) or {} for row in rows]
    names = [name for name in right[0] if all(name in each for each in right)]
    found = {}
    for name in names if len(names) > 1 else ():
        pairs = [(_alone(a, name), _alone(b, name)) for a, b in zip(said, right, strict=True)]
        found[f"field={name}"] = [metric.value(metric.statistics([one], [[other]])) for one, other in pairs]
    return found


def _alone(record: dict[str, Any], name: str) -> str:
    return json.dumps({name: record.get(name)}, ensure_ascii=False)


def _named(row: Judged, source: str) -> Iterator[str]:
    yield f"answer={row.output}"
    if source:
        yield f"source={source}"
    question = row.input.get("question", "").lower().split()
    word = next((bare for each in question if (bare := each.strip("?,")) in _WORDS), "")
    if word:
        yield f"question={word}"
    text = " ".join(row.input.values())
    script = Counter(unicodedata.name(each, "?").split()[0] for each in text[:400] if each.isalpha())
    if script:
        yield f"script={script.most_common(1)[0][0].lower()}"


def _lengths(rows: Sequence[Judged]) -> Iterator[tuple[str, list[int]]]:
    """Thirds of the rows by the characters of their input."""
    lengths = [sum(map(len, row.input.values())) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: (lengths[place], place))
    for third in range(3):
        inside = order[third * len(rows) // 3 : (third + 1) * len(rows) // 3]
        if inside:
            yield f"length={lengths[inside[0]]} to {lengths[inside[-1]]} characters", inside
