"""What a build would do and why, as text. Pure: values in, lines out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from p2m.cli.groups import STATUS, fold, maker, worst
from p2m.cli.text import duration, table
from p2m.download_forecast import Download
from p2m.engine.explaining.differences import Change
from p2m.engine.explaining.explain import VERBS, Cause, Reason, StepPreview, listed
from p2m.engine.explaining.graphs import MARKS
from p2m.engine.explaining.survey import Survey
from p2m.project import Project
from p2m.sizes import show_size

_MOST = 6  # changes of one step that a plan shows
_NAMES = 5  # steps that a line names


def plan_text(previews: Sequence[StepPreview], groups: Mapping[str, str]) -> str:
    """A line a step or group: its mark, what would happen, the expected time and size, the exact reason."""
    steps = {told.step: told for told in previews if told.status != "source"}
    sources = {told.step: told for told in previews if told.status == "source"}
    rows = []
    for line in fold(((told.step, STATUS[told.status], _due(told)) for told in steps.values()), groups):
        members = [steps[name] for name in line.steps]
        mark = MARKS[worst(told.status for told in members)]
        time = duration(line.seconds) if line.seconds is not None else ""
        sizes = [told.size for told in members if told.size is not None]
        reasons = dict.fromkeys(reason for told in members for reason in _reasons(told, sources))
        cells = (time, show_size(sum(sizes)) if sizes else "", "\n".join(_first([*reasons], line.steps)))
        rows.append((f"{mark} {line.name}", line.status, *cells))
    return table(rows, indent=2, right={2: 10, 3: 8})


def plan_summary(previews: Sequence[StepPreview]) -> str:
    """`12 steps: 3 cached, 1 to run, 8 may run. About 3.1 s; about 16 s if all of them run.`"""
    steps = [told for told in previews if told.status != "source"]
    count = {status: sum(told.status == status for told in steps) for status in STATUS}
    text = f"{len(steps)} steps: {count['cached']} cached, {count['run']} to run"
    text += f", {count['unknown']} may run" if count["unknown"] else ""
    if not count["run"] and not count["unknown"]:
        return f"{len(steps)} steps: nothing to do."
    sure, all_of_them = _sum(steps, ("run",)), _sum(steps, ("run", "unknown"))
    if all_of_them is None:
        return f"{text}."
    if sure is None or not count["unknown"]:
        return f"{text}. About {duration(all_of_them)} by earlier builds."
    return f"{text}. About {duration(sure)} by earlier builds, {duration(all_of_them)} if all of them run."


TRAININGS = ("train", "train_taught")  # stages


def training_text(project: Project, found: Survey, *, probe: bool = False) -> str:
    """A line a student that may be tuned: rows, steps, rate and time; "" where nothing is trained."""
    from p2m.forecast import forecasts, measure_speed

    trainings = [
        step.name for step in project.plan.steps if step.stage is not None and step.stage.name in TRAININGS
    ]
    if all(found.found[name].status == "cached" for name in trainings):
        return ""
    spec, task = project.composed.spec, project.task
    if probe:
        measure_speed(spec, task, found)
    lines = []
    for told in forecasts(spec, task, found):
        time = "time unknown on this machine; measure it: --probe"
        if told.seconds is not None:
            time = f"about {duration(told.seconds)} on this machine"
        lines.append(f"  {told}: {time}\n")
        lines += [f"    {told.search}\n"] if told.search else []
    return "".join(lines)


def ranking_text(project: Project, found: Survey) -> str:
    """A line a candidate, where rows tell which is best, and which learn from a sample of the rows alone; ""
    where there is nothing to do.
    """
    from p2m.forecast import ranking, sampled

    if all(told.status in ("cached", "source") for told in found.previews):
        return ""
    spec, task = project.composed.spec, project.task
    rows = ranking(spec, task, found)
    text = f"students:\n{table(rows, indent=2, right={1: 6, 2: 8})}\n" if rows else ""
    return text + sampled(spec, task, found)


def downloads_text(told: Sequence[Download] | None, catalogues: Sequence[str]) -> str:
    """A line a dataset that will be fetched; "" where there is none."""
    if told is None:
        named = "".join(f" --catalog {shlex.quote(path)}" for path in catalogues)
        return (
            "  what is fetched from the Hub is known once the steps before have run\n"
            f"    candidates with licences and sizes before: p2m catalog search PROMPT{named}\n"
        )
    lines = []
    for one in told:
        size = f"at most {show_size(one.most)}"
        if one.size is not None:
            size = show_size(one.size) if one.size <= one.most else f"{size} of {show_size(one.size)}"
        pin = f"commit {one.revision[:12]}" if one.revision else "its head, pinned when it is loaded"
        lines.append(
            f"  {one.step} fetches {one.name}: {size}, licence {one.license or 'not named'}, {pin}\n"
        )
    return "".join(lines)


def why_text(reason: Reason, sources: Mapping[str, Sequence[str]]) -> str:
    """The chain of reasons down to the leaf; `sources` has what is known of the rows of sources."""
    return "\n".join(_reason_lines(reason, "", sources))


def causes_text(
    previews: Sequence[StepPreview], causes: Sequence[Cause], sources: Mapping[str, Sequence[str]]
) -> str:
    """Every cause with the steps that it reaches."""
    if not causes:
        return plan_summary(previews)
    grouped: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for cause in causes:
        told = grouped.setdefault((cause.steps, cause.follow), [])
        told += [_headline(cause), *(f"  {change}" for change in cause.files)]
        if cause.change is not None and cause.change.kind == "source":
            told += [f"  {line}" for line in sources.get(cause.change.path, ())]
    lines = []
    for (steps, follow), told in grouped.items():
        perhaps = f"; perhaps {_some(follow)}" if follow else ""
        lines += [*told, f"  -> {_some(steps)}{perhaps}"]
    return "\n".join([*lines, plan_summary(previews)])


def outputs_text(rows: Sequence[tuple[str, str, int | None, str]]) -> str:
    """A line a step: the type, size and digest of what it made."""
    cells = [
        (name, kind, *((show_size(number), digest[:12]) if number is not None else ("", "not built yet")))
        for name, kind, number, digest in rows
    ]
    return table(cells, right={2: 8})


def _headline(cause: Cause) -> str:
    change = cause.change
    if change is None:
        return cause.what
    if change.kind == "source":
        return f"{change.path} {'is new' if not change.old else 'changed'}  {change.where}".rstrip()
    return str(change)


def _due(told: StepPreview) -> float | None:
    return None if told.status == "cached" else told.seconds


def _sum(steps: Sequence[StepPreview], statuses: Sequence[str]) -> float | None:
    """Seconds of the steps of these statuses; None where no such step has ever been timed."""
    known = [told.seconds for told in steps if told.status in statuses and told.seconds is not None]
    return sum(known) if known else None


def _reasons(told: StepPreview, sources: Mapping[str, StepPreview]) -> list[str]:
    """The exact changes of a step, a line each; of a source that changed, its files."""
    note = [told.note] if told.note else []
    if told.status == "cached":
        return note if told.reason == "unchanged" else [told.reason, *note]
    if not told.changes:
        return [told.reason]
    lines: list[str] = []
    for change in told.changes:
        made_by = sources.get(maker(change))
        lines += _source_lines(change, made_by) if made_by is not None else [str(change)]
    return lines


def _first(reasons: Sequence[str], steps: Sequence[str]) -> Sequence[str]:
    """The reasons of these steps, or the first few and where the others are told."""
    others = f"p2m why RECIPE {steps[0]}" if len(steps) == 1 else "--unfold"
    more = f"and {len(reasons) - _MOST} more: {others}"
    return reasons if len(reasons) <= _MOST + 1 else [*reasons[:_MOST], more]


def _source_lines(change: Change, source: StepPreview) -> list[str]:
    if not source.changes:
        return [f"{source.step} {'is new' if not change.old else 'changed'}"]
    return [f"{source.step}: {file}" for file in source.changes]


def _reason_lines(reason: Reason, indent: str, sources: Mapping[str, Sequence[str]]) -> list[str]:
    if reason.status == "source":
        moved = "changed" if reason.changes else reason.text
        lines = [f"{indent}{reason.step} {moved}"]
        lines += [f"{indent}  {change}" for change in reason.changes]
        return lines + [f"{indent}  {line}" for line in sources.get(reason.step, ())]
    head = f"{indent}{reason.step} {VERBS[reason.status]}"
    if reason.again:
        return [f"{head} (see above)"]
    told = {inner.step for inner in reason.because}
    lines = [f"{head}: {reason.text}"]
    lines += [f"{indent}  {change}" for change in reason.changes if maker(change) not in told]
    for inner in reason.because:
        lines += _reason_lines(inner, indent + "  ", sources)
    return lines


def _some(names: Sequence[str]) -> str:
    """The names, or the first few of them and how many more."""
    if len(names) <= _NAMES + 1:
        return listed(names)
    return f"{', '.join(names[:_NAMES])} and {len(names) - _NAMES} more"
