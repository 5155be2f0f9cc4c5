"""Refinement: a prompt as a teacher reads it. What it says is proposals, each looked at before it is used."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from p2m.errors import StageError
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.asking.structured import Fault, Structured, structured
from p2m.teachers.chat import Ask, Turn, named
from p2m.teachers.craft.described import record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Field, TaskType

METRICS = ("accuracy", "macro_f1", "exact_match", "token_f1", "chrf", "rouge_l")
LIMITS = ("max_parameters", "max_size", "max_latency")
_MAX_TOKENS = 16_000
_NAME = re.compile(r"[^\W\d]\w{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_LONGEST = 300  # characters of a sentence
_MOST = 12  # questions


@dataclass(frozen=True, slots=True)
class Refined:
    """A prompt as a teacher reads it; each part may be missing."""

    type: TaskType
    inputs: tuple[Field, ...] = ()
    output: Field | None = None  # its description: the form of the answer in words
    labels: dict[str, str] = field(default_factory=dict)  # label -> what it means
    languages: tuple[str, ...] = ()  # ISO 639-1, of the inputs
    limits: dict[str, str] = field(default_factory=dict)  # as a recipe writes them: {"max_size": "30 MB"}
    stays_local: bool = False
    metric: str = ""
    at_least: float = 0.0  # of the metric, 0 to 1; 0: nothing is required
    unclear: tuple[str, ...] = ()  # questions


def refine(asker: Asker, prompt: str, known: Mapping[str, Any] | None = None) -> Refined:
    """Ask what the task of `prompt` is; `known` is plain data that is certain already.

    Raises:
        StageError: the teacher does not answer with a description.
    """
    asks = [refining(prompt, known or {})]

    async def asked(ask: Ask, put: Put) -> Structured | Fault:
        return await structured(put, ask, takes_schema=asker.teacher.takes_schema)

    (found,) = asker.each(asks, asked, what="prompts")
    if isinstance(found, Structured):
        return read(found.value)
    cause = str(found) if found else "a limit on what may be spent was reached first"
    raise StageError(
        f"{named(asker.teacher)} does not describe the prompt: {cause}\n"
        "    leave --teacher out to write the recipe by rules alone, or choose another model"
    )


def refining(prompt: str, known: Mapping[str, Any]) -> Ask:
    """The question. The prompt is data in it, whatever it says."""
    material: dict[str, Any] = {"prompt": prompt} | ({"known": dict(known)} if known else {})
    asked = f"Describe the task of this prompt.\n{fenced(material)}"
    return Ask(words("refine"), (Turn("user", asked),), _SCHEMA, _MAX_TOKENS, 0.0)


def read(value: Mapping[str, Any]) -> Refined:
    """A reply that its schema allows, without what cannot stand in a recipe."""
    names = {_named(each["name"]): _line(each["description"]) for each in value["inputs"]}
    labels = {_line(each["label"]): _line(each["meaning"]) for each in value["labels"]}
    metric, at_least = value["metric"], float(value["at_least"])
    return Refined(
        type=TaskType(value["type"]),
        inputs=tuple(Field(name, text) for name, text in names.items() if name),
        output=Field(_named(value["output"]["name"]), _line(value["output"]["form"])),
        labels={label: text for label, text in labels.items() if label},
        languages=tuple(
            dict.fromkeys(each for each in value["languages"] if _LANGUAGE.fullmatch(each))
        ),
        limits={name: text for name in LIMITS if (text := _line(value["limits"][name]))},
        stays_local=value["stays_local"],
        metric=metric,
        at_least=at_least if metric and 0 < at_least <= 1 else 0.0,
        unclear=tuple(dict.fromkeys(filter(None, map(_line, value["unclear"]))))[:_MOST],
    )  # fmt: skip


def _named(text: str) -> str:
    """A field's name as a recipe may have it; "" of what is none."""
    name = "_".join(unicodedata.normalize("NFC", text).split())
    return name if _NAME.fullmatch(name) else ""


def _line(text: str) -> str:
    """A text on one line, for good: no break of any kind is left in it."""
    shown = "".join(mark if mark.isprintable() else " " for mark in unicodedata.normalize("NFC", text))
    return " ".join(shown.split())[:_LONGEST]


_TEXT = {"type": "string"}
_SCHEMA = record(
    {
        "type": {"type": "string", "enum": [each.value for each in TaskType]},
        "inputs": {"type": "array", "items": record({"name": _TEXT, "description": _TEXT})},
        "output": record({"name": _TEXT, "form": _TEXT}),
        "labels": {"type": "array", "items": record({"label": _TEXT, "meaning": _TEXT})},
        "languages": {"type": "array", "items": _TEXT},
        "limits": record(dict.fromkeys(LIMITS, _TEXT)),
        "stays_local": {"type": "boolean"},
        "metric": {"type": "string", "enum": [*METRICS, ""]},
        "at_least": {"type": "number"},
        "unclear": {"type": "array", "items": _TEXT},
    }
)
