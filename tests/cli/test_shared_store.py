"""The shared store as its user meets it: asked after, misspelt, or with a secret in its url."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from shouting import STEPS, Call, call_in, write_project

from p2m.project import load


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def call(project: Path) -> Call:
    return call_in(project)


def test_a_password_in_a_url_is_refused_and_not_repeated(project: Path, call: Call) -> None:
    url = "s3://key:HIDDEN@bucket/p2m"
    for answer in (
        call("check", "shout.yaml", "store=shared", f"store.shared.url={url}"),
        call("build", "shout.yaml", P2M_SHARED_STORE=url),
        call("doctor", P2M_SHARED_STORE=url),
    ):
        assert answer.returncode != 0
        assert "holds a password" in answer.stdout + answer.stderr
        assert "HIDDEN" not in answer.stdout + answer.stderr
    stored = [path.read_bytes() for path in (project / "outputs").rglob("*") if path.is_file()]
    assert not any(b"HIDDEN" in content for content in stored)


def test_doctor_asks_the_shared_store(tmp_path: Path, call: Call) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "FORMAT").write_text("p2m-store 1\n")
    said = call("doctor", P2M_SHARED_STORE=str(tmp_path / "shared")).stdout
    assert f"file://{tmp_path}/shared, read: format 1" in said
    assert "holds no p2m store" in call("doctor", P2M_SHARED_STORE=str(tmp_path / "nowhere")).stdout


def test_where_results_lie_and_what_runs_the_steps_make_no_variant(tmp_path: Path, project: Path) -> None:
    shared = ("store=shared", f"store.shared.url={tmp_path}/shared", "store.shared.mode=write")
    plain = load(project / "shout.yaml", ())
    where = load(project / "shout.yaml", ("executor=ray", "executor.address=local", *shared))
    assert (where.target, where.is_variant) == (plain.target, False)
    seeded = load(project / "shout.yaml", ("executor=inline", "seed=1"))
    assert seeded.is_variant
    assert seeded.target != plain.target


def test_what_cannot_work_is_an_error_before_anything_runs(call: Call) -> None:
    for verb in ("check", "plan"):
        unknown = call(verb, "shout.yaml", P2M_SHARED_STORE="foo://bucket/p2m")
        assert unknown.returncode == 2
        assert "P2M_SHARED_STORE: Protocol not known: foo" in unknown.stderr
    written = call(
        "check", "shout.yaml", "store=shared", "store.shared.url=http://host/p2m", "store.shared.mode=write"
    )
    assert written.returncode == 2
    assert "http:// can only be read" in written.stderr
    misspelt = call("plan", "shout.yaml", P2M_SHARED_STORE="/x", P2M_SHARED_STORE_MODE="all")
    assert misspelt.returncode == 2
    assert "P2M_SHARED_STORE_MODE: 'all' is no mode" in misspelt.stderr


@pytest.mark.slow
def test_a_warm_store_sends_what_it_has_and_the_quick_path_waits_for_that(tmp_path: Path, call: Call) -> None:
    assert "sent" not in call("build", "shout.yaml").stdout
    (tmp_path / "file").write_text("in the way")
    away = {"P2M_SHARED_STORE": str(tmp_path / "file" / "shared"), "P2M_SHARED_STORE_MODE": "write"}
    for _ in range(2):
        assert f"{STEPS} reused, 0 ran. " in call("build", "shout.yaml", **away).stdout
    there = away | {"P2M_SHARED_STORE": str(tmp_path / "shared")}
    sent = f"{STEPS} reused, 0 ran; sent {STEPS} steps to the shared store"
    assert sent in call("build", "shout.yaml", **there).stdout
    assert len([path for path in (tmp_path / "shared" / "ac").rglob("*") if path.is_file()]) == STEPS
    assert "nothing to do" in call("build", "shout.yaml", **there).stdout


@pytest.mark.slow
def test_a_signed_store_gives_what_its_signer_made_and_nothing_else(tmp_path: Path, project: Path) -> None:
    pytest.importorskip("cryptography")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(project / "ci")], check=True)
    shared = tmp_path / "shared"
    words = {"url": str(shared), "trust": ["ci.pub"], "namespace": "team/project", "quota": "1 GB"}
    recipe = project / "shout.yaml"
    recipe.write_text(recipe.read_text() + f"store: {json.dumps({'shared': words})}\n")
    shutil.copytree(project, tmp_path / "second")
    shutil.copytree(project, tmp_path / "third")

    unsigned = call_in(project)("build", "shout.yaml", P2M_SHARED_STORE_MODE="write")
    assert unsigned.returncode == 2
    assert "shout.yaml:14: store.shared.trust" in unsigned.stderr
    key = {"P2M_SHARED_STORE_MODE": "write", "P2M_SHARED_STORE_KEY": str(project / "ci")}
    assert f"sent {STEPS} steps" in call_in(project)("build", "shout.yaml", **key).stdout
    assert sorted(path.name for path in (shared / "team" / "project").iterdir()) == [
        "FORMAT", "USAGE", "ac", "cas", "tmp",
    ]  # fmt: skip
    fetched = call_in(tmp_path / "second")("build", "shout.yaml").stdout
    assert f"{STEPS} reused ({STEPS} from the shared store), 0 ran" in fetched
    entries = [path for path in (shared / "team" / "project" / "ac").rglob("*") if path.is_file()]
    for entry in entries:
        text = entry.read_text()
        entry.write_text(text[: text.index("\nsignature ") + 1])
    poisoned = call_in(tmp_path / "third")("build", "shout.yaml")
    assert f"0 reused, {STEPS} ran" in poisoned.stdout
    assert "entries that nobody signed who is trusted are left out" in poisoned.stderr
    assert "sends" not in poisoned.stdout
