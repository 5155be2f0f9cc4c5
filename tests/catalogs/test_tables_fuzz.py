"""Tables as people have them, against what was written: every row is read right, or the file is refused with
its place; none is ever read as something else. P2M_CASES says how many tables the long form takes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from workbooks import write_workbook

from p2m.catalogs.base import read_rows
from p2m.deploy.serving.lines import TableError
from p2m.deploy.serving.tables import Table
from p2m.errors import DataError
from p2m.parsing import parse_prompt
from p2m.stages.read import read
from p2m.types import Files, TaskType

LABELS = [
    ("-1", "0", "1"), ("C", "C++", "C#"), ("<=50K", ">50K"), ("good", "bad"), ("A", "A+", "B"), ("😀", "😡"),
    ("None", "NA"), ("1.0", "1.5"), ("a,b", "a;b"), ("1", "2"),
]  # fmt: skip
SPELT = {"good": "GOOD", "bad": " Bad "}  # as somebody else may write them
NEEDED = {"parquet": "pyarrow", "xlsx": "python_calamine"}
FORMS = ["csv", "csv", "csv", "tsv", "jsonl", "json", "json"]
FORMS += [form for form, library in NEEDED.items() if find_spec(library)]
SHAPES = ("", ":lists", ":split", ":index", ":columns")  # of JSON, most of them pandas' `orient`
SEPARATORS = (",", ";", "\t", "|")
REFUSED = ("cp1252", "cp1251", "utf-16-le")  # where the bytes are no UTF-8
READ = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
TEXTS = st.text(st.sampled_from("ab cde. 0 1,5;|\t\"'\n\rNaéя😀ü-+#"), max_size=12).map(
    lambda text: f"w{text}"
)


@dataclass(frozen=True)
class Case:
    """A table, how it is written, and what is wrong with it."""

    labels: tuple[str, ...]
    rows: list[tuple[str, str]]
    extra: Any  # of a third column, in every row; None where there is none
    form: str
    encoding: str
    separator: str
    quoted: bool
    ends: str
    stated: bool  # by a line "sep=;"
    zipped: bool
    typed: bool  # numbers are numbers
    spelt: bool  # another spelling of the labels
    fault: str  # "", "null", "label", "short", "twice", "headless"
    place: int  # of the row that has it


@st.composite
def cases(draw: st.DrawFn) -> Case:
    labels = draw(st.sampled_from(LABELS))
    row = st.tuples(TEXTS, st.sampled_from(labels))
    rows = draw(st.lists(row, min_size=1, max_size=8))
    rows = rows * draw(st.sampled_from([1] * 9 + [300 // len(rows)]))  # beyond what a table is judged by
    form = draw(st.sampled_from(FORMS))
    text = form in ("csv", "tsv", "json", "jsonl")
    table = form in ("csv", "tsv", "xlsx")
    faults = ["", "", "", "null", "label", *(["twice", "headless"] if table else [])]
    faults += ["short"] if form in ("csv", "tsv", "jsonl") else []
    return Case(
        labels, rows,
        extra=draw(st.sampled_from([None, "x", "1,5", 2.5, True, None])),
        form=form + (draw(st.sampled_from(SHAPES)) if form == "json" else ""),
        encoding=draw(st.sampled_from([*READ, *REFUSED])) if text else "utf-8",
        separator=draw(st.sampled_from(SEPARATORS)),
        quoted=draw(st.booleans()),
        ends=draw(st.sampled_from(["\n", "\r\n"])),
        stated=draw(st.booleans()),
        zipped=text and draw(st.booleans()),
        typed=draw(st.booleans()),
        spelt=draw(st.booleans()),
        fault=draw(st.sampled_from(faults)),
        place=draw(st.integers(0, len(rows) - 1)),
    )  # fmt: skip


def written(case: Case) -> tuple[list[str], list[list[Any]]]:
    """The header and the cells that go into the file, with the fault."""
    header = ["text", "label", *(["extra"] if case.extra is not None else [])]
    cells: list[list[Any]] = []
    for text, label in case.rows:
        said: Any = SPELT.get(label, label) if case.spelt else label
        if case.typed and not case.form.endswith("sv"):
            said = int(said) if re.fullmatch(r"-?\d+", said) else float(said) if said[:2] == "1." else said
        cells.append([text, said, *([case.extra] if case.extra is not None else [])])
    if case.fault == "null":
        cells[case.place][case.place % 2] = "" if case.form[-2:] == "sv" else None
    elif case.fault == "label":
        cells[case.place][1] = "none of them"
    elif case.fault == "short":
        del cells[case.place][-1]
    elif case.fault == "twice":
        header[1] = "text"
    return header, cells


def document(case: Case) -> tuple[str, int]:
    """The text of a text file, and the line at which the faulty row begins."""
    header, rows = written(case)
    kind, _, shape = case.form.partition(":")
    if kind in ("csv", "tsv"):
        out = io.StringIO(newline="")
        ends = "\r\n" if any("\r" in text for text, _ in case.rows) else case.ends  # else it is not quoted
        if case.stated:
            out.write(f"sep={case.separator}{ends}")
        writer = csv.writer(
            out, delimiter=case.separator, lineterminator=ends,
            quoting=csv.QUOTE_ALL if case.quoted else csv.QUOTE_MINIMAL,
        )  # fmt: skip
        if case.fault != "headless":
            writer.writerow(header)
        line = 1
        for number, row in enumerate(rows):
            if number == case.place:
                line += len(re.findall(r"\r\n|\r|\n", out.getvalue()))
            writer.writerow(row)
        return out.getvalue(), line
    objects = [dict(zip(header, row, strict=False)) for row in rows]
    columns = {name: [row.get(name) for row in objects] for name in header}
    if kind == "jsonl":
        lines = [json.dumps(row, ensure_ascii=case.quoted) for row in objects]
        return case.ends.join(lines), case.place + 1
    shapes: dict[str, Any] = {
        "": objects,
        "lists": columns,
        "split": {"columns": header, "index": list(range(len(rows))), "data": rows},
        "index": {str(number): row for number, row in enumerate(objects)},
        "columns": {name: {str(n): item for n, item in enumerate(items)} for name, items in columns.items()},
    }
    return json.dumps(shapes[shape], ensure_ascii=case.quoted, indent=case.stated or None), case.place + 1


def write(case: Case, folder: Path) -> tuple[Path, int]:
    kind = case.form.partition(":")[0]
    path = folder / f"rows.{kind}{'.gz' if case.zipped else ''}"
    if kind == "parquet":
        import pyarrow
        import pyarrow.parquet

        header, rows = written(case)
        columns = {name: [row[n] for row in rows] for n, name in enumerate(header)}
        try:
            table = pyarrow.table(columns)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):  # Parquet has one type a column
            table = pyarrow.table(
                columns | {"label": [None if each is None else str(each) for each in columns["label"]]}
            )
        pyarrow.parquet.write_table(table, path)
        return path, case.place + 1
    if kind == "xlsx":
        header, rows = written(case)
        write_workbook(path, {"Rows": rows if case.fault == "headless" else [header, *rows]})
        return path, case.place + (1 if case.fault == "headless" else 2)
    text, line = document(case)
    try:
        data = text.encode(case.encoding)
    except UnicodeEncodeError:  # not in that encoding's alphabet
        data = text.encode()
    path.write_bytes(gzip.compress(data, 1, mtime=0) if case.zipped else data)
    return path, line


def check(case: Case) -> None:
    task = parse_prompt(
        "Sort the text.", type=TaskType.CLASSIFICATION, inputs=("text",), output="label", labels=case.labels
    )
    with tempfile.TemporaryDirectory() as folder:
        path, line = write(case, Path(folder))
        plain = path.read_bytes()
        bare = gzip.decompress(plain) if case.zipped else plain
        try:
            rows = read(task, Files(path), role="test").rows
        except DataError as error:
            said = str(error).replace(folder, "")
            event(f"refused: {case.fault or case.encoding}")
            assert "/rows." in said
            assert is_reason(case, bare, line, said), said
            return
    event(f"read: {case.form}")
    assert not case.fault or (case.fault == "short" and case.form == "jsonl" and case.extra is not None)
    assert [(row.input["text"], row.output) for row in rows] == [
        (text.strip(), label) for text, label in case.rows
    ]


def is_reason(case: Case, data: bytes, line: int, said: str) -> bool:
    """Whether there is reason to refuse this, at this place."""
    if case.encoding == "utf-16-le":
        return ":1: a NUL character" in said
    if case.encoding in REFUSED:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            before = len(re.findall(r"\r\n|\r|\n", data[: error.start].decode()))
            return f":{before + 1}: not UTF-8" in said
    place = f":{line}: " if case.form in ("csv", "tsv", "jsonl") else f" row {line}: "
    reasons = {
        "headless": (": a row, as it seems", "no column for", "has no rows", "the header again"),
        "twice": (": two columns are called 'text'",),
        "null": (
            f"{place}'text' (column 'text') is empty",
            f"{place}'label' (column 'label') is empty",
            "is empty in every row",
        ),
        "label": (f"{place}'none of them' is none of the labels",),
        "short": (place, "no column for 'label'"),
        "": (),
    }[case.fault]
    # Two signs may stand in every row alike.
    return any(reason in said for reason in reasons) or ("could separate" in said and not case.stated)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases())
def test_every_row_is_read_right_or_the_file_is_refused_with_its_place(case: Case) -> None:
    check(case)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases())
def test_a_bundle_reads_and_refuses_what_training_does(case: Case) -> None:
    """All but workbooks, and the judgement whether a first line is a row, which knows the task's words."""
    with tempfile.TemporaryDirectory() as folder:
        path, _ = write(case, Path(folder))
        trained: Any
        asked: Any
        try:
            trained = [row.values for row in read_rows(path)] or f"{path}: there are no rows in it"
        except DataError as error:
            trained = str(error)
        try:
            asked = [row.values for row in Table(path, "text").rows()]
        except TableError as error:
            asked = str(error)
    assert asked == trained or case.form == "xlsx" or ": a row, as it seems" in trained


@pytest.mark.slow
@pytest.mark.timeout(7200)
@settings(
    max_examples=int(os.environ.get("P2M_CASES", "20000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(cases())
def test_every_row_of_many_tables_is_read_right_or_refused(case: Case) -> None:
    check(case)
