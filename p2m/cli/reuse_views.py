"""Why a step is not run, as text. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2m.cli.log_views import command, when
from p2m.cli.progress import duration
from p2m.engine.explaining.explain import Reuse, listed


def reuse_text(reuse: Reuse, edited: Sequence[str], overrides: Mapping[str, Sequence[str] | None]) -> str:
    """Who made the result, what its key was made of, and what changed without reaching it."""
    made = reuse.action.preimage
    lines = [f"{reuse.step} does not run: the store holds its result", f"  made by   {_maker(reuse)}"]
    lines += [f"  key       {reuse.action.key[:12]}", f"  output    {reuse.action.output[:12]}"]
    lines.append("  the same as then, so the key is the same:")
    lines.append(f"    stage     {made['stage']} version {made['version']}, {made['kind']}")
    lines += [f"    input     {_input(*each)}" for each in reuse.inputs]
    lines.append(f"    settings  {listed(list(made['settings'])) or 'none'}")
    modules = {name for part in (made["code"], *made["components"].values()) for name in part}
    lines.append(f"    code      {len(modules)} modules and files")
    packages = [f"{name} {version}" for name, version in made["packages"].items()]
    lines += [f"    packages  {', '.join(packages)}"] if packages else []
    lines += ["    machine   this one"] if made["machine"] else []
    lines += [f"  written since, to no effect on it: {name}" for name in edited]
    for text, steps in overrides.items():
        lines.append(_override(text, steps, reuse.step))
    for cause in reuse.elsewhere:
        if cause.change is not None:
            lines.append(f"  {cause.what}: does not reach it, only {listed(cause.steps)}")
    return "\n".join(lines)


def _maker(reuse: Reuse) -> str:
    took = f"in {duration(reuse.action.seconds)}"
    if reuse.made_by is None:
        return f"a run that the journal no longer holds, {took}"
    run = reuse.made_by
    return f"{run.id}, {when(run.started)}, {took}: {command(run)}"


def _input(parameter: str, maker: str, digest: str) -> str:
    named = parameter if parameter == maker else f"{parameter} ({maker})"
    return f"{named} {digest[:12]}"


def _override(text: str, steps: Sequence[str] | None, step: str) -> str:
    if steps is None:
        return f"  override {text}: what the recipe says anyway"
    if not steps:
        return f"  override {text}: enters no key"
    if step in steps:
        return f"  override {text}: part of its key, as then"
    return f"  override {text}: reaches only {listed(steps)}"
