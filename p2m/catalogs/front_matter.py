"""A README's YAML front matter, the Hub's way: every value one or a list, every scalar a text.

Scalars stay texts (`language: no` is Norwegian and no boolean), so that nothing is lost before we know what
is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from p2m.errors import DataError

_MAX_WORDS = 400  # of a description
OPENING = re.compile(r"\s*---[^\S\n]*\n")  # of front matter, by the Hub's own rule
_CLOSING = re.compile(r"^---", re.M)
ONE_OF_SEVERAL = "one_of_several_configs"  # a key of cards that p2m writes


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields, and the text that follows them."""

    fields: Mapping[str, Any]
    body: str
    path: Path

    def place(self, key: str) -> str:
        """`file:line` of a key's first mention; line 1 where it is not mentioned."""
        lines = (
            self.path.read_text(encoding="utf-8", errors="replace").split("\n") if self.path.is_file() else []
        )
        number = next(
            (index for index, line in enumerate(lines, 1) if re.match(rf"[\s-]*{key}\s*:", line)), 1
        )
        return f"{self.path}:{number}"

    def tasks(self) -> tuple[str, ...]:
        """The card's task categories and ids."""
        keys = ("task_categories", "task", "tasks", "task_ids")
        return tuple(dict.fromkeys(text for key in keys for text in texts(self.fields.get(key))))

    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes, regions dropped."""
        found = [*texts(self.fields.get("language")), *texts(self.fields.get("languages"))]
        return tuple(dict.fromkeys(re.split(r"[-_]", code.lower())[0] for code in found))

    def license(self) -> str:
        """SPDX-like, lower case; several joined by commas."""
        found = [*texts(self.fields.get("license")), *texts(self.fields.get("licence"))]
        return ", ".join(dict.fromkeys(normal_license(text) for text in found))

    def description(self) -> str:
        """The pretty name, then the card's summary or first prose."""
        parts = [
            *texts(self.fields.get("pretty_name"))[:1],
            *texts(self.fields.get("description"), split=False),
        ]
        summary = re.search(
            r"^#+\s*(?:dataset )?(?:summary|description)\s*$(.*?)(?=^#|\Z)", self.body, re.I | re.M | re.S
        )
        prose = summary.group(1) if summary and summary.group(1).strip() else self.body
        prose = re.sub(r"```.*?```", " ", prose, flags=re.S)
        prose = re.sub(r"<[^>\n]+>|^#.*$|^\s*\|.*$|\[More Information Needed\]", " ", prose, flags=re.M)
        return " ".join([*parts, *prose.split()[:_MAX_WORDS]]).strip()

    def configs(self) -> tuple[str, ...]:
        """Names of the configurations that have files of their own."""
        found = self.fields.get("configs")
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise DataError(
                f"{self.place('configs')}: configs must be a list of `config_name` and `data_files`"
            )
        return tuple(str(item.get("config_name", "default")) for item in found)

    def several(self) -> bool:
        """Whether its configurations have names worth telling, also where only one of them is left here."""
        return len(self.configs()) > 1 or self.fields.get(ONE_OF_SEVERAL) == "true"

    def data_files(self, config: str) -> list[tuple[str, str]]:
        """(split or "", pattern) for each pattern of a configuration."""
        for item in self.fields.get("configs") or ():
            if str(item.get("config_name", "default")) == config:
                base = f"{item['data_dir'].rstrip('/')}/" if isinstance(item.get("data_dir"), str) else ""
                pairs = list(_patterns(item.get("data_files")))
                if not pairs and base:
                    return [("", f"{base}*")]
                wrong = [
                    pattern for _, pattern in pairs if pattern.startswith("/") or ".." in pattern.split("/")
                ]
                if wrong:
                    raise DataError(
                        f"{self.place('data_files')}: {wrong[0]!r} leads out of the dataset's folder"
                    )
                return [(split, base + pattern.removeprefix("./")) for split, pattern in pairs]
        return []

    def info(self, config: str) -> Mapping[str, Any]:
        """The `dataset_info` of a configuration."""
        found = self.fields.get("dataset_info")
        entries = [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]
        named = [item for item in entries if str(item.get("config_name", "default")) == (config or "default")]
        return (named or (entries if len(entries) == 1 else []) or [{}])[0]

    def rows(self, info: Mapping[str, Any], part: str) -> int | None:
        """The number of rows that the card gives for a split."""
        splits = info.get("splits")
        for split in splits if isinstance(splits, list) else ():
            if isinstance(split, dict) and str(split.get("name")) == part:
                count = str(split.get("num_examples", "")).replace("_", "")
                return int(count) if count.isdigit() else None
        return None

    def label_names(self, info: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """What the numbers of class label columns mean: column -> number -> name."""
        found: dict[str, dict[str, str]] = {}
        features = info.get("features")
        for feature in features if isinstance(features, list) else ():
            label = _class_label(feature)
            names = label.get("names") if isinstance(label, dict) else None
            if isinstance(names, list):
                names = dict(enumerate(names))
            if isinstance(names, dict) and "name" in feature:
                found[str(feature["name"])] = {str(number): str(name) for number, name in names.items()}
        return found


def _class_label(feature: Any) -> Any:
    """The class label of a column, or of the entries of a column of lists."""
    for key in ("dtype", "list", "sequence") if isinstance(feature, dict) else ():
        if isinstance(inner := feature.get(key), dict):
            return inner.get("class_label") or _class_label(inner)
    return None


def read_front_matter(path: Path) -> FrontMatter:
    """Fields and body of a card; no fields where it has no front matter.

    Raises:
        DataError: with file and line: not UTF-8, front matter that is not YAML, not a mapping, or never ends.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: the card is not UTF-8; save it as UTF-8") from error
    opening = OPENING.match(text)
    if opening is None:
        return FrontMatter({}, text, path)
    before = opening[0].count("\n")  # lines
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        raise DataError(f"{path}:{before}: the card's front matter opens with --- and has no closing ---")
    try:
        fields = yaml.load(text[opening.end() : closing.start()], Loader=yaml.BaseLoader)  # makes texts only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = before + 1 + mark.line if mark else before
        raise DataError(f"{path}:{line}: the card is not YAML: {getattr(error, 'problem', error)}") from error
    if fields is None or fields == "":
        fields = {}
    if not isinstance(fields, dict):
        raise DataError(
            f"{path}:{before + 1}: the card's front matter must hold `key: value` lines, e.g. `license: mit`"
        )
    return FrontMatter(fields, text[closing.end() :].lstrip("-").strip(), path)


def texts(value: Any, *, split: bool = True) -> list[str]:
    """One value, a list or a comma list, as texts; the lists of a mapping (per configuration) joined."""
    if isinstance(value, Mapping):
        return list(dict.fromkeys(text for inner in value.values() for text in texts(inner, split=split)))
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner, split=split)]
    if not isinstance(value, str):
        return []
    parts = value.split(",") if split else [value]
    return [part.strip() for part in parts if part.strip()]


def normal_license(text: str) -> str:
    """`Apache License 2.0` and `apache-2.0` alike."""
    low = re.sub(r"\b(?:the|licen[cs]e|version|v(?=\d))\b", " ", text.lower())
    return re.sub(r"[\s_-]+", "-", low).strip("-")


def _patterns(value: Any) -> Sequence[tuple[str, str]]:
    """The Hub's four ways to write data_files."""
    if isinstance(value, str):
        return [("", value)]
    if isinstance(value, Mapping):
        return [
            (str(split), pattern) for split, inner in value.items() for pattern in texts(inner, split=False)
        ]
    if isinstance(value, list):
        pairs: list[tuple[str, str]] = []
        for item in value:
            if isinstance(item, Mapping):
                split = str(item.get("split", ""))
                pairs.extend((split, pattern) for pattern in texts(item.get("path"), split=False))
            else:
                pairs.extend(_patterns(item))
        return pairs
    return []
