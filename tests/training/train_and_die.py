"""Trainings in processes of their own, which end at a step: `TINY_BERT OUT FOLDER=STEP...` (0: never).

Each averages weights, and takes each step in some passes.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict, dataclass
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


@dataclass
class Mortal(Here):
    """A run that is killed, without a chance to clean up, when it reports its last step."""

    last: int = 0

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


METRIC: Metric = ExactMatch()


def train(folder: Path, bert: str, last: int, out: Path) -> None:
    trainer.KEEP_EVERY = 0.0  # a checkpoint at every evaluation
    student = MiniLM(model=bert, sha256="", window=40)
    rows = rows_of(LABELS)
    run = Mortal(folder, Device(type="cpu", threads=1, tokens_at_once=20), last=last)
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
    told = {
        "losses": fitted.fit.losses,
        "history": [asdict(each) for each in fitted.fit.history],
        "weights": hashlib.sha256((fitted.checkpoint / "model.safetensors").read_bytes()).hexdigest(),
        "said": run.lines,
        "steps": [done for done, _, _ in run.seen],
    }
    out.write_text(json.dumps(told))


def main(bert: str, out: Path, *trainings: str) -> None:
    """Each training in a process of its own, one after the other; what they ended with, a line each."""
    import transformers.models.bert.modeling_bert
    import transformers.trainer  # noqa: F401  # once for all

    gc.freeze()
    for number, each in enumerate(trainings):
        folder, _, last = each.rpartition("=")
        child = os.fork()
        if child == 0:
            try:
                train(Path(folder), bert, int(last), out / f"{number}.json")
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
