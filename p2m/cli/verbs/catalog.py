"""p2m catalog: catalogues of datasets and models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from p2m.cli import common
from p2m.errors import UserError, nearest

GROUP = "recipe"
SUMMARY = "make and look at catalogues of datasets and models"
EXAMPLES = """p2m catalog show                                     # the catalogues that ship
  p2m catalog show squad                               # one entry
  p2m catalog search "Which bank service does the customer ask about?" --license mit --license cc-by-4.0
  p2m catalog models "Tag diseases in medical notes" --max-size 500MB --architecture bert
  p2m catalog add datasets --output company.parquet    # a folder of datasets with cards
  p2m catalog refresh --output hub.parquet --filter task_categories:text-classification
  p2m catalog refresh --models --output models.parquet # the same command goes on where it was interrupted
  p2m catalog pin sentence-transformers/all-MiniLM-L6-v2   # a base model for student=hub
  p2m build recipe.yaml retriever=bm25 retriever.sources=[company.parquet,hub.parquet,curated]"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", default="show", help=", ".join(_ACTIONS))
    parser.add_argument("target", nargs="?", help="an id, a folder, or what is looked for")
    text = "catalogue files that are looked at; the curated ones where none is given"
    parser.add_argument("--catalog", type=Path, action="append", default=[], metavar="FILE", help=text)
    parser.add_argument("--output", type=Path, metavar="FILE", help="of add and refresh: the file, *.parquet")
    parser.add_argument("--models", action="store_true", help="of refresh: models instead of datasets")
    tags = "of refresh: only what has this tag of the Hub, e.g. language:de; any number"
    parser.add_argument("--filter", action="append", default=[], metavar="TAG", help=tags)
    limit = "of refresh: how many entries are read at most; of search and models: how many are shown (10)"
    parser.add_argument("--limit", type=int, help=limit)
    told = "of search and models: only with this licence; any number"
    parser.add_argument("--license", action="append", default=[], metavar="LICENCE", help=told)
    told = "of search and models: only in this language, e.g. de; any number"
    parser.add_argument("--language", action="append", default=[], metavar="CODE", help=told)
    told = "of models: only of this architecture, e.g. bert or XLMRoberta; any number"
    parser.add_argument("--architecture", action="append", default=[], metavar="NAME", help=told)
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        help="of search and models: only what is known to be this small, e.g. 500MB",
    )
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    action = _ACTIONS.get(arguments.action)
    if action is None:
        raise UserError(f"p2m catalog {arguments.action}? {nearest(arguments.action, _ACTIONS)}")
    if arguments.output and arguments.output.suffix != ".parquet":
        raise UserError(f"--output {arguments.output}: a catalogue's name ends in .parquet")
    return action(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from p2m.catalogs.files import dated, read_catalog
    from p2m.cli.catalog_views import entry_text, summary_text

    files = {path: read_catalog(path) for path in _files(arguments)}
    if arguments.target is None:
        told = {path: (dated(path), entries) for path, entries in files.items()}
        plain = {str(path): {"dated": day, "entries": len(there)} for path, (day, there) in told.items()}
        return common.answer(arguments, plain, lambda: summary_text(told))
    there = [entry for entries in files.values() for entry in entries]
    wanted = arguments.target.lower()
    found = [entry for entry in there if wanted in (entry.id.lower(), entry.id.lower().rpartition("/")[2])]
    if not found:
        names = {entry.id for entry in there}
        raise UserError(f"no entry is called {arguments.target}; {nearest(arguments.target, names)}")
    return common.answer(arguments, found, lambda: "\n\n".join(map(entry_text, found)))


def _files(arguments: argparse.Namespace) -> list[Path]:
    from p2m.catalogs.files import CURATED, CURATED_MODELS

    return arguments.catalog or [path for path in (CURATED, CURATED_MODELS) if path.is_file()]


def _add(arguments: argparse.Namespace) -> int:
    from p2m.catalogs.adding import add

    if not arguments.target:
        raise UserError("add which folder? p2m catalog add FOLDER --output FILE.parquet")
    folder = Path(arguments.target)
    output = arguments.output or folder.absolute().parent / f"{folder.absolute().name}.parquet"
    made, skipped = add(folder, output)
    lines = [f"  {one.name}: skipped, {one.reason}" for one in skipped]
    lines.append(f"{len(made)} datasets of {folder} -> {common.relative(output)}")
    lines.append(f"    next: p2m build RECIPE retriever=bm25 retriever.sources=[{common.relative(output)}]")
    return common.answer(arguments, {"added": made, "skipped": skipped}, lambda: "\n".join(lines))


def _refresh(arguments: argparse.Namespace) -> int:
    import sys

    from p2m.catalogs.refreshing import refresh

    kind = "model" if arguments.models else "dataset"
    output = arguments.output or Path(f"{kind}s.parquet")
    if arguments.limit is not None and arguments.limit < 1:
        raise UserError(f"--limit {arguments.limit}: give 1 or more")

    def told(number: int) -> None:
        if not arguments.json:
            print(f"  {number:,} {kind}s read", file=sys.stderr)

    done = refresh(output, kind, filters=tuple(arguments.filter), most=arguments.limit, progress=told)
    text = (
        f"{done.entries:,} {kind}s -> {output}: {done.read:,} read on {done.pages:,} pages, of which"
        f" {done.changed:,} are new or changed"
    )
    return common.answer(arguments, done, lambda: text)


def _pin(arguments: argparse.Namespace) -> int:
    from p2m.catalogs.pinning import pinned
    from p2m.cli.catalog_views import pin_text

    if not arguments.target:
        raise UserError("pin which model? p2m catalog pin ID, such as sentence-transformers/all-MiniLM-L6-v2")
    pin = pinned(arguments.target)
    return common.answer(arguments, pin, lambda: pin_text(pin))


def _search(arguments: argparse.Namespace) -> int:
    from p2m.cli.catalog_search import search

    return search(arguments, "model" if arguments.action == "models" else "dataset")


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": _show, "search": _search, "models": _search, "add": _add, "refresh": _refresh, "pin": _pin,
}  # fmt: skip
