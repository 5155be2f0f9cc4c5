"""compress: the fitted student as an ONNX folder, and the smaller variants of it that keep the metric.

Every variant is judged on the validation rows through the very predictor that the bundle ships.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from p2m.compression.base import Compressor
from p2m.deploy.base import Predictor
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.metrics.base import Metric
from p2m.stages.lessons import sample
from p2m.students.base import LinearStudent, Student, labels_of
from p2m.types import Choice, Constraints, Example, Exported, Split, Task, TaskType, Trained, Trial

FULL = "fp32"
MAX_ROWS = 500  # rows that a gate judges by
_CHUNK = 100  # rows between two reports of progress; those of one length go through the model together


@stage(version="2", kind="seeded", cpus="all")
def compress(
    task: Task,
    parts: Split,
    choice: Choice,
    trained: Trained,
    *,
    students: dict[str, Student],
    compressors: dict[str, Compressor],
    metric: Metric,
    tolerance: float,
    constraints: Constraints,
    seed: int,
    run: Run,
) -> Exported:
    """Export in fp32, try each compressor, keep the smallest that loses at most `tolerance` of the metric.

    Where only a variant that the gate refused is within `constraints.max_size`, the fp32 one stays, and the
    trial says so: a model that is small and wrong is no model.

    Raises:
        StageError: a compressor or the exporter made nothing that can be opened.
    """
    rows = sample(task, parts.validation or parts.train, MAX_ROWS, seed)
    judged = "validation" if parts.validation else "training rows"
    linear = isinstance(students[choice.student], LinearStudent)  # its encoder was made smaller before
    full = trained.environment.get("precision", FULL) if linear else FULL
    folders = {full: _fresh(run.folder / "export" / full)}
    labels = labels_of(task, parts.train)
    students[choice.student].export(task, labels, trained.checkpoint, folders[full])
    scores = {full: _score(folders[full], rows, metric, run)}
    run.say(f"{full}: {metric.name} {scores[full]:.4f} on {judged}, {_size(folders[full]) / 1e6:.1f} MB")
    for compressor in () if linear else compressors.values():
        name = compressor.name
        folders[name] = _fresh(run.folder / "export" / name)
        compressor.compress(folders[full], folders[name])
        scores[name] = _score(folders[name], rows, metric, run)
        run.say(f"{name}: {metric.name} {scores[name]:.4f} on {judged}, {_size(folders[name]) / 1e6:.1f} MB")
    trials = tuple(_trial(name, full, folders, scores, tolerance, constraints) for name in folders)
    best = min((trial for trial in trials if trial.kept), key=lambda trial: (trial.size_bytes, trial.name))
    model = run.folder / "model"
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(folders[best.name], model)
    learnt = len(parts.train) + (len(parts.validation) if linear else 0)
    warnings = _warnings(task, trained, learnt, linear=linear)
    return Exported(model, best.name, trained.parameters, best.size_bytes, trials, warnings)


def _warnings(task: Task, trained: Trained, rows: int, *, linear: bool) -> tuple[str, ...]:
    """What of the rows was not learnt."""
    if not trained.cut:
        return ()
    reads = "its encoder reads" if linear else "training.max_length and the student allow"
    hint = "; student=linear_tfidf reads all of them" if task.type is TaskType.CLASSIFICATION else ""
    return (
        f"{trained.cut:,} of {rows:,} training rows are longer than {reads}: their end was cut off{hint}",
    )


def _trial(
    name: str, full: str, folders: dict[str, Path], scores: dict[str, float], tolerance: float,
    constraints: Constraints,
) -> Trial:  # fmt: skip
    """What the gate says to a variant."""
    size, lost = _size(folders[name]), scores[full] - scores[name]
    if name == full:
        reason = "the exported model itself"
        kept = True
    else:
        kept = (
            lost <= tolerance + 1e-9
        )  # the metric is a mean of floats: 0.02 lost may read 0.020000000000000018
        word = "at most" if kept else "more than"
        reason = f"loses {max(0.0, lost):.4f}, {word} the {tolerance:g} that is tolerated"
    if constraints.max_size is not None:
        fits = size <= constraints.max_size
        reason += f"; {'within' if fits else 'over'} max_size ({size:,} of {constraints.max_size:,} bytes)"
        others = [_size(folder) for other, folder in folders.items() if other != name]
        if fits and not kept and all(other > constraints.max_size for other in others):
            reason += "; it is the only one that fits, so the size cannot be met: raise max_size or tolerance"
    return Trial(name, scores[name], size, kept, reason)


def _score(folder: Path, rows: Sequence[Example], metric: Metric, run: Run) -> float:
    """The metric of an exported folder on `rows`; 0.0 where there are none."""
    try:
        predictor = Predictor(folder, threads=run.device.threads)
        answers = []
        for start in range(0, len(rows), _CHUNK):
            chunk = [row.input for row in rows[start : start + _CHUNK]]
            answers += predictor.predict(chunk, batch_size=len(chunk))
            run.progress(len(answers), len(rows), f"{folder.name} on validation rows")
    except RuntimeError as error:
        raise StageError(f"{folder.name}: the exported model does not run ({error})") from error
    if not rows:
        return 0.0
    return metric.value(
        metric.statistics([answer.output for answer in answers], [row.answers for row in rows])
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
