"""package: the bundle, a folder that runs without p2m, and the verdict on it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from p2m.deploy import answered, server
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.card import Facts, model_card, sources
from p2m.deploy.serving import (
    asking,
    command,
    feedback,
    file_answers,
    http,
    lines,
    objects,
    parquet,
    part,
    separated,
    tables,
)
from p2m.deploy.serving.http import (
    app,
    batcher,
    bundles,
    errors,
    fitting,
    guard,
    messages,
    metrics,
    native,
    openai_api,
    options,
    running,
    schema,
    service,
)
from p2m.deploy.serving.http import command as http_command
from p2m.deploy.shipping import lay_out, paths, requirements, shipped
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.types import (
    Account,
    Backend,
    Bundle,
    Choice,
    Evaluated,
    Exported,
    Held,
    Measured,
    Report,
    Split,
    Task,
    Verdict,
)
from p2m.version import __version__

SCHEMA = 1  # of manifest.json
MANIFEST = "manifest.json"
# What a bundle ships beside its predictor.
ASKING = paths(command, asking, file_answers, part, tables, lines, objects, separated, parquet)
SERVER = paths(
    server, feedback, http, http_command, app, batcher, bundles, errors, fitting, guard, messages, metrics,
    native, openai_api, options, running, schema, service,
)  # fmt: skip
# What these import, beside what the predictor does: of no version that happens to be installed here.
SERVER_NEEDS = (
    "fastapi>=0.139,<1", "httptools>=0.6,<1 ; platform_python_implementation == 'CPython'",
    "prometheus-client>=0.23,<1", "uvicorn>=0.40,<1",
    "uvloop>=0.21,<1 ; sys_platform != 'win32' and platform_python_implementation == 'CPython'",
)  # fmt: skip


@stage(version="2", kind="pure")
def package(
    task: Task,
    parts: Split,
    choice: Choice,
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
    verdict: Verdict,
    account: Account | None,
    held: Held | None,
    report: Report,
    *,
    name: str,
    spec: dict[str, Any],
    backend: Backend = ONNX,
    run: Run,
) -> Bundle:
    """Write the bundle folder; no clock and no place, so the same artifacts give the same bytes.

    `spec` is the recipe as plain data, for the manifest.
    """
    facts = Facts(
        name, task, parts, choice, exported, evaluated, measured, verdict, _license(spec, choice),
        requirements(exported.model, backend), account, held,
    )  # fmt: skip
    folder = run.folder / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(exported.model, folder / "model")
    shutil.copytree(report.folder, folder, dirs_exist_ok=True)
    lay_out(shipped(exported.model, backend) | ASKING | SERVER, folder)
    _write(folder / answered.NAME, answered.as_lines(evaluated.rows))
    _write(folder / "README.md", model_card(facts))
    _write(folder / "requirements.txt", "".join(f"{need}~={_minor(need)}\n" for need in facts.needs))
    _write(folder / "requirements-server.txt", "".join(f"{need}\n" for need in SERVER_NEEDS))
    _write(folder / MANIFEST, json.dumps(_manifest(facts, spec, folder), indent=2, ensure_ascii=False) + "\n")
    sums = digests(folder)
    _write(folder / command.CHECKSUMS, "".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    return Bundle(folder, verdict)


def digests(folder: Path) -> dict[str, str]:
    """Relative path to sha256 of every file below `folder`, by path."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return dict(sorted(found.items()))


def _manifest(facts: Facts, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Everything a machine may want to know of a bundle, as plain data."""
    evaluated, exported = facts.evaluated, facts.exported
    fit = exported.fit
    task = {key: value for key, value in asdict(facts.task).items() if key != "reasons"}
    return {
        "schema": SCHEMA,
        "name": facts.name,
        "p2m": __version__,
        "task": task,
        "verdict": {**asdict(facts.verdict), "ship": facts.verdict.ship},
        "metrics": [asdict(score) for score in evaluated.scores],
        "baselines": evaluated.baselines,
        "teacher": _teacher(evaluated),
        "judge": asdict(evaluated.judgement) if evaluated.judgement else None,
        "account": asdict(facts.account) if facts.account else None,
        "held": asdict(facts.held) if facts.held else None,
        "sureness": asdict(evaluated.sureness) if evaluated.sureness else None,
        "rewritten": [asdict(each) for each in evaluated.rewritten],
        "slices": [asdict(each) for each in evaluated.slices],
        "evidence": evaluated.evidence,
        "measured": asdict(facts.measured),
        "model": {
            "student": facts.choice.student,
            "reasons": facts.choice.reasons,
            "refused": facts.choice.refused,
            "cross_validated": facts.choice.scores,
            "parameters": exported.parameters,
            "precision": exported.precision,
            "size_bytes": exported.size_bytes,
            "variants": [asdict(each) for each in exported.variants],
            "license": facts.license,
        },
        "training": {
            "steps": fit.steps,
            "best": fit.best,
            "history": [asdict(each) for each in fit.history],
            "trials": [asdict(each) for each in fit.trials],
            "proposal": fit.proposal,
            "environment": fit.environment,
        },
        "data": {
            "rows": {part: len(getattr(facts.parts, part)) for part in ("train", "validation", "test")},
            "sources": dict(sources(facts.parts.train)),
            "figures": facts.parts.figures,
        },
        "spec": spec,
        "runtime": {need: version(need) for need in facts.needs},
        "files": digests(folder),
    }


def _teacher(evaluated: Evaluated) -> dict[str, Any]:
    """The teacher beside the model; a score of None where it was not asked."""
    found = asdict(evaluated.teacher) if evaluated.teacher else {"value": None}
    return {"score": found.pop("value"), "note": evaluated.teacher_note, **found}


def _license(spec: dict[str, Any], choice: Choice) -> str:
    """The base model's licence, as its component states it."""
    student = spec.get("students", {}).get(choice.student) or {}
    return str(student.get("license", "unknown"))


def _minor(distribution: str) -> str:
    """Major and minor of the installed version: what `~=` keeps within one major."""
    return ".".join(version(distribution).split(".")[:2])


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
