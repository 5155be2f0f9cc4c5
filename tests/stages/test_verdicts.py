"""What verdicts come to over many tables: chance never ships, 20 gold rows are never enough, and a task that
can be learnt from 500 rows ships. Through the stages themselves, with linear students; the long form has 100
seeds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from p2m.compression.int8 import Int8
from p2m.deploy.verdict import verdict_on
from p2m.engine.handles import Run
from p2m.metrics.accuracy import Accuracy
from p2m.spec import contenders
from p2m.stages.baselines import baselines
from p2m.stages.choose import choose
from p2m.stages.cross_validate import cross_validate
from p2m.stages.embed import embed
from p2m.stages.encoder import encoder
from p2m.stages.evaluate import evaluate
from p2m.stages.solve import solve
from p2m.stages.split import split
from p2m.stages.winner import winner
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import (
    Decision,
    Encoder,
    Example,
    Examples,
    Exported,
    Field,
    Measured,
    Splitting,
    Task,
    TaskType,
    Verdict,
)
from tests.conftest import Here

STUDENTS = {
    "linear_tfidf": LinearTfidf(),
    "linear_minilm": LinearMiniLM(),
    "linear_ensemble": LinearEnsemble(),
}
RIVALS = {name: STUDENTS[name] for name in ("linear_tfidf", "linear_minilm")}
WORDS = {
    "garden": ("roses", "hedge", "compost", "seedlings", "lawn", "pruning", "tulips", "soil"),
    "kitchen": ("oven", "saucepan", "dough", "simmer", "recipe", "whisk", "garlic", "baking"),
    "harbour": ("ferry", "anchor", "tide", "crane", "cargo", "pilot", "quay", "mooring"),
}
FRAMES = (
    "She asked about the {} before we left.",
    "Nobody had mentioned the {} until Tuesday.",
    "There was a long talk on {} and little else.",
    "He wrote three pages on the {}, and then two more.",
    "Is the {} ready, or do we wait another hour?",
    "They argued over the {} on the way home.",
    "I had forgotten the {} entirely when you called.",
    "A note about the {} lay on the desk all week.",
)
SEEDS = int(os.environ.get("P2M_SEEDS", "100"))


def table(number: int, seed: int, *, by_chance: bool) -> tuple[Example, ...]:
    """Sentences on three subjects; a tenth of them, or with `by_chance` all, with a label drawn by lot."""
    lot = random.Random(seed)
    labels, found = sorted(WORDS), {}
    while len(found) < number:
        label = labels[len(found) % len(labels)]
        frame, extra = lot.choice(FRAMES), lot.choice([word for words in WORDS.values() for word in words])
        text = f"{frame.format(lot.choice(WORDS[label]))} Entry {lot.randrange(10**6)}, {extra}."
        drawn = by_chance or lot.random() < 0.1
        found[text] = Example({"text": text}, lot.choice(labels) if drawn else label, source="user")
    return tuple(found.values())


TASK = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), tuple(sorted(WORDS)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    run = Here(tmp_path_factory.mktemp("encoder"))
    return encoder(base=LinearMiniLM().encoder, compressor=Int8(), run=run)


def verdict_of(
    base: Encoder, folder: Path, rows: tuple[Example, ...], test: tuple[Example, ...], seed: int
) -> Verdict:
    """The verdict of a build with these rows, by the stages that decide it, in their order."""
    gold = Examples(test) if test else None
    parts = split(TASK, Examples(rows), None, gold, splitting=Splitting(), seed=seed)
    metric = Accuracy()
    run: Run = Here(folder / "embed")
    run.folder.mkdir(parents=True)
    vectors = embed(TASK, parts, base, pairs=False, run=run)
    tried = [
        cross_validate(
            TASK, parts, base, vectors, name=name, student=student, to_choose=True, metric=metric,
            run=Here(folder / name),
        )
        for name, student in STUDENTS.items()
    ]  # fmt: skip
    choice = choose(TASK, parts, None, *tried, contenders=contenders(STUDENTS), refused={}, metric=metric)
    won = winner(choice)
    rivals = baselines(
        TASK, parts, base, vectors, students=RIVALS, metric=metric, run=Here(folder / "rivals")
    )
    trained = solve(
        TASK, parts, won, base, vectors, name=won.student, student=STUDENTS[won.student], metric=metric,
        run=Here(folder / "train"),
    )  # fmt: skip
    assert trained.checkpoint is not None
    exported = Exported(trained.checkpoint, "int8", trained.fit.parameters, 1000, ())
    evaluated = evaluate(
        TASK, parts, won, exported, rivals, None, *tried, metrics=(metric,), bootstrap=100,
        seed=seed, run=Here(folder / "evaluate"),
    )  # fmt: skip
    return verdict_on(TASK, (), exported, evaluated, Measured(0.001, 0.002, 500.0, 10, 10**6, "here"))


def _by_chance(base: Encoder, folder: Path, seed: int) -> Verdict:
    return verdict_of(base, folder, table(60, seed, by_chance=True), (), seed)


def _few_gold_rows(base: Encoder, folder: Path, seed: int) -> Verdict:
    rows = table(80, seed, by_chance=False)
    gold = tuple(replace(row, source="gold") for row in rows[60:])
    return verdict_of(base, folder, rows[:60], gold, seed)


def _learnable(base: Encoder, folder: Path, seed: int, rows: int = 500) -> Verdict:
    return verdict_of(base, folder, table(rows, seed, by_chance=False), (), seed)


CASES: dict[str, Callable[..., Verdict]] = {
    "chance": _by_chance,
    "few": _few_gold_rows,
    "learnable": _learnable,
}


def _holds(case: str, verdict: Verdict) -> bool:
    if case == "chance":
        return verdict.decision is not Decision.SHIP
    if case == "few":
        told = any("would tell" in line for line in verdict.unproven)
        return verdict.decision is Decision.UNPROVEN and told and bool(verdict.advice)
    return verdict.decision is Decision.SHIP


@pytest.mark.parametrize("case", CASES)
def test_a_verdict_is_right(case: str, base: Encoder, tmp_path: Path) -> None:
    fewer = {"rows": 240} if case == "learnable" else {}
    verdict = CASES[case](base, tmp_path, 0, **fewer)
    assert _holds(case, verdict), verdict


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", CASES)
def test_a_verdict_is_right_over_many_seeds(case: str, base: Encoder, tmp_path: Path) -> None:
    wrong = {}
    for seed in range(100, 100 + SEEDS):
        verdict = CASES[case](base, tmp_path / str(seed), seed)
        if not _holds(case, verdict):
            wrong[seed] = verdict
    assert wrong == {}


def test_rows_that_come_in_groups_of_a_label_ship_nothing_that_is_below_chance(
    base: Encoder, tmp_path: Path
) -> None:
    """A fold that holds whole labels has nothing of them to learn from; then its own commonest answer is no
    bar either.
    """
    lot, labels = random.Random(0), sorted(WORDS)
    rows = tuple(
        Example({"text": f"{lot.random()} {word} {n}"}, labels[group % 3], source="user", group=str(group))
        for group, word in enumerate(sum(WORDS.values(), ())[:9])
        for n in range(20)
    )
    assert verdict_of(base, tmp_path, rows, (), 0).decision is not Decision.SHIP
