"""Each tracker keeps what it is told, as its own reader finds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from p2m.trackers.base import TrackedRun, Tracker
from p2m.trackers.mlflow import MLflow
from p2m.trackers.tensorboard import TensorBoard
from p2m.trackers.wandb import WandB

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries that follow their own rules


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun(
        recipe="desk", name="desk", parameters={"seed": 3, "training.epochs": 2.5, "prompt": "Say it."},
        metrics={"accuracy": 0.875, "accuracy.low": 0.84, "accuracy.high": 0.91},
        curves={"training/loss": ((10, 1.5), (20, 0.5)), "validation/score": ((20, 0.75),)},
        tags={"verdict": "SHIP", "bundle": "ab12"}, folder=tmp_path / "kept",
    )  # fmt: skip


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return


def test_tensorboard_reads_scalars_curves_and_settings(run: TrackedRun, quiet: None) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    place = TensorBoard().log(replace(run, group="sweep"))
    assert Path(place).parent == run.folder / "tensorboard" / "desk" / "sweep" / "desk"
    seen = EventAccumulator(place).Reload()
    tags = seen.Tags()["tensors"]
    assert {"accuracy", "accuracy.low", "accuracy.high", "training/loss", "validation/score"} <= set(tags)
    assert [each.step for each in seen.Tensors("training/loss")] == [10, 20]
    assert seen.Tensors("accuracy")[0].tensor_proto.float_val[0] == 0.875
    told = HParamsPluginData.FromString(
        seen.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    )
    settings = told.session_start_info.hparams
    assert settings["training.epochs"].number_value == 2.5
    assert settings["verdict"].string_value == "SHIP"


def test_a_tensorboard_run_never_lands_in_another(run: TrackedRun, tmp_path: Path) -> None:
    own = TensorBoard(folder=tmp_path / "mine")
    assert own.log(run) != own.log(run)
    assert not run.folder.exists()


def kept_by_mlflow(uri: str, run: TrackedRun) -> None:
    """Two runs of a sweep, read back by MLflow's own client."""
    from mlflow import MlflowClient

    for name in ("student=a", "student=b"):
        assert uri in MLflow(uri=uri).log(replace(run, name=name, group="s1"))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("desk")
    found = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    assert set(found) == {"student=a", "student=b", "s1"}
    one = found["student=a"]
    assert one.info.status == "FINISHED"
    assert one.data.params == {"seed": "3", "training.epochs": "2.5", "prompt": "Say it."}
    assert one.data.metrics["accuracy.low"] == 0.84
    assert one.data.tags["p2m.verdict"] == "SHIP"
    assert {each.data.tags.get("mlflow.parentRunId") for each in found.values()} == {
        None,
        found["s1"].info.run_id,
    }
    curve = client.get_metric_history(one.info.run_id, "training/loss")
    assert sorted((each.step, each.value) for each in curve) == [(10, 1.5), (20, 0.5)]


def test_mlflow_keeps_runs_in_files(run: TrackedRun, tmp_path: Path, quiet: None) -> None:
    kept_by_mlflow((tmp_path / "mlruns").as_uri(), run)


@pytest.mark.slow
def test_mlflow_keeps_runs_in_sqlite(run: TrackedRun, quiet: None) -> None:
    run.folder.mkdir()
    kept_by_mlflow(f"sqlite:///{run.folder / 'mlflow.db'}", run)
    assert "mlflow.db" in MLflow().log(run)


def test_wandb_keeps_a_run_to_be_sent_later(run: TrackedRun, quiet: None) -> None:
    wandb = pytest.importorskip("wandb")
    said = WandB().log(run)
    wandb.teardown()  # what is on its way is written
    files = list((run.folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 1
    assert "wandb sync" in said
    assert b"training.epochs" in files[0].read_bytes()


@pytest.mark.parametrize("tracker", [TensorBoard(), MLflow(), WandB()], ids=lambda one: type(one).__name__)
def test_each_is_a_tracker(tracker: Tracker) -> None:
    assert isinstance(tracker, Tracker)
