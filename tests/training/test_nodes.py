"""A training whose processes Ray places on two nodes of a cluster on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, Here, rows_of

from p2m.engine.handles import Device
from p2m.errors import StageError, UserError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.training import trainer
from p2m.training.base import fit
from p2m.types import Trained, Training

pytest.importorskip("ray")
CPU = Device(type="cpu", threads=1)
SPREAD = replace(CPU, processes=2, nodes=2)
TRAINING = Training(
    epochs=2, batch_size=8, learning_rate=2e-3, evaluations=5, patience=9, precision="fp32"
)  # fmt: skip


def fitted_by(student: MiniLM, run: Here) -> Trained:
    rows = rows_of(LABELS)
    student = replace(student, dropout=0.0)
    return fit(
        student.prepare(LABELS, LABELS.labels, seed=5), rows[:40], rows[40:],
        training=TRAINING, student=student, metric=ExactMatch(), seed=5, run=run,
    )  # fmt: skip


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two raylets of this machine."""
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.other = made.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made
    ray.shutdown()
    made.shutdown()


@dataclass
class Bereft(Here):
    """A run that loses a node after the fifth step."""

    cluster: Any = None

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == 5 and self.cluster:
            self.cluster.remove_node(self.cluster.other, allow_graceful=False)
            self.cluster = None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_nodes_learn_what_one_process_does_and_what_they_began_goes_on(
    tiny_minilm: MiniLM, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "KEEP_EVERY", 0.0)
    alone = fitted_by(tiny_minilm, Here(tmp_path / "alone", CPU))
    with pytest.raises(UserError, match=r"nodes=3: the Ray cluster has 2; type: device\.nodes=2"):
        fitted_by(tiny_minilm, Here(tmp_path / "three", replace(SPREAD, processes=3, nodes=3)))
    for way in ("", "fsdp"):
        made = fitted_by(tiny_minilm, Here(tmp_path / f"on{way}", replace(SPREAD, accelerate=way)))
        assert made.fit.losses == pytest.approx(alone.fit.losses, abs=1e-4)
        assert [each.score for each in made.fit.history] == [each.score for each in alone.fit.history]
    with pytest.raises(StageError, match="goes on from the last checkpoint"):
        fitted_by(tiny_minilm, Bereft(tmp_path / "lost", SPREAD, cluster=cluster))
    again = Here(tmp_path / "lost", CPU)
    assert fitted_by(tiny_minilm, again).fit.losses == pytest.approx(alone.fit.losses, abs=1e-4)
    assert any(line.startswith("going on from step ") for line in again.lines)


def test_a_training_over_nodes_says_where_there_is_no_cluster(
    tiny_minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=r"device\.nodes=2: no Ray cluster was found.*ray start --head"):
        fitted_by(tiny_minilm, Here(tmp_path, SPREAD))
