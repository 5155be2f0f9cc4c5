"""Files of rows: what stands in them comes back as it was, with the answers; what is wrong is said first."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving import asking, command, file_answers, tables
from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.lines import Row
from p2m.deploy.serving.rows import Answer, InputError
from p2m.deploy.serving.settings import KINDS, Settings
from p2m.deploy.shipping import lay_out, shipped
from p2m.stages.package import ASKING

Ask = Callable[..., "Asked"]
GOOD, BAD = "good,0.7311", "bad,0.7311"
SPEED = r"predict\.py: [\d,]+ rows in [\d.]+ s, [\d,]+ rows/s.*\n"


class Asked:
    """What came of one call."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.raw = code, out
        said = err.decode()
        self.speed = "".join(re.findall(SPEED, said))  # what is said of every file that was answered
        self.err = re.sub(SPEED, "", said)

    @property
    def out(self) -> str:
        return self.raw.decode()


def bundle_of(folder: Path, *fields: str) -> Path:
    """A model that says good of what holds "fine", else bad; its answer is called label."""
    model = folder / "model"
    model.mkdir(parents=True)
    Settings("linear", fields, labels=("bad", "good")).write(model)
    (model / "terms.json").write_text(json.dumps({"words": ["fine"]}))
    np.savez(
        model / LINEAR,
        bias=np.array([0.0, -1.0], np.float32), sparse=np.array([[0, 1]], np.int8),
        scale=np.array([1.0, 2.0], np.float32), idf=np.array([1.0], np.float32),
    )  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"task": {"output": {"name": "label"}}}))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("bundle"), "text")


@pytest.fixture
def ask(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Ask:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, of: Path = bundle) -> Asked:
        capfdbinary.readouterr()
        code = command.main(["--model", str(of / "model"), *arguments])
        sys.stdout.flush()
        return Asked(code, *capfdbinary.readouterr())

    return call


def write(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.csv", "id,text\n1,fine\n02,poor\n", f"id,text,label,label_score\n1,fine,{GOOD}\n02,poor,{BAD}\n"),
        ("b.csv", "text;n\r\nfine;1,50", "text;n;label;label_score\r\nfine;1,50;good;0.7311"),
        ("c.csv",
         "sep=;\ntext;n\nfine, so;1\n",
         f"sep=;\ntext;n;label;label_score\nfine, so;1;{GOOD.replace(',', ';')}\n"),
        ("d.csv", "\ufefftext,n\nfine,1\n", f"\ufefftext,n,label,label_score\nfine,1,{GOOD}\n"),
        ("e.csv", 'text,n\n"fine\n\n""x"", y",1\n',
         f'text,n,label,label_score\n"fine\n\n""x"", y",1,{GOOD}\n'),
        ("f.tsv", "text\tn\nfine, so\t1\n", "text\tn\tlabel\tlabel_score\nfine, so\t1\tgood\t0.7311\n"),
        ("g.csv", "n;text\n1,5;fine\n2,5;poor\n",
         "n;text;label;label_score\n1,5;fine;good;0.7311\n2,5;poor;bad;0.7311\n"),
        ("m.csv", "text;price, eur\nfine, so;1,50\n",
         "text;price, eur;label;label_score\nfine, so;1,50;good;0.7311\n"),
        ("h.jsonl", '{"n":1.10,"text":"fine"}\n\n{"text": "poor" }\n',
         '{"n":1.10,"text":"fine", "label": "good", "label_score": 0.7311}\n\n'
         '{"text": "poor", "label": "bad", "label_score": 0.7311}\n'),
        ("i.json", '[\n  {\n    "text": "fine"\n  }, {"text": "poor"}\n]\n',
         '[\n  {\n    "text": "fine", "label": "good", "label_score": 0.7311\n  }, '
         '{"text": "poor", "label": "bad", "label_score": 0.7311}\n]\n'),
        ("j.txt", "fine\r\n poor \r\n\r\n", "fine\tgood\t0.7311\r\n poor \tbad\t0.7311\r\n"),
        ("r.csv", "text\nfine, so\n\na;b, c\n\"x, y\"\n",
         f'text,label,label_score\n"fine, so",{GOOD}\n\n"a;b, c",{BAD}\n"x, y",{BAD}\n'),
        ("s.csv", 'text\nfine, 5" so\n', f'text,label,label_score\n"fine, 5"" so",{GOOD}\n'),
        ("n.csv", 'text,n\r"fine\rx",1\rpoor,2\r',
         f'text,n,label,label_score\r"fine\rx",1,{GOOD}\rpoor,2,{BAD}\r'),
        ("o.txt", "fine\rpoor\r", "fine\tgood\t0.7311\rpoor\tbad\t0.7311\r"),
        ("p.json", '{"text": ["fine", "poor"], "n": [1.10, null]}',
         '[\n{"text": "fine", "n": 1.10, "label": "good", "label_score": 0.7311},\n'
         '{"text": "poor", "n": null, "label": "bad", "label_score": 0.7311}\n]\n'),
        ("t.json", '{"columns": ["text", "n"], "data": [["fine", 1]]}',
         '[\n{"text": "fine", "n": 1, "label": "good", "label_score": 0.7311}\n]\n'),
        ("q.json", '\n{"version": 1, "data": [{"text": "fine", "l": ["é"]},\n {"text": "poor"}]}\n',
         '[\n{"text": "fine", "l": ["é"], "label": "good", "label_score": 0.7311},\n'
         '{"text": "poor", "label": "bad", "label_score": 0.7311}\n]\n'),
        ("u.json", '{"0": {"text": "fine", "n": NaN}, "1": {"text": "poor", "n": 1.10}}',
         '[\n{"text": "fine", "n": null, "label": "good", "label_score": 0.7311},\n'
         '{"text": "poor", "n": 1.10, "label": "bad", "label_score": 0.7311}\n]\n'),
        ("v.json", '{"text": {"0": "fine"}, "n": {"0": 1}}',
         '[\n{"text": "fine", "n": 1, "label": "good", "label_score": 0.7311}\n]\n'),
        ("w.json", '{"text": "fine"}\n\n{"text": "poor"}\n',
         '{"text": "fine", "label": "good", "label_score": 0.7311}\n\n'
         '{"text": "poor", "label": "bad", "label_score": 0.7311}\n'),
        ("x.csv", ",text\n0,fine\n1,poor\n", f",text,label,label_score\n0,fine,{GOOD}\n1,poor,{BAD}\n"),
        ("k.csv", "text,label\nfine,bad\n",
         f"text,label,label_predicted,label_predicted_score\nfine,bad,{GOOD}\n"),
    ],
)  # fmt: skip
def test_a_file_comes_back_as_it_was_with_the_answers(ask: Ask, name: str, content: str, wanted: str) -> None:
    done = ask("--input", write(name, content))
    assert (done.code, done.err) == (0, "")
    assert done.out == wanted
    assert ask("--input", name, "--output", f"out{Path(name).suffix}").out == ""
    assert Path(f"out{Path(name).suffix}").read_bytes() == done.raw


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
def test_zipped_files_are_read(ask: Ask, name: str) -> None:
    content = {"a.jsonl": '{"text": "fine"}\n', "a.json": '[{"text": "fine"}]'}.get(name, "text\nfine\n")
    plain = ask("--input", write(name, content))
    done = ask("--input", write(f"{name}.gz", gzip.compress(content.encode())))
    assert (done.code, done.err, done.raw) == (0, "", plain.raw)
    assert "answers are written unzipped" in ask("--input", name, "--output", f"o.{name}.gz").err
    cut = ask("--input", write(f"{name}.gz", gzip.compress(content.encode())[:-9]))
    assert (cut.code, "not a whole gzip file" in cut.err) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_unicode_is_read_and_written(ask: Ask, encoding: str) -> None:
    done = ask("--input", write("a.csv", "text;n\nfine é;1\n".encode(encoding)))
    assert done.raw.decode(encoding) == "text;n;label;label_score\nfine é;1;good;0.7311\n"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
@pytest.mark.parametrize("output", ["o.csv", "o.tsv", "o.jsonl", "o.json", "o.parquet"])
def test_another_format_is_written_by_its_name(ask: Ask, name: str, output: str) -> None:
    rows = [{"text": 'fine,\t"é', "n": "007"}, {"text": "poor", "n": ""}]
    texts = {
        "a.csv": 'text,n\n"fine,\t""é",007\npoor,\n',
        "a.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "a.json": json.dumps(rows, indent=1),
    }
    assert ask("--input", write(name, texts[name]), "--output", output).code == 0
    answered = [
        {**row, "label": label, "label_score": 0.7311}
        for row, label in zip(rows, ("good", "bad"), strict=True)
    ]
    assert read(Path(output)) == answered


def read(path: Path) -> list[dict[str, object]]:
    """A written file by the libraries that others would use."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_table(path).to_pylist())
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return list(json.loads(text))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    found = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",")
    return [{**row, "label_score": float(row["label_score"])} for row in found]


def test_numbers_of_json_keep_their_digits_in_a_table(ask: Ask) -> None:
    write("a.jsonl", '{"text": "fine", "n": 1.10, "big": 12345678901234567890.10, "b": true, "l": [1]}\n')
    assert ask("--input", "a.jsonl", "--output", "o.csv").code == 0
    assert Path("o.csv").read_text().splitlines()[1] == f"fine,1.10,12345678901234567890.10,true,[1],{GOOD}"


def test_what_is_no_number_is_empty(ask: Ask) -> None:
    row = '{"text": "fine", "n": NaN, "l": [NaN, 1.50], "i": -Infinity}'
    write("a.jsonl", row + "\n")
    write("a.json", f"[\n  {row}\n]\n")
    added = '"label": "good", "label_score": 0.7311'
    wanted = '{"text": "fine", "n": null, "l": [null, 1.50], "i": "-Infinity", ' + added + "}"
    assert ask("--input", "a.jsonl").out == wanted + "\n"
    assert ask("--input", "a.json").out == f"[\n  {wanted}\n]\n"
    ask("--input", "a.jsonl", "--output", "o.csv")
    assert Path("o.csv").read_text().splitlines()[1] == f'fine,,"[null, 1.50]",-Infinity,{GOOD}'


def test_numbers_of_parquet_that_are_none_are_empty(ask: Ask) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["fine"], "n": [float("nan")]}), "a.parquet")
    ask("--input", "a.parquet", "--output", "o.csv")
    assert Path("o.csv").read_text().splitlines()[1] == f"fine,,{GOOD}"
    ask("--input", "a.parquet", "--output", "o.jsonl")
    assert '"n": null' in Path("o.jsonl").read_text()


@pytest.mark.parametrize(
    ("value", "said"),
    [("[" * 200000, "nested too deeply"), ("1" * 6000, "4300 digits"), ('1, "n": 2', "'n' stands twice")],
)
def test_json_that_cannot_be_read_is_no_text(ask: Ask, value: str, said: str) -> None:
    done = ask('{"text": "fine", "n": ' + value + "}")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    with pytest.raises(InputError, match=said):
        list(asking.read_lines([b'{"text": "fine", "n": ' + value.encode() + b"}"], ["text"]))


def test_parquet_keeps_its_types_and_goes_to_a_file(ask: Ask) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = {
        "text": ["fine", "poor"],
        "d": [Decimal("1.50"), None],
        "day": [date(2026, 1, 2)] * 2,
        "label": [1, 2],
    }
    pyarrow.parquet.write_table(pyarrow.table(rows), "a.parquet")
    assert "say where the answers go" in ask("--input", "a.parquet").err
    assert ask("--input", "a.parquet", "--output", "o.parquet").code == 0
    found = pyarrow.parquet.read_table("o.parquet")
    assert found.select(list(rows)).equals(pyarrow.table(rows))
    assert found["label_predicted"].to_pylist() == ["good", "bad"]
    write("b.parquet", "no parquet")
    assert (
        "b.parquet: not a Parquet file that can be read: Parquet magic bytes"
        in ask("--input", "b.parquet", "--output", "o.csv").err
    )


def test_what_parquet_counts_finely_is_written_with_its_own_digits(ask: Ask) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {
        "text": ["fine"],
        "small": pyarrow.array([0.1], pyarrow.float32()),
        "at": pyarrow.array([1704189600123456789], pyarrow.timestamp("ns")),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), "a.parquet")
    assert ask("--input", "a.parquet", "--output", "o.csv").code == 0
    assert Path("o.csv").read_text().splitlines()[1] == f"fine,0.1,2024-01-02 10:00:00.123456789,{GOOD}"


def test_parquet_has_every_column_of_every_row_and_texts_where_no_type_fits(ask: Ask) -> None:
    rows = [
        {"text": "fine", "big": 2**63, "mixed": 1, "deep": {"n": 1}},
        {"text": "poor", "late": 7, "mixed": "two", "big": 3, "deep": [2**70]},
    ]
    write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert ask("--input", "a.jsonl", "--output", "o.parquet").code == 0
    found = [{k: v for k, v in row.items() if not k.startswith("label")} for row in read(Path("o.parquet"))]
    assert found == [
        {"text": "fine", "big": str(2**63), "mixed": "1", "deep": '{"n": 1}', "late": None},
        {"text": "poor", "big": "3", "mixed": "two", "deep": f"[{2**70}]", "late": 7},
    ]


def test_parquet_without_pyarrow_names_the_package(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = ask("--input", write("a.parquet", "PAR1"), "--output", "o.parquet")
    assert (done.code, "pip install pyarrow" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "arguments", "column"),
    [
        ("id,body,label\n1,fine,good\n", (), "body"),  # numbers are no text, nor is the answer
        ("day,body\n2026-01-02,fine\n", (), "body"),
        ("head,body\nfine,poor\n", ("--column", "text=head"), "head"),
        ("reviewBody\nfine\n", (), "reviewBody"),
        ("Text body\nfine\n", (), "Text body"),
        ("n,notiz\n1,fine\n", (), "notiz"),  # what stands over numbers is a header
    ],
)
def test_columns_go_by_name_else_the_only_text_is_asked_about_and_told(
    ask: Ask, content: str, arguments: tuple[str, ...], column: str
) -> None:
    done = ask("--input", write("a.csv", content), *arguments)
    assert ",good," in done.out
    assert done.err == f"predict.py: text <- {column}\n"


@pytest.mark.parametrize(
    "content",
    [
        "card\nparcel\n",
        "my card,1\nmy parcel,2\n",
        "card,m\nparcel,\n",
        "text of it\ntext of it\n",
        "my first message\nmy second message\n",
        "my first message,1\nmy second message,2\n",
    ],
)
def test_a_first_row_is_no_header(ask: Ask, content: str) -> None:
    done = ask("--input", write("a.csv", content))
    assert (done.code, done.out) == (2, "")
    assert "if its first line is a row: add a first line such as text" in done.err
    assert ("or name the file .txt" in done.err) == ("," not in content)


@pytest.mark.parametrize(
    "name", ["label", "label_text", "gold", "answer", "Class", "targetText", "review_id"]
)
def test_answers_and_numbers_of_rows_are_no_input(ask: Ask, name: str) -> None:
    for file in (write("a.csv", f"{name},n\nfine,1\n"), write("a.jsonl", json.dumps({name: "fine"}))):
        done = ask("--input", file)
        assert (done.code, done.out) == (2, "")
        assert "e.g. --column text=COLUMN\n" in done.err
        assert "text <- " in ask("--input", file, "--column", f"text={name}").err
    assert "--column text=body" in ask("--input", write("a.csv", f"{name},body,head\na,b,c\n")).err


def test_the_task_s_answer_is_no_input_whatever_its_name(tmp_path: Path, ask: Ask) -> None:
    other = bundle_of(tmp_path / "other", "text")
    (other / "manifest.json").write_text(json.dumps({"task": {"output": {"name": "review team"}}}))
    for name in ("review team", "reviewTeam", "review_team_predicted"):
        assert "--column text=COLUMN" in ask("--input", write("a.csv", f"{name}\nfine\n"), of=other).err
        assert "--column text=a" in ask("--input", write("a.csv", f"{name},a,b\nx,y,z\n"), of=other).err


def test_two_fields_want_their_columns(bundle: Path, tmp_path: Path, ask: Ask) -> None:
    two = bundle_of(tmp_path / "two", "question", "context")
    write("a.csv", "question,passage\nfine?,Ada\n")
    done = ask("--input", "a.csv", of=two)
    assert done.code == 2
    assert "no column 'context'; it has question, passage" in done.err
    assert done.err.endswith("--column context=passage\n")
    assert ask("--input", "a.csv", "--column", "context=passage", of=two).code == 0
    assert (
        "the model has 2 fields (question, context)" in ask("--input", write("a.txt", "fine\n"), of=two).err
    )


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("a.csv", "head,body\nx,y\n", (),
         "a.csv: no column 'text'; it has head, body\n    say which it is, e.g. --column text=head"),
        ("a.csv", "text\nx\n", ("--column", "text=body"),
         "--column text=body: a.csv has no such column, only text"),
        ("a.csv", "text\nx\n", ("--column", "txt=text"),
         "--column txt=text: the model has no field 'txt', only text"),
        ("a.csv", "text\nx\n", ("--column", "text"), "--column text: expected FIELD=COLUMN"),
        ("a.json", '[{"text": "x"}, {"text": 7}, {"n": 1}]', (),
         "... 2 rows of 3 are wrong, and none has been answered"),
        ("a.csv", "text,n\nx\n", (), "a.csv:2: 1 cell under 2 columns (text, n)"),
        ("a.csv", 'text,n\nx,1\ny,"open\nz,2\n', (), "a.csv:3: a quote that opens in this row never closes"),
        ("a.csv", "text,text\nx,1\n", (), "a.csv:1: two columns are called 'text'"),
        ("a.csv", b"text\nx\nna\xefve\n", (),
         "(byte 0xef); save the file as UTF-8, by `iconv -f cp1252 -t utf-8 a.csv > a.utf8.csv`"),
        ("a.csv", "text\n", (), "a.csv: there are no rows in it"),
        ("a.csv", "", (), "a.csv: there are no rows in it"),
        ("a.jsonl", '{"text": "x"}\nnope\n', (), "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"text": "x"}\n["x"]\n', (), "a.jsonl:2: expected an object"),
        ("a.jsonl", '{"text": "x"}\n{"text": 3}\n', (), 'a.jsonl:2: "text" must be text, not a number'),
        ("a.jsonl", '{"text": "x"}\n{"txt": "y"}\n', (), 'a.jsonl:2: no "text"'),
        ("a.json", '[{"text": "x"},\n {"text": "y"} {"text": "z"}]', (),
         "a.json:2: not JSON (after the object that begins here"),
        ("a.json", '[{"text": "x"},\n {"text": "y"}', (), "a.json:2: not JSON (after the object"),
        ("a.json", '[{"text": "x"},\n]', (), "a.json:2: not JSON"),
        ("a.json", '{"rows": [\n1}', (),
         "a.json:2: not JSON (Expecting ',' delimiter)"),
        ("a.json", "[]", (), "a.json: there are no rows"),
        ("a.json", '{"text": ["x", "y"], "n": [1]}', (), "a.json:1: lists of different lengths (text 2,"),
        ("a.json", '{"a": [{"text": "x"}], "b": [{"text": "y"}]}', (), "a.json:1: several lists of rows"),
        ("a.json", '{"columns": ["text", "n"], "data": [["x"]]}', (), "a.json row 1: expected a list of 2"),
        ("a.json", '{"data": [{"text": "x"}, {"txt": "y"}]}', (), 'a.json row 2: no "text"'),
        ("a.jsonl", '{"text": "x"}\n{"txt": "y"}', (), 'no "text"; expected "text", there is "txt"'),
        ("a.json", '{"text": "x"}', (), "a.json:1: expected a list of objects, found one (its keys: text)"),
        ("a.json", '[{"text": "x"},\n {"text": 7}]', (), 'a.json row 2: "text" must be text, not a number'),
        ("a.jsonl", '{"text": "x", "n": "\\ud83d"}\n', (), "a.jsonl:1: half a character (\\ud83d)"),
        ("a.csv", "n,text\n1,x\nn,text\n", (), "a.csv:3: the header again"),
        ("a.csv", '""\n1\n', (), "a.csv: no column 'text'"),
        ("a.csv", 'text\n"a" b\n', (), "a.csv:2: a quote ends a cell, and no end of the line follows"),
        ("a.csv", "text,,n\nx,y,1\n", (), "a.csv:1: column 2 has no name"),
        ("a.csv", "n;text,m\n1;x,2\n", (), "a.csv:1: comma and semicolon could separate the columns"),
        ("a.csv", b"PK\x03\x04", (), "a.csv: a zip archive, not text"),
        ("a.csv", "text,n\nx,1\n".encode("utf-16-le"), (), "no text has: UTF-16 without"),
        ("a.csv", "text\nx\na\0b\n", (), "a.csv:3: a NUL character"),
        ("a.jsonl", '{"text": "a\0b"}\n', (), "a.jsonl:1: a NUL character"),
        ("a.txt", "x\0\n", (), "a.txt:1: a NUL character"),
        ("a.jsonl", '{"text": "x"}\r{"text": 7}\r', (), 'a.jsonl:2: "text" must be text, not a number'),
        ("a.jsonl", '{"text": "x"}\n{"text": "x", "n": 1, "n": 2}\n', (),
         "a.jsonl:2: not JSON (the key 'n' stands twice in one object)"),
        ("a.json", '[{"text": "x", "n": {"m": 1, "m": 2}}]', (), "a.json:1: not JSON (the key 'm'"),
        ("a.jsonl", '{"text": "x", "n": ' + "1" * 6000 + "}\n", (),
         "a.jsonl:1: not JSON (a number of more than 4300 digits; put it in quotes)"),
        ("a.json", '[{"text": "x", "n": ' + "1" * 6000 + "}]", (), "a.json:1: not JSON (a number of"),
        ("a.jsonl", '{"text": ' + "[" * 200000, (), "a.jsonl:1: not JSON (nested too deeply)"),
        ("a.jsonl", '{"text": "x"} {"text": "y"}\n', (), "a.jsonl:1: not JSON (something follows"),
        ("a.xls", "x", (), "a.xls is a workbook: save its sheet as CSV"),
        ("a.csv", "text\nx\n", ("--output", "no/o.csv"), "no/o.csv: there is no folder no"),
        ("a.csv", "text\nx\n", ("--output", "a.csv"), "a.csv: that is the input"),
        ("a.csv", "text\nx\n", ("--output", "o.txt"), "o.txt: a text file has no columns"),
        ("a.csv", "text\nx\n", ("more",), "--input FILE holds all that is asked"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_written(
    ask: Ask, name: str, content: str | bytes, arguments: tuple[str, ...], said: str
) -> None:
    write(name, content)
    write("o.csv", "before")
    done = ask(
        "--input", name, *(arguments if "--output" in arguments else ("--output", "o.csv", *arguments))
    )
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("predict.py: ")
    assert sorted(path.name for path in Path().iterdir()) == sorted({name, "o.csv"})
    assert Path("o.csv").read_text() == "before" or name == "o.csv"


def test_an_interrupted_file_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nfine\npoor\n")
    (tmp_path / "o.csv").write_text("before")
    table = tables.Table(tmp_path / "a.csv", "text")

    def answers() -> Iterator[tuple[Row, Answer]]:
        yield next(table.rows()), Answer("good", 0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.write(table, tmp_path / "o.csv", io.BytesIO(), ("label", "score"), answers())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "o.csv"]
    assert (tmp_path / "o.csv").read_text() == "before"


def test_files_that_are_none_are_refused(ask: Ask) -> None:
    assert "nope.csv: there is no such file" in ask("--input", "nope.csv").err
    Path("folder.csv").mkdir()
    assert "folder.csv: not a regular file" in ask("--input", "folder.csv").err
    write("a.csv", "text\nx\n")
    assert "folder.csv: not a regular file" in ask("--input", "a.csv", "--output", "folder.csv").err


def test_a_file_s_name_is_not_answered_as_a_text(ask: Ask) -> None:
    write("my rows.csv", "text\nfine\n")
    assert ask("my rows.csv").out == f"text,label,label_score\nfine,{GOOD}\n"
    write("my rows", "text\nfine\n")
    done = ask("my rows")
    assert (done.code, done.out) == (2, "")
    assert "my rows is a file; to have its rows answered, call it .csv" in done.err
    typed = json.loads(ask('{"text": "my rows.csv"}').out)
    assert typed["output"] == "bad"
    assert ask("fine \0 text").code == 0
    assert ask("fine " * 2000).code == 0


def test_a_mistyped_name_or_a_pipe_s_is_not_answered_as_a_text(ask: Ask) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe.csv")
    names = ("rows.csv", "rows.csv.gz", "rows.XLSX", "no/rows.txt", "my rows.parquet")
    said = dict.fromkeys(names, ": there is no such file")
    for name, why in (said | dict.fromkeys(("folder", "pipe.csv"), " is no regular file")).items():
        done = ask(name)
        assert (done.code, done.out) == (2, "")
        assert f"{name}{why}" in done.err
        words = shlex.split(done.err.partition("for the words themselves: ")[2])
        assert ask(*words).code == 0
    assert ask("fine rows.csv of mine").code == 0


def test_a_full_disk_is_not_the_input_s_fault(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nfine\n")
    run = "import sys; from p2m.deploy.serving import command; sys.exit(command.main(sys.argv[1:]))"
    for asked in (str(tmp_path / "a.csv"), "fine"):
        typed = [sys.executable, "-c", run, "--model", str(bundle / "model"), asked]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(typed, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (
            2, "predict.py: standard output: No space left on device\n",
        )  # fmt: skip


@pytest.mark.parametrize("text", ["", "  \n", '{"text": ""}', '""'])
def test_an_empty_text_is_refused(ask: Ask, text: str) -> None:
    done = ask(text)
    assert (done.code, done.out) == (2, "")
    assert '"text" is empty' in done.err


@pytest.mark.parametrize(
    ("name", "content", "wanted", "told"),
    [
        ("a.csv", 'text,n\nfine,1\n"a\nb",2\n ,3\ny,4\n,5\n',
         f'text,n,label,label_score\nfine,1,{GOOD}\n"a\nb",2,{BAD}\n ,3,,0.0000\ny,4,{BAD}\n,5,,0.0000\n',
         "2 of 5 rows have an empty input, and so no answer: a.csv:5, a.csv:7"),
        ("a.txt", "fine\n\nx\n", "fine\tgood\t0.7311\n\t\t0.0000\nx\tbad\t0.7311\n",
         "1 of 3 rows have an empty input, and so no answer: a.txt:2"),
        ("a.jsonl", '{"text": null}\n' * 7 + '{"text": "x"}\n',
         '{"text": null, "label": "", "label_score": 0.0}\n' * 7
         + '{"text": "x", "label": "bad", "label_score": 0.7311}\n',
         "7 of 8 rows have an empty input, and so no answer: "
         "a.jsonl:1, a.jsonl:2, a.jsonl:3, a.jsonl:4, a.jsonl:5, ..."),
    ],
)  # fmt: skip
def test_a_row_with_an_empty_cell_gets_no_answer_and_the_others_do(
    ask: Ask, name: str, content: str, wanted: str, told: str
) -> None:
    done = ask("--input", write(name, content), "--batch-size", "2")
    assert (done.code, done.out) == (0, wanted)
    assert done.err == f"predict.py: {told}\n"


def conversation(*said: Any, **more: Any) -> str:
    system = {"role": "system", "content": "x"}
    told = [{"role": "user", "content": each} for each in said]
    return json.dumps({"id": "r1", "model": "m-1", "messages": [system, *told], **more}) + "\n"


def test_of_a_log_of_conversations_what_the_user_said_last_is_answered(ask: Ask) -> None:
    said = [("x", "fine"), ([{"type": "text", "text": " fine "}],), ('{"text": "fine"}',), ("fine", "x")]
    done = ask("--input", write("log.jsonl", "".join(conversation(*each) for each in said)))
    assert (done.code, "text <- messages" in done.err) == (0, True)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["label"] for row in rows] == ["good", "good", "good", "bad"]
    assert rows[0]["messages"][1]["content"] == "x"
    done = ask("--input", write("log.jsonl", json.dumps({"id": "r1", "model": "m-1"}) + "\n"))
    assert "no column 'text'" in done.err


@pytest.mark.parametrize("given", [["--input"], []])
def test_of_a_folder_of_texts_the_line_that_makes_a_file_of_them_is_said(ask: Ask, given: list[str]) -> None:
    Path("my texts/a").mkdir(parents=True)
    Path("my texts/a/1.txt").write_text("fine")
    Path("my texts/a/2.txt").write_text("x\ny")
    done = ask(*given, "my texts")
    assert (done.code, "my texts is a folder" in done.err) == (2, True)
    line = done.err.partition("ask by that: ")[2].partition("; for the words")[0]
    subprocess.run(["sh", "-c", line], check=True)
    assert [json.loads(row)["label"] for row in ask("rows.jsonl").out.splitlines()] == ["good", "bad"]


def test_a_title_above_the_names_of_columns_is_said_with_the_line_that_takes_it_out(ask: Ask) -> None:
    done = ask("--input", write("my export.csv", 'Export of June\n\nid;text;n\n1;"fine; so";2\n'))
    assert (done.code, done.out) == (2, "")
    line = "tail -n +3 'my export.csv' > rows.csv"
    assert f"the columns are named in line 3; take out the lines above it: {line}" in done.err
    subprocess.run(["sh", "-c", line], check=True)
    assert ask("--input", "rows.csv").code == 0


def test_a_row_that_lacks_its_column_is_wrong_and_not_empty(ask: Ask) -> None:
    rows = '{"body": {"text": "fine"}}\n{"body": {"texts": "fine"}}\n'
    done = ask("--input", write("a.jsonl", rows), "--column", "text=body.text")
    assert (done.code, done.out) == (2, "")
    assert "a.jsonl:2: no " in done.err


def test_fields_of_objects_are_columns_by_dotted_names(ask: Ask) -> None:
    rows = '{"id": 1, "data": {"text": "fine"}}\n{"id": 2, "data": {"text": "x"}}\n'
    done = ask("--input", write("a.jsonl", rows))
    assert (done.code, "text <- data.text" in done.err) == (0, True)
    assert [json.loads(line)["label"] for line in done.out.splitlines()] == ["good", "bad"]
    two = '{"data": {"text": "fine", "title": "x"}}\n'
    done = ask("--input", write("a.jsonl", two))
    assert (done.code, "it has data.text, data.title" in done.err) == (2, True)
    assert ask("--input", write("a.jsonl", two), "--column", "text=data.text").code == 0


@pytest.mark.parametrize("as_option", [True, False])
def test_a_file_that_models_only_learn_from_is_refused_with_what_to_type(ask: Ask, as_option: bool) -> None:
    given = ["--input"] if as_option else []
    done = ask(*given, write("my book.xlsx", "x"))
    assert done.code == 2
    assert "python -m p2m.catalogs.sheet 'my book.xlsx' SHEET > rows.csv" in done.err
    assert "call it .csv" not in done.err
    sentences = "-DOCSTART- X O\n\nAda NN B-PER\nleft VB O\n\nfine NN O\n"
    done = ask(*given, write("my train.conll", sentences))
    assert done.code == 2
    if as_option:
        made = subprocess.run(["sh", "-c", done.err.partition("ask by that: ")[2]], check=True)
        assert made.returncode == 0
        assert Path("my train.txt").read_text(encoding="utf-8") == "Ada left\nfine\n"


# --------------------------------------------------------------------------- answers that are too unsure


@pytest.fixture(scope="module")
def wary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, its scores calibrated: 0.7311 is 0.8808; 0.95 takes more."""
    folder = bundle_of(tmp_path_factory.mktemp("wary"), "text")
    settings = Settings.read(folder / "model")
    told = replace(
        settings, calibration=(2.0, 0.0), precisions=((0.5, 0.0), (0.8, 0.5), (0.95, 0.9), (0.99, None))
    )
    told.write(folder / "model")
    return folder


@pytest.mark.parametrize(("wanted", "mark"), [("0.5", "false"), ("0.8", "false"), ("0.95", "true")])
@pytest.mark.parametrize(
    ("name", "content", "answered"),
    [
        ("a.csv", "text,n\nfine,1\n", "text,n,label,label_score,label_abstain\nfine,1,good,0.8808,{}\n"),
        ("a.txt", "fine\n", "fine\tgood\t0.8808\t{}\n"),
        ("a.jsonl", '{"text": "fine"}\n',
         '{{"text": "fine", "label": "good", "label_score": 0.8808, "label_abstain": {}}}\n'),
    ],
)  # fmt: skip
def test_an_answer_that_is_less_sure_than_a_precision_takes_is_marked(
    ask: Ask, wary: Path, name: str, content: str, answered: str, wanted: str, mark: str
) -> None:
    done = ask("--input", write(name, content), "--precision", wanted, of=wary)
    assert (done.code, done.out) == (0, answered.format(mark))


def test_an_abstention_is_a_column_of_parquet_and_a_key_of_an_answer(ask: Ask, wary: Path) -> None:
    import pyarrow.parquet

    file = write("a.csv", 'text\nfine\n""\n')
    assert ask("--input", file, "--output", "a.parquet", "--precision", "0.95", of=wary).code == 0
    assert pyarrow.parquet.read_table("a.parquet")["label_abstain"].to_pylist() == [True, True]
    for wanted in ("0.5", "0.8"):
        assert json.loads(ask("fine", "--precision", wanted, of=wary).out)["abstain"] is False
    assert ask("fine", of=wary).out == '{"output": "good", "score": 0.8808}\n'


def test_a_model_that_a_recipe_makes_abstain_does_so_unasked(ask: Ask, wary: Path, tmp_path: Path) -> None:
    shutil.copytree(wary, tmp_path / "always")
    replace(Settings.read(wary / "model"), abstain=0.9).write(tmp_path / "always" / "model")
    assert json.loads(ask("fine", of=tmp_path / "always").out)["abstain"] is True


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("0.99", "no score is known that gives it; there are 0.5, 0.8, 0.95"),
        ("0.7", "there are 0.5, 0.8, 0.95"),
    ],
)
def test_a_precision_that_the_model_does_not_know_is_refused(
    ask: Ask, wary: Path, bundle: Path, wanted: str, told: str
) -> None:
    done = ask("fine", "--precision", wanted, of=wary)
    assert done.code == 2
    assert told in done.err
    assert "too few rows were held out" in ask("fine", "--precision", wanted, of=bundle).err
    with pytest.raises(SystemExit):
        ask("fine", "--precision", "95")


def test_long_files_tell_how_far_they_are(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_answers, "EVERY", 0)
    done = ask("--input", write("a.txt", "fine\n" * 3))
    assert re.search(r"predict.py: 2 of 3 rows, [\d,]+ rows/s, 0 s left", done.err)
    assert done.speed.startswith("predict.py: 3 rows in ")


def test_help_says_what_scores_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    out = capsys.readouterr().out
    assert all(told in out for told in (command.SCORES | command.SHAPED).values())
    assert len(command.SCORES) == len(KINDS)


def test_the_bundle_s_own_files_do_it_with_nothing_else_about(bundle: Path, tmp_path: Path) -> None:
    lay_out(shipped(bundle / "model", ONNX) | ASKING, tmp_path)
    (tmp_path / "a.csv").write_text("text\nfine\n")
    typed = [sys.executable, "-I", "predict.py", "--model", str(bundle / "model"), "--input", "a.csv"]
    done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"text,label,label_score\nfine,{GOOD}\n"
    (tmp_path / "serving" / "tables.py").unlink()
    done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "tables.py: missing; copy the bundle again" in done.stderr


cells = st.text(st.sampled_from("fine x1,;\t|\"'\n\r\\é€😀"), max_size=12)
names = st.lists(st.text(st.sampled_from("abc; ,"), min_size=1, max_size=4), min_size=1, max_size=3)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=names, rows=st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=6),
    mark=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n"]), quoting=st.sampled_from([0, 1]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), is_stated=st.booleans(),
)  # fmt: skip
def test_every_cell_of_any_table_comes_back(
    tmp_path: Path,
    header: list[str],
    rows: list[list[str]],
    mark: str,
    end: str,
    quoting: int,
    encoding: str,
    is_stated: bool,
) -> None:
    """Against what was written; a separator that is not stated is the only one in the header."""
    if not is_stated:
        header = ["n", *(re.sub("[ ;,]", "", name) for name in header)]
    columns = list(dict.fromkeys(["text", *(name.strip() or "m" for name in header)]))
    path, target = tmp_path / "a.csv", tmp_path / "o.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        stream.write(f"sep={mark}{end}" if is_stated else "")
        # which the writer leaves bare
        quoting = 1 if any("\r" in cell for row in rows for cell in row) else quoting
        writer = csv.writer(stream, delimiter=mark, lineterminator=end, quoting=quoting)
        writer.writerows([columns, *(row[: len(columns)] for row in rows)])
    table = tables.Table(path, "text")
    read = list(table.rows())
    there = [row[: len(columns)] for row in rows if len(columns) > 1 or row[0] or quoting]
    assert [list(row.values.values()) for row in read] == there
    said = [(row, Answer(f'a{mark}"', 0.5)) for row in read]
    tables.write(table, target, io.BytesIO(), ("label", "score"), iter(said))
    with target.open(encoding=encoding, newline="") as stream:
        found = [row for row in csv.reader(stream, delimiter=mark) if row]
    answered = [[*columns, "label", "score"], *([*row, f'a{mark}"', "0.5000"] for row in there)]
    assert found[is_stated:] == answered


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | cells
keys = st.text(st.sampled_from('ab"}]\\é\n'), max_size=4)
objects = st.dictionaries(
    keys, values | st.lists(values, max_size=2) | st.dictionaries(keys, values, max_size=2)
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(objects, min_size=1, max_size=5), form=st.sampled_from(["jsonl", "json"]),
    indent=st.sampled_from([None, 0, 2]), is_ascii=st.booleans(), output=st.sampled_from(["jsonl", "json"]),
)  # fmt: skip
def test_every_object_comes_back(
    tmp_path: Path, rows: list[dict[str, object]], form: str, indent: int | None, is_ascii: bool, output: str
) -> None:
    rows = [{"text": "x", **row} for row in rows]
    lines = [json.dumps(row, ensure_ascii=is_ascii) for row in rows]
    whole = json.dumps(rows, ensure_ascii=is_ascii, indent=indent)
    path, target = tmp_path / f"a.{form}", tmp_path / f"o.{output}"
    path.write_text("\n".join(lines) if form == "jsonl" else whole, encoding="utf-8")
    table = tables.Table(path, "text")
    said = ((row, Answer('"}', 0.5)) for row in table.rows())
    tables.write(table, target, io.BytesIO(), ("label", "score"), said)
    written = target.read_text(encoding="utf-8")
    found = (
        json.loads(written)
        if output == "json"
        else [json.loads(line) for line in written.split("\n") if line]
    )
    assert found == [{**row, "label": '"}', "score": 0.5} for row in rows]
