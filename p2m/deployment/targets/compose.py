"""compose: the container with Prometheus beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

from p2m.deployment.bundles import Opened
from p2m.deployment.filling import filled
from p2m.deployment.options import Options
from p2m.deployment.targets import docker

ABOUT = "that and a compose file with Prometheus, which reads /metrics"


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    image = options.image_of(bundle)
    docker.write_context(bundle, folder, image)
    text = filled(
        "compose.yaml", name=bundle.name, image=image, memory=bundle.memory, memory_limit=2 * bundle.memory
    )
    (folder / "compose.yaml").write_text(text, encoding="utf-8")
    (folder / "prometheus.yml").write_text(filled("prometheus.yml", name=bundle.name), encoding="utf-8")
    return [
        docker.MAKE_TOKEN,
        f"docker compose --project-directory {shlex.quote(str(options.output))} up --build --detach",
    ]
