"""Catalogues made from a Hub's listing and from folders: only what changed is asked for, nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_hub import Repo, running

from p2m.catalogs.adding import add
from p2m.catalogs.files import dated, read_catalog
from p2m.catalogs.pinning import pinned
from p2m.catalogs.refreshing import refresh
from p2m.cli.main import main
from p2m.errors import DataError, MissingWeights

INFO = {
    "features": [
        {"name": "text", "dtype": "string"},
        {"name": "answers", "sequence": [{"name": "text", "dtype": "string"}]},
        {"name": "label", "dtype": {"class_label": {"names": {"0": "bad", "1": "good"}}}},
    ],
    "splits": [{"name": "train", "num_examples": 900}, {"name": "test", "num_examples": 100}],
}
CARD = {
    "license": "MIT",
    "language": ["en"],
    "task_categories": ["text-classification"],
    "dataset_info": INFO,
}


def repo(number: int, day: int = 1) -> Repo:
    text = f"---\n{json.dumps(CARD)}\n---\nset {number}\n".encode()
    modified = f"2026-01-{day:02d}T00:00:{number % 60:02d}.000Z"
    return Repo(f"acme/set{number:03d}", {"README.md": text}, modified=modified, downloads=number)


def test_the_listing_becomes_entries(tmp_path: Path) -> None:
    path = tmp_path / "hub.parquet"
    with running(repo(7)):
        assert refresh(path, "dataset").changed == 1
    (entry,) = read_catalog(path)
    assert (entry.id, entry.license, entry.languages, entry.rows) == ("acme/set007", "mit", ("en",), 1000)
    assert entry.configs[0].columns == (
        ("text", "string"), ("answers.text", "string"), ("label", "ClassLabel")
    )  # fmt: skip
    assert entry.configs[0].parts == (("train", 900), ("test", 100))
    assert entry.label_names == {"label": {"0": "bad", "1": "good"}}
    assert len(entry.revision) == 40
    assert dated(path) == "2026-01-01T00:00:07.000Z"


def test_a_refresh_asks_for_what_changed_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.parquet"
    with running(*map(repo, range(59))) as hub:
        hub.page = 5
        first = refresh(path, "dataset")
        assert (first.entries, first.read, first.pages) == (59, 59, 12)
        hub.repos[3] = repo(3, day=2)
        hub.repos[3].files["README.md"] += b"more"
        hub.repos.append(repo(80, day=2))
        again = refresh(path, "dataset")
        assert (again.entries, again.changed, again.pages) == (60, 2, 1)
        assert again.read == 3  # the newest one of before, too
        assert {entry.id for entry in read_catalog(path)} >= {"acme/set003", "acme/set080"}


def test_what_a_cut_or_otherwise_filtered_refresh_left_out_is_read_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "hub.parquet"
    with running(*map(repo, range(9))) as hub:
        hub.page = 2
        assert refresh(path, "dataset", most=2).entries == 2
        assert refresh(path, "dataset").entries == 9
        assert refresh(path, "dataset").read == 1
        assert refresh(path, "dataset", filters=("language:en",)).read > 1
        assert refresh(path, "dataset").read == 9


def test_a_refresh_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    path = tmp_path / "hub.parquet"
    with running(*map(repo, range(50))) as hub:
        hub.page, hub.too_many = 5, 2

        def told(number: int) -> None:
            if number == 20:
                hub.too_many = 100

        with pytest.raises(DataError, match="limits requests"):
            refresh(path, "dataset", progress=told)
        assert not path.exists()
        hub.too_many, hub.asked = 0, []
        done = refresh(path, "dataset")
        assert (done.entries, done.pages) == (50, 6)
        assert len(hub.asked) == 6
    assert [entry.id for entry in read_catalog(path)] == [f"acme/set{number:03d}" for number in range(50)]
    assert [each.name for each in tmp_path.iterdir()] == ["hub.parquet"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mails", "notes"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "train.jsonl").write_text('{"text": "a", "label": 1}\n' * 3)
        (tmp_path / "data" / name / "README.md").write_text("---\nlicense: mit\n---\nOur own.\n")
    return tmp_path / "data"


def test_a_folder_is_added_beside_what_is_there(folder: Path) -> None:
    path = folder.parent / "company.parquet"
    made, skipped = add(folder, path)
    assert [entry.id for entry in made] == ["mails", "notes"]
    assert not skipped
    entry = read_catalog(path)[0]
    assert (entry.folder, entry.rows, entry.license) == ("data/mails", 3, "mit")
    assert entry.configs[0].columns == (("text", "text"), ("label", "number"))
    add(folder / "notes", path)
    assert [entry.id for entry in read_catalog(path)] == ["mails", "notes"]


def test_the_verb_adds_and_shows(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["catalog", "add", "data"]) == 0
    assert "2 datasets of data -> data.parquet" in capsys.readouterr().out
    assert main(["catalog", "show", "--catalog", "data.parquet"]) == 0
    assert "data.parquet: 2 datasets" in capsys.readouterr().out
    assert main(["catalog", "show", "mails", "--catalog", "data.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["folder"] == "data/mails"
    assert main(["catalog", "show", "mail", "--catalog", "data.parquet"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main(["catalog", "ad"]) == 2


def test_a_base_model_is_pinned_by_commit_and_digest_and_only_safetensors_are_taken() -> None:
    weights = b"w" * 2000
    files = {"model.safetensors": weights, "config.json": b"{}", "tokenizer.json": b"{}"}
    card = b"---\nlicense: mit\n---\n"
    good = Repo("acme/small", {**files, "README.md": card}, kind="models")
    pickled = Repo("acme/pickled", {"pytorch_model.bin": weights, "config.json": b"{}"}, kind="models")
    with running(good, pickled):
        pin = pinned("acme/small")
        assert (pin["revision"], pin["license"], len(pin["sha256"])) == (good.sha, "mit", 64)
        with pytest.raises(MissingWeights, match=r"no model\.safetensors \(pytorch_model\.bin\)"):
            pinned("acme/pickled")
        with pytest.raises(MissingWeights, match="deleted, or is private"):
            pinned("acme/none")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("XLMRobertaModel", None), ("DebertaV2ForMaskedLM", None), ("ElectraForPreTraining", None),
        ("T5ForConditionalGeneration", "made for text2text-generation.*flan_t5_small.model="),
        ("LlamaForCausalLM", "made for text-generation.*student=smollm2_135m"),
        ("ViTForImageClassification", "made for image-classification; students read text"),
        ("AcmeBertModel", "which transformers lacks"),
    ],
)  # fmt: skip
def test_a_base_model_is_pinned_where_it_is_an_encoder_by_its_architecture(
    kind: str, reason: str | None
) -> None:
    config = json.dumps({"architectures": [kind]}).encode()
    files = {"model.safetensors": b"w" * 2000, "config.json": config, "tokenizer.json": b"{}"}
    with running(Repo("acme/any", files, kind="models")):
        if reason is None:
            assert pinned("acme/any")["model"] == "acme/any"
        else:
            with pytest.raises(MissingWeights, match=reason):
                pinned("acme/any")


def test_the_hub_of_these_tests_is_one_to_the_datasets_library_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets
    from datasets import config

    rows = [{"text": f"row {n}", "label": n % 2} for n in range(40)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path)
    with running(
        Repo("acme/rows", {"train.jsonl": content, "README.md": b"---\nlicense: mit\n---\n"})
    ) as hub:
        monkeypatch.setattr(config, "HF_ENDPOINT", hub.address)
        found = datasets.load_dataset("acme/rows", split="train", streaming=True, revision=hub.repos[0].sha)
        assert list(found) == rows
