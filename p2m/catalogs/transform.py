"""A dataset made over by SQL: one SELECT over a table `rows`, run by DuckDB in a process of its own.

What may run is decided twice. Here, by the query's syntax tree: one SELECT, which reads `rows` and nothing
else, is not recursive, and calls no function whose result is another one tomorrow. And in the process, which
has no file, no network, no extension and no setting left to reach by the time that the query is read, and
limits of memory, time and size. So the same rows and the same query give the same rows, and nothing else.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from p2m.catalogs.columns import flatten
from p2m.catalogs.rows import RawRow
from p2m.catalogs.transform_child import COLUMNS, MADE, ROWS, command, spelt, sql_type
from p2m.errors import DataError

TABLE = "rows"
_REFERENCES = ("BASE_TABLE", "JOIN", "SUBQUERY", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "CTE")
_CALLS = frozenset(("unnest",))  # of what stands after FROM
_MOMENTS = re.compile(
    r"current_\w+|local(time|timestamp)|(session_)?user|now|today|age|get_current_\w+|transaction_timestamp"
)
_ABOUT = re.compile(
    r"pg_\w+|has_\w+|duckdb_\w+|json_(de)?serialize\w*|json_execute\w*|txid_\w+|getvariable|getenv|version"
    r"|currval|query|query_table|read_\w+|glob|parse_duckdb_\w+|in_search_path"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take."""

    seconds: int = 120  # of processor time, and of waiting
    memory: int = 2 * 10**9  # bytes, of DuckDB
    rows: int = 5_000_000  # that it makes
    size: int = 2 * 10**9  # bytes of these


def missing() -> str:
    """What to install before a query can be run; "" where it is there."""
    try:
        import duckdb  # noqa: F401
    except ImportError:
        return "retriever.transform needs DuckDB; type: pip install 'p2m[transform]'"
    return ""


def refusal(sql: str, columns: Collection[str] | None = None) -> str:
    """Why a query is not run; "" where it is. `columns` are those of its rows, once they are known."""
    if reason := missing():
        return reason
    tree = _parsed(sql)
    if tree.get("error"):
        return _unread(tree, sql)
    queries = tree["statements"]
    if len(queries) != 1:
        return f"{len(queries)} statements, where one SELECT was expected"
    nodes = list(_nodes(queries[0]["node"]))
    tables = {TABLE, *(entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ()))}
    return next((said for node in nodes if (said := _fault(node, tables, columns))), "")


def column_types(records: Iterable[RawRow]) -> dict[str, str]:
    """The columns of the table that a query sees, with their types as DuckDB spells them."""
    kinds: dict[str, Any] = {}
    for record in records:
        for name, value in record.values.items():
            kinds[name] = sql_type(value, kinds.get(name))
    return {name: spelt(kind) for name, kind in kinds.items()}


def transformed(sql: str, records: Iterable[RawRow], folder: Path, limits: Limits = Limits()) -> Path:
    """What a query makes of some rows, as JSON Lines in `folder`, an empty one.

    Raises:
        DataError: the query is not run, or fails, or takes more than it may; the message begins with why.
    """
    table = _written(records, folder / ROWS, folder / COLUMNS)
    if reason := refusal(sql, table.columns):
        raise DataError(reason)
    settings = {"folder": str(folder), "sql": sql, "longest": table.longest, **asdict(limits)}
    try:
        done = subprocess.run(
            command(settings), stdin=subprocess.DEVNULL, capture_output=True, timeout=limits.seconds + 20,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DataError(_too_long(limits)) from None
    if done.returncode == -signal.SIGXCPU:
        raise DataError(_too_long(limits))
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()
        raise DataError(said or f"its process ended without a word (exit code {done.returncode}): {_MUCH}")
    (folder / ROWS).unlink()
    (folder / COLUMNS).unlink()
    return folder / MADE


_MUCH = "it takes more memory than there is"


def _too_long(limits: Limits) -> str:
    return f"it ran for more than {limits.seconds} s; let it look at each row once"


@dataclass(frozen=True, slots=True)
class _Written:
    """A table on disk."""

    columns: tuple[str, ...]
    longest: int  # bytes of a row, at most


def _written(records: Iterable[RawRow], rows: Path, columns: Path) -> _Written:
    """Rows as JSON Lines, and the type of each column beside them.

    Raises:
        DataError: there are no rows.
    """
    kinds: dict[str, Any] = {}
    longest = 0
    with rows.open("w", encoding="utf-8") as stream:
        for record in records:
            for name, value in record.values.items():
                kinds[name] = sql_type(value, kinds.get(name))
            line = json.dumps(record.values, ensure_ascii=False, default=_plain) + "\n"
            longest = max(longest, 4 * len(line))
            stream.write(line)
    if not kinds:
        raise DataError("there are no rows to transform")
    columns.write_text(json.dumps(kinds), encoding="utf-8")
    return _Written(tuple(kinds), longest)


def _plain(value: Any) -> str:
    return "" if isinstance(value, bytes) else str(value)


@cache
def _parsed(sql: str) -> dict[str, Any]:
    """DuckDB's own tree of a query, which is not run."""
    import duckdb

    with duckdb.connect(":memory:", config={"autoload_known_extensions": "false"}) as connection:
        found = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    return dict(json.loads(found[0])) if found else {}


@cache
def _fickle() -> frozenset[str]:
    """Functions that give something else each time."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        query = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
        return frozenset(name for (name,) in connection.execute(query).fetchall())


def _unread(tree: Mapping[str, Any], sql: str) -> str:
    first = (sql.split() or ["nothing"])[0].upper()
    if tree.get("error_type") == "not implemented":
        return f"it is no query: one SELECT over {TABLE} was expected, not {first}"
    line = sql[: int(tree.get("position") or 0)].count("\n") + 1
    return f"line {line} of the query: {tree.get('error_message')}"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(inner)


def _fault(node: Mapping[str, Any], tables: Collection[str], columns: Collection[str] | None) -> str:
    """What is wrong with one node of the tree."""
    kind = node.get("type")
    if kind == "RECURSIVE_CTE_NODE":
        return "a recursive query, which may never end; look at each row once"
    if node.get("sample"):
        return "a sample, which is another one each time; `retriever.max_rows` takes one by the seed"
    if kind == "BASE_TABLE":
        named = node["table_name"]
        if named not in tables or node.get("schema_name") or node.get("catalog_name"):
            return f"it reads {named!r}; there is one table, {TABLE}, and no file"
    if kind == "TABLE_FUNCTION" and (name := node["function"].get("function_name", "")) not in _CALLS:
        return f"it reads by {name}(), and only {TABLE} is there to be read"
    reference = node.get("from_table")
    if isinstance(reference, Mapping) and reference.get("type") not in _REFERENCES:
        return f"{str(reference.get('type')).lower()} is not what a row is made of; SELECT from {TABLE}"
    if node.get("class") == "FUNCTION":
        return _call_fault(str(node.get("function_name")).lower())
    if node.get("class") == "COLUMN_REF" and columns is not None and len(node["column_names"]) == 1:
        (name,) = node["column_names"]
        if _MOMENTS.fullmatch(name.lower()) and name not in columns:
            return f"{name} is another one each time, or on another machine"
    return ""


def _call_fault(name: str) -> str:
    if name in _fickle() or _MOMENTS.fullmatch(name):
        return f"{name}() gives something else each time, or on another machine"
    if _ABOUT.fullmatch(name):
        return f"{name}() looks at the database or the machine, not at a row"
    return ""


def labelled(record: RawRow, names: Mapping[str, Mapping[str, str]]) -> RawRow:
    """A row whose class numbers are the names that its card gives them."""
    known = {name: names[name] for name, _ in flatten(record.values) if name in names and "." not in name}
    values = {
        name: known[name].get(str(value), value) if name in known and value is not None else value
        for name, value in record.values.items()
    }
    return RawRow(values, record.where)
