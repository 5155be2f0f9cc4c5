"""kubernetes: a Deployment, its Service, and what scales it and keeps it up."""

from __future__ import annotations

import shlex
from pathlib import Path

from p2m.deployment.bundles import Opened, with_server
from p2m.deployment.filling import filled
from p2m.deployment.options import Options
from p2m.errors import command
from p2m.sizes import show_size

ABOUT = "a manifest: Deployment with probes, Service, autoscaler; the image is made by --to docker"


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    with_server(bundle)
    image = options.image_of(bundle)
    text = filled(
        "kubernetes.yaml",
        name=bundle.name,
        digest=bundle.digest,
        image=image,
        named="".join(f'"{each}", ' for each in bundle.served_as),
        patience=bundle.patience,
        memory=bundle.memory,
        memory_limit=2 * bundle.memory,
        measured=show_size(int(bundle.manifest["measured"].get("peak_memory") or 0)),
    )
    (folder / "kubernetes.yaml").write_text(text, encoding="utf-8")
    return [
        f"{command('deploy', bundle.folder, '--to', 'docker', '--image', image)}, and push that image",
        "openssl rand -hex 24 | tr -d '\\n' | kubectl create secret generic"
        f" {bundle.name}-token --from-file=token=/dev/stdin",
        f"kubectl apply -f {shlex.quote(str(options.output / 'kubernetes.yaml'))}",
    ]
