"""`tracker=...`: a build is told of, whatever it found made; no key, bundle or exit code changes by it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from shouting import TEXT_RECIPE, call_in, write_project

import p2m
from p2m.project import load


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("tracked") / "shop")


def scalars(project: Path) -> dict[str, dict[str, list[float]]]:
    """Folder of a run below tensorboard/ -> name -> values."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root, found = project / "outputs/.tracking/tensorboard", {}
    for place in sorted({file.parent for file in root.rglob("events.out.*")}):
        seen = EventAccumulator(str(place)).Reload()
        names = [name for name in seen.Tags()["tensors"] if not name.startswith("_")]
        found[place.relative_to(root).parent.as_posix()] = {
            name: [each.tensor_proto.float_val[0] for each in seen.Tensors(name)] for name in names
        }
    return found


def test_a_tracker_changes_no_key(project: Path) -> None:
    plain, told = (load(project / "shout.yaml", words).plan for words in ((), ("tracker=mlflow",)))
    assert [(step.name, step.settings) for step in plain.steps] == [
        (step.name, step.settings) for step in told.steps
    ]


def test_a_build_and_one_that_found_everything_made_are_told(project: Path) -> None:
    call = call_in(project)
    first = call("build", "shout.yaml", "tracker=tensorboard")
    assert first.returncode == 0, first.stderr
    assert "tensorboard: " in first.stderr
    seen = scalars(project)["shout/shout"]
    assert seen["accuracy.low"][0] <= seen["accuracy"][0] <= seen["accuracy.high"][0]
    assert {"size_bytes", "latency_p95_ms", "baseline.majority"} <= set(seen)
    assert (project / "outputs/shout/manifest.json").is_file(), "it is the recipe as committed"
    again = call("build", "shout.yaml", "tracker=tensorboard")
    assert "0 ran" in again.stdout
    assert len(list((project / "outputs/.tracking/tensorboard/shout/shout").iterdir())) == 2
    assert "nothing to do" in call("build", "shout.yaml").stdout + call("build", "shout.yaml").stdout


def test_a_tracker_that_fails_is_one_line_and_no_error(project: Path) -> None:
    (project / "file").write_text("")
    done = call_in(project)("build", "shout.yaml", "tracker=tensorboard", "tracker.folder=file")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("! tensorboard: not told (") == 1
    assert "Traceback" not in done.stderr


def test_a_tracker_that_is_not_installed_says_what_to_type(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    built = p2m.load(project / "shout.yaml", ["tracker=wandb"]).build(progress=False)
    assert built.verdict.ship
    assert built.tracked == "! wandb: not told, for wandb is not installed: pip install 'p2m[wandb]'"


@pytest.mark.slow
def test_variants_and_trials_are_runs_with_curves(tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop", TEXT_RECIPE)
    call = call_in(project)
    done = call("build", "shout.yaml", "-m", "seed=0,1", "tracker=tensorboard")
    assert done.returncode in (0, 4), done.stderr
    found = scalars(project)
    assert len(found) == 2
    assert len({Path(name).parent for name in found}) == 1, "both lie in the sweep's folder"
    assert all(len(each["training/loss"]) > 1 for each in found.values())
    words = ("tracker=tensorboard", "split.cross_validate_below=0", "split.validation_share=0.2")
    done = call("tune", "shout.yaml", "--trials", "2", *words, "--json")
    assert done.returncode == 0, done.stderr
    trials = {name: each for name, each in scalars(project).items() if "trial" in name}
    told = [each["score"] for each in json.loads(done.stdout)["trials"]]
    assert sorted(each["validation.exact_match"][0] for each in trials.values()) == pytest.approx(
        sorted(told)
    )
