"""The files of a bundle that answer: of p2m/deploy/serving those that its model needs, and no others."""

from __future__ import annotations

import shutil
from inspect import getfile
from pathlib import Path
from types import ModuleType

from p2m.deploy import predict
from p2m.deploy.serving import (
    backends,
    batches,
    causal,
    copies,
    dates,
    edits,
    embeddings,
    fields,
    labels,
    linear,
    measures,
    predictor,
    record_fields,
    records,
    rows,
    scope,
    settings,
    shapes,
    slots,
    spans,
    states,
    sureness,
    tagger,
    tagging,
    tags,
    texts,
)
from p2m.deploy.serving.copies import PIECES
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.errors import StageError
from p2m.types import Backend, RacingBackend

_OF_KIND = {
    "span": (spans,),
    "tags": (tags, tagging, spans),
    "records": (records, record_fields, spans, tags, tagging),
    "slots": (slots, copies, tags, tagging, spans),
    "classification": (labels, scope),
    "seq2seq": (texts,),
    "causal": (causal, texts),
    "copies": (copies,),
    "linear": (dates, linear, measures, scope),
    "tagger": (tagger, tagging),
    "editor": (edits,),
    "fields": (fields, record_fields, dates, linear, measures, scope, tagger, tagging),
}
_WITHOUT_GRAPH: dict[str, tuple[ModuleType, ...]] = {  # kinds that may have none; what an encoder takes
    "linear": (embeddings,),
    "tagger": (states, tags, spans),
    "editor": (),
    "fields": (states, tags, spans),
}
_TOKENIZER = "tokenizer.json"


def shipped(model: Path, backend: Backend) -> dict[str, Path]:
    """Path in the bundle -> file, of all that the predictor of the folder `model` runs.

    Raises:
        StageError: it is no model's folder, or another backend wrote it.
    """
    try:
        found = Settings.read(model)
    except BundleError as error:
        raise StageError(str(error)) from error
    backend = _of(backend, found)
    if found.backend != backend.name:
        raise StageError(f"the model is for the runtime {found.backend}, not for {backend.name}")
    modules = [predict, predictor, rows, settings, shapes, sureness, *_OF_KIND[found.kind]]
    if not _has_graphs(model, found):
        return paths(*modules)
    modules += [backends, batches, *_WITHOUT_GRAPH.get(found.kind, ())]
    return paths(*modules) | {f"serving/backends/{backend.name}.py": backend.serving}


def paths(*modules: ModuleType) -> dict[str, Path]:
    """Path in a bundle -> file, of modules below p2m/deploy."""
    base = Path(getfile(predict)).parent
    files = [Path(getfile(module)) for module in modules]
    return {file.relative_to(base).as_posix(): file for file in files}


def requirements(model: Path, backend: Backend) -> tuple[str, ...]:
    """The distributions that the files of `shipped` import, by name."""
    settings, found = Settings.read(model), {"numpy"}
    if _has_graphs(model, settings):
        found |= set(_of(backend, settings).requirements)
    if any((model / name).is_file() for name in (_TOKENIZER, PIECES)):
        found.add("tokenizers")
    return tuple(sorted(found))


def lay_out(files: dict[str, Path], folder: Path) -> None:
    """Copy `files` to their paths below `folder`."""
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


def _of(backend: Backend, found: Settings) -> Backend:
    """The backend that runs the model, of several that were raced."""
    return backend.of(found.backend) if isinstance(backend, RacingBackend) else backend


def _has_graphs(model: Path, found: Settings) -> bool:
    """One of words has one where it reads an encoder, and a tokenizer with it."""
    return found.kind not in _WITHOUT_GRAPH or (model / _TOKENIZER).is_file()
