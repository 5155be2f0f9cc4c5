"""A reply that must be JSON of a given shape: read strictly, mended where only punctuation is wrong, always
held to its JSON Schema, and asked for once more before it is given up.

    found = await structured(put, Ask(system, turns, schema), takes_schema=asker.teacher.takes_schema)
    if isinstance(found, Fault): ...     # found.reason, to be counted; str(found) says where
    found.value

What is read is what was written: mending may add or drop quotes, commas, fences and prose, never a word, and
what can be read in two ways is a fault. Nothing is turned into what the schema wants ("5" is no number).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from p2m.sizes import short
from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, Outcome, Reply, TeacherError, Turn

LARGEST = 1_000_000  # characters of a reply that is looked at
_DEEPEST = 64  # levels of a value
_MENDED = 20_000  # characters; mending takes the square of them
_MENDED_MARKS = 500  # opening brackets in what is mended
_STARTS = 200  # places in prose where JSON may begin
_SHOWN = 200  # characters of what was wrong
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_WORD = re.compile(r"[-+]?\w[\w.]*")
_PYTHON = {"True": "true", "False": "false", "None": "null"}

_SHAPE = "Reply with JSON alone, no prose and no code fence. It must be valid against this JSON Schema:\n"
_AGAIN = "That reply cannot be used: {fault}. Reply again, with the corrected JSON alone."


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no value."""

    reason: str  # one of few, to be counted
    detail: str = ""  # what and where, of this one
    outcome: Outcome = Outcome.ANSWERED  # of the request; else the reason is how it ended

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Structured:
    """A value that its schema allows, and the reply that it was read from."""

    value: Any
    reply: Reply


async def structured(put: Put, ask: Ask, *, takes_schema: bool, sample: int = 0) -> Structured | Fault:
    """Ask for a value of `ask.schema`; where the reply holds none, once more with what was wrong.

    Args:
        takes_schema: whether the teacher holds replies to a schema itself; else the prompt tells it.
    """
    assert ask.schema is not None
    asked = ask if takes_schema else _told(ask, ask.schema)
    reply = await put(asked, sample=sample)
    found = _read(reply, ask.schema)
    if not isinstance(found, Fault) or not _is_mendable(found, reply):
        return found
    said = Turn("assistant", reply.text if reply.text.strip() else "(nothing)")
    again = replace(asked, turns=(*asked.turns, said, Turn("user", _AGAIN.format(fault=found))))
    return _read(await put(again, sample=sample), ask.schema)


def parsed(text: str, schema: Mapping[str, Any]) -> Any | Fault:
    """The JSON value in a reply, which the schema allows, or why there is none.

    Raises:
        TeacherError: the schema itself is wrong.
    """
    validator = _validator(json.dumps(schema, sort_keys=True))
    if len(text) > LARGEST:
        return Fault("reply too large", f"{len(text):,} characters; at most {LARGEST:,} are read")
    text = _THOUGHT.sub("", text, count=1).strip()
    if not text:
        return Fault("empty reply")
    found = _strict(text)
    if _is_final(found):
        return _allowed(found, validator)
    return _inside(text, validator, found)


# ------------------------------------------------------------------ asking


def _told(ask: Ask, schema: Mapping[str, Any]) -> Ask:
    """The question with the schema in its words."""
    shape = _SHAPE + json.dumps(schema, ensure_ascii=False)
    return replace(ask, system=f"{ask.system}\n\n{shape}" if ask.system else shape, schema=None)


def _read(reply: Reply, schema: Mapping[str, Any]) -> Structured | Fault:
    if reply.outcome is not Outcome.ANSWERED:
        return Fault(reply.outcome.value, short(reply.detail, _SHOWN), reply.outcome)
    found = parsed(reply.text, schema)
    return found if isinstance(found, Fault) else Structured(found, reply)


def _is_mendable(fault: Fault, reply: Reply) -> bool:
    """Whether asking once more may help; a huge reply is not sent back."""
    return fault.outcome is Outcome.ANSWERED and len(reply.text) <= _MENDED


# ------------------------------------------------------------------ reading


def _strict(text: str) -> Any | Fault:
    """The value of a text that is JSON and nothing else."""
    try:
        value = json.loads(text, **_HOOKS)
    except _Never as error:
        return Fault(*error.args)
    except RecursionError:
        return Fault("nested too deeply", f"more than {_DEEPEST} levels")
    except ValueError as error:
        return Fault("not JSON", short(str(error), _SHOWN))
    return _sound(value)


def _is_final(found: Any) -> bool:
    """Whether the text is read, or is wrong in a way that looking for JSON inside it would only hide."""
    return not isinstance(found, Fault) or found.reason != "not JSON"


def _inside(text: str, validator: Any, fault: Fault) -> Any | Fault:
    """The one value in fences or in prose; else of what can be mended."""
    fenced = [match.group(1).strip() for match in _FENCE.finditer(text)]
    values = [_strict(part) for part in fenced] or list(_embedded(text))
    final = [value for value in values if _is_final(value)]
    allowed = [value for value in (_allowed(one, validator) for one in final) if not isinstance(value, Fault)]
    distinct = {json.dumps(value, sort_keys=True) for value in allowed}
    if len(distinct) == 1:
        return allowed[0]
    if distinct:
        return Fault("several answers", f"{len(distinct)} JSON values that differ")
    if final:
        return _allowed(final[-1], validator)
    mended = _mended(fenced[-1] if fenced else text, fault)
    return _allowed(mended, validator)


def _embedded(text: str) -> Iterator[Any]:
    """Objects and lists within prose, from left to right; none that lies in another that cannot be read."""
    decoder = json.JSONDecoder(**_HOOKS)
    at = read = 0
    for _ in range(_STARTS):
        match = _OPENING.search(text, at)
        if match is None or not _is_balanced(text[read : match.start()]):
            return
        try:
            value, at = decoder.raw_decode(text, match.start())
        except _Never as error:
            yield Fault(*error.args)
            return
        except RecursionError:
            yield Fault("nested too deeply", f"more than {_DEEPEST} levels")
            return
        except ValueError:
            at = match.start() + 1
        else:
            read = at
            yield _sound(value)


def _is_balanced(prose: str) -> bool:
    return all(prose.count(opening) == prose.count(closing) for opening, closing in ("{}", "[]"))


def _mended(text: str, fault: Fault) -> Any | Fault:
    """What json-repair makes of it, unless a word is lost by that, or the text ends before its JSON does."""
    import json_repair

    start = _OPENING.search(text)
    if start is None:
        return Fault("no JSON", short(text, _SHOWN))
    body = text[start.start() :].strip()
    marks = body.count("{") + body.count("[")
    if body[-1] not in "}]" or len(body) > _MENDED or marks > _MENDED_MARKS:
        return fault
    try:
        value = json_repair.repair_json(body, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return fault
    sound = _sound(value)
    if isinstance(sound, Fault):
        return sound
    strings = [leaf for leaf in _leaves(value) if isinstance(leaf, str)]
    if any('",' in one or '":' in one for one in strings):  # JSON that was taken for text
        return fault
    kept = [word for leaf in _leaves(value) for word in _words(_written(leaf))]
    return value if kept == _words(_ESCAPE.sub(_unescaped, body)) else fault


def _allowed(value: Any | Fault, validator: Any) -> Any | Fault:
    """The value, if the schema allows it."""
    from referencing.exceptions import Unresolvable

    if isinstance(value, Fault):
        return value
    try:
        wrong = next(validator.iter_errors(value), None)
    except Unresolvable as error:
        raise TeacherError(f"the JSON Schema of the reply refers to what is not in it: {error}") from None
    if wrong is None:
        return value
    place = ".".join(map(str, wrong.absolute_path)) or "the whole"
    return Fault("against the schema", f"{place}: {short(wrong.message, _SHOWN)}")


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    """Of a schema as JSON text. References lead nowhere outside of it."""
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry

    tree = json.loads(schema)
    try:
        Draft202012Validator.check_schema(tree)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path)) or "the whole"
        raise TeacherError(
            f"what a reply must look like is no JSON Schema: {place}: {short(error.message, _SHOWN)}"
        ) from None
    return Draft202012Validator(tree, registry=Registry())


# ------------------------------------------------------------------ what JSON may hold


class _Never(ValueError):
    """Read in no way at all: reason and detail of a fault."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _Never("a key stands twice", short(twice, _SHOWN))
    return found


def _constant(name: str) -> float:
    raise _Never("no number", f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _constant(short(text, _SHOWN))


def _integer(text: str) -> int:
    return int(text) if len(text) <= 100 else int(_constant(short(text, _SHOWN)))


_HOOKS: dict[str, Any] = {
    "object_pairs_hook": _pairs, "parse_constant": _constant, "parse_float": _float, "parse_int": _integer,
}  # fmt: skip


def _sound(value: Any) -> Any | Fault:
    """The value, if it can be kept: not too deep, and of whole characters."""
    level = [value]
    for _ in range(_DEEPEST):
        if not level:
            break
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        level = inner
    if level:
        return Fault("nested too deeply", f"more than {_DEEPEST} levels")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return Fault("broken characters", "half of a surrogate pair")
    except ValueError:
        return Fault("no number", "NaN or infinity is not JSON")
    return value


def _leaves(value: Any) -> Iterator[Any]:
    """Keys and plain values, in the order in which they are written."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _written(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)


def _words(text: str) -> list[str]:
    return [_PYTHON.get(word, word) for word in _WORD.findall(text)]


def _unescaped(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if len(escaped) > 1:
        return chr(int(escaped[1:], 16))
    return " " if escaped in "nrtbf" else escaped
