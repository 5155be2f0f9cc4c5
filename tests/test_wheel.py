"""A wheel in another environment, called from another folder, composes and builds like the checkout does."""

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = """\
name: shout
prompt: |
  Say the word in capitals.
  input="ant" output="ANT"
  input="bee" output="BEE"
data: {train: train.jsonl, test: test.jsonl}
defaults: [base, override teacher: none, override student: tiny_seq2seq, override compression: none, _self_]
training: {epochs: 1, evaluations: 1}
student: {candidates: {tiny_seq2seq: {d_model: 32, d_ff: 64, layers: 1, decoder_layers: 1, heads: 2}}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `p2m` of a fresh environment that has the wheel, and this environment's libraries."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env")
    pip = [sys.executable, "-m", "pip", "--python", folder / "env" / "bin" / "python"]
    subprocess.run([*pip, "install", "-q", "--no-deps", wheel], check=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # A line in a .pth file adds the folder alone: the checkout's own editable install is not followed.
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "env" / "bin" / "p2m"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    words = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("at", "in", "ore", "ust", "ell")]
    rows = [f'{{"input": "{word}", "output": "{word.upper()}"}}' for word in words]
    (tmp_path / "train.jsonl").write_text("\n".join(rows[10:]))
    (tmp_path / "test.jsonl").write_text("\n".join(rows[:10]))
    (tmp_path / "shout.yaml").write_text(RECIPE)
    return tmp_path


def call(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "P2M_STORE")}
    return subprocess.run(
        [installed, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )


def test_a_wheel_carries_the_config_groups_and_plans_elsewhere(installed: Path, project: Path) -> None:
    done = call(installed, project, "plan", "shout.yaml", "training=fast")
    assert done.returncode == 0, done.stderr
    assert "+ train" in done.stdout
    manual = call(installed, project, "help", "lock#in-ci")
    assert manual.stdout.startswith("## In CI"), manual.stderr


@pytest.mark.slow
def test_a_wheel_builds_elsewhere_and_a_second_call_has_nothing_to_do(installed: Path, project: Path) -> None:
    done = call(installed, project, "build", "shout.yaml")
    assert done.returncode == 0, done.stderr
    assert (project / "outputs" / "shout" / "predict.py").is_file()
    again = call(installed, project, "build", "shout.yaml")
    assert "nothing to do" in again.stdout
