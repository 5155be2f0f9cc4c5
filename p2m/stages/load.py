"""load: the datasets that were ranked, fetched from their Hub as far as a sample needs it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from p2m.catalogs.base import is_mapped, made_into
from p2m.catalogs.hub import ClosedFault, RepositoryFault
from p2m.catalogs.loading import at_hand, load_dataset, looked_at
from p2m.catalogs.suspicion import speaks_to_models
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.sizes import show_size
from p2m.stages.retrieve import on_paper
from p2m.types import Candidate, Candidates, Files, Loaded, LoadedDataset, Task


@stage(version="1", kind="seeded")
def load(
    task: Task,
    catalogue: Files,
    ranked: Candidates,
    *,
    licenses: tuple[str, ...],
    languages: tuple[str, ...],
    max_rows: int,
    max_download: int,
    seed: int,
    granted: tuple[str, ...] = (),
    mapped: tuple[str, ...] = (),
    run: Run,
) -> Loaded:
    """Fetch at most `max_download` bytes of every dataset, and keep at most `max_rows` rows of it.

    Of several configurations those that are `mapped` by name are read, as the recipe has them.

    What cannot be used (gated, gone, renamed, changed under its pin, of a forbidden licence, too large a row,
    no rows without running code) is left out with the reason. What was fetched survives a kill.

    That the Hub does not let the user in is of today, and the result of this step is kept. So it is a result
    only of datasets of which the recipe does not say otherwise.

    Raises:
        DataError: the Hub cannot be reached, limits requests for longer than its client waits, or does not
            let the user into a dataset that is `granted`.
    """
    folder = run.folder / "datasets"
    folder.mkdir(exist_ok=True)
    told: list[LoadedDataset] = []
    usable = ranked.usable
    for number, candidate in enumerate(usable):
        run.progress(number, len(usable), candidate.card.name)
        done = run.folder / f"{number}.json"
        if not done.is_file():
            shutil.rmtree(folder / candidate.card.name, ignore_errors=True)
            try:
                one = _loaded(
                    task, catalogue, candidate, folder, run, licenses, languages, max_rows, max_download,
                    seed, mapped,
                )  # fmt: skip
            except RepositoryFault as fault:
                shutil.rmtree(folder / candidate.card.name, ignore_errors=True)
                if isinstance(fault, ClosedFault) and candidate.card.name in granted:
                    raise DataError(
                        f"{candidate.card.name}: {fault}\n    retriever.granted names it, so nothing is built"
                        " without it: take it out there, or type the same command once you are let in"
                    ) from None
                one = LoadedDataset(candidate.card.name, candidate.card.revision, refusal=_why(fault))
                run.say(f"{one.name}: left out, {one.refusal}")
            done.write_text(json.dumps(asdict(one)), encoding="utf-8")
        told.append(LoadedDataset(**json.loads(done.read_text(encoding="utf-8"))))
    return Loaded(folder, tuple(told))


def _why(fault: RepositoryFault) -> str:
    """Why a dataset is left out; where that may change, what to write then, for nothing else asks again."""
    again = "; once it lets you in, name it in retriever.granted" if isinstance(fault, ClosedFault) else ""
    return f"{fault}{again}"


def _loaded(
    task: Task,
    catalogue: Files,
    candidate: Candidate,
    folder: Path,
    run: Run,
    licenses: tuple[str, ...],
    languages: tuple[str, ...],
    max_rows: int,
    max_download: int,
    seed: int,
    mapped: tuple[str, ...],
) -> LoadedDataset:
    """One dataset. Its own card, which may say other than the catalogue, is looked at before its rows.

    Raises:
        RepositoryFault, DataError: see `load`.
    """
    card, scratch = candidate.card, run.folder / "fetched" / candidate.card.name
    if card.folder:
        place = catalogue.path.parent / card.folder
        remote = at_hand(place, card.name, card.revision)
        scratch = place if place.is_dir() else place.parent
    else:
        remote = looked_at(card.name, card.revision, scratch)
    refusal = speaks_to_models(remote.front.description()) or on_paper(
        task, remote.card, licenses, languages, is_named=is_mapped(card.name, mapped)
    )
    if refusal:
        raise RepositoryFault(refusal)
    if not card.folder:
        size = min(max_download, remote.repository.size_bytes)
        run.say(f"{card.name}: {show_size(size)} at most, licence {remote.card.license or 'not named'}")
    taken = load_dataset(
        remote, folder / card.name, scratch,
        rows=max_rows, budget=max_download, seed=seed, languages=(task.language, made_into(task)),
        named=[name.removeprefix(f"{card.name}/") for name in mapped],
    )  # fmt: skip
    shutil.rmtree(run.folder / "fetched", ignore_errors=True)
    return LoadedDataset(
        card.name,
        remote.repository.commit,
        remote.card.license,
        {file.path: f"{file.digest} {file.size}" for file in taken},
        sum(1 for path in (folder / card.name).rglob("*.jsonl") for _ in path.open("rb")),
    )
