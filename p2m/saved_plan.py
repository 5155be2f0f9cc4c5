"""A plan as a file, to be looked at now and built later: exactly that, or not at all.

It holds the recipe's words, the store, and of every step what would be done with it, its key, and what the
key is made of, as far as that is known before anything runs. `differences` compares that with now.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine import hashing
from p2m.engine.explaining.differences import Change, compare, difference, shown_pair
from p2m.engine.explaining.survey import Survey
from p2m.engine.files import disk
from p2m.engine.plan import Step
from p2m.errors import UserError, command
from p2m.marked_yaml import show

FORMAT = 1
_KIND = "p2m-plan"
_MOST = 20  # differences that a refusal lists
_WAS = {"cached": "was cached", "run": "was to run", "unknown": "was perhaps to run"}
_IS = {"cached": "is cached now", "run": "runs now", "unknown": "may run now"}
_BY_CONFIG = ("setting",)  # differences of steps that those of the recipe explain


@dataclass(frozen=True)
class Words:
    """What was typed to plan: enough to plan again."""

    recipe: str  # as typed
    overrides: tuple[str, ...]
    trust: tuple[str, ...]
    outputs: str  # "" for the default


@dataclass(frozen=True)
class SavedPlan:
    """A plan file, read."""

    path: Path
    words: Words
    plan: str
    store: str
    config: Mapping[str, Any]  # the composed recipe
    sources: Mapping[str, str]  # name -> digest
    steps: Mapping[str, Mapping[str, Any]]  # name -> status, key, identity, inputs


def write_plan(path: Path, words: Words, survey: Survey, config: Mapping[str, Any]) -> None:
    """Write what `survey` found to `path`, replacing what was there.

    Raises:
        UserError: the file cannot be written.
    """
    body = {
        "kind": _KIND, "format": FORMAT, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "recipe": words.recipe, "overrides": list(words.overrides), "trust": list(words.trust),
        "outputs": words.outputs, "plan": survey.plan.name, "store": str(survey.store.root),
        "config": _as_json(config),
        "sources": {name: state.digest for name, state in survey.sources.items()},
        "steps": {step.name: _step(survey, step) for step in survey.plan.steps if not step.is_source},
    }  # fmt: skip
    body["seal"] = _seal(body)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(path, (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def read_plan(path: Path) -> SavedPlan:
    """A plan file.

    Raises:
        UserError: it is missing, something else, of another format, or damaged.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        kind, number = body["kind"], body["format"]
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror}\n    next: p2m plan RECIPE --out plan.json"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no saved plan\n    next: p2m plan RECIPE --out plan.json") from error
    if kind != _KIND or number != FORMAT:
        raise UserError(
            f"{path} is {kind!r} of format {number}; this p2m builds {_KIND!r} of format {FORMAT}\n"
            f"    next: p2m plan RECIPE --out plan.json"
        )
    if body.pop("seal", None) != _seal(body):
        raise UserError(f"{path} was edited or is damaged\n    next: p2m plan RECIPE --out plan.json")
    if not _has_form(body):
        raise UserError(f"{path} is no plan that p2m wrote\n    next: p2m plan RECIPE --out plan.json")
    words = Words(body["recipe"], tuple(body["overrides"]), tuple(body["trust"]), body["outputs"])
    return SavedPlan(path, words, body["plan"], body["store"], body["config"], body["sources"], body["steps"])


def _has_form(body: Mapping[str, Any]) -> bool:
    """Whether everything that is looked at later is there, and of its kind: anyone can seal a file."""
    texts = [body.get(name) for name in ("recipe", "outputs", "plan", "store")]
    lists = [body.get(name) for name in ("overrides", "trust")]
    tables = [body.get(name) for name in ("config", "sources", "steps")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    for words in lists:
        texts += words if isinstance(words, list) else [None]
    for step in body["steps"].values():
        parts = [step.get(name) for name in ("identity", "inputs")] if isinstance(step, dict) else [None]
        if not all(isinstance(part, dict) for part in parts) or step.get("status") not in _WAS:
            return False
    return all(isinstance(text, str) for text in texts)


def check(saved: SavedPlan, survey: Survey, config: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Refuse a plan that is not what a build would do now.

    Raises:
        UserError: with every difference.
    """
    found = list(differences(saved, survey, config, places))
    if not found:
        return
    shown = [f"    {line}" for line in found[:_MOST]]
    shown += [f"    and {len(found) - _MOST} more"] if len(found) > _MOST else []
    words, path = saved.words, show(saved.path)
    more = [part for name in words.trust for part in ("--trust", name)]
    more += ["--outputs", words.outputs] if words.outputs else []
    again = command("plan", words.recipe, *words.overrides, *more, "--out", path)
    raise UserError("\n".join([f"{path} is stale; nothing was run", *shown, f"    next: {again}"]))


def differences(
    saved: SavedPlan, survey: Survey, config: Mapping[str, Any], places: Mapping[str, str]
) -> Iterator[str]:
    """What is not as it was when the plan was made, each once, the recipe's own words first."""
    if saved.store != str(survey.store.root):
        yield f"it was made on the store {saved.store}, and this is {survey.store.root}"
        return
    if saved.plan != survey.plan.name:
        yield f"it is a plan of {saved.plan}, and the recipe is now {survey.plan.name}"
    words = [_change(each, places) for each in difference(saved.config, _as_json(config))]
    causes = [*map(str, words), *_sources(saved, survey)]
    now = {step.name: step for step in survey.plan.steps if not step.is_source}
    follow: dict[str, str] = {}  # step -> how it differs
    for name in [*(name for name in saved.steps if name not in now), *now]:
        found = _of_step(saved.steps.get(name), now.get(name), name, survey, by_words=bool(words))
        for line, follows in found:
            if follows:
                follow[name] = line
            else:
                causes.append(line)
    yield from dict.fromkeys(causes or follow.values())
    if causes and follow:
        yield f"and {len(follow)} step{'s that follow' if len(follow) > 1 else ' that follows'}"


def _of_step(
    then: Mapping[str, Any] | None, step: Step | None, name: str, survey: Survey, *, by_words: bool
) -> Iterator[tuple[str, bool]]:
    """How a step differs, each with whether that follows from a difference that is told elsewhere."""
    if then is None or step is None:
        yield f"step {name} is {'new' if then is None else 'gone'}", False
        return
    now = _step(survey, step)
    for change in compare(
        step,
        {**then["identity"], "inputs": then["inputs"]},
        {**now["identity"], "inputs": now["inputs"]},
    ):
        if change.kind == "input" or (by_words and change.kind in _BY_CONFIG):
            continue  # a source, told above, or what another step made: its status tells
        yield str(change) if change.kind in ("code", "package", "machine") else f"{name}: {change}", False
    moved = any(then[part] != now[part] for part in ("identity", "inputs"))
    if then["status"] != now["status"]:
        yield f"{name} {_WAS[then['status']]} and {_IS[now['status']]}", moved
    elif then["inputs"] != now["inputs"] and not _from_sources(then, now, step, survey):
        yield f"{name} would take other inputs", True


def _from_sources(then: Mapping[str, Any], now: Mapping[str, Any], step: Step, survey: Survey) -> bool:
    """Whether the inputs that differ are all sources."""
    moved = {
        edge.step
        for edge in step.inputs
        if then["inputs"].get(edge.parameter) != now["inputs"][edge.parameter]
    }
    return moved <= survey.sources.keys()


def _sources(saved: SavedPlan, survey: Survey) -> Iterator[str]:
    for name in sorted(saved.sources.keys() | survey.sources.keys()):
        state = survey.sources.get(name)
        if state is None or name not in saved.sources:
            yield f"{name} is {'gone' if state is None else 'new'}"
        elif state.digest != saved.sources[name]:
            step = survey.plan.step(name)
            assert step.path is not None
            yield f"{name} changed: {show(step.path)}  {step.origins.get('path', '')}".rstrip()


def _step(survey: Survey, step: Step) -> dict[str, Any]:
    """What is known of a step before anything runs; inputs that are not made yet are null."""
    told = survey.found[step.name]
    inputs = {edge.parameter: survey.digests.get(edge.step) if edge.step else None for edge in step.inputs}
    identity = dict(survey.identities[step.name].preimage)
    return {"status": told.status, "key": told.key or None, "inputs": inputs, "identity": identity}


def _change(found: tuple[str, Any, Any], places: Mapping[str, str]) -> Change:
    path, old, new = found
    return Change("setting", path, *shown_pair(old, new), places.get(path, ""))


def _as_json(value: Any) -> Any:
    """Plain data as JSON gives it back, so that what was written compares with what is."""
    return json.loads(json.dumps(value, sort_keys=True, default=str))


def _seal(body: Mapping[str, Any]) -> str:
    return hashing.digest_bytes(json.dumps(body, sort_keys=True).encode())
