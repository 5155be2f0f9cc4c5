"""What a lock takes from the recipe, the machine and the store."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest

from p2m.build import load, subject
from p2m.engine.executor import execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan, Ref
from p2m.engine.storage.kept import registered
from p2m.engine.store import Store
from p2m.lock import Lock, differences, lock_of, lock_path, look, register
from p2m.lock.weights import weights_pin
from p2m.students.minilm import SHA256, MiniLM

RECIPE = """\
name: sort
prompt: Say whether the review is good or bad.
task: {type: text-classification, inputs: [text], output: label, labels: [good, bad]}
defaults: [base, override teacher: none, override student: minilm, override compression: none, _self_]
"""
CARD = "---\nlicense: cc-by-4.0\nlanguage: en\ntask_categories: [text-classification]\n---\nReviews.\n"


def rows(path: Path, number: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{{"text": "review {n} was fine", "label": "{"good" if n % 2 else "bad"}"}}' for n in range(number)
    ]
    path.write_text("\n".join(lines))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    rows(tmp_path / "mine" / "train.jsonl")
    (tmp_path / "mine" / "README.md").write_text(CARD)
    return tmp_path


def lock_with(folder: Path, more: str = "data: {train: mine}\n", student: str = "") -> Lock:
    (folder / "sort.yaml").write_text(RECIPE + more)
    return lock_of(look(subject(load(folder / "sort.yaml")), None, student=student), None)


def test_settings_are_what_was_meant_not_how_it_was_written(folder: Path) -> None:
    one = lock_with(folder, "data: {train: mine}\nconstraints: {max_parameters: 250M}\n")
    other = lock_with(folder, "constraints:\n  max_parameters: 250000000\ndata:\n  train: ./mine\n")
    assert one.settings["constraints.max_parameters"] == 250_000_000
    assert differences(one, other) == ()


def test_what_cannot_change_a_result_is_no_setting(folder: Path) -> None:
    one = lock_with(folder)
    other = lock_with(folder, "data: {train: mine}\ndevice: {threads: 3}\nstore: {path: elsewhere}\n")
    assert one.settings
    assert not [path for path in one.settings if path.startswith(("device", "store", "executor"))]
    assert differences(one, other) == ()


def test_how_a_package_was_built_is_no_part_of_a_lock(folder: Path) -> None:
    found = lock_with(folder)
    assert found.packages["torch"] == version("torch").partition("+")[0]
    assert found.steps["encoder"].may_differ == "key, output"  # a key has it


def test_every_default_is_a_setting_also_of_components(folder: Path) -> None:
    settings = lock_with(folder).settings
    assert settings["student.candidates.minilm.sha256"] == SHA256
    assert settings["student.candidates.minilm.target"] == "p2m.students.minilm.MiniLM"
    assert settings["retriever.target"] == "p2m.retrievers.bm25.BM25"
    assert settings["task.labels[1]"] == "bad"
    assert settings["curation.decontaminate"] is True


def test_a_place_outside_the_recipe_s_folder_shows_its_name_alone(folder: Path) -> None:
    place = folder.parent / f"{folder.name}-elsewhere" / "given.jsonl"
    rows(place)
    lock = lock_with(folder, f"data: {{train: {place}}}\n")
    assert lock.settings["data.train[0]"] == lock.inputs["data.train"].path == "given.jsonl"
    assert str(folder.parent) not in str(lock)
    above = lock_with(folder, f"data: {{train: ../{place.parent.name}/given.jsonl}}\n")
    assert above.inputs["data.train"].path == f"../{place.parent.name}/given.jsonl"


def test_the_licence_of_a_data_folder_is_that_of_its_card(folder: Path) -> None:
    one = lock_with(folder)
    assert one.inputs["data.train"].license == "cc-by-4.0"
    assert set(one.inputs["data.train"].files) == {"README.md", "train.jsonl"}
    (folder / "mine" / "README.md").write_text(CARD.replace("by-4", "by-sa-4"))
    assert [found.name for found in differences(one, lock_with(folder))] == [
        "data.train README.md",
        "data.train licence",
    ]


def test_the_published_weights_are_pinned_by_file(folder: Path) -> None:
    weights = lock_with(folder, student="minilm").weights
    assert weights is not None
    assert (weights.model, weights.license) == ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0")
    assert weights.files["model.safetensors"].sha256 == SHA256
    assert "tokenizer.json" in weights.files


def test_weights_in_a_folder_are_read_and_weights_that_are_not_here_have_no_files(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    (tmp_path / "tiny" / "notes.txt").write_text("not read by a student")
    here = weights_pin("minilm", MiniLM(model=str(tmp_path / "tiny"), sha256=""))
    assert here is not None
    assert (here.model, set(here.files)) == ("tiny", {"config.json"})
    gone = weights_pin("minilm", MiniLM(model="nobody/has-this-model", sha256=""))
    assert gone is not None
    assert gone.files == {}


def test_datasets_that_were_selected_are_named_with_their_files(folder: Path) -> None:
    rows(folder / "sets" / "reviews" / "train.jsonl")
    rows(folder / "sets" / "reviews" / "test.jsonl", 4)
    (folder / "sets" / "reviews" / "README.md").write_text(CARD)
    (folder / "sort.yaml").write_text(RECIPE + "retriever: {sources: [sets]}\n")
    project = load(folder / "sort.yaml")
    store = Store(project.store)
    execute(beginning(project.plan, "retrieve"), store, Device())
    lock = lock_of(look(subject(project), store), store)
    dataset = lock.datasets["reviews"]
    assert (dataset.catalogue, dataset.license) == ("catalogue", "cc-by-4.0")
    assert dict(dataset.files) == {
        "reviews/train.jsonl": lock.inputs["catalogue"].files["reviews/train.jsonl"]
    }
    assert lock.steps["retrieve"].output
    assert lock.steps["select"].key
    assert lock.steps["select"].output == lock.steps["train"].key == ""


def beginning(plan: Plan, last: str) -> Plan:
    """The steps of a plan up to one of them."""
    part, refs = Plan(plan.name), dict[str, Ref]()
    for step in plan.steps:
        if step.stage is None:
            assert step.path is not None
            refs[step.name] = part.source(step.name, step.path)
        else:
            inputs = [refs[edge.step] if edge.step else None for edge in step.inputs]
            refs[step.name] = part.add(step.name, step.stage, *inputs, **step.settings)
        if step.name == last:
            return part
    raise AssertionError(last)


def test_a_lock_that_was_used_keeps_its_results_from_being_collected(folder: Path) -> None:
    lock_with(folder)
    store = Store(folder / "store")
    path = lock_path(folder / "sort.yaml")
    path.write_text("key: " + "a" * 64)
    register(store, Path(os.path.relpath(path)))
    found = registered(store.root)
    assert [(one.path, one.words) for one in found] == [(path, ("a" * 64,))]
