"""Weights from a Hub: a server that speaks its protocol, and the real client, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "acme/tiny"
FILES = {
    "config.json": b'{"hidden_size": 8}',
    "model.safetensors": b"not really weights, but bytes with a digest",
    "tokenizer.json": b"{}",
    "training_data.bin": b"never asked for",
}


class Hub(BaseHTTPRequestHandler):
    """The requests that fetching a snapshot makes: the revision, its tree, a file's head, a file."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/{MODEL}/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in FILES.items()
            ]
            self._answer(json.dumps(tree).encode())
        elif self.path.startswith(f"/api/models/{MODEL}"):
            siblings = [{"rfilename": name} for name in FILES]
            self._answer(json.dumps({"id": MODEL, "sha": COMMIT, "siblings": siblings}).encode())
        else:
            self._file(body=True)

    def _file(self, *, body: bool) -> None:
        name = self.path.rpartition("/")[2]
        if not self.path.startswith(f"/{MODEL}/resolve/") or name not in FILES:
            self.send_error(404)
            return
        if body:
            self.asked.append(name)
        etag = hashlib.sha256(FILES[name]).hexdigest()
        self._answer(FILES[name], body=body, headers={"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _answer(self, content: bytes, *, body: bool = True, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """The address of a running Hub, and the files that were taken from it."""
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Hub.asked
    server.shutdown()
    server.server_close()


def find(address: str, cache: Path, sha256: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys\nfrom p2m.errors import MissingWeights\nfrom p2m.students import weights\n"
        f"try: print(weights.find({MODEL!r}, 'other', revision='main', sha256={sha256!r}))\n"
        "except MissingWeights as error: sys.exit(f'MissingWeights: {error}')"
    )
    environment = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
    }
    blocked = (
        "HF_HUB_OFFLINE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    )
    own = {name: value for name, value in os.environ.items() if name not in blocked}
    return subprocess.run([sys.executable, "-c", code], env=own | environment, capture_output=True, text=True)


def test_a_checkpoint_is_fetched_from_the_hub_once_and_checked(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = hub
    digest = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    done = find(address, tmp_path, digest)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert sorted(asked) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert find(address, tmp_path, digest).returncode == 0
    assert len(asked) == 3


def test_weights_that_are_not_the_published_ones_are_refused(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    done = find(hub[0], tmp_path, "0" * 64)
    assert done.returncode == 1
    assert "MissingWeights" in done.stderr
    assert "not the published weights" in done.stderr


def test_a_hub_that_cannot_be_reached_is_said_with_what_to_install(tmp_path: Path) -> None:
    done = find("http://127.0.0.1:9", tmp_path, "")
    assert done.returncode == 1
    assert "p2m[embedded]" in done.stderr
