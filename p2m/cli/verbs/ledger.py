"""p2m ledger: the answers that were paid for."""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2m.cli import common, stores
from p2m.errors import UserError, command, nearest

GROUP = "store"
SUMMARY = "look at, move and erase recorded teacher calls"
EXAMPLES = """p2m ledger                                        # calls and cost, by model, recipe and day
  p2m ledger list --where model=small --limit 5
  p2m ledger show 3fa9c2
  p2m ledger export recipes/qa.yaml --output qa.ledger.jsonl.gz
  p2m ledger export --all --output all.jsonl.gz
  p2m ledger import qa.ledger.jsonl.gz
  p2m ledger erase --matching "Ada Marsh"           # says what would go; --yes erases
  p2m ledger check"""
VERIFICATION_FAILED = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", default="stats", help=", ".join(_ACTIONS))
    parser.add_argument("target", nargs="?", help="of show: a digest; of export: a recipe; of import: a file")
    parser.add_argument("words", nargs="*", metavar="OVERRIDE", help="of export: overrides of the recipe")
    stores.store_argument(parser)
    label = "only records with this label"
    parser.add_argument("--where", action="append", default=[], metavar="LABEL=VALUE", help=label)
    parser.add_argument("--matching", default="", metavar="TEXT", help="only records that hold this text")
    parser.add_argument("--limit", type=int, default=20, help="of list: how many, latest first (default 20)")
    parser.add_argument("--all", action="store_true", help="of export: every record")
    parser.add_argument("--output", type=Path, help="of export: the file, named *.jsonl.gz")
    parser.add_argument("--yes", action="store_true", help="of erase: do it")
    parser.add_argument("--repair", action="store_true", help="of check: take damaged bytes out")
    common.trust_argument(parser, argparse.SUPPRESS)
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    action = _ACTIONS.get(arguments.action)
    if action is None:
        raise UserError(f"p2m ledger {arguments.action}? {nearest(arguments.action, _ACTIONS)}")
    return action(arguments)


def _stats(arguments: argparse.Namespace) -> int:
    from p2m.cli.ledger_views import totals_text
    from p2m.engine.recording.care import add_up

    totals = add_up(_folder(arguments), _recipes(arguments), _query(arguments))
    return common.answer(arguments, {"totals": totals}, lambda: totals_text(totals))


def _list(arguments: argparse.Namespace) -> int:
    from p2m.cli.ledger_views import list_text, record_json
    from p2m.engine.recording.care import each

    query = _query(arguments)
    chosen = (record for record in each(_folder(arguments)) if query.selects(record))
    latest = heapq.nlargest(max(0, arguments.limit), chosen, key=lambda record: record.time)
    return common.answer(arguments, [record_json(record) for record in latest], lambda: list_text(latest))


def _show(arguments: argparse.Namespace) -> int:
    from p2m.cli.ledger_views import record_json, record_text
    from p2m.engine.recording.care import each

    wanted = (arguments.target or "").lower()
    if not wanted:
        raise UserError("show which record? p2m ledger show DIGEST; `p2m ledger list` names them")
    found = [record for record in each(_folder(arguments)) if record.digest.startswith(wanted)]
    if len(found) != 1:
        reason = f"{len(found)} records begin" if found else "no record begins"
        raise UserError(f"{reason} with {wanted}\n    next: p2m ledger list")
    return common.answer(arguments, record_json(found[0]), lambda: record_text(found[0]))


def _check(arguments: argparse.Namespace) -> int:
    from p2m.cli.ledger_views import check_text
    from p2m.engine.recording.care import check, rewrite

    folder = _folder(arguments)
    found = check(folder)
    common.answer(arguments, found, lambda: check_text(found))
    if not found.damaged:
        return 0
    if not arguments.repair:
        return VERIFICATION_FAILED
    rewrite(folder, lambda record: False)
    if not arguments.json:
        print("what was damaged is gone")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from p2m.engine.recording.ledger import opened
    from p2m.engine.recording.transfer import export

    if bool(arguments.target) == arguments.all:
        raise UserError("export what? p2m ledger export RECIPE --output FILE, or --all instead of RECIPE")
    target = arguments.output or Path(f"{Path(arguments.target or 'all').stem}.ledger.jsonl.gz")
    folder = _folder(arguments)
    if not folder.is_dir():
        raise UserError(f"there is no ledger in {folder.parent}\n    next: name the store with --store DIR")
    ledger = opened(folder)
    digests = ledger.record_files.digests() if arguments.all else _of_recipe(arguments, folder)
    done = export(ledger, digests, target)
    gone = f" ({done.missing} that it used are no longer there)" if done.missing else ""
    text = f"{done.records:,} records{gone} -> {target}"
    text += f"\nnext, on the other machine: p2m ledger import {target.name}"
    told = {"file": str(target), "records": done.records, "missing": done.missing}
    return common.answer(arguments, told, lambda: text)


def _import(arguments: argparse.Namespace) -> int:
    from p2m.engine.recording.ledger import opened
    from p2m.engine.recording.transfer import import_file
    from p2m.engine.store import Store

    if not arguments.target:
        raise UserError("import which file? p2m ledger import FILE")
    folder = _folder(arguments)
    Store(folder.parent)  # makes it, or says what else lies there
    done = import_file(opened(folder), Path(arguments.target))
    lines = [f"{done.added:,} added, {done.known:,} known already, {len(done.conflicts)} conflicts"]
    lines += [f"  {digest[:12]} has another answer here, which stays" for digest in done.conflicts]
    lines += [f"  line {number} is damaged and was left out" for number in done.damaged]
    common.answer(arguments, done, lambda: "\n".join(lines))
    return VERIFICATION_FAILED if done.damaged else 0


def _erase(arguments: argparse.Namespace) -> int:
    from p2m.engine.recording.care import each, erase

    folder, query = _folder(arguments), _query(arguments)
    if not query.where and not query.matching:
        raise UserError("erase which records? give --where LABEL=VALUE or --matching TEXT")
    if arguments.yes and folder.is_dir():
        count = erase(folder, query).records
        text = (
            f"erased {count:,} records\nrows that were made of them stay in the store until their steps are"
            " built anew and p2m gc has run"
        )
    else:
        count = sum(query.selects(record) for record in each(folder))
        text = f"{count:,} records would be erased; add --yes to erase them"
    return common.answer(arguments, {"records": count, "erased": bool(arguments.yes)}, lambda: text)


def _folder(arguments: argparse.Namespace) -> Path:
    from p2m import noop

    return Path(arguments.store or noop.default_store()) / "ledger"


def _query(arguments: argparse.Namespace) -> Any:
    from p2m.engine.recording.care import Query

    where = {}
    for pair in arguments.where:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UserError(f"--where {pair}: expected LABEL=VALUE, such as model=small")
        where[name] = value
    return Query(where, arguments.matching)


def _of_recipe(arguments: argparse.Namespace, folder: Path) -> set[str]:
    """What the recipe's steps used, as it is now; of those that are not made, what its last build used."""
    from p2m.engine.explaining.survey import Survey
    from p2m.engine.journal import last_steps
    from p2m.engine.recording.ledger import used
    from p2m.engine.store import Store
    from p2m.project import load

    project = load(Path(arguments.target), arguments.words, trust=arguments.trust)
    store = Store(folder.parent, make=False)
    last = last_steps(store, project.plan.name)
    found = Survey(project.plan, store).found
    keys = {name: each.key for name, each in found.items() if each.status == "cached"}
    keys = {name: step.key for name, step in last.items() if name in found} | keys
    if not last:
        raise UserError(
            f"{arguments.target} has not been built in {folder.parent}\n"
            f"    next: {command('build', arguments.target, *arguments.words)}"
        )
    return {digest for key in keys.values() for digest in used(folder, key)}


def _recipes(arguments: argparse.Namespace) -> dict[str, set[str]]:
    """The records that the builds of each recipe used, as far as the journal goes back."""
    from p2m.engine.journal import runs
    from p2m.engine.recording.ledger import used
    from p2m.engine.store import Store

    folder = _folder(arguments)
    if not (folder / "uses").is_dir():
        return {}
    store = Store(folder.parent, make=False)
    keys: dict[str, set[str]] = {}
    for run in runs(store):
        keys.setdefault(run.plan, set()).update(step.key for step in run.steps.values())
    found = {plan: {digest for key in some for digest in used(folder, key)} for plan, some in keys.items()}
    return {plan: digests for plan, digests in sorted(found.items()) if digests}


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "stats": _stats, "list": _list, "show": _show, "export": _export, "import": _import, "erase": _erase,
    "check": _check,
}  # fmt: skip
