"""CoNLL files: a token a line, its tag in the last column, a blank line between sentences.

Tags are BIO, IOB, BIOES or BILOU, with a type (`B-PER`) or without. Each sentence is a row: `text`, its
tokens joined by blanks, and `entities`, the spans with their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from p2m.answers.spans import tagged
from p2m.deploy.serving.lines import Row, TableError, numbered_lines

ENTITIES = "entities"
_LIKELY = re.compile(r"\S+(?:[ \t]+\S+)*[ \t]+(?:O|[BIESLU](?:-\S+)?)")
_LOOK = 20  # lines that tell such a file from any other text


def conll_rows(path: Path) -> Iterator[Row]:
    """The sentences of a file, each with the `file:line` of its first token.

    Raises:
        TableError: with file and line: a row with another number of columns, or a tag that is none.
    """
    sentence: list[tuple[int, list[str]]] = []
    columns = 0
    for number, line in numbered_lines(path):
        cells = _cells(line)
        if not cells:
            if sentence:
                yield _row(path, sentence)
            sentence = []
            continue
        if cells[0] == "-DOCSTART-" or (cells[0].startswith("#") and len(cells) != columns and not sentence):
            continue
        columns = columns or len(cells)
        if len(cells) != columns or columns < 2:
            expected = f"{columns} columns, as in the rows above" if columns > 1 else "a token and its tag"
            raise TableError(
                f"{path}:{number}: {len(cells)} column{'s' * (len(cells) != 1)}, and expected {expected}:"
                f" {line.strip()[:60]!r}"
            )
        sentence.append((number, cells))
    if sentence:
        yield _row(path, sentence)


def is_conll(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are tokens with their tags."""
    rows = [line for line in lines[:_LOOK] if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    return len(rows) > 1 and all(_LIKELY.fullmatch(line.strip()) for line in rows)


def _cells(line: str) -> list[str]:
    line = line.rstrip("\r\n")
    return [cell.strip() for cell in line.split("\t")] if "\t" in line.strip() else line.split()


def _row(path: Path, sentence: Sequence[tuple[int, list[str]]]) -> Row:
    places = [f"{path}:{number}" for number, _ in sentence]
    tokens, tags = [cells[0] for _, cells in sentence], [cells[-1] for _, cells in sentence]
    try:
        text, spans = tagged(tokens, tags, places)
    except ValueError as error:
        raise TableError(str(error)) from None
    entities = [
        {"start": span.start, "end": span.end} | ({"label": span.type} if span.type else {}) for span in spans
    ]
    return Row({"text": text, ENTITIES: entities}, places[0])
