"""Why a step is not run, as text. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2m.cli.log_views import command
from p2m.cli.text import duration, table, when
from p2m.engine.explaining.explain import Reuse, listed


def reuse_text(reuse: Reuse, edited: Sequence[str], overrides: Mapping[str, Sequence[str] | None]) -> str:
    """Who made the result, what its key was made of, and what changed without reaching it."""
    made = reuse.action.preimage
    key, output = reuse.action.key[:12], reuse.action.output[:12]
    result = [("made by", _maker(reuse)), ("key", key), ("output", output)]
    modules = {name for part in (made["code"], *made["components"].values()) for name in part}
    packages = ", ".join(f"{name} {version}" for name, version in made["packages"].items())
    parts = [
        ("stage", f"{made['stage']} version {made['version']}, {made['kind']}"),
        *(("input", _input(*each)) for each in reuse.inputs),
        ("settings", listed(list(made["settings"])) or "none"),
        ("code", f"{len(modules)} modules and files"),
        *([("packages", packages)] if packages else []),
        *([("machine", "this one")] if made["machine"] else []),
    ]
    lines = [f"{reuse.step} does not run: the store holds its result", table(result, indent=2)]
    lines += ["  the same as then, so the key is the same:", table(parts, indent=4)]
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
