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
_COMPARED = frozenset(
    ("stage", "version", "kind", "format", "settings", "code", "components", "inputs", "packages", "machine")
)
_SHOWN = 60  # characters of a value in a line


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not what it was: `training.epochs: 3.0 -> 2.0  override training.epochs=2`."""

    kind: str  # setting, code, input, package, machine, stage, file
    path: str  # the setting's path, the module, the parameter, the file
    old: str  # "" where there was none
    new: str  # "" where there is none
    where: str = ""  # file and line, or override
    note: str = ""  # of a file: its size then and now

    def __str__(self) -> str:
        if self.kind == "setting":
            text = f"{self.path}: {self.old or '(none)'} -> {self.new or '(none)'}"
        else:
            verb = "is new" if not self.old else "is gone" if not self.new else "changed"
            shown = f": {self.old or 'none'} -> {self.new or 'none'}" if self.kind in _VALUED else ""
            text = f"{self.kind} {self.path} {verb}{shown}"
        text += f" ({self.note})" if self.note else ""
        return f"{text}  {self.where}" if self.where else text


def compare(step: Step, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two preimages; `step` says which inputs and places those are."""
    changes: list[Change] = []
    for name in ("stage", "version", "kind", "format"):
        if old.get(name) != new.get(name):
            changes.append(Change("stage", name, _shown(old.get(name)), _shown(new.get(name))))
    for path, before, after in difference(old.get("settings"), new.get("settings")):
        where = written_at(step.origins, path)
        changes.append(Change("setting", path, *shown_pair(before, after), where))
    for name, before, after in _code(old, new):
        changes.append(Change("code", name, before[:12], after[:12]))
    if not changes and old.get("components") != new.get("components"):
        changes.append(Change("code", "components", "before", "now"))
    makers = {edge.parameter: edge.step for edge in step.inputs}
    for path, before, after in difference(old.get("inputs"), new.get("inputs")):
        label = f"{path} ({makers[path]})" if makers.get(path) not in (None, path) else path
        changes.append(Change("input", label, _digest(before), _digest(after)))
    for group in ("packages", "machine"):
        for path, before, after in difference(old.get(group), new.get(group)):
            kind = "package" if group == "packages" else "machine"
            changes.append(Change(kind, path, _shown(before), _shown(after)))
    for name in sorted((old.keys() | new.keys()) - _COMPARED):  # of another format
        for path, before, after in difference(old.get(name, _ABSENT), new.get(name, _ABSENT), name):
            changes.append(Change("stage", path, _shown(before), _shown(after)))
    return tuple(changes)


def difference(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf that differs between two plain trees, as (path, old, new); absent ones are `_ABSENT`."""
    if isinstance(old, dict) and isinstance(new, dict) and old.get("$type") == new.get("$type"):
        for key in dict.fromkeys((*new, *old)):
            if key != "$type":
                inner = f"{path}.{key}" if path else key
                yield from difference(old.get(key, _ABSENT), new.get(key, _ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, path)
    elif type(old) is not type(new) or old != new:
        yield path, old, new


def _items(old: list[Any], new: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Differences of two lists: one by one, once what they begin and end with alike is left out."""
    if len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from difference(before, after, f"{path}[{index}]")
        return
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if not _same(old[i], new[i])), shorter)
    end = next((i for i in range(shorter - start) if not _same(old[-1 - i], new[-1 - i])), shorter - start)
    for index, before in enumerate(old[start : len(old) - end], start):
        yield f"{path}[{index}]", before, _ABSENT
    for index, after in enumerate(new[start : len(new) - end], start):
        yield f"{path}[{index}]", _ABSENT, after


def _same(one: Any, other: Any) -> bool:
    """Whether two plain trees are the same to a key, to which 1, 1.0 and true differ."""
    return next(difference(one, other), None) is None


def changed_files(
    store: Store, listing: str, entries: Sequence[TreeEntry], where: str = ""
) -> tuple[Change, ...]:
    """Which files of a source differ from those that the store listed then."""
    try:
        old = {entry.name: entry for entry in parse_tree(store.read(listing))}
    except (DamagedError, ValueError):
        return ()
    return files_between(old, {entry.name: entry for entry in entries}, where)


def files_between(
    old: Mapping[str, TreeEntry], new: Mapping[str, TreeEntry], where: str = ""
) -> tuple[Change, ...]:
    """Which files of two listings differ, with their sizes."""
    return tuple(
        _changed_file(name, old.get(name), new.get(name), where)
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _changed_file(name: str, old: TreeEntry | None, new: TreeEntry | None, where: str) -> Change:
    sizes = [f"{entry.size:,}" for entry in (old, new) if entry is not None]
    note = f"{' -> '.join(dict.fromkeys(sizes))} bytes"
    # An empty folder has no digest, so a dash stands for it.
    digests = [(entry.digest or "-")[:12] if entry else "" for entry in (old, new)]
    return Change("file", name, digests[0], digests[1], where, note)


def _code(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Modules whose code differs, each once, whether the stage reaches them or one of its components."""
    before, after = _closures(old), _closures(new)
    found: dict[str, tuple[str, str]] = {}
    for owner in sorted(before.keys() | after.keys()):
        then, now = before.get(owner), after.get(owner)
        for name in sorted({*(then or ()), *(now or ())}):
            # What a new component shares with others is no new code.
            old_digest = _anywhere(before, name) if then is None else then.get(name, "")
            new_digest = _anywhere(after, name) if now is None else now.get(name, "")
            told = bool(old_digest and new_digest) and (then is None or now is None)
            if old_digest != new_digest and not told:
                found.setdefault(name, (old_digest, new_digest))
    for name, (old_digest, new_digest) in sorted(found.items()):
        yield name, old_digest, new_digest


def _closures(preimage: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """The code of the stage under "", that of components under their names."""
    return {"": preimage.get("code", {}), **preimage.get("components", {})}


def _anywhere(closures: Mapping[str, Mapping[str, str]], name: str) -> str:
    """A module's digest in whichever closure has it."""
    return next((modules[name] for modules in closures.values() if name in modules), "")


def written_at(origins: Mapping[str, str], path: str) -> str:
    """Where a setting, or the nearest thing around it, was written."""
    while path:
        if path in origins:
            return origins[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return ""


def shown_pair(old: Any, new: Any) -> tuple[str, str]:
    """Both values as text; of two long texts that begin alike, what stands around the first difference."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _SHOWN - 2:
        same = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
        start = max(0, (min(len(old), len(new)) if same is None else same) - _SHOWN // 3)
        if start:
            return _shown("…" + old[start:]), _shown("…" + new[start:])
    return _shown(old), _shown(new)


def _shown(value: Any) -> str:
    text = "" if value is _ABSENT else _text(value)  # with its blanks, which may be all that differs
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _text(value: Any) -> str:
    """A plain tree as Python would write it, components by their class alone."""
    if isinstance(value, dict) and "$type" in value:
        inner = ", ".join(f"{name}={_text(item)}" for name, item in value.items() if name != "$type")
        return f"{value['$type'].rsplit('.', 1)[-1]}({inner})"
    if isinstance(value, dict) and "$enum" in value:
        return str(value["name"])
    if isinstance(value, dict) and "$float" in value:
        return str(value["$float"])
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_text(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _digest(value: Any) -> str:
    return value[:12] if isinstance(value, str) else ""
