"""What a large catalogue costs: `python bench/catalog.py [data folder] [--cards 100000]`.

A catalogue of 100,000 entries, each made by rule of two of the 2,958 real ones, is indexed by p2m's own step,
asked twenty prompts of real tasks, and indexed again after one entry in a hundred has changed. Every
figure is of a process of its own. Queries are timed twice: as the step that ranks takes them (the index and
the encoder opened anew for each), and as whole commands, `p2m catalog search`, which start Python and prove
first that the catalogue and all code are those of the index.

Of a smaller catalogue the index after a change is held against one that is made without a past: the same
bytes. Exits 1 where a bar is missed: 10 minutes for the first index on two cores, 1 s and 1 GiB a query, 1%
of the cards read again after a change of 1%.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retrieval import dataset_cards, queries

import p2m
from p2m.catalogs.entries import Config, Entry
from p2m.catalogs.files import write_catalog
from p2m.cli.catalog_search import rank_in, searchable
from p2m.engine.observer import Silent
from p2m.engine.store import Store
from p2m.parsing import parse_prompt
from p2m.types import Card

MINUTES, SECONDS, GIB = 10.0, 1.0, 1.0  # the bars
CHANGED = 0.01
SMALL = 3000  # cards of which an index is made twice
ASKED = 20
COMMANDS = 3
_TURN = 150  # characters of a text before the other's turn


def by_rule(cards: Sequence[Card], number: int) -> Iterator[Entry]:
    """So many entries, each of another pair of real cards: both names, and both texts in turn."""
    for at in range(number):
        one, other = cards[at % len(cards)], cards[(at * 7919 + at // len(cards)) % len(cards)]
        names = [each.name.rpartition("/")[2] for each in (one, other)]
        texts = (one.description[:_TURN], other.description[:_TURN], one.description[_TURN:])
        yield Entry(
            f"made{at}/{'-'.join(names)}",
            task_ids=one.task_ids, languages=one.languages, label_names=dict(one.label_names),
            configs=(Config("default", tuple((column, "") for column in one.columns)),),
            downloads=one.downloads, likes=one.likes,
            description=" ".join(texts),
        )  # fmt: skip


def changed(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, of which one in a hundred begins with other words."""
    drawn = set(random.Random(1).sample(range(len(entries)), int(len(entries) * CHANGED)))
    return [
        replace(entry, description=f"Revised: {entry.description}") if number in drawn else entry
        for number, entry in enumerate(entries)
    ]


# --------------------------------------------------------------------------- in processes of their own


class Watcher(Silent):
    """How many cards the index step read."""

    read = 0

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        if step == "index":
            self.read = total


def indexed(path: Path, store: Path) -> dict[str, Any]:
    """Index a catalogue: seconds, seconds of processors, cards read, and what was made."""
    watcher, began = Watcher(), time.perf_counter()
    found = searchable(path, Store(store), watcher)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "read": watcher.read, "output": found.outcome("index").output}


def asked(path: Path, store: Path, prompts: Sequence[str]) -> dict[str, Any]:
    """Ask an indexed catalogue: seconds of each query."""
    found, took = searchable(path, Store(store), Silent()), []
    for prompt in prompts:
        task, began = parse_prompt(prompt), time.perf_counter()
        rank_in(found, task, "dataset")
        took.append(time.perf_counter() - began)
    return {"took": took}


def child(*words: object) -> dict[str, Any]:
    """What this file prints when it is run for one of the two, with the process's own figures."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(found: dict[str, Any]) -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    found |= {"processors": used.ru_utime + used.ru_stime, "gib": used.ru_maxrss / 2**20}
    print(json.dumps(found))
    return 0


def command(path: Path, store: Path, prompt: str) -> tuple[float, float]:
    """Seconds and GiB of `p2m catalog search`."""
    words = [sys.executable, "-m", "p2m", "catalog", "search", prompt, "--catalog", os.fspath(path)]
    began = time.perf_counter()
    process = subprocess.Popen(
        words, env=os.environ | {"P2M_STORE": os.fspath(store)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return time.perf_counter() - began, used.ru_maxrss / 2**20


# --------------------------------------------------------------------------- figures


def measured(cards: Sequence[Card], prompts: Sequence[str], number: int, folder: Path) -> bool:
    """Print what a catalogue of so many cards takes; whether all bars are reached."""
    entries = list(by_rule(cards, number))
    path, store = folder / "large.parquet", folder / "store"
    write_catalog(entries, path)
    print(f"{number:,} cards, {path.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores", flush=True)
    first = child(path, "--index", store)
    print(
        f"indexed in {first['seconds']:.0f} s ({first['processors']:.0f} s of processors,"
        f" {first['gib']:.2f} GiB), {first['read']:,} texts read; bar {MINUTES:g} min",
        flush=True,
    )
    (folder / "prompts.json").write_text(json.dumps(prompts), "utf-8")
    answers = child(path, "--index", store, "--ask", folder / "prompts.json")
    took = answers["took"]
    print(
        f"{len(took)} queries: first {took[0]:.2f} s, median {sorted(took)[len(took) // 2]:.2f} s, slowest"
        f" {max(took):.2f} s, at most {answers['gib']:.2f} GiB; bars {SECONDS:g} s and {GIB:g} GiB",
        flush=True,
    )
    whole = [command(path, store, prompt) for prompt in prompts[:COMMANDS]]
    print(
        f"p2m catalog search, {len(whole)} times: slowest {max(each for each, _ in whole):.2f} s, at most"
        f" {max(each for _, each in whole):.2f} GiB",
        flush=True,
    )
    write_catalog(changed(entries), path)
    again = child(path, "--index", store)
    print(
        f"after a change of {CHANGED:.0%}: {again['read']:,} texts read, {again['seconds']:.0f} s"
        f" ({again['processors']:.0f} s of processors); bar {int(number * CHANGED):,}",
        flush=True,
    )
    good: bool = (
        first["seconds"] <= 60 * MINUTES
        and max(took) <= SECONDS
        and max(answers["gib"], *(each for _, each in whole)) <= GIB
        and again["read"] <= number * CHANGED
    )
    return good


def is_the_same(cards: Sequence[Card], folder: Path) -> bool:
    """Print whether an index after a change is the one that is made without a past."""
    entries, path = list(by_rule(cards, SMALL)), folder / "small.parquet"
    write_catalog(entries, path)
    child(path, "--index", folder / "past")
    write_catalog(changed(entries), path)
    later, afresh = (child(path, "--index", folder / name) for name in ("past", "none"))
    same: bool = later["output"] == afresh["output"]
    print(
        f"{SMALL:,} cards, 1% changed: {later['read']:,} texts read, afresh {afresh['read']:,};"
        f" {'the same index, byte for byte' if same else 'ANOTHER INDEX'}",
        flush=True,
    )
    return same


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", default="../shared/data")
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.ask:
        return told(asked(Path(options.data), options.index, json.loads(options.ask.read_text("utf-8"))))
    if options.index:
        return told(indexed(Path(options.data), options.index))
    compileall.compile_dir(Path(p2m.__file__).parent, quiet=2)  # as pip does where it installs
    catalogs = Path(options.data) / "catalogs"
    cards = dataset_cards(catalogs)
    prompts = [each.task.instruction for each in queries(catalogs / "dataset_retrieval_dev.jsonl")[:ASKED]]
    with tempfile.TemporaryDirectory() as place:
        good = is_the_same(cards, Path(place))
        good = measured(cards, prompts, options.cards, Path(place)) and good
    print("p2m reaches its bars" if good else "p2m misses a bar")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
