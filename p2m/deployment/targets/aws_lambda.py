"""lambda: a handler for AWS Lambda, and how the zip or the image is made of it."""

from __future__ import annotations

import math
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from p2m.deployment.bundles import Opened
from p2m.deployment.filling import filled, template
from p2m.deployment.options import Options
from p2m.sizes import show_size

ABOUT = "an AWS Lambda handler, and what makes the zip or the image"
LIMIT = 262_144_000  # bytes of an unpacked zip: "250 MB" (AWS Lambda quotas)
_PYTHON = (3, 12)  # the first whose Lambda has a glibc (Amazon Linux 2023) that onnxruntime runs on
_LEAST, _MOST, _STEP = 256, 10_240, 64  # MB of memory that Lambda gives; the least is p2m's


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    bundle.copy(folder / "bundle")
    about = {"name": bundle.name, "python": ".".join(map(str, max(_PYTHON, sys.version_info[:2])))}
    memory = min(_MOST, max(_LEAST, math.ceil(2 * bundle.memory / _STEP) * _STEP))
    script = filled("aws_lambda/build.sh", **about, lambda_memory=memory, timeout=max(10, bundle.patience))
    image = filled("aws_lambda/Dockerfile", **about, digest=bundle.digest, image=options.image_of(bundle))
    (folder / "build.sh").write_text(script, encoding="utf-8")
    (folder / "Dockerfile").write_text(image, encoding="utf-8")
    (folder / "handler.py").write_bytes(template("aws_lambda/handler.py"))
    size, unknown = unpacked(bundle)
    told = f"about {show_size(size)} unpacked, of the {show_size(LIMIT)} that a zip may have"
    told += f", without {', '.join(unknown)}, not installed here" if unknown else ""
    options.say(f"size: {told}")
    if size > LIMIT:
        build = shlex.join(["docker", "build", "-t", options.image_of(bundle), str(options.output)])
        return [f"{build}, since it is too large for a zip"]
    script = shlex.quote(str(options.output / "build.sh"))
    return [f"sh {script}, which makes {bundle.name}.zip and tells the aws command"]


def unpacked(bundle: Opened) -> tuple[int, list[str]]:
    """Bytes of the bundle and of the packages it needs, as installed here; and those that are not here."""
    total, unknown = bundle.size, []
    for name in _needed(bundle):
        try:
            found = distribution(name).files or []
        except PackageNotFoundError:
            unknown.append(name)
            continue
        total += sum(file.size or 0 for file in found)
    return total, unknown


def _needed(bundle: Opened) -> list[str]:
    """Distributions of requirements.txt, with what they need themselves."""
    text = (bundle.folder / "requirements.txt").read_text(encoding="utf-8")
    waiting = [_plain(line) for line in text.splitlines() if line.strip()]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        waiting += [_plain(need) for need in needs if "extra ==" not in need and _is_here(_plain(need))]
    return list(found)


def _plain(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].lower()


def _is_here(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
