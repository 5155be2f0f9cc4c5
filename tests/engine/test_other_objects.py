"""Azure's and Google's object stores, by emulators: slow, and only where these are installed.

npm install -g azurite; pip install 'p2m[azure,gcs]' gcp-storage-emulator
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_executor import Watch, build, small
from test_faults import assert_sound
from test_shared import key_of, make, settle
from test_store import Store

from p2m.engine.care.gc_shared import GRACE, collect_shared
from p2m.engine.executor import execute
from p2m.engine.handles import Device
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.storage.sharing import probe

pytestmark = pytest.mark.slow
# Of azurite's documentation: the account that every one of its servers has.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("adlfs")
    program = os.environ.get("P2M_AZURITE") or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite is not installed")
    port = free_port()
    words = ["--blobPort", str(port), "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL)
    account = f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY}"
    where = f"{account};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", where)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        from azure.storage.blob import BlobServiceClient

        BlobServiceClient.from_connection_string(where).create_container("box")
        yield "abfs://box/p2m"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("gcsfs")
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    port = free_port()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # which asks Google's own servers
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="box")
    server.start()
    yield "gs://box/p2m"
    server.stop()


@pytest.mark.parametrize("provider", ["azure", "google"])
def test_a_second_machine_builds_nothing(
    tmp_path: Path, provider: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(provider)
    said = probe(SharedAddress(url, "write", 60.0)).text
    assert ("honours create-only puts" in said) == (provider == "azure"), said
    (tmp_path / "n.txt").write_text("7")
    first = Store(tmp_path / "first", SharedAddress(url, "write", 60.0))
    build(small(tmp_path), first)
    action = make(first, 0, large=bytes(range(256)) * (33 << 12))
    settle(first)
    assert (first.sent, first.is_pending) == (5, False)
    second, watch = Store(tmp_path / "second", SharedAddress(url, timeout=60.0)), Watch()
    assert execute(small(tmp_path), second, Device(), watch).counts == {"reused": 4}
    assert watch.ran == []
    assert second.lookup(action.key) is not None
    assert_sound(second)
    other = Store(tmp_path / "other", SharedAddress(url, "write", 60.0))
    make(other, 0, more=b"not deterministic")
    settle(other)
    third = Store(tmp_path / "third", SharedAddress(url, timeout=60.0)).lookup(key_of(0)[0])
    assert third is not None
    assert third.output == action.output
    kept = collect_shared(
        SharedAddress(url, timeout=60.0), first, delete=True, now=lambda: time.time() + 40 * GRACE
    )
    assert kept.freed["entries"].count == 2  # the one that no run asks for, and its alternative
    assert execute(small(tmp_path), Store(tmp_path / "fourth", second.place.shared), Device()).counts == {
        "reused": 4
    }
