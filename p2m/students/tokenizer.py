"""The tokenizer of a checkpoint, as it is trained with and served: it neither pads nor cuts by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p2m.errors import StageError
from p2m.students.quiet import quiet


def copy_tokenizer(folder: Path, target: Path, *, prefix: str = "") -> None:
    """The checkpoint's tokenizer as tokenizer.json in `target`, with what it puts before every text."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    made = Tokenizer.from_file(str(path)) if path.is_file() else backend(open_tokenizer(folder))
    made.no_truncation()
    made.no_padding()
    prefixed(made, prefix).save(str(target / "tokenizer.json"), pretty=False)


def open_tokenizer(folder: Path) -> Any:
    """A transformers tokenizer; of a sentencepiece model, where the folder has no tokenizer.json.

    Raises:
        StageError: the folder has none, or none that can be read.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (ImportError, OSError, ValueError) as error:
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StageError(
            f"{folder}: its tokenizer cannot be read ({told})\n    give a folder that has a tokenizer.json,"
            " as save_pretrained writes it: model=FOLDER"
        ) from None


def backend(tokenizer: Any, *, prefix: str = "") -> Any:
    """The `tokenizers.Tokenizer` under a transformers one, a copy without its padding and truncation."""
    from tokenizers import Tokenizer

    return prefixed(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), prefix)


def prefixed(tokenizer: Any, prefix: str) -> Any:
    """The tokenizer with `prefix` before each text, as marks that stand for no character of it.

    So every window of a long text begins with it, offsets stay those of the text, and what serves a model
    need not know of it.

    Raises:
        StageError: the tokenizer puts its marks in a way that leaves no place for it.
    """
    from tokenizers import Tokenizer

    if not prefix:
        return tokenizer
    made = json.loads(tokenizer.to_str())
    marks = made["post_processor"] or {}
    if marks.get("type") != "TemplateProcessing":
        raise StageError(f"a prefix needs a tokenizer with a template of marks, not {marks.get('type')}")
    found = tokenizer.encode(prefix.strip(), add_special_tokens=False)
    marks["special_tokens"][prefix] = {"id": prefix, "ids": found.ids, "tokens": found.tokens}
    for name in ("single", "pair"):
        first = next(place for place, each in enumerate(marks[name]) if "Sequence" in each)
        marks[name].insert(first, {"SpecialToken": {"id": prefix, "type_id": 0}})
    return Tokenizer.from_str(json.dumps(made))
