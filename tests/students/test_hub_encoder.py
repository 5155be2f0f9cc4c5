"""A base model of the Hub of one's choice: opened where its pin holds, and from safetensors alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LABELS
from huggingface_hub import constants
from local_hub import LocalHub, Repo, running
from tiny_encoders import write_checkpoint

from p2m.catalogs.pinning import pinned
from p2m.errors import MissingWeights
from p2m.students.hub_encoder import HubEncoder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = write_checkpoint(tmp_path / "made", "bert")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["README.md"] = b"---\nlicense: mit\n---\n"
    files["pytorch_model.bin"] = b"never asked for" * 100
    with running(Repo("acme/encoder", files, kind="models")) as hub:
        yield hub


def test_a_pinned_encoder_is_fetched_and_prepared(hub: LocalHub) -> None:
    student = HubEncoder(**pinned("acme/encoder"))  # type: ignore[arg-type]
    assert student.refusal(LABELS) is None
    assert student.license == "mit"
    assert 0 < student.parameters < 100_000
    student.prepare(LABELS, ("no", "yes"), seed=0)
    assert not hub.sent["pytorch_model.bin"]


def test_other_weights_or_another_commit_are_refused(hub: LocalHub) -> None:
    pin = pinned("acme/encoder")
    with pytest.raises(MissingWeights, match="not the published weights"):
        HubEncoder(**pin | {"sha256": "0" * 64}).prepare(LABELS, ("no", "yes"), seed=0)  # type: ignore[arg-type]
    hub.repos[0].files["config.json"] += b" "
    with pytest.raises(MissingWeights, match="neither installed nor reachable"):
        HubEncoder(**pin | {"revision": "0" * 40}).prepare(LABELS, ("no", "yes"), seed=0)  # type: ignore[arg-type]


def test_a_model_without_a_pin_is_refused_with_what_to_type() -> None:
    assert "p2m catalog pin ID" in str(HubEncoder("", "mit").refusal(LABELS))
    unpinned = HubEncoder("acme/encoder", "mit", revision="main")
    assert "p2m catalog pin acme/encoder" in str(unpinned.refusal(LABELS))
