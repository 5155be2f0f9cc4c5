"""One small recipe the whole way: built, built again, edited, asked, swept."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from shouting import BUILT, STEPS, TEXT_RECIPE, Call, call_in, write_project

from p2m.engine.explaining.explain import causes
from p2m.project import load
from p2m.questions import survey


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has been built once."""
    folder = write_project(tmp_path_factory.mktemp("built") / "project")
    done = call_in(folder)("build", "shout.yaml")
    assert done.returncode == 0, done.stderr
    assert "SHIP" in done.stdout
    assert "outputs/shout" in done.stdout
    return folder


def ran(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The steps that a build ran, whether their output changed or not."""
    lines = [line.split() for line in done.stderr.splitlines()]
    return {words[1] for words in lines if len(words) > 2 and words[0] in "+~" and words[2].startswith("ran")}


def edit(project: Path, old: str, new: str) -> None:
    text = (project / "shout.yaml").read_text()
    assert old in text
    (project / "shout.yaml").write_text(text.replace(old, new))


def test_the_bundle_answers_by_its_own_script_and_by_p2m(built: Path) -> None:
    script = built / "outputs" / "shout" / "predict.py"
    own = subprocess.run([sys.executable, script, "mat"], capture_output=True, text=True, check=True)
    asked = call_in(built)("predict", "outputs/shout", "mat")
    assert set(json.loads(own.stdout)) == {"output", "score"}
    assert asked.stdout == own.stdout


def test_the_bundle_answers_files_by_its_own_script_and_by_p2m(built: Path) -> None:
    script, asked = built / "outputs" / "shout" / "predict.py", built / "asked.txt"
    asked.write_text("mat\n")
    own = subprocess.run(
        [sys.executable, script, "--input", asked], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"mat\tshouted\t0\.\d{4}\n", own.stdout)
    done = call_in(built)("predict", "outputs/shout", "--input", "asked.txt", "--output", "answered.csv")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert re.fullmatch(r"p2m predict: 1 rows in .* rows/s -> answered.csv\n", done.stderr)
    assert (built / "answered.csv").read_text().startswith("text,label,label_score\nmat,shouted,0.")
    done = call_in(built)("predict", "outputs/shout", "asked.txt")
    assert (done.returncode, done.stdout) == (0, own.stdout)


def test_a_setting_is_one_cause_wherever_it_enters_a_key(built: Path) -> None:
    (cause,) = causes(survey(load(built / "shout.yaml", ["seed=3"])))
    assert cause.what == "seed: 0 -> 3  override seed=3"
    assert cause.steps == ("curate", "split", "export", "calibrate", "evaluate", "package")


def test_a_setting_that_a_student_has_no_use_for_reaches_the_manifest_alone(built: Path) -> None:
    (cause,) = causes(
        survey(load(built / "shout.yaml", ["training.epochs=3"]))
    )  # which a solved student has not
    assert cause.what == "spec.training.epochs: 1.0 -> 3.0  override training.epochs=3"
    assert cause.steps == ("package",)


def test_the_checksums_of_the_bundle_hold(built: Path) -> None:
    script = built / "outputs" / "shout" / "predict.py"
    assert subprocess.run([sys.executable, script, "--check"], capture_output=True).returncode == 0


def test_the_manifest_tells_nothing_of_this_machine_s_folders(built: Path) -> None:
    manifest = (built / "outputs" / "shout" / "manifest.json").read_text()
    assert str(built) not in manifest
    assert json.loads(manifest)["verdict"]["ship"] is True


def test_the_same_command_again_runs_nothing(built: Path) -> None:
    done = call_in(built)("build", "shout.yaml")
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert ran(done) == set()
    assert call_in(built)("plan", "shout.yaml", "--exit-code").returncode == 0


def test_a_build_from_elsewhere_uses_the_recipe_s_project(built: Path, tmp_path: Path) -> None:
    done = call_in(tmp_path)("build", str(built / "shout.yaml"))
    assert done.returncode == 0, done.stderr
    assert ran(done) == set()
    assert done.stdout.endswith(f"-> {built / 'outputs' / 'shout'}\n")
    assert list(tmp_path.iterdir()) == []


def test_without_the_record_of_the_last_build_every_step_is_still_cached(built: Path) -> None:
    for record in (built / "outputs" / ".store" / "noop").iterdir():
        record.unlink()
    done = call_in(built)("build", "shout.yaml")
    assert ran(done) == set()
    assert f"{STEPS} reused, 0 ran" in done.stdout


def test_another_machine_runs_nothing_of_what_a_web_server_has(built: Path, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    here = tmp_path / "project"
    shutil.copytree(built, here, ignore=lambda folder, names: ["outputs"] if folder == str(built) else [])
    (here / "outputs").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(built / "outputs" / ".store"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shared = {"P2M_SHARED_STORE": f"http://127.0.0.1:{server.server_port}"}
        planned = call_in(here)("plan", "shout.yaml", "--exit-code", **shared)
        done = call_in(here)("build", "shout.yaml", **shared)
        server.shutdown()
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert planned.stdout.count("in the shared store") == STEPS
    assert done.returncode == 0, done.stderr
    assert ran(done) == set()
    assert f"{STEPS} reused ({STEPS} from the shared store), 0 ran" in done.stdout
    assert "nothing to do" in call_in(here)("plan", "shout.yaml").stdout
    mine, theirs = (folder / "outputs" / "shout" / "manifest.json" for folder in (here, built))
    assert mine.read_text() == theirs.read_text()


def test_a_new_metric_reruns_the_evaluation_and_what_follows_alone(built: Path) -> None:
    edit(built, "  primary: accuracy", "  primary: accuracy\n  also: [macro_f1]")
    why = call_in(built)("why", "shout.yaml", "evaluate").stdout
    assert "metrics" in why
    assert "shout.yaml:" in why
    done = call_in(built)("build", "shout.yaml")
    assert ran(done) == {"evaluate", "verdict", "report", "package"}
    assert "macro_f1" in (built / "outputs" / "shout" / "manifest.json").read_text()


def test_a_prompt_that_differs_in_trailing_blanks_is_cut_off_after_parse(built: Path) -> None:
    edit(built, "or whispered.", "or whispered.  ")
    done = call_in(built)("build", "shout.yaml")
    assert "parse" in ran(done)
    assert not {"curate", "split", "train", "export", "pick", "evaluate"} & ran(done)


def test_a_contract_that_is_missed_ends_in_4_and_does_not_replace_the_bundle(built: Path) -> None:
    before = (built / "outputs" / "shout" / "manifest.json").read_text()
    edit(built, '">= 0.7"', '">= 2"')
    done = call_in(built)("build", "shout.yaml")
    assert done.returncode in (2, 4), done.stdout + done.stderr
    edit(built, '">= 2"', '">= 1"')
    lock = (built / "shout.lock").read_bytes()
    done = call_in(built)("build", "shout.yaml")
    assert done.returncode == 4
    assert (built / "shout.lock").read_bytes() == lock  # it names the bundle that stands
    assert "shout.lock was left as it was: this build does not ship" in done.stderr
    assert "FALLS SHORT" in done.stdout
    assert (built / "outputs" / "shout" / "manifest.json").read_text() == before
    assert (built / "outputs" / "shout" / "rejected" / "manifest.json").is_file()
    edit(built, '">= 1"', '">= 0.7"')


def test_show_prints_rows_and_figures(built: Path) -> None:
    text = call_in(built)("show", "shout.yaml", "split", "--rows", "2").stdout
    assert "train: " in text
    assert '"output"' in text


@pytest.mark.slow
def test_a_sweep_shares_upstream_steps_and_ends_in_a_leaderboard(built: Path) -> None:
    done = call_in(built)("build", "shout.yaml", "-m", "student.candidates.linear_tfidf.strength=5,10")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("+ train") == 2
    assert done.stderr.count("+ curate") == 0
    assert "student.candidates.linear_tfidf.strength=5" in done.stdout
    (folder,) = (built / "outputs" / "shout" / "sweeps").iterdir()
    assert len((folder / "leaderboard.csv").read_text().splitlines()) == 3
    assert list(folder.glob("leaderboard.svg"))


@pytest.mark.slow
def test_ctrl_c_ends_without_a_traceback_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project", TEXT_RECIPE)
    edit(folder, "epochs: 1", "epochs: 400")
    process = subprocess.Popen(
        [sys.executable, "-m", "p2m", "build", "shout.yaml"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "train: " in line:
            break
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert "goes on from there" in rest
    assert "Traceback" not in rest
    edit(folder, "epochs: 400", "epochs: 1")
    call: Call = call_in(folder)
    done = call("build", "shout.yaml")
    assert done.returncode in BUILT
    assert "train" in ran(done)
    assert "curate" not in ran(done)


def _heed_interrupts() -> None:
    """A shell's background jobs, this test perhaps among them, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
