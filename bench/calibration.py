# ruff: noqa: E501
"""What scores are worth: is an answer with 0.9 right nine times in ten, and what does abstaining buy?

    .venv/bin/python bench/calibration.py DATA [--only banking77,snips_intents] [--size 10] [--work FOLDER]

DATA holds hub/. A build is a user's: a prompt and `data.train` with so many rows a label, `constraints.precision: 0.95`,
all else default; then the bundle is asked about the official test rows, which no build sees. Printed are the expected
calibration error (15 equal bins) of the bundle's scores beside that of the same model before calibration, and of two
peers on the same rows: logistic regression (C=20) on frozen all-MiniLM-L6-v2, with its own probabilities and calibrated
by scikit-learn (CalibratedClassifierCV, sigmoid, five folds). Then what a precision of 0.95 comes to on the test rows:
how many are answered and how many of these are right, beside what the build said. Exits with 1 where the error is above
0.03, or where the share of rows answered or their precision is off by more than two points.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.contestants import MISSED, Embeddings
from classification.tables import REPOSITORY, Row, Table, _of_hub

WANTED, MOST_ERROR, MOST_OFF = 0.95, 0.03, 0.02


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="banking77,snips_intents", help="tables, with commas between")
    parser.add_argument("--size", default="10", help='rows a label (10), or "all"')
    parser.add_argument("--work", type=Path, default=None, help="where builds and embeddings are kept")
    given = parser.parse_args(argv)
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-calibration-"))
    met = [held(_table(given.data, name), given.size, work) for name in given.only.split(",")]
    return int(not all(met))


def held(table: Table, size: str, work: Path) -> bool:
    """Whether the bundle's scores are what they say on the test rows."""
    from p2m.deploy.serving.predictor import Predictor
    from p2m.deploy.serving.sureness import uncalibrated
    from p2m.evaluation.calibration import expected_error

    rows = table.sample(size, 0)
    assert rows is not None, "fewer rows a label than that"
    folder, lines = _build(table, rows, work / f"{table.name}-{size}")
    model = Predictor(folder / "model", threads=2)
    answers = model.predict([{"text": text} for text, _ in table.test], batch_size=32)
    right = [float(answer.output == label) for answer, (_, label) in zip(answers, table.test, strict=True)]
    scores = [answer.score for answer in answers]
    error = expected_error(scores, right)
    before = expected_error([uncalibrated(score, model.settings) for score in scores], right)
    own, theirs = _peers(Embeddings(work / "embeddings", table), rows, table)
    print(f"{table.name}: {len(rows)} rows, accuracy {np.mean(right):.3f} on {len(right)}; calibration error {error:.3f}"
          f" (<= {MOST_ERROR}), {before:.3f} before; logistic regression {own:.3f}, calibrated by scikit-learn {theirs:.3f}")  # fmt: skip
    for line in lines:
        if line.startswith(("precision", "answers by", "calibration")):
            print(f"    the build said: {line}")
    given = [value for value, answer in zip(right, answers, strict=True) if not answer.abstain]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    said = next((each for each in manifest["sureness"]["coverages"] if each["wanted"] == WANTED), None)
    if not given or said is None:
        print("    no score gives that precision")
        return False
    share, precision = len(given) / len(right), float(np.mean(given))
    print(f"    at {WANTED}: {share:.3f} of the test rows answered (the build said {said['share']:.3f}), {precision:.3f} of them right")  # fmt: skip
    return (
        error <= MOST_ERROR and abs(share - said["share"]) <= MOST_OFF and abs(precision - WANTED) <= MOST_OFF
    )


def _peers(peer: Embeddings, rows: Sequence[Row], table: Table) -> tuple[float, float]:
    """Calibration errors of logistic regression as it comes, and as scikit-learn calibrates it."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression

    from p2m.evaluation.calibration import expected_error

    known, labels = peer.of([text for text, _ in rows]), [label for _, label in rows]
    asked, gold = peer.of([text for text, _ in table.test]), np.array([label for _, label in table.test])
    errors = []
    plain: Any = LogisticRegression(C=20, max_iter=1000)
    for model in (plain, CalibratedClassifierCV(plain, method="sigmoid", cv=5)):
        shares = model.fit(known, labels).predict_proba(asked)
        right = model.classes_[shares.argmax(axis=1)] == gold
        errors.append(expected_error(shares.max(axis=1).tolist(), right.astype(float).tolist()))
    return errors[0], errors[1]


def _table(data: Path, name: str) -> Table:
    folder = data / "hub" / name
    found = _of_hub(folder) if folder.is_dir() else None
    if found is None:
        raise SystemExit(f"{folder}: no table of texts and labels; name the folder that holds hub/: bench/calibration.py DATA")  # fmt: skip
    return found


def _build(table: Table, rows: Sequence[Row], place: Path) -> tuple[Path, list[str]]:
    """A bundle as a user makes it, and what its verdict said.

    Raises:
        SystemExit: there is none.
    """
    import os

    (place / "outputs").mkdir(parents=True, exist_ok=True)
    task = {"type": "text-classification", "inputs": ["text"], "output": "label", "labels": sorted({label for _, label in rows})}  # fmt: skip
    recipe = {"name": "sure", "prompt": table.prompt, "task": task, "data": {"train": "rows.jsonl"}, "constraints": {"precision": WANTED}}  # fmt: skip
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), encoding="utf-8")  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2M_")}
    done = subprocess.run(
        [sys.executable, "-m", "p2m", "build", "recipe.yaml", "--json"],
        cwd=place, env=kept | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, MISSED):
        raise SystemExit(f"p2m build ended with {done.returncode}:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout)
    return place / said["folder"], said["verdict"]["lines"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
