"""`hydra/sweeper=optuna`: variants asked for one after the other, the same again from the same results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from p2m.compose import Job, multirun, span
from p2m.compose.optuna_sweeper import _tell
from p2m.errors import RecipeError
from recipes import DEFAULTS, TRUST, read, write

PROMPT = "prompt: Answer the question.\n"
SPACE = ["hydra/sweeper=optuna", "training.learning_rate=tag(log,interval(1e-5,1e-1))",
         "training.batch_size=8,16", "training.epochs=2"]  # fmt: skip


@dataclass(frozen=True)
class Lost:
    """A figure of which less is better."""

    figure: float

    @property
    def merit(self) -> float:
        return -self.figure


def lost(overrides: Sequence[str]) -> Lost:
    said = dict(each.split("=") for each in overrides)
    assert said.keys() == {"training.learning_rate", "training.batch_size", "training.epochs"}
    assert said["training.batch_size"] in ("8", "16")
    assert 1e-5 <= float(said["training.learning_rate"]) <= 1e-1
    return Lost(abs(float(said["training.learning_rate"]) - 1e-3) + int(said["training.batch_size"]) / 1000)


def swept(path: Path, folder: Path, *words: str) -> list[Job[Lost]]:
    return multirun(path, [*SPACE, *words], lost, folder=folder, trust=TRUST)


def test_variants_are_the_same_again_and_a_longer_sweep_begins_with_them(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    few = swept(path, tmp_path / "a", "hydra.sweeper.n_trials=5")
    assert [one.folder.name for one in few] == [str(number) for number in range(5)]
    more = swept(path, tmp_path / "b", "hydra.sweeper.n_trials=7")
    assert [one.overrides for one in more[:5]] == [one.overrides for one in few]
    assert len(more) == 7
    other = swept(path, tmp_path / "c", "hydra.sweeper.n_trials=1", "hydra.sweeper.seed=1")
    assert other[0].overrides != few[0].overrides
    assert span(path, [*SPACE], trust=TRUST).variants is None  # it decides as it goes


def test_what_was_told_is_what_is_asked_for() -> None:
    """The last trials of a study are nearer to the best than its first ones, by what jobs say."""
    import optuna

    sampler = optuna.samplers.TPESampler(n_startup_trials=4, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    over = {"training.learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True)}
    figures = []
    for _ in range(24):
        trial = study.ask(over)
        value = Lost(abs(math.log10(trial.params["training.learning_rate"]) + 3))
        _tell(study, trial, Job((), Path(), value))
        figures.append(value.figure)
    assert sum(figures[16:]) < sum(figures[:8])


def test_a_variant_that_fails_loses_no_other_and_several_may_be_asked_for_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)

    def job(overrides: Sequence[str]) -> Lost:
        if "training.batch_size=8" in overrides:
            raise RuntimeError("no luck")
        return lost(overrides)

    words = [*SPACE, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=3"]
    jobs = multirun(path, words, job, folder=tmp_path / "a", trust=TRUST)
    assert len(jobs) == 4
    assert {str(one.error) for one in jobs if one.value is None} == {"no luck"}
    assert any(one.value for one in jobs)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=1"], r"nothing is swept over"),
        (["training.learning_rate=interval(1e-1,1e-5)"], r"no interval(.|\n)*the lower bound first"),
        (["training.learning_rat=interval(1e-5,1e-1)"], r"unknown key(.|\n)*did you mean 'learning_rate'"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_any_job(
    tmp_path: Path, words: list[str], message: str
) -> None:
    path = write(tmp_path, PROMPT)
    with pytest.raises(RecipeError, match=message):
        multirun(path, ["hydra/sweeper=optuna", *words], len, folder=tmp_path / "a", trust=TRUST)


def test_a_recipe_may_choose_it_and_is_told_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = DEFAULTS.replace("  - _self_", "  - override hydra/sweeper: optuna\n  - _self_")
    path = write(tmp_path, PROMPT + "hydra: {sweeper: {n_trials: 2}}\n", defaults=defaults)
    assert read(path).spec.prompt
    assert len(multirun(path, ["seed=1,2,3"], len, folder=tmp_path / "a", trust=TRUST)) == 2
    monkeypatch.setattr("p2m.compose.optuna_sweeper.find_spec", lambda _name: None)
    with pytest.raises(RecipeError, match=r"pip install 'p2m\[tune\]'"):
        read(path)
    with pytest.raises(RecipeError, match=r"pip install 'p2m\[tune\]'"):
        multirun(write(tmp_path, PROMPT, "b.yaml"), SPACE, len, folder=tmp_path / "b", trust=TRUST)
