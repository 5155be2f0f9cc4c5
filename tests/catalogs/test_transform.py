"""Datasets made over by SQL: what a query may do, and everything that it may not."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.catalogs.base import RawRow
from p2m.catalogs.transform import Limits, refusal, transformed
from p2m.catalogs.transform_child import command, sql_type
from p2m.errors import DataError
from p2m.parsing import parse_prompt
from p2m.retrievers.bm25 import BM25
from p2m.stages.retrieve import retrieve
from p2m.stages.select import select
from p2m.stages.transform import transform
from p2m.types import Files

pytest.importorskip("duckdb")

ROWS = [
    RawRow(
        {"id": n, "text": f'say "{n}"\nü', "tags": ["a", "b"][: n % 3],
         "meta": {"share": n / 2, "note": None}, "day": "2024-01-31", "code": "007", "user": "u"},
        f"rows.jsonl:{n + 1}",
    )
    for n in range(40)
]  # fmt: skip


def made(sql, folder, **limits):
    text = transformed(sql, ROWS, folder, Limits(**limits)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_query_filters_renames_splits_joins_and_maps_labels(tmp_path):
    sql = """
        WITH names AS (SELECT * FROM (VALUES ('a', 'first'), ('b', 'second')) AS t(tag, label))
        SELECT id, code || ' ' || text AS text, label, meta.share AS share, day, "user"
        FROM (SELECT *, unnest(tags) AS tag FROM rows WHERE id > 0) JOIN names USING (tag)
        ORDER BY id, tag
    """
    found = made(sql, tmp_path)
    assert len(found) == sum(len(row.values["tags"]) for row in ROWS)
    assert found[0] == {"id": 1, "text": '007 say "1"\nü', "label": "first", "share": 0.5,
                        "day": "2024-01-31", "user": "u"}  # fmt: skip
    assert [row["label"] for row in found[1:3]] == ["first", "second"]


def test_every_row_comes_back_as_it_is_in_its_order_and_twice_the_same(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        assert made("SELECT * FROM rows", folder) == [row.values for row in ROWS]
    one, two = ([path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders)
    assert one == two


HOSTILE = [
    ("SELECT * FROM '/etc/passwd'", "it reads '/etc/passwd'"),
    ("SELECT * FROM read_text('/etc/passwd')", "it reads by read_text()"),
    ("SELECT (SELECT max(content) FROM read_blob('/etc/passwd')) AS x FROM rows", "it reads by read_blob()"),
    ("SELECT * FROM glob('*')", "it reads by glob()"),
    ("SELECT * FROM duckdb_settings()", "it reads by duckdb_settings()"),
    ("SELECT * FROM query('SELECT 1')", "it reads by query()"),
    ("SELECT * FROM information_schema.tables", "it reads 'tables'"),
    ("WITH x AS (SELECT * FROM pg_catalog.pg_tables) SELECT * FROM x", "it reads 'pg_tables'"),
    ("COPY rows TO 'x.csv'", "not COPY"),
    ("ATTACH 'x.db'", "not ATTACH"),
    ("INSTALL httpfs", "not INSTALL"),
    ("LOAD httpfs", "not LOAD"),
    ("PRAGMA memory_limit = '1TB'", "not PRAGMA"),
    ("SET threads = 3", "not SET"),
    ("CREATE TABLE x AS SELECT 1", "not CREATE"),
    ("DELETE FROM rows", "not DELETE"),
    ("CALL pragma_version()", "not CALL"),
    ("EXPORT DATABASE 'x'", "not EXPORT"),
    ("DESCRIBE rows", "show_ref"),
    ("SELECT 1; DROP TABLE rows", "it is no query"),
    ("SELECT 1; SELECT 2", "2 statements"),
    ("", "0 statements"),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT * FROM t", "recursive"),
    ("SELECT random() AS x FROM rows", "random() gives something else"),
    ("SELECT uuid() AS x FROM rows", "uuid() gives something else"),
    ("SELECT now() AS x FROM rows", "now() gives something else"),
    ("SELECT getenv('HOME') AS x FROM rows", "getenv() looks at"),
    ("SELECT current_setting('memory_limit') AS x", "current_setting() gives"),
    ("SELECT * FROM rows USING SAMPLE 3", "a sample"),
    ("SELECT id\nFROM rows\nWHER x", "line 3 of the query"),
]


@pytest.mark.parametrize(("sql", "said"), HOSTILE)
def test_what_is_not_made_of_the_rows_is_refused_before_anything_runs(sql, said):
    assert said in refusal(sql)


def test_the_process_itself_can_reach_nothing_whatever_it_is_asked(tmp_path):
    """Were a query to pass by its tree, it would still find every way shut."""
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret", encoding="utf-8")
    for number, sql in enumerate((
        f"SELECT content FROM read_text('{secret}')",
        f"COPY rows TO '{tmp_path / 'out.csv'}'",
        f"ATTACH '{tmp_path / 'x.db'}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "rows.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
        (folder / "columns.json").write_text('{"a": "BIGINT"}', encoding="utf-8")
        settings = {"folder": str(folder), "sql": sql, "longest": 100, **asdict(Limits())}
        done = subprocess.run(command(settings), capture_output=True, timeout=100, check=False)
        assert done.returncode == 1, sql
        assert b"s3cret" not in done.stdout + b"".join(path.read_bytes() for path in folder.iterdir())
        assert not (tmp_path / "out.csv").exists()
        assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    ("sql", "said", "limits"),
    [
        ("SELECT current_date AS x FROM rows", "current_date is another one each time", {}),
        ("SELECT nope FROM rows", 'Referenced column "nope" not found', {}),
        ("SELECT id, id FROM rows", "two columns are called 'id'", {}),
        ("SELECT 'x'::BLOB AS b FROM rows", "'b' holds binary data", {}),
        ("SELECT a.id FROM rows a, rows b, rows c", "more than 1,000 rows", {"rows": 1000}),
        ("SELECT repeat(text, 1000) AS x FROM rows", "0.0001 GB", {"size": 10**5}),
        ("SELECT repeat(text, 3000000) AS x FROM rows", "of memory", {"memory": 10**8}),
        ("SELECT count(*) AS n FROM rows a, rows b, rows c, rows d, rows e, rows f", "more than 1 s",
         {"seconds": 1}),
    ],
)  # fmt: skip
def test_what_takes_too_much_or_fails_ends_with_a_plain_reason(sql, said, limits, tmp_path):
    with pytest.raises(DataError) as caught:
        made(sql, tmp_path, **limits)
    assert said in str(caught.value)
    assert "Traceback" not in str(caught.value)


@given(st.lists(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
), max_size=6))  # fmt: skip
def test_a_columns_type_does_not_depend_on_when_values_come(values):
    """Once it is text it stays so; and what fits before fits again."""
    kind = None
    for value in values:
        kind = sql_type(value, kind)
    for value in values:
        assert sql_type(value, kind) == kind


def test_the_recipes_query_takes_the_datasets_place_and_errors_name_it(tmp_path):
    folder = tmp_path / "datasets" / "acme"
    folder.mkdir(parents=True)
    info = "dataset_info:\n  features:\n  - name: queue\n    dtype: {class_label: {names: ['sad', 'glad']}}"
    front = f"license: mit\nlanguage: de\n{info}"
    (folder / "README.md").write_text(f"---\n{front}\n---\n\n# acme\n", encoding="utf-8")
    rows = [{"subject": f"s {n}", "body": f"b {n}", "queue": n % 2} for n in range(40)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    catalogue, run = Files(folder.parent), SimpleNamespace(folder=tmp_path / "scratch", say=lambda line: None)
    sql = "SELECT subject || ' ' || body AS text, replace(queue, 'glad', 'happy') AS mood FROM rows "
    sql += "WHERE subject <> 's 3'"
    over = transform(catalogue, queries={"acme": sql}, run=run)
    task = parse_prompt("Classify the sentiment of the review as happy or sad.")
    asked = {"retriever": BM25(), "limit": 5, "licenses": ("mit",), "languages": ()}
    found = retrieve(task, over, mapping={"acme": {}}, **asked)
    assert not retrieve(task, catalogue, without=("acme",), **asked).found
    taken = select(task, found, over, max_rows=100, seed=0, run=None).rows
    assert len(taken) == 39
    assert (taken[1].input, taken[1].output) == ({"review": "s 1 b 1"}, "happy")
    for queries, said in (
        ({"acne": sql}, r"retriever\.transform\.acne: there is no such dataset; did you mean 'acme'"),
        ({"acme": "SELECT x FROM rows"}, r"retriever\.transform\.acme: Binder Error"),
        ({"acme": "SELECT body FROM rows WHERE false"}, "makes no rows of acme"),
    ):
        with pytest.raises(DataError, match=said):
            transform(catalogue, queries=queries, run=run)
    assert Path(over.path).name == "transformed"
