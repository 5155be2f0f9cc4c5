"""A sweep goes through Hydra's own multirun: any sweeper, any launcher, and no job loses another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from slurm import slurm_in

from p2m.compose import multirun, span
from p2m.engine.slots import cores
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


def test_a_swept_prompt_is_never_interpolated(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    words = ['prompt="Expand ${name}, please","a price in ${currency} or ${"', "seed=0,1"]
    jobs = multirun(
        path, words, lambda given: read(path, *given).spec.prompt, folder=tmp_path / "sweep", trust=TRUST
    )
    assert {one.value for one in jobs} == {"Expand ${name}, please", "a price in ${currency} or ${"}
    spanned = span(path, words, trust=TRUST).variants
    assert spanned == tuple(tuple(one.overrides) for one in jobs)
    assert spanned is not None
    assert spanned[0] == ('prompt="Expand ${name}, please"', "seed=0")


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
    path = write(tmp_path, PROMPT)
    words = ["seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]

    def job(overrides: Sequence[str]) -> int:
        return os.getpid()

    jobs = multirun(path, words, job, folder=tmp_path / "sweep", trust=TRUST)
    assert len(jobs) == 2
    assert os.getpid() not in [one.value for one in jobs]


def test_submitits_slurm_launcher_hands_the_jobs_to_sbatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    path = write(tmp_path, PROMPT)
    words = ["seed=0,1", "hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5"]
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RecipeError) as caught:
        span(path, words, trust=TRUST)
    assert "needs Slurm, and sbatch and srun cannot be found here" in str(caught.value)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", slurm_in(tmp_path / "slurm")["PATH"])

    def job(overrides: Sequence[str]) -> str:
        if "seed=1" in overrides:
            raise RuntimeError("no luck")
        return os.environ["SLURM_ARRAY_TASK_ID"]

    jobs = multirun(path, words, job, folder=tmp_path / "sweep", trust=TRUST)
    assert [one.value for one in jobs] == ["0", None]
    assert str(jobs[1].error) == "no luck"
    assert [one.folder.name for one in jobs] == ["0", "1"]
    assert "#SBATCH --time=5" in (tmp_path / "slurm" / "jobs" / "1_0" / "script").read_text()


SPANS = [
    ["seed=0,1", "training=fast,long", "training.epochs=2"],
    ["seed=range(0,3)", "metric=[exact_match],[exact_match,token_f1]"],
    ["training.epochs=choice(1,2)", "training.precision='fp32'"],
    ["seed=3"],
    ["seed=1,2", "hydra.sweeper.max_batch_size=1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1"],
]


@pytest.mark.parametrize("words", SPANS, ids=" ".join)
def test_the_span_is_what_the_jobs_then_get(tmp_path: Path, words: list[str]) -> None:
    path = write(tmp_path, PROMPT + "hydra: {sweeper: {params: {split.test_share: '0.2,0.3'}}}\n")
    foreseen = span(path, words, trust=TRUST)
    jobs = multirun(path, words, list, folder=tmp_path / "sweep", trust=TRUST)
    assert foreseen.variants == tuple(one.overrides for one in jobs)
    assert foreseen.name == "small"
    assert len(jobs) % 2 == 0


def test_the_span_counts_the_jobs_that_run_side_by_side(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)

    def at_once(*words: str) -> int:
        return span(path, ["seed=0,1,2", *words], trust=TRUST).at_once

    assert at_once() == 1
    assert at_once("hydra/launcher=joblib", "hydra.launcher.n_jobs=2") == 2
    assert at_once("hydra/launcher=joblib", "hydra.launcher.n_jobs=9") == 3
    assert at_once("hydra/launcher=joblib", "hydra.launcher.n_jobs=-1") == min(3, cores())
    if find_spec("submitit"):
        assert at_once("hydra/launcher=submitit_local") == 3
        assert at_once("hydra/launcher=submitit_local", "hydra.sweeper.max_batch_size=2") == 2


@pytest.mark.parametrize(
    ("name", "hint"), [("joblyb", "'joblib'"), ("ray", "pip install hydra-ray-launcher")]
)
def test_a_launcher_that_is_not_there_is_refused_with_what_to_type(
    tmp_path: Path, name: str, hint: str
) -> None:
    chosen_by_a_recipe = f"defaults:\n  - base\n  - override hydra/launcher: {name}\n"
    for path, words in (
        (write(tmp_path, PROMPT), [f"hydra/launcher={name}"]),
        (write(tmp_path, PROMPT, "own.yaml", defaults=chosen_by_a_recipe), ["seed=0,1"]),
    ):
        with pytest.raises(RecipeError) as caught:
            span(path, words, trust=TRUST)
        assert hint in str(caught.value)


def test_without_its_package_joblib_is_refused_with_the_command_that_installs_it(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    code = (
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith('hydra_plugins'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from pathlib import Path\nfrom p2m.compose import span\n"
        f"span(Path({str(path)!r}), ['seed=0,1', 'hydra/launcher=joblib'], trust=('strangers',))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "override hydra/launcher=joblib: the launcher 'joblib' is not installed" in done.stderr
    assert "pip install 'p2m[launchers]'" in done.stderr
