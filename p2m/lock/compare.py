"""What differs between two locks, as facts that a person can act on.

Causes (settings, inputs, weights, the teacher, code, packages, p2m itself) are told apart from what follows
from them: where there is a cause, keys and outputs of steps differ as a matter of course and are not told.
What only another machine's floating point explains is never a difference: outputs of seeded steps, keys of
what follows them, measured steps; metrics are held to their tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from p2m.lock.model import FilePin, InputPin, Lock, StepPin

GROUPS = {
    "recipe": "settings of the recipe",
    "inputs": "data, weights and the teacher",
    "code": "code of p2m and of trusted packages",
    "packages": "installed packages",
    "p2m": "version of p2m",
    "steps": "steps",
    "metrics": "metrics and the model",
}
CAUSES = ("recipe", "inputs", "code", "packages", "p2m")
SIZE_TOLERANCE = 0.01  # of the exported model: its protobuf lengths depend on the weights
_EXACT = ("pure",)  # kinds that give the same output for the same key everywhere
_NONE = "(none)"

Place = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact: `old` is what is locked, `new` what is there; `where` is a file and line, where known."""

    group: str  # of GROUPS
    name: str  # config path, input and file, module, package, step, metric
    old: str
    new: str
    where: str = ""

    def __str__(self) -> str:
        text = f"{self.name}: {self.old} -> {self.new}"
        return f"{text}  {self.where}" if self.where else text


def differences(old: Lock, new: Lock, place: Place = lambda _path: "") -> tuple[Difference, ...]:
    """How `new` differs from `old`, in the order of GROUPS; what `new` does not know is no difference.

    `place` says where a config path is written ("training.epochs" -> "recipes/qa.yaml:14").
    """
    causes = (
        *_settings(old, new, place),
        *_inputs(old, new, place),
        *_models(old, new, place),
        *_named("code", old.code, new.code, "{}"),
        *_named("packages", old.packages, new.packages, "{}"),
        *_values("p2m", "version", old.p2m, new.p2m),
    )
    effects = () if causes else (*_datasets(old, new), *_steps(old.steps, new.steps))
    return (*causes, *effects, *_figures(old, new))


def holds(old: Lock, new: Lock) -> bool:
    """Whether `old` says of a build that gave `new` all that is to be said: what they do not share is what
    may differ between machines, and figures are within their tolerance."""
    if differences(old, new) or not old.metrics or not old.model or not new.model:
        return False
    if old.steps.keys() != new.steps.keys() or old.model.precision != new.model.precision:
        return False
    steps = {name: _as_locked(old.steps[name], pin) for name, pin in new.steps.items()}
    return replace(new, steps=steps, metrics=old.metrics, model=old.model) == old


def _as_locked(old: StepPin, new: StepPin) -> StepPin:
    """The pin with the locked key and output, where these may differ and are known."""
    key = old.key if old.key and "key" in old.may_differ else new.key
    output = old.output if old.output and "output" in old.may_differ else new.output
    return replace(new, key=key, output=output)


def causes(found: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Those that do not follow from others."""
    return tuple(one for one in found if one.group in CAUSES)


def _settings(old: Lock, new: Lock, place: Place) -> Iterator[Difference]:
    yield from _values("recipe", "the recipe's file", old.recipe, new.recipe)
    for path in sorted(old.settings.keys() | new.settings.keys()):
        if not _same(before := old.settings.get(path, ...), after := new.settings.get(path, ...)):
            yield Difference("recipe", path, *_pair(before, after), place(path))


def _inputs(old: Lock, new: Lock, place: Place) -> Iterator[Difference]:
    for name in sorted(old.inputs.keys() | new.inputs.keys()):
        before, after = old.inputs.get(name), new.inputs.get(name)
        where = place(_config_path(name))
        if before is None or after is None:
            yield Difference("inputs", name, *_there(before, after, lambda pin: str(pin.path)), where)
        else:
            yield from _input(name, before, after, where)


def _input(name: str, old: InputPin, new: InputPin, where: str) -> Iterator[Difference]:
    files = tuple(_files("inputs", name, old.files, new.files, where))
    yield from files
    if not files:  # the same files under another digest: a folder that became a file
        yield from _values("inputs", name, old.digest, new.digest, where)
    yield from _values("inputs", f"{name} licence", old.license, new.license, where)


def _models(old: Lock, new: Lock, place: Place) -> Iterator[Difference]:
    """Of the teacher and of the base model, what no setting shows."""
    if old.teacher and new.teacher and old.teacher.target == new.teacher.target:
        yield from _values("inputs", "teacher", old.teacher.version, new.teacher.version, place("teacher"))
    if old.weights and new.weights and old.weights.student == new.weights.student:
        name, where = f"weights of {new.weights.student}", place(f"student.candidates.{new.weights.student}")
        if old.weights.files and new.weights.files:
            yield from _files("inputs", name, old.weights.files, new.weights.files, where)


def _datasets(old: Lock, new: Lock) -> Iterator[Difference]:
    if not new.datasets:
        return
    for name in sorted(old.datasets.keys() | new.datasets.keys()):
        before, after = old.datasets.get(name), new.datasets.get(name)
        if before != after:
            yield Difference("steps", f"dataset {name}", *_there(before, after, lambda _pin: "selected"))


def _steps(old: Mapping[str, StepPin], new: Mapping[str, StepPin]) -> Iterator[Difference]:
    if not old or not new:  # pins without results, or plans that nobody made
        return
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            yield Difference("steps", name, *_there(before, after, lambda pin: str(pin.kind)))
        else:
            yield from _step(name, before, after)


def _step(name: str, old: StepPin, new: StepPin) -> Iterator[Difference]:
    if old.kind != new.kind:
        yield Difference("steps", f"{name}: kind", old.kind, new.kind)
    elif old.own != new.own:
        yield Difference("steps", f"{name}: stage, settings or wiring", old.own, new.own)
    elif old.key and new.key and old.key != new.key:
        if "key" not in old.may_differ:
            yield Difference("steps", f"{name}: key", old.key[:12], new.key[:12])
    elif old.kind in _EXACT and old.output and new.output and old.output != new.output:
        yield Difference("steps", f"{name}: output", old.output[:12], new.output[:12])


def _figures(old: Lock, new: Lock) -> Iterator[Difference]:
    if not new.metrics or not old.metrics:
        return
    for name in sorted(old.metrics.keys() | new.metrics.keys()):
        before, after = old.metrics.get(name), new.metrics.get(name)
        if before is None or after is None:
            yield Difference("metrics", name, *_there(before, after, lambda pin: f"{pin.value:.4f}"))
        elif abs(after.value - before.value) > before.tolerance + 1e-9:
            locked = f"{before.value:.4f} (within {before.tolerance:.4f})"
            yield Difference("metrics", name, locked, f"{after.value:.4f}")
    if old.model and new.model:
        if old.model.parameters != new.model.parameters:
            shown = (f"{old.model.parameters:,}", f"{new.model.parameters:,}")
            yield Difference("metrics", "parameters", *shown)
        if abs(new.model.size - old.model.size) > SIZE_TOLERANCE * old.model.size:
            yield Difference("metrics", "size", f"{old.model.size:,} bytes", f"{new.model.size:,} bytes")


# --------------------------------------------------------------------------- pieces


def _files(
    group: str, name: str, old: Mapping[str, FilePin], new: Mapping[str, FilePin], where: str
) -> Iterator[Difference]:
    for file in sorted(old.keys() | new.keys()):
        before, after = old.get(file), new.get(file)
        if before != after:
            yield Difference(group, f"{name} {file}", *_there(before, after, _file), where)


def _file(pin: FilePin) -> str:
    return f"{pin.sha256[:12]} ({pin.size:,} bytes)"


def _named(group: str, old: Mapping[str, str], new: Mapping[str, str], form: str) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        yield from _values(group, form.format(name), old.get(name, ""), new.get(name, ""))


def _values(group: str, name: str, old: str, new: str, where: str = "") -> Iterator[Difference]:
    if old != new:
        cut = 12 if len(old or new) == 64 else None
        yield Difference(group, name, (old or _NONE)[:cut], (new or _NONE)[:cut], where)


def _there(old: Any, new: Any, shown: Callable[[Any], str]) -> tuple[str, str]:
    """Both values as text, where one of them may be absent."""
    before = shown(old) if old is not None else _NONE
    after = shown(new) if new is not None else _NONE
    return (before, after) if before != after else (f"{before}, locked", f"{after}, changed")


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both values on one line; of long texts, what stands around the first difference."""
    before, after = _word(old), _word(new)
    if before == after:  # texts that differ in blanks, or 1 and "1"
        before, after = repr(old), repr(new)
    if max(len(before), len(after)) <= 60:
        return before, after
    pairs = enumerate(zip(before, after, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = max(0, same - 20)
    return _window(before, start), _window(after, start)


def _window(text: str, start: int) -> str:
    cut = text[start : start + 60]
    return f"{'…' if start else ''}{cut}{'…' if len(text) > start + 60 else ''}"


def _word(value: Any) -> str:
    if value is ...:
        return _NONE
    return " ".join(value.split()) if isinstance(value, str) and value.strip() else repr(value)


def _config_path(name: str) -> str:
    """Where a recipe names an input of this name."""
    return "retriever.sources" if name.startswith("catalogue") else name
