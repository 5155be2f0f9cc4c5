"""Every format reads the same rows, and every way to break a file ends in its place."""

from __future__ import annotations

import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.catalogs.base import read_rows
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
    assert [record.values for record in read_rows(write(tmp_path / name), ["text", "label"])] == ROWS


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
        ("r.csv", b"text,text\na,b\n", r"r\.csv:1: the columns need names, each once"),
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
        list(read_rows(tmp_path / name, ["text"]))


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        list(read_rows(tmp_path / "none.jsonl"))


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
