"""The exact differences between two preimages of a step's key, as lines that a person can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2m.engine.hashing import TreeEntry, parse_tree
from p2m.engine.plan import Step
from p2m.engine.store import DamagedError, Store

_ABSENT = object()
_VALUED = ("package", "machine", "stage")  # kinds whose values tell a reader something; digests do not
_SHOWN = 60  # characters of a value in a line


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not what it was: `training.epochs: 3.0 -> 2.0  override training.epochs=2`."""

    kind: str  # setting, code, input, package, machine, stage, file
    path: str  # the setting's path, the module, the parameter, the file
    old: str  # "" where there was none
    new: str  # "" where there is none
    where: str = ""  # file and line, or override

    def __str__(self) -> str:
        if self.kind == "setting":
            text = f"{self.path}: {self.old or '(none)'} -> {self.new or '(none)'}"
        else:
            verb = "is new" if not self.old else "is gone" if not self.new else "changed"
            shown = f": {self.old or 'none'} -> {self.new or 'none'}" if self.kind in _VALUED else ""
            text = f"{self.kind} {self.path} {verb}{shown}"
        return f"{text}  {self.where}" if self.where else text


def compare(step: Step, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two preimages; `step` says which inputs and places those are."""
    changes: list[Change] = []
    for name in ("stage", "version", "kind", "format"):
        if old.get(name) != new.get(name):
            changes.append(Change("stage", name, _shown(old.get(name)), _shown(new.get(name))))
    for path, before, after in difference(old.get("settings"), new.get("settings")):
        where = _origin(step, path)
        changes.append(Change("setting", path, *_pair(before, after), where))
    for name, before, after in _code(old, new):
        changes.append(Change("code", name, before[:12], after[:12]))
    makers = {edge.parameter: edge.step for edge in step.inputs}
    for path, before, after in difference(old.get("inputs"), new.get("inputs")):
        label = f"{path} ({makers[path]})" if makers.get(path) not in (None, path) else path
        changes.append(Change("input", label, _digest(before), _digest(after)))
    for group in ("packages", "machine"):
        for path, before, after in difference(old.get(group), new.get(group)):
            kind = "package" if group == "packages" else "machine"
            changes.append(Change(kind, path, _shown(before), _shown(after)))
    return tuple(changes)


def difference(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf that differs between two plain trees, as (path, old, new); absent ones are `_ABSENT`."""
    if isinstance(old, dict) and isinstance(new, dict) and old.get("$type") == new.get("$type"):
        for key in dict.fromkeys((*new, *old)):
            if key != "$type":
                inner = f"{path}.{key}" if path else key
                yield from difference(old.get(key, _ABSENT), new.get(key, _ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from difference(before, after, f"{path}[{index}]")
    elif type(old) is not type(new) or old != new:
        yield path, old, new


def changed_files(
    store: Store, listing: str, entries: Sequence[TreeEntry], where: str = ""
) -> tuple[Change, ...]:
    """Which files of a source differ from those that the store listed then."""
    try:
        old = {entry.name: entry.digest for entry in parse_tree(store.read(listing))}
    except (DamagedError, ValueError):
        return ()
    new = {entry.name: entry.digest for entry in entries}
    return tuple(
        Change("file", name, old.get(name, "")[:12], new.get(name, "")[:12], where)
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _code(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Modules whose code differs, whether the stage reaches them or one of its components."""
    before, after = _modules(old), _modules(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, before.get(name, ""), after.get(name, "")


def _modules(preimage: Mapping[str, Any]) -> dict[str, str]:
    found = dict(preimage.get("code", {}))
    for modules in preimage.get("components", {}).values():
        found |= modules
    return found


def _origin(step: Step, path: str) -> str:
    """Where a setting, or the nearest thing around it, was written."""
    while path:
        if path in step.origins:
            return step.origins[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return ""


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both values as text; of two long texts that begin alike, what stands around the first difference."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _SHOWN - 2:
        same = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
        start = max(0, (min(len(old), len(new)) if same is None else same) - _SHOWN // 3)
        if start:
            return "…" + _shown(old[start:]), "…" + _shown(new[start:])
    return _shown(old), _shown(new)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return ""
    if isinstance(value, dict) and "$type" in value:
        fields = ", ".join(f"{name}={_shown(item)}" for name, item in value.items() if name != "$type")
        text = f"{value['$type'].rsplit('.', 1)[-1]}({fields})"
    elif isinstance(value, dict) and "$enum" in value:
        text = str(value["name"])
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _digest(value: Any) -> str:
    return value[:12] if isinstance(value, str) else ""
