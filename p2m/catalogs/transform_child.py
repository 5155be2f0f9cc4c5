"""The process in which a dataset's query runs: it reads `rows.jsonl` and writes `made.jsonl`, then ends.

    python -c "...; main()" '{"folder": ..., "sql": ..., "longest": ..., "seconds": ..., "memory": ..., ...}'

What goes wrong is said on standard output, in words for the user, with exit code 1.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROWS, COLUMNS, MADE = "rows.jsonl", "columns.json", "made.jsonl"
_AT_ONCE = 1000  # rows
_BESIDE = 3 * 10**9 // 2  # bytes of addresses that DuckDB and Python take beside the query's memory
_LOCKED = (  # the order matters: the last lines close what the first ones may still set
    "SET preserve_insertion_order = true",
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def command(settings: Mapping[str, object]) -> list[str]:
    """The command line of a child that finds modules where this process does."""
    begin = "import sys; sys.path[:] = sys.argv[2:]; from p2m.catalogs.transform_child import main; main()"
    return [sys.executable, "-c", begin, json.dumps(settings), *sys.path]


def sql_type(value: Any, before: Any = None) -> Any:
    """What a column is that held `before` and now `value`: a name of DuckDB's, [of a list], {of: an object}.

    Values of several sorts are text, and so are dates and decimals, digit by digit.
    """
    if value is None or before == "VARCHAR" or (isinstance(value, float) and not math.isfinite(value)):
        return before
    if isinstance(value, Mapping):
        known = dict(before) if isinstance(before, Mapping) else {}
        found: Any = known | {str(key): sql_type(item, known.get(str(key))) for key, item in value.items()}
        return found if before is None or isinstance(before, Mapping) else "VARCHAR"
    if isinstance(value, (list, tuple)):
        inner = before[0] if isinstance(before, list) else None
        for item in value:
            inner = sql_type(item, inner)
        return [inner] if before is None or isinstance(before, list) else "VARCHAR"
    own = _scalar(value)
    if before is None or before == own:
        return own
    return "DOUBLE" if {before if isinstance(before, str) else "", own} == {"BIGINT", "DOUBLE"} else "VARCHAR"


def main() -> None:
    """Run the query of the command line."""
    settings = json.loads(sys.argv[1])
    _limit(settings)
    import duckdb

    try:
        _run(duckdb.connect(":memory:", config={"threads": 1}), Path(settings["folder"]), settings)
    except duckdb.OutOfMemoryException:
        _fail(f"it takes more than {settings['memory'] / 1e9:g} GB of memory; look at each row by itself")
    except MemoryError:
        _fail("it takes more memory than it may; look at each row by itself")
    except duckdb.Error as error:
        _fail(str(error).strip())


def _run(connection: Any, folder: Path, settings: Mapping[str, Any]) -> None:
    types = {name: spelt(kind) for name, kind in json.loads((folder / COLUMNS).read_text("utf-8")).items()}
    connection.execute(f"SET memory_limit = '{settings['memory']}B'")
    connection.execute(
        "CREATE TABLE rows AS SELECT * FROM read_json($path, format = 'newline_delimited', columns = "
        f"{{{', '.join(f'{_quoted(name)}: {_text(kind)}' for name, kind in types.items())}}}, "
        f"maximum_object_size = {max(settings['longest'], 2**20)})",
        {"path": str(folder / ROWS)},
    )
    for line in _LOCKED:
        connection.execute(line)
    found = connection.execute(settings["sql"])
    names = [column[0] for column in found.description]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        _fail(f"two columns are called {twice[0]!r}; name one of them by AS")
    if binary := [column[0] for column in found.description if str(column[1]) in ("BLOB", "BIT")]:
        _fail(f"the column {binary[0]!r} holds binary data, which is no text")
    rows = size = 0
    with (folder / MADE).open("w", encoding="utf-8") as stream:
        while some := found.fetchmany(_AT_ONCE):
            rows += len(some)
            for row in some:
                line = json.dumps(
                    dict(zip(names, map(_finite, row), strict=True)), ensure_ascii=False, default=str
                )
                size += len(line)
                stream.write(line + "\n")
            if rows > settings["rows"] or size > settings["size"]:
                _fail(
                    f"it makes more than {settings['rows']:,} rows or {settings['size'] / 1e9:g} GB;"
                    " a join without a condition does that"
                )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _limit(settings: Mapping[str, Any]) -> None:
    """Limits that the kernel holds, whatever the query does."""
    resource.setrlimit(resource.RLIMIT_CPU, (settings["seconds"], settings["seconds"] + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        most = settings["memory"] + _BESIDE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "BIGINT" if -(2**63) <= value < 2**63 else "VARCHAR"
    return "DOUBLE" if isinstance(value, float) else "VARCHAR"


def spelt(kind: Any) -> str:
    """A type as DuckDB spells it; what was never filled is text."""
    if isinstance(kind, list):
        return f"{spelt(kind[0])}[]"
    if isinstance(kind, Mapping):
        fields = ", ".join(f"{_quoted(name)} {spelt(inner)}" for name, inner in kind.items())
        return f"STRUCT({fields})" if fields else "VARCHAR"
    return str(kind or "VARCHAR")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fail(reason: str) -> None:
    sys.stdout.write(reason)
    sys.stdout.flush()
    sys.exit(1)
