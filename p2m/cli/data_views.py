"""A recipe's data before a build, as text. Pure: values in, lines out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from p2m.catalogs.vocabulary import ALSO
from p2m.cli.common import relative
from p2m.cli.text import table
from p2m.inspection import LISTENED, MOST, Inspection, Part
from p2m.types import CROSS_VALIDATION, Examples, Task

_LABELS = 12  # that are listed; of more, the commonest and the rarest


def data_lines(found: Inspection) -> list[str]:
    """What the rows are, a key and its text a line, in the manner of `project_text`."""
    lines = [line for part in found.parts for line in _part_lines(part, found.parts[0])]
    lines += _label_lines(found)
    lines += [f"  inputs   {count.rows:,} rows: {count.what}" for count in found.unanswered]
    lines += [f"  decided  {count.rows:,} rows {count.what}" for count in found.decided]
    longest = max((part.longest for part in found.parts), default=0)
    if longest:
        lines.append(f"  length   at most about {longest:,} tokens, as far as words tell")
    if found.languages:
        heard = sum(part.rows for part in found.parts)
        lines.append(
            f"  language {_languages(found)}" + (f" (of {LISTENED} rows)" if heard > LISTENED else "")
        )
    if found.is_much:
        lines.append(
            "  alike    only the very same were looked for: there is much text, and a build does more"
        )
    if found.split:
        lines.append(f"  judged   {_judged(found)}")
    return lines


def rejected_lines(task: Task, found: Examples) -> Iterator[str]:
    """The rows that were rejected as lines of JSON, to be answered by people and given as data.train."""
    for row in found.rejected:
        told = {"teacher said": row.output, "rejected for": row.reason}
        yield json.dumps({**row.input, task.output.name: "", **told}, ensure_ascii=False)


def _languages(found: Inspection) -> str:
    """Those of at least one row in a hundred; a short text seems to be of any."""
    common = {code: share for code, share in found.languages.items() if code and share >= 0.01}
    told = [f"{code} {share:.0%}" for code, share in common.items()]
    rest = 1 - sum(common.values())
    return ", ".join([*told, *([f"not told {rest:.0%}"] if rest >= 0.005 else [])])


def _part_lines(part: Part, first: Part) -> Iterator[str]:
    """The rows and, where they are not those of the first part, the columns."""
    more = f" and {part.refused:,} refused" if part.refused else ""
    more += "" if part.is_whole else f" of the first {MOST:,} of each file"
    yield f"  {part.role:<8} {part.rows:,} rows{more}: {', '.join(relative(Path(one)) for one in part.files)}"
    if part is not first and (part.mappings, part.columns) == (first.mappings, first.columns):
        return
    told = [", ".join(f"{name} <- {column}" for name, column in each.items()) for each in part.mappings]
    used = {column for each in part.mappings for column in each.values()}
    unused = [name for name in part.columns if not any(f"{one}.".startswith(f"{name}.") for one in used)]
    also = [name for name in unused if name in ALSO]
    unused = [name for name in unused if name not in ALSO]
    if told:
        aliases = f"; further right answers <- {', '.join(also)}" if also else ""
        rest = f"; unused: {', '.join(unused)}" if unused else ""
        yield f"           {' | '.join(dict.fromkeys(told))}{aliases}{rest}"


def _label_lines(found: Inspection) -> Iterator[str]:
    """A table: a line a label, a column a role."""
    parts = [part for part in found.parts if part.labels]
    labels = list(dict.fromkeys(label for part in parts for label in part.labels))
    if not parts or not labels:
        return
    listed = labels
    if len(labels) > _LABELS:
        first = parts[0].labels
        ordered = sorted(labels, key=lambda label: -first.get(label, 0))
        listed = [*ordered[: _LABELS // 2], *ordered[-_LABELS // 2 :]]
    rows = [("", *(part.role for part in parts))]
    rows += [(_shown(label), *(_cell(part, label) for part in parts)) for label in listed]
    if len(labels) > _LABELS:
        rows.insert(_LABELS // 2 + 1, (f"... {len(labels) - len(listed)} more", *[""] * len(parts)))
    text = table(rows, indent=11, right=dict.fromkeys(range(1, len(parts) + 1), 0))
    yield f"  shares {text[9:]}"


def _shown(label: str) -> str:
    """A label in one line: what does not print is escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in label)


def _cell(part: Part, label: str) -> str:
    count = part.labels.get(label, 0)
    return f"{count:,} {count / max(1, part.rows):4.0%}"


def _judged(found: Inspection) -> str:
    if found.evidence == CROSS_VALIDATION:
        return f"by cross-validation of {found.split['train']:,} rows"
    how = "data.test" if found.evidence == "gold" else f"rows {found.evidence}"
    stopping = f", {found.split['validation']:,} to stop by" if found.split["validation"] else ""
    return f"on {found.split['test']:,} rows ({how}); {found.split['train']:,} to learn from{stopping}"
