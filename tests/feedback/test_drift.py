"""Drift is said at the rate that is stated where nothing has changed, and said where something has."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_reading_logs import entry, log

from p2m.feedback import statistics
from p2m.feedback.drift import FEWEST, Drift, Made, by_encoder, by_words, drift
from p2m.feedback.log import read_logs
from p2m.feedback.statistics import Test as Compared
from p2m.feedback.statistics import distances, nearest, shares
from p2m.types import Example, Field, Judged, Task, TaskType

LEVEL, SEEDS, DEALS = 0.05, 80, 99
LABELS = ("account", "billing", "delivery", "presales", "returns", "technical")
DESK = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=LABELS)
ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "recipes/data/tickets/train.jsonl")
    .read_text("utf-8")
    .splitlines()
]


def points(lot: Any, rows: int, shift: float) -> Any:
    found = lot.normal(size=(rows, 12)) + shift * np.eye(12)[0]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def of_points(lot: Any, shift: float, level: float = LEVEL) -> Compared:
    return nearest(
        points(lot, 40, 2 * shift), points(lot, 60, 0.0), level=level, seed=int(lot.integers(9**9))
    )


def of_shares(lot: Any, shift: float, level: float = LEVEL) -> Compared:
    def labels(rows: int, first: float) -> list[str]:
        return list(lot.choice(["a", "b", "c"], size=rows, p=[first, 0.5 - first / 2, 0.5 - first / 2]))

    return shares(labels(80, 0.2 + 0.4 * shift), labels(60, 0.2), level=level, seed=int(lot.integers(9**9)))


def of_scores(lot: Any, shift: float, level: float = LEVEL) -> Compared:
    def scores(rows: int, low: float) -> list[float]:  # rounded: there are many ties
        return [round(float(score), 1) for score in np.clip(lot.beta(8, 2, size=rows) - low, 0, 1)]

    return distances(scores(80, 0.2 * shift), scores(60, 0.0), level=level, seed=int(lot.integers(9**9)))


@pytest.mark.parametrize("test", [of_points, of_shares, of_scores])
def test_the_alarm_rings_as_often_as_it_says_and_where_something_moved(
    test: Callable[..., Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "DEALS", DEALS)
    same = [test(np.random.default_rng(seed), 0.0) for seed in range(SEEDS)]
    assert sum(each.differs for each in same) <= 10  # of a binomial, more in 1 of 300 cases
    assert 0.35 < float(np.mean([each.p for each in same])) < 0.65
    moved = [test(np.random.default_rng(seed), 1.0) for seed in range(10)]
    assert sum(each.differs for each in moved) >= 9
    for each in (*same, *moved):
        assert each.differs == (each.value > each.threshold + 1e-9) or each.value == pytest.approx(
            each.threshold
        )
        assert 0 <= each.expected <= 1
        assert each.p >= 1 / (DEALS + 1)


def test_the_very_same_points_are_no_drift() -> None:
    """Each point has its like on the other side, so that all neighbours come in pairs that tie."""
    found = points(np.random.default_rng(0), 40, 0.0)
    assert not nearest(found, found, level=0.01, seed=0).differs
    assert not nearest(np.ones((40, 1)), np.ones((60, 1)), level=0.01, seed=0).differs


def made(rows: list[dict[str, str]], judged: list[dict[str, str]], digest: str = "0123456789ab") -> Made:
    return Made(
        tuple(Example({"text": row["text"]}, row["label"]) for row in rows),
        tuple(Judged({"text": row["text"]}, row["label"], row["label"], 0.8, 1.0) for row in judged),
        frozenset((digest,)),
    )


def look(folder: Path, service: list[dict[str, str]], known: Made, **more: Any) -> Drift:
    lines = [entry(1, row["text"], row["label"], id=row["text"], **more) for row in service]
    path = folder / "log.jsonl"
    path.unlink(missing_ok=True)
    return drift(DESK, read_logs(DESK, [log(path, *lines)]).lines, known, by_words)


def test_rows_of_one_distribution_make_no_alarm_and_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "DEALS", 599)
    alarms = 0
    for seed in range(3):
        rows = random.Random(seed).sample(ROWS, len(ROWS))
        found = look(tmp_path, rows[:80], made(rows[80:200], rows[200:]))
        assert [figure.what for figure in found.figures] == ["inputs", "answers"]  # one score tells nothing
        alarms += found.is_seen
    assert alarms == 0
    mails = [row for row in ROWS if row["label"] in ("billing", "account")]
    rest = [row for row in ROWS if row["label"] not in ("billing", "account")]
    found = look(tmp_path, mails, made(rest, rest))
    assert [figure.what for figure in found.figures if figure.test.differs] == ["inputs", "answers"]
    assert len(found.unlike) == 5
    assert set(found.unlike) <= {row["text"] for row in mails}
    assert "delivery 0.25 -> 0.00" in found.figures[1].says


def test_what_is_not_compared_is_said(tmp_path: Path) -> None:
    alike = [{"text": f"{ROWS[0]['text']} {n}", "label": "returns"} for n in range(40)]
    few = look(tmp_path, [*ROWS[1 : FEWEST - 1], *alike], made(ROWS, ROWS))
    assert "inputs: 29 rows are too few to tell, 30 are needed" in few.notes
    few = look(tmp_path, ROWS[: FEWEST - 1], made(ROWS, ROWS))
    assert (few.figures, few.is_seen) == ((), False)
    assert "inputs: 29 rows are too few to tell, 30 are needed" in few.notes
    others = look(tmp_path, ROWS[:60], made(ROWS[60:], ROWS[60:], "ffffffffffff"))
    assert [figure.what for figure in others.figures] == ["inputs"]
    assert any("60 lines are answers of other bundles" in note for note in others.notes)
    renamed = look(tmp_path, ROWS[:60], made(ROWS[60:], ROWS[60:]), bundle="next@0123456789ab")
    assert [figure.what for figure in renamed.figures] == ["inputs", "answers"]  # served by another name
    played = look(tmp_path, ROWS[:60], made(ROWS[60:], ROWS[60:]), source="demo")
    assert any("no fair sample" in note for note in played.notes)


def test_an_encoder_is_opened_once_wanted_reads_a_text_once_and_may_be_missing() -> None:
    from p2m.errors import MissingWeights

    read: list[str] = []

    def encode(texts: list[str]) -> Any:
        read.extend(texts)
        return np.eye(2)[[len(text) % 2 for text in texts]]

    embed = by_encoder(lambda: encode, lambda row: row["text"], print)
    rows = [{"text": text} for text in ("a", "bb", "a")]
    assert embed(rows).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert embed(rows[:1]).tolist() == [[0, 1]]
    assert read == ["a", "bb"]

    def missing() -> Any:
        raise MissingWeights("no weights\n    install them")

    said: list[str] = []
    letters = by_encoder(missing, lambda row: row["text"], said.append)
    assert letters([{"text": "abc"}, {"text": "abd"}]).shape[0] == 2
    assert said == ["inputs are compared by their letters, no encoder can be opened: no weights"]
    assert by_words([{"text": "?"}, {"text": "!"}]).shape[0] == 2
