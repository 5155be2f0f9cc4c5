"""docker: a Dockerfile with the bundle beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

from p2m.deployment.bundles import Opened, with_server
from p2m.deployment.filling import filled, template
from p2m.deployment.options import Options, python

ABOUT = "a Dockerfile: small, not root, read-only, with a health check"
MAKE_TOKEN = "export P2M_SERVE_TOKENS=$(openssl rand -hex 24)"
# The token is taken from the environment: what is typed is seen by everybody on the machine.
_RUN = ["docker", "run", "--read-only", "--tmpfs", "/tmp", "-p", "8000:8000", "--env", "P2M_SERVE_TOKENS"]


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    image = options.image_of(bundle)
    write_context(bundle, folder, image)
    return [
        shlex.join(["docker", "build", "-t", image, str(options.output)]),
        MAKE_TOKEN,
        shlex.join([*_RUN, image]),
    ]


def write_context(bundle: Opened, folder: Path, image: str) -> None:
    """What `docker build` reads."""
    with_server(bundle).copy(folder / "bundle")
    text = filled(
        "Dockerfile", name=bundle.name, digest=bundle.digest, image=image, python=python(),
        patience=bundle.patience, named="".join(f'"{each}", ' for each in bundle.served_as),
    )  # fmt: skip
    (folder / "Dockerfile").write_text(text, encoding="utf-8")
    (folder / ".dockerignore").write_bytes(template("dockerignore"))
