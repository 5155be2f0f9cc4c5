"""A training in its own process, which kills itself at a step: `FOLDER TINY_BERT STEP` (0: never).

It averages weights, and takes each step in some passes.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conftest import LABELS, Here, rows_of

from p2m.engine.handles import Device
from p2m.metrics.base import Metric
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.training import trainer
from p2m.training.base import fit
from p2m.types import Training


class Mortal(Here):
    """A run that is killed, without a chance to clean up, when it reports its last step."""

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == LAST:
            os.kill(os.getpid(), signal.SIGKILL)


METRIC: Metric = ExactMatch()
FOLDER, BERT, LAST = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def main() -> None:
    trainer.KEEP_EVERY = 0.0  # a checkpoint at every evaluation
    student = MiniLM(model=BERT, sha256="", window=40)
    rows = rows_of(LABELS)
    run = Mortal(FOLDER, Device(type="cpu", threads=1, tokens_at_once=20))
    fitted = fit(
        student.prepare(LABELS, LABELS.labels, seed=5),
        rows[:40],
        rows[40:],
        training=Training(
            epochs=4, batch_size=8, learning_rate=2e-3, evaluations=7, patience=9, average="ema"
        ),
        student=student,
        metric=METRIC,
        seed=5,
        run=run,
    )
    steps = [done for done, _, _ in run.seen]
    digest = hashlib.sha256((fitted.checkpoint / "model.safetensors").read_bytes()).hexdigest()
    print(
        json.dumps(
            {
                "losses": fitted.fit.losses,
                "history": [asdict(e) for e in fitted.fit.history],
                "weights": digest,
                "said": run.lines,
                "steps": steps,
            }
        )
    )


if __name__ == "__main__":
    main()
