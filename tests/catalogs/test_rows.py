# ruff: noqa: E501
"""Every format reads the same rows, and every way to break a file ends in its place."""

from __future__ import annotations

import csv
import gzip
import json
import shlex
import subprocess
import sys
from datetime import date
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbooks import write_workbook

from p2m.catalogs.base import read_rows, require
from p2m.catalogs.columns import texts_of
from p2m.errors import DataError

ROWS = [{"text": 'a, "b"\nc', "label": "x"}, {"text": "Ω", "label": "y"}]


def write(path, rows=ROWS):
    """`rows` in the format that the file's name says."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        data = "\n".join(json.dumps(row) for row in rows).encode()
    elif name.endswith(".json"):
        data = json.dumps({"data": rows}).encode()
    else:
        plain = path.with_name("plain")
        with plain.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(
                stream, ["text", "label"], delimiter="\t" if name.endswith(".tsv") else ","
            )
            writer.writeheader()
            writer.writerows(rows)
        data = plain.read_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    "name", ["r.jsonl", "r.jsonl.gz", "r.json", "r.json.gz", "r.csv", "r.csv.gz", "r.tsv"]
)
def test_each_format_gives_the_rows_that_were_written(tmp_path, name):
    assert [record.values for record in read_rows(write(tmp_path / name))] == ROWS


def test_parquet_gives_the_rows_that_were_written(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "r.parquet")
    assert [record.values for record in read_rows(tmp_path / "r.parquet")] == ROWS


def test_a_file_whose_name_says_nothing_is_read_by_its_first_bytes(tmp_path):
    path = write(tmp_path / "r.jsonl.gz").rename(tmp_path / "rows")
    assert [record.values for record in read_rows(path)] == ROWS


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("r.jsonl", b'{"text": "a"}\n{"text": \n', r"r\.jsonl:2: not JSON"),
        ("r.jsonl", b'{"text": "a"}\n\n["b"]\n', r"r\.jsonl:3: expected an object"),
        (
            "r.jsonl",
            b'{"text": "a"}\n{"txt": "b"}\n',
            r"r\.jsonl:2: .*lacks the column 'text'.*did you mean 'txt'",
        ),
        ("r.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', r"r\.jsonl:2: not UTF-8 \(byte 0xff\)"),
        ("r.json", b'[{"text": "a"},\n oops]', r"r\.json:2: not JSON"),
        ("r.csv", b"text,label\na,b\nc,d,e\n", r"r\.csv:3: 3 cells under 2 columns"),
        ("r.csv", b"text,text\na,b\n", r"r\.csv:1: two columns are called 'text'"),
        ("r.jsonl.gz", gzip.compress(b'{"text": "a"}' * 100, mtime=0)[:-9], r"not a whole gzip file"),
        ("r.parquet", b"PAR1 nonsense PAR1", r"r\.parquet: not a Parquet file"),
        ("r.bin", b"\x00\x01\x02\x03", r"not a data file that p2m knows; it reads jsonl"),
    ],
)
def test_a_broken_file_is_reported_with_its_place(tmp_path, name, data, said):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        list(map(partial(require, columns=["text"]), read_rows(tmp_path / name)))


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        list(read_rows(tmp_path / "none.jsonl"))


def read(path):
    return [record.values for record in read_rows(path)]


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("r.csv", "text;score\na, b;1,5\nc;2,25\n", [{"text": "a, b", "score": "1,5"}, {"text": "c", "score": "2,25"}]),
        ("r.csv", "sep=;\r\ntext;score\r\na, b;1,5\r\n", [{"text": "a, b", "score": "1,5"}]),
        ("r.csv", "text\tlabel\na, b; c\tx\n", [{"text": "a, b; c", "label": "x"}]),
        ("r.tsv", "text|label\na, b\t\t|x\n", [{"text": "a, b\t\t", "label": "x"}]),
        ("r.csv", '\ufeff"text","label"\n"a; ""b""\n\nc","x"\n', [{"text": 'a; "b"\n\nc', "label": "x"}]),
        ("r.csv", ",text,label\n0,a,x\n1,b,y\n", [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]),
        ("r.csv", "text,spam\na,spam\nb,spam\n", [{"text": "a", "spam": "spam"}, {"text": "b", "spam": "spam"}]),
        ("r.json", '{"text": ["a", "b"], "label": [1, 0]}', [{"text": "a", "label": 1}, {"text": "b", "label": 0}]),
        ("r.json", '{"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}}', [{"text": "a", "label": 1}, {"text": "b", "label": 0}]),
        ("r.json", '{"0": {"text": "a"}, "1": {"text": "b"}}', [{"text": "a"}, {"text": "b"}]),
        ("r.json", '{"columns": ["text", "n"], "index": [0, 1], "data": [["a", 1], ["b", 2]]}', [{"text": "a", "n": 1}, {"text": "b", "n": 2}]),
        ("r.jsonl", '{"a": "\\ud83d\\ude00", "b": NaN, "c": 0.10, "d": "NaN"}', [{"a": "😀", "b": None, "c": 0.10, "d": "NaN"}]),
    ],
)  # fmt: skip
def test_tables_are_read_as_people_write_them(tmp_path, name, text, rows):
    for encoding in ("utf-8", "utf-16", "utf-32"):
        if encoding == "utf-8" or not text.startswith("\ufeff"):
            (tmp_path / name).write_bytes(text.encode(encoding))
            assert read(tmp_path / name) == rows


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("r.csv", "text,label\na,b\ncafé,c\n".encode("cp1252"), r"r\.csv:3: not UTF-8 \(byte 0xe9\); save the file as UTF-8, by `iconv -f cp1252 -t utf-8 \S+/r\.csv > \S+/r\.utf8\.csv` if 'café,c'"),
        ("r.csv.gz", gzip.compress(b"text\n\xe9", mtime=0), r"r\.csv\.gz:2: .*gzip -dc \S+/r\.csv\.gz \| iconv -f cp1252 -t utf-8 > \S+/r\.utf8\.csv"),
        ("r.jsonl", '{"a": "é"}\n{"a": "ü"}\n{"a": "ö'.encode() + b'\xff"}', r"r\.jsonl:3: not UTF-8 .*damage.*iconv -c"),
        ("r.csv", "text,label\na,b\n".encode("utf-16-le"), r"r\.csv:1: .*UTF-16 without.*iconv -f utf-16le"),
        ("r.csv", "text,label\na,b\n".encode("utf-16") + b"\x00", r"r\.csv:\d: not UTF-16"),
        ("r.csv", b"text,label\na,b\0\n", r"r\.csv:2: a NUL character"),
        ("r.csv", b'text,label\na,b\n"c,d\ne,f\n', r"r\.csv:3: a quote that opens in this row never closes"),
        ("r.csv", b'text,label\n"a "b" c",d\n', r"r\.csv:2: a quote ends a cell, and no comma follows"),
        ("r.csv", b"text,,label\na,b,c\n", r"r\.csv:1: column 2 has no name"),
        ("r.csv", b"Export;;\n;;\nno;text;label\n1;b;c\n", r"r\.csv:1: only 'Export' stands in the first line.*take out"),
        ("r.csv", b"# exported\ntext,label\na,b\n", r"r\.csv:2: 2 cells under 1 column .*take out the lines above"),
        ("r.txt", b"text,label\na,b\n", r"r\.txt: not a data file.*call a table \.csv"),
        ("r.csv", b"fine,good\npoor,bad\nnice,good\nlovely,good\n", r"r\.csv:1: a row, as it seems \('good'\)"),
        ("r.csv", b"Ada and Bea left the old house on a cold day.,x\nb,y\n", r"r\.csv:1: a row, as it seems"),
        ("r.csv", b"text,label\na,b\ntext,label\nc,d\n", r"r\.csv:3: the header again"),
        ("r.csv", b"a;b,c\nd;e,f\n", r"r\.csv:1: comma and semicolon could separate the columns"),
        ("r.csv", b"PK\x03\x04\x14\x00", r"r\.csv: a zip archive.*call it \.xlsx"),
        ("r.json", b'{"text": ["a", "b"], "label": ["x"]}', r"r\.json:1: lists of different lengths \(text 2, label 1\)"),
        ("r.json", b'{"columns": ["a", "a"], "data": [[1, 2]]}', r"r\.json:1: two columns are called 'a'"),
        ("r.json", b'{"great": "good", "poor": "bad"}', r"r\.json:1: expected a list of objects, found one \(its keys: great, poor\)"),
        ("r.json", b'{"train": [{"a": 1}], "test": [{"a": 2}]}', r"r\.json:1: several lists of rows \(train, test\)"),
        ("r.json", b'{"x": {"a": [{"a": 1}], "b": [{"a": 2}]}}', r"r\.json:1: several lists of rows \(x\.a, x\.b\)"),
        ("r.csv", b"text,label\na,b\nTotal: 1\n", r"r\.csv:3: 1 cell under .*take the line out: 'Total: 1'"),
        ("r.jsonl", b'{"a": "b"}\n{"a": "b\\ud83d"}\n', r"r\.jsonl:2: half a character \(\\ud83d\)"),
        ("r.json", b'[{"a": "b"}, {"a": ["\\udc00"]}]', r"r\.json row 2: half a character"),
        ("r.jsonl", b'{"a": 1, "a": 2}\n', r"r\.jsonl:1: not JSON \(the key 'a' stands twice"),
        ("r.jsonl", b'{"a": ' + b"1" * 6000 + b"}", r"r\.jsonl:1: not JSON \(a number of more than 4300 digits; put it"),
        ("r.jsonl", b'[{"a": 1}]\n', r"r\.jsonl:1: expected an object.*\.json"),
        ("r.jsonl", b'{"a": 1}\n{}\n', r"r\.jsonl:2: expected an object such as"),
        ("r.json", b'[{"a": 1},\n {"a": 2}\n {"a": 3}]', r"r\.json:2: not JSON \(after the object that begins here"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place_and_what_to_do(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        read(tmp_path / name)


def test_the_command_in_the_message_converts_the_file(tmp_path):
    path = tmp_path / "my rows.csv"
    path.write_bytes("text,label\ncafé,a\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read(path)
    subprocess.run(["sh", "-c", str(caught.value).split("`")[1]], cwd="/", check=True)
    assert read(tmp_path / "my rows.utf8.csv") == [{"text": "café", "label": "a"}]


def test_numbers_of_json_keep_their_digits(tmp_path):
    numbers = ["0.10", "1e5", "12345678901234567890.10", "-0.0", "7"]
    (tmp_path / "r.json").write_text(f'[{{"n": [{", ".join(numbers)}]}}]')
    ((row),) = read(tmp_path / "r.json")
    assert texts_of(row["n"]) == numbers


def test_rows_above_a_broken_one_are_read(tmp_path):
    for name, text in (
        ("r.csv", 'text,label\na,b\nc,d\n"e,f\n'),
        ("r.json", '[{"text": "a"}, {"text": "c"}, x]'),
    ):
        (tmp_path / name).write_text(text)
        found = []
        with pytest.raises(DataError):
            found.extend(record.values["text"] for record in read_rows(tmp_path / name))
        assert found == ["a", "c"]


def test_parquet_loses_no_digit(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    fine = 1704189600123456789  # nanoseconds
    table = {
        "day": pyarrow.array([date(2024, 1, 2)]),
        "fine": pyarrow.array([fine], pyarrow.timestamp("ns")),
        "coarse": pyarrow.array([fine // 1000 * 1000], pyarrow.timestamp("ns")),
        "price": pyarrow.array([Decimal("1.50")]),
        "small": pyarrow.array([0.1], pyarrow.float32()),
        "clock": pyarrow.array([10**9], pyarrow.time64("ns")),
        "number": [1234567.0],
    }
    parquet.write_table(pyarrow.table(table), tmp_path / "r.parquet")
    (row,) = read(tmp_path / "r.parquet")
    assert {name: texts_of(value) for name, value in row.items()} == {
        "day": ["2024-01-02"], "fine": ["2024-01-02 10:00:00.123456789"],
        "coarse": ["2024-01-02 10:00:00.123456"], "price": ["1.50"], "small": ["0.1"],
        "clock": ["00:00:01"], "number": ["1234567.0"],
    }  # fmt: skip


def test_a_workbook_is_read_as_it_looks_in_excel(tmp_path):
    pytest.importorskip("python_calamine")
    day = '<c s="1"><v>45000</v></c>'
    rows = [[], ["text", "n", None], ["a & b\n c", 3], [], ["007", day], ["x", '<c t="e"><v>#N/A</v></c>']]
    path = write_workbook(tmp_path / "r.xlsx", {"Rows": rows, "Empty": []})
    found = list(read_rows(path))
    assert [record.values for record in found] == [
        {"text": "a & b\n c", "n": 3}, {"text": "007", "n": date(2023, 3, 15)}, {"text": "x", "n": ""},
    ]  # fmt: skip
    assert [record.where for record in found] == [f"{path} row {number}" for number in (3, 5, 6)]


def test_numbers_of_a_workbook_are_whole_where_they_are_exact(tmp_path):
    pytest.importorskip("python_calamine")
    path = write_workbook(
        tmp_path / "r.xlsx", {"A": [["text", "n"], ["a", 2**53 - 1], ["b", -(10**15)], ["c", 0.5]]}
    )
    values = [record.values["n"] for record in read_rows(path)]
    assert [str(value) for value in values] == [str(2**53 - 1), str(-(10**15)), "0.5"]
    write_workbook(path, {"A": [["text", "n"], ["a", 1], ["b", 12345678901234567]]})
    with pytest.raises(
        DataError, match=r"r\.xlsx row 3: column 2: 12345678901234568, of which Excel keeps only"
    ):
        read(path)


def test_a_workbook_without_the_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(DataError, match=r"pip install 'p2m\[excel\]', or save it as CSV"):
        read(write_workbook(tmp_path / "r.xlsx", {"A": [["text"], ["a"]]}))


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ({"A": [["text"], ["a"]], "B": [["text"], ["b"]]}, "the sheets 'A', 'B' have rows"),
        ({"A": [["text", "text"], ["a", "b"]]}, "row 1: two columns are called 'text'"),
        ({"A": [["good", "x"], ["good", "y"], ["good", "z"]]}, "row 1: a row, as it seems"),
    ],
)
def test_a_workbook_that_may_be_read_in_two_ways_is_refused(tmp_path, sheets, said):
    pytest.importorskip("python_calamine")
    with pytest.raises(DataError, match=said):
        read(write_workbook(tmp_path / "r.xlsx", sheets))


def test_one_sheet_of_several_is_written_as_csv_by_the_line_that_the_refusal_gives(tmp_path):
    pytest.importorskip("python_calamine")
    rows = [["text", "n"], ["a, b", 3], ["c", 0.5]]
    path = write_workbook(tmp_path / "my book.xlsx", {"Notes": [["by me"]], "All mails": rows})
    with pytest.raises(DataError) as caught:
        read(path)
    line = shlex.split(str(caught.value).partition("as CSV: python ")[2])
    assert line[-2:] == [">", "rows.csv"]
    done = subprocess.run([sys.executable, *line[:-2]], capture_output=True, text=True, check=True)
    (tmp_path / "rows.csv").write_text(done.stdout)
    assert read(tmp_path / "rows.csv") == [{"text": "a, b", "n": "3"}, {"text": "c", "n": "0.5"}]
    done = subprocess.run(
        [sys.executable, *line[:-3], "All mail"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "did you mean 'All mails'?" in done.stderr) == (2, True)


@given(
    data=st.binary(max_size=200),
    name=st.sampled_from(["r.jsonl", "r.json", "r.csv", "r.tsv", "r.jsonl.gz", "r"]),
)
def test_no_bytes_end_in_anything_but_rows_or_a_data_error(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(data)
    try:
        rows = list(read_rows(path))
    except DataError as caught:
        rows, said = [], str(caught)
    else:
        said = str(path)
    assert str(path) in said
    assert all(isinstance(row.values, dict) for row in rows)


def test_json_rows_lie_in_the_one_list_of_an_object_however_deep(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"export": {"date": "x", "total": 2}, "result": {"issues": ROWS}}))
    assert [record.values for record in read_rows(path)] == ROWS
