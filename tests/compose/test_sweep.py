"""A sweep goes through Hydra's own multirun: any sweeper, any launcher, and no job loses another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from p2m.compose import multirun
from p2m.errors import RecipeError
from recipes import TRUST, read, write

PROMPT = "prompt: Answer the question.\n"


def test_every_combination_is_a_job_that_composes(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)

    def job(overrides: Sequence[str]) -> tuple[float, int, str]:
        composed = read(path, *overrides)
        return composed.spec.training.epochs, composed.spec.seed, composed.origins["seed"]

    words = ["training.epochs=1,2", "seed=0,7", "training=fast"]
    jobs = multirun(path, words, job, folder=tmp_path / "sweep", trust=TRUST)
    assert [one.value for one in jobs] == [
        (1.0, 0, "override seed=0"),
        (1.0, 7, "override seed=7"),
        (2.0, 0, "override seed=0"),
        (2.0, 7, "override seed=7"),
    ]
    assert [one.folder for one in jobs] == [tmp_path / "sweep" / str(number) for number in range(4)]
    assert set(jobs[0].overrides) == {"training.epochs=1", "seed=0", "training=fast"}


def test_groups_are_swept_over_and_multi_select_groups_too(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    words = ["training=fast,long", "metric=[exact_match],[exact_match,token_f1]"]
    jobs = multirun(path, words, lambda o: read(path, *o).choices, folder=tmp_path / "s", trust=TRUST)
    assert [one.value["training"] for one in jobs if one.value] == ["fast", "fast", "long", "long"]
    assert jobs[1].value is not None
    assert jobs[1].value["metric"] == ["exact_match", "token_f1"]


def test_a_failing_job_loses_no_other(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)

    def job(overrides: Sequence[str]) -> int:
        if "seed=1" in overrides:
            raise RuntimeError("no luck")
        return read(path, *overrides).spec.seed

    jobs = multirun(path, ["seed=0,1,2"], job, folder=tmp_path / "sweep", trust=TRUST)
    assert [one.value for one in jobs] == [0, None, 2]
    assert str(jobs[1].error) == "no luck"


def test_a_wrong_choice_in_a_sweep_is_refused_before_any_job(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    ran: list[Sequence[str]] = []
    for words in (
        ["training=fast,lnog"],
        ["metric=[exact_match],[exct_match]"],
        ["seed=0,1", "seed.x=[,"],
        ["sed=3", "seed=1,2"],
    ):
        with pytest.raises(RecipeError) as caught:
            multirun(path, words, ran.append, folder=tmp_path / "sweep", trust=TRUST)
        assert "override" in str(caught.value)
    assert not ran
    assert not (tmp_path / "sweep").exists()


def test_hydra_is_left_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, PROMPT)
    here = Path.cwd()
    for _ in range(2):
        multirun(path, ["seed=0,1"], len, folder=tmp_path / "sweep", trust=TRUST)
    assert not GlobalHydra.instance().is_initialized()
    assert Path.cwd() == here
    assert capfd.readouterr() == ("", "")
    assert not list((tmp_path / "sweep").rglob(".hydra"))


def test_the_command_line_chooses_the_sweeper_and_its_settings(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT + "hydra: {sweeper: {params: {seed: '3,4'}}}\n")
    words = ["hydra.sweeper.max_batch_size=1", f"hydra.sweep.dir='{tmp_path / 'mine'}'"]
    jobs = multirun(path, words, lambda o: read(path, *o).spec.seed, trust=TRUST)
    assert [one.value for one in jobs] == [3, 4]
    assert (tmp_path / "mine" / "multirun.yaml").is_file()


def test_a_jobs_end_is_a_number_to_sweepers_that_want_one(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    jobs = multirun(path, ["seed=0,1"], lambda _o: 0.25, folder=tmp_path / "sweep", trust=TRUST)
    assert [float(one) for one in jobs] == [0.25, 0.25]


def test_the_joblib_launcher_runs_jobs_in_other_processes(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    path = write(tmp_path, PROMPT)
    words = ["seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]

    def job(overrides: Sequence[str]) -> int:
        import os

        return os.getpid()

    jobs = multirun(path, words, job, folder=tmp_path / "sweep", trust=TRUST)
    import os

    assert len(jobs) == 2
    assert os.getpid() not in [one.value for one in jobs]
