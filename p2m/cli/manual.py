"""The manual on the command line: a page of docs/, a heading of it, or a key of a recipe by its schema.

p2m help lock        p2m help data#before-a-build        p2m help constraints.max_size
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from p2m.errors import P2MError, RecipeError, UserError, nearest

# Errors by the name of their class, the nearest one counting, and what explains them.
PAGES = {
    "DataError": "data#your-own-rows",
    "MissingWeights": "students",
    "LockError": "lock",
    "LockDrift": "lock",
    "StoreError": "store",
    "TeacherError": "teachers",
    "NetworkForbidden": "recipe#keys",
}
OF_SECTION = {  # of a recipe, where more is said than in recipe.md
    "teacher": "teachers",
    "generation": "teachers#what-a-build-asks",
    "data": "data",
    "retriever": "data#found-rows",
    "curation": "data",
    "metrics": "verdict",
    "split": "verdict",
    "evaluation": "verdict",
    "student": "students",
    "tuning": "tuning",
    "distil": "distil",
    "runtime": "bundle#runtimes",
    "store": "store",
    "tracker": "trackers",
}
_SHOWN = 3  # topics of one error


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a recipe, as the schema has it."""

    path: str  # "constraints.max_size"; NAME stands for the user's own
    kind: str  # "number, null"
    meaning: str
    default: str  # as JSON; "" where there is none, or it is a section's
    limits: str  # "0.01 to 1", or the choices; "" for any


@cache
def keys() -> dict[str, Key]:
    """Every key that a recipe may have, by its path."""
    schema = json.loads((docs_folder() / "recipe.schema.json").read_text(encoding="utf-8"))
    return {key.path: key for key in _keys(schema, schema["$defs"], "")}


def _keys(node: Mapping[str, Any], known: Mapping[str, Any], path: str) -> Iterator[Key]:
    for name, item in node.get("properties", {}).items():
        at = f"{path}.{name}" if path else name
        whole = _resolved(item, known)
        yield Key(at, _kind(whole, known), item.get("description", ""), _default(item, whole), _limits(whole))
        parts = [whole, *(_resolved(each, known) for each in whole.get("anyOf", ()))]
        for part in parts:
            if at not in ("defaults", "hydra"):
                yield from _keys(part, known, at)
                own = part.get("additionalProperties")
                if isinstance(own, Mapping) and "properties" in own:
                    yield from _keys(own, known, f"{at}.NAME")


def _resolved(node: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    name = node.get("$ref", "").rpartition("/")[2]
    return {**known[name], **node} if name else node


def _kind(node: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    kinds = node.get("type", [])
    found = [kinds] if isinstance(kinds, str) else list(kinds)
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        found += _kind(_resolved(each, known), known).split(", ")
    words = {"object": "mapping", "array": "list", "string": "text", "integer": "whole number"}
    return ", ".join(dict.fromkeys(words.get(each, each) for each in found if each))


def _default(item: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if "default" not in item or "properties" in whole:
        return ""
    return json.dumps(item["default"], ensure_ascii=False)


def _limits(node: Mapping[str, Any]) -> str:
    found = [node, *node.get("anyOf", ())]
    for each in found:
        if choices := each.get("enum"):
            return ", ".join(map(str, choices))
        low, high = (
            each.get(a, each.get(b))
            for a, b in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
        )
        if low is not None or high is not None:
            return f"from {low}" if high is None else f"to {high}" if low is None else f"{low} to {high}"
    return ""


def topics_of(error: P2MError) -> list[str]:
    """What `p2m help` should be asked after an error."""
    if isinstance(error, RecipeError):
        found = [topic for problem in error.problems if (topic := topic_of_path(problem.path))]
        return list(dict.fromkeys(found or ["recipe"]))[:_SHOWN]
    named = (PAGES[each.__name__] for each in type(error).__mro__ if each.__name__ in PAGES)
    return [topic for topic in [next(named, "")] if topic]


def topic_of_path(path: str) -> str:
    """The key that a config path names, else the section around it; "" where there is none."""
    parts = re.sub(r"\[\d+\]", "", path).split(".")
    for length in range(len(parts), 0, -1):
        if key := _known(parts[:length]):
            return key
    return ""


def _known(parts: list[str]) -> str:
    """The path of a key by these parts, each of which may be a name of the user's own."""
    for path in keys():
        own = path.split(".")
        if len(own) == len(parts) and all(a in (b, "NAME") for a, b in zip(own, parts, strict=True)):
            return path
    return ""


def see(topics: list[str]) -> str:
    """The line below an error; "" without topics."""
    return "    see: " + ", ".join(f"p2m help {topic}" for topic in topics) if topics else ""


# --------------------------------------------------------------------------- pages


def docs_folder() -> Path:
    """The folder of the pages; `p2m/docs` in a wheel, else the checkout's own.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "docs", package.parent / "docs"):
        if (folder / "recipe.md").is_file():
            return folder
    raise FileNotFoundError(f"{package}: this installation of p2m lacks its manual; reinstall p2m")


def pages() -> list[str]:
    """Every page, as `p2m help` is asked for it."""
    root = docs_folder()
    return sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.md"))


def told(topic: str) -> str:
    """What is said about a topic.

    Raises:
        UserError: there is none of that name.
    """
    page, _, heading = topic.partition("#")
    if page.removesuffix(".md") in pages():
        return section(page.removesuffix(".md"), heading)
    key = keys().get(topic) or keys().get(topic_of_path(topic))
    if key is None:
        raise UserError(f"there is no page and no key {topic!r}; {_near(topic)}")
    return _key_text(key)


def _near(topic: str) -> str:
    """Topics like it; where there are none, the pages: keys are hundreds."""
    from p2m.cli import verbs

    of_sections = [path for path in keys() if path.endswith(f".{topic}")]
    names = {*pages(), *verbs.names(), *keys()}
    near = of_sections or difflib.get_close_matches(topic, sorted(names), n=_SHOWN)
    if near:
        return f"did you mean {' or '.join(map(repr, near[:_SHOWN]))}?"
    shown = ", ".join(page for page in pages() if "/" not in page)
    return f"pages: {shown}\n    p2m help lists the verbs, p2m help recipe the keys"


def _key_text(key: Key) -> str:
    facts = [("type", key.kind), ("default", key.default), ("values", key.limits)]
    lines = [key.path, f"  {key.meaning}", *(f"  {name:<8} {value}" for name, value in facts if value)]
    below = [each for path, each in keys().items() if path.rpartition(".")[0] == key.path]
    lines += [f"  .{each.path.rpartition('.')[2]:<22} {each.meaning}" for each in below]
    more = OF_SECTION.get(key.path.partition(".")[0], "recipe#keys")
    return "\n".join([*lines, f"  more: p2m help {more}"])


def section(page: str, heading: str) -> str:
    """A page, or what stands below one of its headings.

    Raises:
        UserError: it has no such heading.
    """
    text = (docs_folder() / f"{page}.md").read_text(encoding="utf-8")
    if not heading:
        return text.rstrip()
    found = {anchor: (level, at) for anchor, level, at in headings(text)}
    if heading not in found:
        raise UserError(f"{page} has no heading {heading!r}; {nearest(heading, found)}")
    level, start = found[heading]
    ends = [at for _, other, at in headings(text) if at > start and other <= level]
    return text[start : min(ends, default=len(text))].rstrip()


def headings(text: str) -> list[tuple[str, int, int]]:
    """Of each heading outside fenced blocks its anchor, its level and where it begins."""
    fenced = [
        (each.start(), each.end()) for each in re.finditer(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    ]
    return [
        (anchor(each[2]), len(each[1]), each.start())
        for each in re.finditer(r"^(#{1,6}) (.+)$", text, re.MULTILINE)
        if not any(start <= each.start() < end for start, end in fenced)
    ]


def anchor(heading: str) -> str:
    """As GitHub and the site make one of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


# --------------------------------------------------------------------------- the reference


def recipe_reference() -> str:
    """Every key, as a page."""
    lines = [
        "# Recipe: every key",
        "",
        "Made from the schema (`p2m check --schema`). `NAME` is a name of your own.",
        "",
    ]
    for path, key in keys().items():
        if "." not in path:
            lines += ["", f"## {path}", "", key.meaning, ""]
            has_table = any(other.startswith(f"{path}.") for other in keys())
            lines += ["| key | type | default | values | meaning |", "|---|---|---|---|---|"] * has_table
            lines += [_facts(key)] * (not has_table)
        else:
            cells = (
                f"`{path}`",
                key.kind,
                f"`{key.default}`" if key.default else "",
                key.limits,
                key.meaning,
            )
            lines.append(
                "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"
            )
    return "\n".join([*lines, ""])


def _facts(key: Key) -> str:
    told = [f"type: {key.kind}"] + ([f"default: `{key.default}`"] if key.default else [])
    return "; ".join([*told, *([f"values: {key.limits}"] if key.limits else [])])


def commands_reference() -> str:
    """Every verb with its help, as a page."""
    from p2m.cli import arguments, verbs

    lines = ["# Commands", "", "What `p2m VERB --help` prints.", ""]
    for name in verbs.names():
        lines += [
            f"## p2m {name}",
            "",
            "```text",
            arguments.parser_of(name).format_help().rstrip(),
            "```",
            "",
        ]
    return "\n".join(lines)
