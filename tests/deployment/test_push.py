"""p2m push: what is shown before, what arrives, and what is refused; on a local Hub and on file systems."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from conftest import LABELS
from local_hub import LocalHub, Repo, running
from small_bundles import bundle_of, sealed, words_model

from p2m.cli.main import main
from p2m.deploy.serving.command import check_sums

TOKEN = "hf_may_write_here_0123"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    return bundle_of(words_model(folder / "model"), folder / "bundle", LABELS)


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # this Hub keeps large files as LFS does
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with running() as hub:
        yield hub


def push(*words: str | Path) -> int:
    return main(["push", *map(str, words)])


def pulled(one: Repo, folder: Path) -> Path:
    for name, content in one.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_hub_gets_all_of_it_in_one_commit_of_a_private_repository(
    hub: LocalHub, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "variants").mkdir()
    (bundle / "variants" / "other.txt").write_text("no part of it")
    assert push(bundle, "hf://ada/small", "--yes") == 0
    one = hub.repo("models", "ada/small")
    assert one is not None
    assert (one.private, len(one.commits)) == (True, 1)
    assert check_sums(pulled(one, tmp_path / "pulled")) == []
    assert not any("variants" in name for name in one.files)
    said = capsys.readouterr()
    assert "-> hf://ada/small (private, made now)" in said.out
    assert "model/linear.npz" in said.out
    assert f"sent and compared: hf://ada/small at {one.sha}" in said.out
    assert TOKEN not in said.out + said.err
    assert any(line.startswith("PUT /lfs/") for line in hub.asked)
    assert "POST /api/validate-yaml" in hub.asked


def test_what_is_there_stays_unless_it_may_be_overwritten(
    hub: LocalHub, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = b"0  manifest.json\n0  model/predictor.json\n0  old.bin\n"
    there = {".gitattributes": b"", "SHA256SUMS": sums, "old.bin": b"1", "paper.pdf": b"2"}
    hub.repos.append(Repo("ada/small", there, "models"))
    assert push(bundle, "hf://ada/small", "--yes") == 2
    assert (
        "3 files are there already, such as SHA256SUMS\n    next: another address" in capsys.readouterr().err
    )
    assert push(bundle, "hf://ada/small", "--overwrite", "--yes") == 0
    said = capsys.readouterr().out
    assert "taken away there: old.bin" in said
    assert "1 files stay there, no bundle's, such as paper.pdf" in said
    assert "(PUBLIC)" in said
    assert {*hub.repos[0].files} == {".gitattributes", "paper.pdf", *_files(bundle)}


def test_a_token_that_may_not_write_is_never_repeated(
    hub: LocalHub, bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_reads_only_0123456789")
    assert push(bundle, "hf://ada/small", "--yes") == 1
    said = capsys.readouterr()
    assert "the Hub answers 401" in said.err
    assert "hf auth login" in said.err
    assert "hf_reads_only" not in said.out + said.err
    assert hub.repos == []
    hub.repos.append(Repo("ada/small", {".gitattributes": b""}, "models"))
    assert push(bundle, "hf://ada/small", "--yes") == 1
    assert "next: hf auth login" in capsys.readouterr().err


def test_what_arrives_damaged_is_told(
    hub: LocalHub, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.damaged = True
    assert push(bundle, "hf://ada/small", "--yes") == 1
    assert "not what was sent\n    next: push again with --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_any_address_that_fsspec_knows(
    protocol: str, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{protocol}://{tmp_path}/far/away"
    assert push(bundle, address, "--yes") == 0
    system, base = fsspec.core.url_to_fs(address)
    assert push(bundle, address, "--yes") == 2
    assert "--overwrite" in capsys.readouterr().err
    system.pipe_file(f"{base}/letter.txt", b"dear")
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    (bundle / "README.md").unlink()
    assert push(sealed(bundle), address, "--yes", "--overwrite") == 0
    system.get(base, str(tmp_path / "back"), recursive=True)
    assert check_sums(tmp_path / "back") == []
    assert {str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*.*")} == {
        "letter.txt", *(name for name in _files(bundle) if "." in name)
    }  # fmt: skip


@pytest.mark.parametrize("where", ["bundle", "bundle/model/in", ".", "link", "bundle/../bundle", "far"])
def test_a_bundle_is_never_sent_into_itself(
    bundle: Path, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(bundle)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "model").symlink_to(bundle / "model")
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    for address in (f"file://{tmp_path}/{where}", f"{tmp_path}/{where}", f"local://{tmp_path}/{where}"):
        assert push(bundle, address, "--yes", "--overwrite") == 2
        assert "is the bundle's own folder" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before


def test_what_a_bundle_was_built_from_goes_along_and_never_stays_of_another(
    bundle: Path, tmp_path: Path
) -> None:
    (bundle / "built.json").write_text('{"lock": "0"}')
    place = tmp_path / "there"
    assert push(bundle, place.as_uri(), "--yes") == 0
    assert (place / "built.json").read_text() == '{"lock": "0"}'
    (bundle / "built.json").unlink()
    assert push(bundle, place.as_uri(), "--yes", "--overwrite") == 0
    assert not (place / "built.json").exists()


def test_a_list_of_checksums_that_is_no_bundles_takes_nothing_away(bundle: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "disk.iso").write_text("large")
    (there / "SHA256SUMS").write_text(f"{'0' * 64}  disk.iso\n")
    assert push(bundle, f"file://{there}", "--yes", "--overwrite") == 0
    assert (there / "disk.iso").read_text() == "large"
    assert check_sums(there) == []


def test_nothing_is_sent_that_was_not_agreed_to(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"file://{tmp_path}/there"
    assert push(bundle, address, "--dry-run") == 0
    assert "model/linear.npz" in capsys.readouterr().out
    assert push(bundle, address) == 2
    assert "nobody can be asked here\n    next: the same with --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: "n")
    assert push(bundle, address) == 1
    assert not (tmp_path / "there").exists()
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    assert push(bundle, address) == 0


def test_what_should_not_go_is_refused(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = bundle / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"ship": true', '"ship": false').replace("SHIP", "FALLS SHORT"))
    sealed(bundle)
    assert push(bundle, f"file://{tmp_path}/there", "--yes") == 2
    assert "its verdict is FALLS SHORT" in capsys.readouterr().err
    assert push(bundle, f"file://{tmp_path}/there", "--yes", "--rejected") == 0
    (bundle / "model" / "terms.json").write_text("{}")
    assert push(bundle, f"file://{tmp_path}/other", "--yes", "--rejected") == 2
    assert "model/terms.json: changed since it was packaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://key:secret@bucket/models", "holds a password"),
        ("outputs/there", "no url: write hf://owner/name"),
        ("hf://small", "names no repository; write hf://owner/name"),
        ("hf://hf_abcdefghijklmnop123/", "[key]"),
        ("gs://bucket/models", "pip install 'p2m[gcs]'"),
        ("https://example.org/models", "can only be read"),
        ("nope://there", "nope"),
    ],
)
def test_an_address_that_leads_nowhere(
    bundle: Path, address: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(bundle, address, "--yes") == 2
    told = capsys.readouterr().err
    assert said in told
    assert "secret@" not in told
    assert "Traceback" not in told


def _files(bundle: Path) -> set[str]:
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    return {line.partition("  ")[2] for line in lines} | {"SHA256SUMS"}
