"""Sweeps as their user sees them: planned as a union, built side by side, and gone on with after any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from shouting import BUILT, STEPS, TEXT_RECIPE, call_in, write_project
from slurm import slurm_in

from p2m.engine.slots import cores

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
SWEEP = ("build", "shout.yaml", "-m", "evaluation.bootstrap=100,200")


def executions(project: Path) -> Counter[str]:
    """How often each step's key was run to its end, by the journals of all builds."""
    found: Counter[str] = Counter()
    for run in (project / "outputs" / ".store" / "runs").glob("*/run.jsonl"):
        for line in run.read_text().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the last line of a killed run
            if event["event"] == "step" and event["status"] in ("ran", "cut-off"):
                found[event["step"] + " " + event["key"]] += 1
    return found


def published(project: Path) -> set[str]:
    """The keys whose work is finished."""
    return {path.name for path in (project / "outputs" / ".store" / "ac").glob("*/*") if path.is_file()}


def board(project: Path) -> dict[str, list[dict[str, object]]]:
    (place,) = (project / "outputs" / "shout" / "sweeps").glob("*/leaderboard.json")
    return dict(json.loads(place.read_text()))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int], str]:
    """A project that was swept by two joblib workers, what the plan had foreseen, and what was said."""
    folder = write_project(tmp_path_factory.mktemp("swept") / "project")
    call = call_in(folder)
    foreseen = json.loads(call("plan", *SWEEP[1:], *JOBLIB, "--json").stdout)
    done = call(*SWEEP, *JOBLIB)
    assert done.returncode == 0, done.stderr
    return folder, foreseen, done.stderr


@pytest.mark.slow
def test_two_workers_run_no_step_twice_and_no_more_than_was_planned(
    swept: tuple[Path, dict[str, int], str],
) -> None:
    project, foreseen, said = swept
    assert (foreseen["steps"], foreseen["unique"], foreseen["cached"]) == (2 * STEPS, STEPS + 4, 0)
    ran = executions(project)
    assert set(ran.values()) == {1}
    assert sum(step.startswith("train ") for step in ran) == 1
    assert sum(ran.values()) <= foreseen["unique"]
    assert f"2 variants, {2 * STEPS} steps, {STEPS + 4} unique, 0 cached" in said.splitlines()[0]
    assert "[1 of 2] evaluation.bootstrap=100: begins" in said
    assert "2 of 2 variants are built" in said


@pytest.mark.slow
def test_jobs_side_by_side_divide_the_cores(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", TEXT_RECIPE)
    done = call_in(project)(*SWEEP, *JOBLIB)
    assert done.returncode in BUILT
    share = max(1, cores() // 2)
    assert f"2 jobs at a time, {share} of the cores each" in done.stderr
    logs = [path.read_text() for path in project.glob("outputs/.store/runs/*/log.txt")]
    (line,) = [line for text in logs for line in text.splitlines() if " threads" in line]
    assert f"with {share} threads" in line


@pytest.mark.slow
def test_the_leaderboard_has_every_variant_with_its_bundle(swept: tuple[Path, dict[str, int], str]) -> None:
    entries = board(swept[0])["entries"]
    assert sorted(str(each["variant"]) for each in entries) == [
        "evaluation.bootstrap=100",
        "evaluation.bootstrap=200",
    ]
    assert all((Path(str(each["folder"])) / "predict.py").is_file() for each in entries)


@pytest.mark.slow
def test_the_same_command_has_nothing_to_do_whatever_launches_it(
    swept: tuple[Path, dict[str, int], str],
) -> None:
    project, _, _ = swept
    before = executions(project)
    for words in (JOBLIB, JOBLIB, ()):
        done = call_in(project)(*SWEEP, *words)
        assert done.returncode == 0
        assert done.stdout.startswith("2 variants: nothing to do.")
        assert "evaluation.bootstrap=200" in done.stdout
        assert done.stderr == ""
    assert executions(project) == before
    assert call_in(project)("plan", *SWEEP[1:], "--exit-code").returncode == 0


@pytest.mark.slow
def test_a_bundle_that_was_damaged_is_put_back_from_the_store(
    swept: tuple[Path, dict[str, int], str],
) -> None:
    project, _, _ = swept
    before = executions(project)
    lost = Path(str(board(project)["entries"][0]["folder"])) / "predict.py"
    text = lost.read_text()
    lost.write_text("")
    assert call_in(project)(*SWEEP).returncode == 0
    assert lost.read_text() == text
    assert executions(project) == before


def test_a_plan_of_a_sweep_shows_what_is_shared_once_and_has_work_to_do(tmp_path: Path) -> None:
    call = call_in(write_project(tmp_path / "project"))
    done = call("plan", "shout.yaml", "-m", "evaluation.bootstrap=100,200", "seed=0,1", "--exit-code")
    assert done.returncode == 10, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("  + parse") for line in lines) == 1
    assert sum(line.startswith("  + train") for line in lines) == 2
    assert sum(line.startswith("  + package") for line in lines) == 4
    assert lines[-1] == f"4 variants, {4 * STEPS} steps, 39 unique, 0 cached."


def test_what_is_wrong_with_any_variant_is_said_before_any_job(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    done = call_in(project)("build", "shout.yaml", "-m", "training.epochs=1,x", "student=tiny_seq2seq,tiny")
    assert done.returncode == 2
    assert "student=tiny_seq2seq,tiny" in done.stderr
    done = call_in(project)(
        "build", "shout.yaml", "-m", "training.epochs=1,x", "data.test=test.jsonl,no.jsonl"
    )
    assert done.returncode == 2
    assert "override training.epochs=x" in done.stderr
    assert "override data.test=no.jsonl" in done.stderr
    assert "and 1 more, of 4" in done.stderr
    assert not executions(project)


@pytest.mark.slow
def test_a_failed_variant_is_told_and_loses_no_other(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    (project / "bad.jsonl").write_text('{"input": "lonely"}\n')
    for words in (JOBLIB, ()):
        done = call_in(project)("build", "shout.yaml", "-m", "data.test=bad.jsonl,test.jsonl", *words)
        assert done.returncode == 2, done.stderr
        assert "bad.jsonl: no column for 'label'" in done.stderr
        assert "Traceback" not in done.stderr
        table = board(project)
        assert [each["variant"] for each in table["entries"]] == ["data.test=test.jsonl"]
        assert "bad.jsonl: no column" in str(table["pending"][0]["reason"])
        assert "data.test=bad.jsonl  failed: " in done.stdout
    assert set(executions(project).values()) == {1}


@pytest.mark.slow
def test_four_workers_over_six_variants_run_no_step_twice(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    words = ("shout.yaml", "-m", "seed=0,1", "evaluation.bootstrap=100,200,300")
    workers = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=4")
    foreseen = json.loads(call_in(project)("plan", *words, "--json").stdout)
    done = call_in(project)("build", *words, *workers)
    assert done.returncode == 0, done.stderr
    ran = executions(project)
    assert set(ran.values()) == {1}
    assert sum(step.startswith("train ") for step in ran) == 2
    assert sum(ran.values()) <= foreseen["unique"]
    assert len(board(project)["over_seeds"]) == 3


@pytest.mark.slow
def test_two_sweeps_of_one_recipe_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    running = [
        start(project, *SWEEP),
        start(project, *SWEEP, *JOBLIB),
        start(project, *SWEEP[:3], "seed=0,1"),
    ]
    for process in running:
        _, said = process.communicate(timeout=280)
        assert process.returncode == 0, said
    assert set(executions(project).values()) == {1}
    tables = sorted((project / "outputs" / "shout" / "sweeps").glob("*/leaderboard.json"))
    assert [len(json.loads(table.read_text())["entries"]) for table in tables] == [2, 2]


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    """p2m in a process group of its own, as a shell would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "p2m", *words],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != "P2M_STORE"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for(condition: Callable[[], object], seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def family(group: int) -> set[int]:
    """The processes of a session that still run."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == group and words[0] != "Z":
            found.add(int(place.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("at_step", ["split", "export", "package"])
@pytest.mark.parametrize("whole", [True, False], ids=["all-processes", "launcher-alone"])
def test_a_sweep_that_is_killed_goes_on_with_nothing_finished_redone(
    tmp_path: Path, at_step: str, whole: bool
) -> None:
    project = write_project(tmp_path / "project")
    process = start(project, *SWEEP, *JOBLIB)
    wait_for(lambda: any(step.startswith(at_step) for step in executions(project)))
    if whole:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
        wait_for(lambda: not family(process.pid), 20)  # nothing goes on behind the user's back
    process.communicate()
    kept = published(project)
    assert kept
    before = executions(project)
    done = call_in(project)(*SWEEP, *JOBLIB)
    assert done.returncode == 0, done.stderr
    again = executions(project)
    assert set(again.values()) == {1}
    assert not {step.split()[1] for step in again - before} & kept
    assert len(board(project)["entries"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("words", [JOBLIB, ()], ids=["joblib", "basic"])
def test_ctrl_c_says_what_is_built_and_the_same_command_goes_on(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    project = write_project(tmp_path / "project")
    process = start(project, *SWEEP, *words)
    wait_for(lambda: any(step.startswith("split") for step in executions(project)))
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "0 of 2 variants are built: outputs/shout/sweeps/" in said
    assert "The same command" in said or "the same command" in said
    assert "Traceback" not in said
    wait_for(lambda: not family(process.pid), 20)
    done = call_in(project)(*SWEEP, *words)
    assert done.returncode == 0, done.stderr
    assert set(executions(project).values()) == {1}


@pytest.mark.slow
def test_an_edited_recipe_leaves_no_stale_line_in_the_leaderboard(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    assert call_in(project)(*SWEEP).returncode == 0
    recipe = project / "shout.yaml"
    recipe.write_text(recipe.read_text().replace("is shouted", "was shouted"))
    process = start(project, *SWEEP)
    wait_for(lambda: not board(project)["entries"], 60)
    _, said = process.communicate(timeout=280)
    assert process.returncode == 0, said
    assert len(board(project)["entries"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_launchers_process_that_is_killed_is_told_with_what_to_type(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    process = start(project, *SWEEP, *JOBLIB)

    def workers() -> list[int]:
        places = [Path(f"/proc/{pid}/cmdline") for pid in sorted(family(process.pid))]
        return [int(place.parent.name) for place in places if b"LokyProcess" in place.read_bytes()]

    wait_for(lambda: executions(project) and workers())
    os.kill(workers()[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "0 of 2 variants are built, and every finished step is kept" in said
    assert "hydra.launcher.n_jobs=1" in said
    assert "Traceback" not in said
    wait_for(lambda: not family(process.pid), 20)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm"])
def test_submitit_builds_every_variant_in_processes_of_its_own(tmp_path: Path, launcher: str) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    project = write_project(tmp_path / "project")
    environment = slurm_in(tmp_path / "slurm") if launcher == "submitit_slurm" else {}
    done = call_in(project)(*SWEEP, f"hydra/launcher={launcher}", **environment)
    assert done.returncode == 0, done.stderr
    assert set(executions(project).values()) == {1}
    assert len(board(project)["entries"]) == 2
    assert ("2 jobs at a time" in done.stderr) == (launcher == "submitit_local")
    (pattern,) = [line for line in done.stderr.splitlines() if line.startswith("what the jobs say: ")]
    said = [path.read_text() for path in project.glob(pattern.partition(": ")[2])]
    assert len(said) == 2
    assert all("17 steps: " in text for text in said)
    assert "nothing to do" in call_in(project)(*SWEEP).stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("what", ["launcher", "job"])
def test_submitits_jobs_end_with_their_launcher_and_one_that_is_killed_is_told(
    tmp_path: Path, what: str
) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    project = write_project(tmp_path / "project")
    process = start(project, *SWEEP, "hydra/launcher=submitit_local")

    def jobs() -> list[int]:
        places = [Path(f"/proc/{pid}/cmdline") for pid in sorted(family(process.pid))]
        return [int(place.parent.name) for place in places if b"submitit.core._submit" in place.read_bytes()]

    wait_for(lambda: executions(project) and len(jobs()) == 2)
    if what == "launcher":
        process.kill()
    else:
        os.kill(jobs()[0], signal.SIGKILL)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 1
        assert "variants are built, and every finished step is kept" in said
        assert "hydra.sweeper.max_batch_size=1" in said
        assert "Traceback" not in said
    wait_for(lambda: not family(process.pid), 20)
    process.communicate()


@pytest.mark.slow
def test_jobs_on_other_nodes_share_through_the_shared_store(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    project, node = write_project(tmp_path / "project"), tmp_path / "node"
    node.mkdir()
    (node / "sitecustomize.py").write_text("import os\nos.cpu_count = lambda: 7\n")  # another sort of machine
    lines = [
        f"export P2M_STORE={tmp_path}/store-$SLURM_ARRAY_TASK_ID",
        f"export PYTHONPATH={node}:$PYTHONPATH",
    ]
    words = (*SWEEP, "hydra/launcher=submitit_slurm", f"hydra.launcher.setup={json.dumps(lines)}")
    shared = {"P2M_SHARED_STORE": str(tmp_path / "shared"), "P2M_SHARED_STORE_MODE": "write"}
    environment = slurm_in(tmp_path / "slurm") | shared
    done = call_in(project)(*words, **environment)
    assert done.returncode == 0, done.stderr
    assert len(board(project)["entries"]) == 2
    assert (tmp_path / "store-0" / "ac").is_dir()
    assert (tmp_path / "store-1" / "ac").is_dir()
    again = call_in(project)(*words, **environment)
    assert again.stdout.startswith("2 variants: nothing to do."), again.stderr


@pytest.mark.slow
def test_what_sbatch_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    project = write_project(tmp_path / "project")
    words = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=nowhere")
    done = call_in(project)(*SWEEP, *words, **slurm_in(tmp_path / "slurm"))
    assert done.returncode == 1
    assert "the launcher failed: sbatch: error: invalid partition specified: nowhere" in done.stderr
    assert "0 of 2 variants are built" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_script_for_slurm_in_the_docs_builds(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()
    command = next(line.strip() for line in text.splitlines() if line.strip().startswith("sbatch --wait"))
    command = command.replace("p2m build recipes/qa.yaml", f"{sys.executable} -m p2m build shout.yaml")
    project = write_project(tmp_path / "project")
    environment = {name: value for name, value in os.environ.items() if name != "P2M_STORE"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=project, env=environment | slurm_in(tmp_path / "slurm"),
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Submitted batch job 1" in done.stdout
    (log,) = project.glob("slurm-1.out")
    assert "SHIP" in log.read_text()
    assert (project / "outputs" / "shout" / "predict.py").is_file()
