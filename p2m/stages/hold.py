"""hold: the model against a bundle that was there before it, row by row.

What it said to rows that judged it too is known from it; about test rows of the user's own that are new to it
it is asked, by the very files that it ships. Other rows it may have learnt from, so they count for nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from p2m.deploy.answered import NAME, read_answers, row_name
from p2m.engine.handles import Run
from p2m.engine.hashing import digest_file
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.evaluation.base import beside
from p2m.metrics.base import Metric
from p2m.stages.answering import correct
from p2m.stages.fair import fair, only
from p2m.types import Evaluated, Examined, Example, Files, Held, Split, Task

_PARTS = ("model", "serving", "predict.py")  # of a bundle, what answers
_WAY_OUT = "put a sound bundle there, move this one away, or build without it: metrics.no_worse_than=null"
_OWN = "gold"  # evidence of rows that no model learns from
_SHOWN = 25  # lost rows that are kept to look at
_ASK = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("predict", sys.argv[1])
predict = importlib.util.module_from_spec(spec)
sys.modules["predict"] = predict
spec.loader.exec_module(predict)
model = predict.Predictor(sys.argv[2], threads=int(sys.argv[3]))
rows = json.load(sys.stdin)
print(json.dumps([answer.output for answer in model.predict(rows, batch_size=32)]))
"""


# Measured, since what stands here is no more part of the recipe than this machine is.
@stage(version="1", kind="measured")
def hold(
    task: Task,
    parts: Split,
    evaluated: Evaluated,
    manifest: Files | None,
    *,
    name: str,
    metric: Metric,
    bootstrap: int,
    seed: int,
    run: Run,
) -> Held:
    """By `metric`, with paired intervals and a paired test; `name` is what the bundle is called.

    Its manifest stands for it, since that has the digest of every file; whatever is read is held to these.

    Raises:
        StageError: the bundle is damaged, or cannot be asked here.
    """
    if manifest is None:
        return Held(None, note=f"there is no {name} to hold it against")
    folder, parts = manifest.path.parent, only(parts, fair(parts))
    known = _known(manifest.path, name)
    rows = parts.judged
    names = [row_name(row.input) for row in rows]
    new = [place for place, each in enumerate(names) if each not in known]
    if new and parts.evidence == _OWN:
        run.say(f"asking {name} about {len(new)} rows that are new to it")
        asked = _asked(_laid_out(folder, run.folder), [rows[number] for number in new], name, run)
        known |= {names[number]: said for number, said in zip(new, asked, strict=True)}
    common = [place for place, each in enumerate(names) if each in known]
    if not common:
        left = f"none of the rows that judge it judged {name}, which may have learnt from them"
        return Held(None, note=left, is_open=True)
    theirs = [known[names[place]] for place in common]
    return _held(task, parts, evaluated, common, theirs, metric, name=name, bootstrap=bootstrap, seed=seed)


def _held(
    task: Task, parts: Split, evaluated: Evaluated, places: Sequence[int], theirs: Sequence[str],
    metric: Metric, *, name: str, bootstrap: int, seed: int,
) -> Held:  # fmt: skip
    """On the judged rows at `places`, to which the bundle said `theirs`."""
    rows, judged = [parts.judged[place] for place in places], [evaluated.rows[place] for place in places]
    ours = [row.predicted for row in judged]
    asked = Examined(name, tuple(row.input for row in rows), tuple(theirs))
    found = beside(asked, metric, ours, rows, resamples=bootstrap, seed=seed)
    right, other = correct(task, metric, ours, rows), correct(task, metric, theirs, rows)
    lost = [n for n in range(len(rows)) if right[n] < other[n]]
    shown = sorted(lost, key=lambda n: (right[n] - other[n], rows[n].output))[:_SHOWN]
    part = "" if len(rows) == len(evaluated.rows) else f" of {len(evaluated.rows)}"
    return Held(
        found, sum(a > b for a, b in zip(right, other, strict=True)), len(lost),
        tuple(replace(judged[n], teacher=theirs[n], teacher_correct=other[n]) for n in shown),
        f"{name} on the same {len(rows)}{part} rows",
    )  # fmt: skip


def _known(manifest: Path, name: str) -> dict[str, str]:
    """What the bundle answered to the rows that judged it; its files are those that its manifest knows."""
    folder, why = manifest.parent, ""
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        read = {each: digest for each, digest in files.items() if each.partition("/")[0] in (NAME, *_PARTS)}
        bent = [each for each, digest in read.items() if digest_file(folder / each) != digest]
        known = read_answers(folder / NAME) if NAME in read else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        bent, known, why = ["manifest.json"], {}, f" ({error})"
    if bent:
        raise StageError(f"{folder}, the {name}, is damaged: {bent[0]}{why}\n    {_WAY_OUT}")
    return known


def _laid_out(bundle: Path, folder: Path) -> Path:
    """A copy of the bundle as far as answers need it: Python leaves what it compiles beside the files."""
    place = folder / "bundle"
    shutil.rmtree(place, ignore_errors=True)
    for part in _PARTS:
        if (bundle / part).is_dir():
            shutil.copytree(bundle / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(bundle / part, place / part)
    return place


def _asked(bundle: Path, rows: Sequence[Example], name: str, run: Run) -> list[str]:
    """What the bundle says to each row, by its own files in a process of its own."""
    inputs: list[Mapping[str, str]] = [row.input for row in rows]
    done = subprocess.run(
        [sys.executable, "-c", _ASK, str(bundle / "predict.py"), str(bundle / "model"),
         str(run.device.threads or 1)],
        input=json.dumps(inputs), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise StageError(f"the {name} cannot be asked about rows that are new to it: {last}\n    {_WAY_OUT}")
    return [str(each) for each in json.loads(done.stdout.splitlines()[-1])]  # what it imports may print
