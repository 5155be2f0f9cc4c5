"""What each verb does: call the build layer, print, return the exit code."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from p2m import noop
from p2m.cli import arguments as typed
from p2m.errors import P2MError, UserError, nearest

CONTRACT_MISSED = 4
WORK_TO_DO = 10
INTERRUPTED = 130


def run(argv: Sequence[str]) -> int:
    """Run one verb; deliberate errors and Ctrl-C end in a message and an exit code, never a traceback."""
    arguments = typed.parse(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return VERBS[arguments.verb](arguments, list(argv))
    except P2MError as error:
        print(f"p2m {arguments.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "\ninterrupted; every finished step is kept, and so is what a training had written."
            "\nThe same command goes on from there.",
            file=sys.stderr,
        )
        return INTERRUPTED


def _terminate(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _project(arguments: argparse.Namespace) -> Any:
    from p2m.build import load

    outputs = getattr(arguments, "outputs", None)
    return load(arguments.recipe, arguments.words, trust=arguments.trust, outputs=outputs)


def _init(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.recipe_template import recipe_name

    prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    if not prompt.strip():
        raise UserError('the prompt is empty\n    try: p2m init "Answer a question from a passage."')
    name = arguments.name or recipe_name(prompt)
    path = arguments.output or Path("recipes") / f"{name}.yaml"
    if path.exists():
        raise UserError(f"{path}: exists already\n    choose another place with --output FILE")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(prompt, name, path), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    print(f"{path}\n    next: p2m plan {path}")
    return 0


def _rendered(prompt: str, name: str, path: Path) -> str:
    """The recipe's text, with the embedded teacher only where it can write the rows."""
    from p2m.parsing import parse_prompt
    from p2m.recipe_template import render_recipe
    from p2m.spec.components import FAMILIES, build_component

    task = parse_prompt(prompt)
    embedded = build_component({"target": "p2m.teachers.embedded.Embedded"}, FAMILIES["teacher"])
    teacher = "none" if embedded.refusal(task) else "embedded"
    row = json.dumps({field.name: "..." for field in (*task.inputs, task.output)})
    return render_recipe(prompt, name=name, file=str(path), teacher=teacher, row=row)


def _check(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.schema:
        from p2m.spec import json_schema

        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return 0
    from p2m.cli.views import project_text

    project = _project(arguments)
    if arguments.json:
        print(_as_json({"spec": project.composed.config, "task": project.task}))
    else:
        print(project_text(project))
    return 0


def _plan(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.build import preview
    from p2m.cli.views import preview_summary, preview_text

    previews = preview(_project(arguments))
    if arguments.json:
        print(_as_json([dataclasses.asdict(step) for step in previews]))
    else:
        print(preview_text(previews))
        print(preview_summary(previews))
    busy = any(step.status in ("run", "unknown") for step in previews)
    return WORK_TO_DO if arguments.exit_code and busy else 0


def _build(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.build import build
    from p2m.cli.progress import Progress
    from p2m.cli.views import build_text, relative, verdict_text

    if arguments.multirun:
        from p2m.cli.sweeps import sweep

        return sweep(arguments)
    project = _project(arguments)
    print(f"{project.plan.name}: {relative(project.recipe)}", file=sys.stderr)
    with Progress() as progress:
        built = build(project, progress)
    code = 0 if built.verdict.ship else CONTRACT_MISSED
    if arguments.json:
        print(
            _as_json({"verdict": built.verdict, "folder": str(built.folder), "steps": built.result.outcomes})
        )
        return code
    print(build_text(built))
    steps = sum(built.result.counts.values())
    text = f"{steps} steps: nothing to do.\n{verdict_text(built)}"
    noop.remember(argv, noop.Answer(text, code), (*project.read, built.folder))
    return code


def _why(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.build import why

    lines = why(_project(arguments), arguments.step)
    print(_as_json(lines) if arguments.json else "\n".join(lines))
    return 0


def _graph(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.build import graph

    print(graph(_project(arguments), arguments.format))
    return 0


def _show(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.build import made
    from p2m.cli.views import artifact_text

    project = _project(arguments)
    names = [step.name for step in project.plan.steps if not step.is_source]
    if arguments.step is not None and arguments.step not in names:
        raise UserError(f"no step {arguments.step!r} in this plan: {nearest(arguments.step, names)}")
    wanted = [arguments.step] if arguments.step else names
    values = {name: made(project, name) for name in wanted}
    if arguments.json:
        print(_as_json(values))
        return 0
    for name, value in values.items():
        if len(wanted) > 1:
            print(f"{name}: {'not built yet' if value is None else type(value).__name__}")
        elif value is None:
            raise UserError(f"{name} has not been built yet\n    next: p2m build {arguments.recipe}")
        else:
            print(artifact_text(value, rows=arguments.rows))
    return 0


def _predict(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.runtimes import predict

    if not (arguments.bundle / "manifest.json").is_file():
        raise UserError(
            f"{arguments.bundle}: no bundle here\n    next: p2m build RECIPE, which makes one in outputs/"
        )
    rest = [] if arguments.input is None else ["--", arguments.input]
    return predict.main(["--model", str(arguments.bundle / "model"), *rest])


def _doctor(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli import doctor

    findings = doctor.examine()
    print(_as_json(doctor.as_data(findings)) if arguments.json else doctor.as_text(findings))
    return 1 if any(finding.state == "bad" for finding in findings) else 0


def _as_json(value: Any) -> str:
    def plain(item: Any) -> Any:
        return (
            dataclasses.asdict(item)
            if dataclasses.is_dataclass(item) and not isinstance(item, type)
            else str(item)
        )

    return json.dumps(value, indent=2, ensure_ascii=False, default=plain)


VERBS: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "init": _init, "check": _check, "plan": _plan, "build": _build, "why": _why,
    "graph": _graph, "show": _show, "predict": _predict, "doctor": _doctor,
}  # fmt: skip
