"""Wishes that cannot come true, found from the spec and the parsed task alone, before anything is spent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from p2m.engine.handles import Network
from p2m.errors import nearest
from p2m.metrics.base import JudgeMetric
from p2m.parsing import not_built
from p2m.sizes import show_size
from p2m.spec.candidates import STEPS, Refusal, allowed, least_bytes, refusals, rounded
from p2m.spec.distilling import distil_problems
from p2m.spec.model import TEACHER_RATIO, ModelSpec
from p2m.spec.units import reachable, unreachable
from p2m.teachers.asking.prices import how_to_price, unit_price
from p2m.teachers.chat import ChatTeacher
from p2m.tuning.base import left_out
from p2m.types import (
    ExtraBackend,
    LinearStudent,
    Student,
    Task,
    TunedStudent,
    VocabularyCompressor,
)


def feasibility(spec: ModelSpec, task: Task) -> list[tuple[str, str, str]]:
    """What cannot be met: (config path, message, what to type instead)."""
    if not task.type.is_learnt:
        return [("task.type" if spec.task.type else "prompt", *not_built(task))]
    found = [*_names(spec, task), *_students(spec, task), *_encoders(spec, task), *_baselines(spec)]
    found += [*_vocabularies(spec, task), *_runtime(spec, task), *_mapped(spec, task), *_wished(spec)]
    found += _grouped(spec, task)
    found += [
        *_searched(spec, task),
        *_described(spec, task),
        *_metrics(spec, task),
        *_requirements(spec, task),
        *_rows(spec, task),
    ]
    return [*found, *_taught(spec, task), *distil_problems(spec, task), *_allowed(spec)]


def _names(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Candidates whose names cannot be told apart from others in the names of steps."""
    for section, names in (
        ("student", spec.student.candidates),
        ("compression", spec.compression.candidates),
    ):
        for name in names:
            path = f"{section}.candidates.{name}"
            if not re.fullmatch(r"\w+", name):
                message = f"{name!r} names steps, such as train-minilm-2, where a hyphen ends a name"
                yield path, message, "name it by one word of letters, digits and _"
            elif section == "student" and name in STEPS and task.type.is_chosen_for:
                yield path, f"{name} is what a step of builds is called", f"name it e.g. {name}_student"


def _runtime(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """A backend that is not here, or cannot run what would be exported."""
    runtime, hint = spec.runtime, "choose another, e.g. runtime=onnx"
    if reason := runtime.refusal(task):
        yield "runtime", f"does not fit the task: {reason}", hint
    elif isinstance(runtime, ExtraBackend):
        if extra := runtime.missing():
            yield "runtime", f"{runtime.name} is not installed", f"type: pip install 'p2m[{extra}]'"
        able = allowed(spec.student.candidates, task, spec.limits)
        for name, student in able.items():
            if reason := runtime.unfit(student):
                yield "runtime", f"{runtime.name} cannot run {name}: {reason}", hint


def _searched(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """A search that cannot be made: nothing proposes here, or there is nothing to set."""
    if spec.tuning.trials == 1:
        return
    if reason := spec.tuning.component.refusal():
        message, _, what = reason.partition(": ")
        yield "tuning", message, f"type: {what}; or draw at random: tuning=random" if what else ""
    able = allowed(spec.student.candidates, task, spec.limits).items()
    without = {
        name: left_out(spec.tuning.space, student, spec.training)
        for name, student in able
        if isinstance(student, TunedStudent)
    }
    for name, reasons in without.items():
        if reasons.keys() == spec.tuning.space.keys():
            said = "; ".join(f"{setting}: {reason}" for setting, reason in reasons.items()) or "it is empty"
            hint = "give it a setting, e.g. tuning.space.learning_rate='x0.3 .. x3 log'"
            yield "tuning.space", f"nothing of {name} can be searched for: {said}", hint


def _mapped(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Columns of datasets for fields that the task has not."""
    fields = [each.name for each in (*task.inputs, task.output)]
    for dataset, mapping in spec.retriever.mapping.items():
        for name in mapping:
            if name not in fields:
                path = f"retriever.mapping.{dataset}.{name}"
                yield path, f"the task has no field {name!r}", nearest(name, fields)


def _grouped(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """A column that says which rows belong together, and is not there for that alone."""
    group, names = spec.data.group, [each.name for each in task.inputs]
    if group is not None and not (spec.data.train or spec.data.inputs):
        yield (
            "data.group",
            f"{group!r} is a column of rows of yours, and there are none",
            "give data.train=FILE",
        )
    if group == task.output.name:
        yield (
            "data.group",
            f"{group!r} is the answer (task.output)",
            "name the column of who or what a row is of",
        )
    if group in names:
        rest = ", ".join(name for name in names if name != group)
        hint = f"write task: {{inputs: [{rest}]}}" if rest else "name another column"
        yield "data.group", f"{group!r} goes in, too, and tells nothing of groups that are new", hint


def _wished(spec: ModelSpec) -> Iterator[tuple[str, str, str]]:
    """Rows of datasets that no teacher is there to turn."""
    for dataset in spec.retriever.wishes if spec.teacher.chat("answer") is None else ():
        path, hint = f"retriever.transform.{dataset}", "choose a chat model: teacher=anthropic; or write SQL"
        yield path, "there is no teacher that could turn its rows", hint


def _described(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Descriptions of what is no label."""
    for label in spec.task.descriptions:
        if task.labels and label not in task.labels:
            path, message = f"task.descriptions.{label}", f"{label!r} is no label of the task"
            yield path, message, nearest(label, task.labels)


def _students(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """No candidate can be taken; says of each why."""
    candidates = spec.student.candidates
    found = {name: refusals(student, task, spec.limits) for name, student in candidates.items()}
    if not all(found.values()):
        return
    message = "; ".join(f"{name} {_listed(reasons)}" for name, reasons in found.items())
    path = _shared_path(list(found.values()))
    able = [candidates[name] for name, reasons in found.items() if all(r.path == path for r in reasons)]
    yield path, f"no student can be taken: {message}", _way_out(path, able, spec)


def _encoders(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Linear candidates over different encoders: rows are embedded once for all of them."""
    readers = {
        name: student.encoder
        for name, student in allowed(spec.student.candidates, task, spec.limits).items()
        if isinstance(student, LinearStudent) and student.encoder is not None
    }
    first = next(iter(readers), "")
    for name, encoder in readers.items():
        if encoder != readers[first]:
            message = f"{name} reads another encoder than {first}, and rows are embedded once for both"
            hint = f"give both the same model, revision, sha256 and window, or {first}: null"
            yield f"student.candidates.{name}", message, hint


def _vocabularies(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Students that are within the size with a part of their vocabulary alone, where nothing cuts it."""
    limit, ways = spec.constraints.max_size, spec.compression.candidates.values()
    if limit is None or any(isinstance(each, VocabularyCompressor) for each in ways):
        return
    for name, student in allowed(spec.student.candidates, task, spec.limits).items():
        whole = getattr(student, "whole_bytes", 0)
        if whole > limit:
            message = f"{name} takes about {rounded(whole)}B with all of its vocabulary"
            yield "constraints.max_size", f"{message} (at most {show_size(limit)} allowed)", _CUT


_CUT = "keep what the recipe's languages are written in: compression=trimmed"


def _baselines(spec: ModelSpec) -> Iterator[tuple[str, str, str]]:
    """Baselines that would have to be trained."""
    for name, student in spec.baselines.candidates.items():
        if not isinstance(student, LinearStudent):
            message = f"{name} is tuned step by step, and a baseline is solved in seconds"
            yield f"baselines.candidates.{name}", message, "choose linear students: baselines=linear"


def _shared_path(refusals: list[list[Refusal]]) -> str:
    """The limit to lift: one that stands alone in the way of a student, else one that is in every way."""
    alone = [reasons[0].path for reasons in refusals if len({reason.path for reason in reasons}) == 1]
    limits = [path for path in alone if path != "student"]
    common = set.intersection(*({reason.path for reason in reasons} for reasons in refusals))
    return next(iter([*limits, *sorted(common), *alone]), "student")


_LADDER = 0.5  # of a student's bytes, what compression=ladder may well leave


def _way_out(path: str, able: list[Student], spec: ModelSpec) -> str:
    """What to type so that one of the `able` students, which only `path` refuses, can be taken."""
    if path == "constraints.max_parameters" and able:
        least = rounded(min(one.parameters for one in able), up=True)
        return f"raise it to {least}, or choose another student"
    if path == "constraints.max_size" and able:
        limits = spec.limits
        size = min(least_bytes(one, limits) for one in able)
        half = min(least_bytes(one, replace(limits, least_share=_LADDER)) for one in able)
        smaller = not spec.compression.ladder and limits.least_share == 1 and half <= (limits.max_size or 0)
        further = " or make it smaller: compression=ladder," if smaller else ""
        return f"raise it to {rounded(size, up=True)}B,{further} or choose another student"
    if path == "constraints.licenses" and able:
        return f"accept one of: {', '.join(sorted({one.license for one in able}))}"
    if path == "constraints.languages":
        return "choose a student that reads them, e.g. student=e5_small, or linear_tfidf for labels"
    return (
        "choose another student, e.g. student=auto, or correct what is read: task.type=..., task.language=..."
    )


def _metrics(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Metrics that there are none of, or that do not fit the task."""
    fitting = [name for name, metric in spec.metric.items() if metric.refusal(task) is None]
    wanted = [(f"metrics.also[{index}]", name) for index, name in enumerate(spec.metrics.also)]
    required = dict.fromkeys(one.metric for one in spec.metrics.require if one.metric != TEACHER_RATIO)
    wanted += [(f"metrics.require.{name}", name) for name in required]
    if spec.metrics.primary is not None:
        wanted.insert(0, ("metrics.primary", spec.metrics.primary))
    elif not any(name in fitting for name in task.metrics):
        known = f"one of: {', '.join(fitting)}" if fitting else "add one to the group `metric`"
        yield "metrics.primary", f"none of the chosen metrics suits a {task.type} task", known
    for path, name in wanted:
        if name not in spec.metric:
            there_are = [*spec.metric, TEACHER_RATIO] if ".require." in path else list(spec.metric)
            yield path, f"there is no metric {name!r}", nearest(name, there_are)
        elif path == "metrics.primary" and isinstance(spec.metric[name], JudgeMetric):
            yield path, f"{name} asks a teacher for each row, so it cannot steer training", "use metrics.also"
        elif reason := spec.metric[name].refusal(task):
            fits = f"of a {task.type} task, these fit: {', '.join(fitting)}" if fitting else ""
            yield path, f"{name} does not fit the task: {reason}", fits


def _requirements(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Requirements that no model can meet."""
    for requirement in spec.metrics.require:
        path = f"metrics.require.{requirement.metric}"
        if requirement.metric == TEACHER_RATIO:
            teacher = spec.teacher.of("answer")
            if teacher is None:
                yield path, "there is no teacher to compare with", "remove it, or choose a teacher"
            elif not isinstance(teacher, ChatTeacher):
                message = "the chosen teacher writes rows with their answers but cannot answer others, so"
                hint = "remove it, or require a metric, e.g. exact_match: '>= 0.60'"
                yield path, f"{message} there is nothing to compare with", hint
        elif found := unreachable(requirement, spec.metric.get(requirement.metric)):
            yield path, *found


def _is_error(spec: ModelSpec, task: Task) -> bool:
    """Whether less of the primary metric is better."""
    names = (spec.metrics.primary,) if spec.metrics.primary else task.metrics
    primary = next((spec.metric[name] for name in names if name in spec.metric), None)
    return bool(getattr(primary, "lower_is_better", False))


def _rows(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """Nothing to learn from: no teacher that writes rows, no rows of the user's, no place to look for any."""
    searching = spec.retriever.component is not None and bool(spec.retriever.sources)
    if asks_people(spec) and spec.data.inputs and not spec.data.decisions and not spec.data.train:
        yield "data.decisions", "nobody has answered a text yet", "answer some: p2m review data RECIPE"
    if searching or any((spec.data.train, spec.data.inputs, spec.data.decisions)):
        return
    ways = (
        "give rows with data.train=FILE, or datasets with retriever.sources=[FOLDER],"
        " or let a chat model write them: teacher=anthropic"
    )
    if spec.retriever.sources:
        ways = "retriever.sources is given, but no retriever: choose one, e.g. retriever=bm25"
    teacher, path = spec.teacher.of("generate"), spec.teacher.place("generate")
    if teacher is None:
        yield path, "there is nothing to learn from: no teacher, no data.train, no datasets", ways
    elif reason := teacher.refusal(task):
        yield path, f"the chosen teacher cannot write rows for this task: {reason}", ways
    elif spec.generation.num_examples == 0:
        yield (
            "generation.num_examples",
            "there is nothing to learn from: the teacher writes no rows",
            ways,
        )


def asks_people(spec: ModelSpec) -> bool:
    """Whether people answer the user's texts, rather than a model."""
    return bool(getattr(spec.teacher.of("generate"), "asks_people", False))


def _taught(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """What is asked of teachers that none can do."""
    for name in spec.wanted_metrics:
        if isinstance(spec.metric[name], JudgeMetric) and spec.teacher.chat("judge") is None:
            hint = "choose a chat model for it: +teacher@teacher.judge=anthropic"
            yield f"metrics.also.{name}", "there is no teacher that could judge", hint
    writer, answerer = spec.teacher.of("generate"), spec.teacher.chat("answer")
    ask = "choose a chat model for it, e.g. teacher=anthropic, or +teacher@teacher.answer=anthropic"
    if isinstance(writer, ChatTeacher) and answerer is None:
        path = spec.teacher.place("answer")
        yield path, "it cannot answer the inputs that the other teacher writes", ask
    for name in ("hypothetical", "rerank"):
        if getattr(spec.retriever, name) and answerer is None:
            message = "there is no chat teacher that could " + _PART[name]
            yield f"retriever.{name}", message, f"leave it out, or {ask}"
    alone = answerer is None and not asks_people(spec) and spec.distil.source is None
    if spec.data.inputs is not None and alone:
        yield "data.inputs", "there is no teacher that could answer them", ask
    elif spec.data.inputs is not None and answerer is not None and (reason := answerer.refusal(task)):
        path = spec.teacher.place("answer")
        yield path, f"the chosen teacher cannot answer inputs of this task: {reason}", "take another one"
    rows, labels = spec.rows_wanted, len(task.labels)
    if answerer is not None and 0 < rows < labels and spec.data.train is None and not spec.retriever.sources:
        message = f"{rows:,} inputs for {labels:,} labels leave labels without a row, which cannot be learnt"
        hint = f"take some ten a label: generation.num_examples={10 * labels}"
        yield "generation.num_examples", message, hint
    if spec.teacher.gate is None:
        return
    if answerer is None:
        yield "teacher.gate", "there is no teacher that could be held to it", f"remove it, or {ask}"
    elif spec.data.test is None and spec.data.train is None:
        message = "there are no rows with known answers to hold the teacher against"
        yield "teacher.gate", message, "give some 50 with data.test=FILE, or remove it"
    elif _is_error(spec, task) and spec.teacher.gate.operator in (">=", ">"):
        message = f"{spec.teacher.gate.operator} {spec.teacher.gate.value:g} asks for a large error"
        hint = f"write what it may be at most: '<= {spec.teacher.gate.value:g}'"
        yield "teacher.gate", message, hint
    elif not _is_error(spec, task) and not reachable(spec.teacher.gate):
        hint = "write a share from 0 to 1, e.g. '>= 0.8'"
        message = f"no teacher can reach {spec.teacher.gate.operator} {spec.teacher.gate.value:g}"
        yield "teacher.gate", f"{message}: metrics go from 0 to 1", hint


_PART = {"hypothetical": "describe datasets to look for", "rerank": "say which datasets fit"}


def _allowed(spec: ModelSpec) -> Iterator[tuple[str, str, str]]:
    """Limits under which nothing can be asked of a teacher that the build needs."""
    limits = spec.constraints
    used = {spec.teacher.place(role): spec.teacher.chat(role) for role in ("generate", "answer")}
    asked = {path: each for path, each in used.items() if each is not None}
    if not asked:
        return
    for path, teacher in asked.items():
        if getattr(teacher, "asks_elsewhere", True) and limits.network in (Network.NONE, Network.HUB):
            message = f"{limits.network} keeps {teacher.provider} ({path}) out of reach"
            hint = "allow it: constraints.network=teacher, or take one that p2m runs itself: teacher=gguf"
            yield "constraints.network", message, hint
    for name in ("max_requests", "max_tokens"):
        if getattr(limits, name) == 0:
            yield f"constraints.{name}", "0 allows no request to the teacher", "raise it, or teacher=none"
    for path, teacher in asked.items():
        if limits.max_cost is None:
            continue
        price = unit_price(teacher)
        if price is None:
            message = f"cannot be held: {how_to_price(teacher)}"
            yield "constraints.max_cost", message.replace("teacher.price", f"{path}.price"), ""
        elif limits.max_cost == 0 and (price.input or price.output):
            hint = "raise it, or take a local teacher"
            yield "constraints.max_cost", "0 USD allows no request to the teacher", hint
            return


def _listed(reasons: list[Refusal]) -> str:
    return " and ".join(reason.reason for reason in reasons)
