"""A recipe composes from files, groups and overrides, and every setting knows where it was written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import ConfigTypeError
from pydantic import ValidationError
from strangers import Tiny

from p2m.compose import compose
from p2m.compose.origins import place_in
from p2m.compose.source import merge
from p2m.engine.handles import Network
from p2m.errors import RecipeError
from p2m.types import Constraints, Example, Training
from recipes import DEFAULTS, TRUST, problem, problems, read, write

PROMPT = "prompt: Answer the question.\n"


def test_three_lines_are_a_complete_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    spec = read(path).spec
    assert spec.name == "small"
    assert spec.prompt == "Answer the question."
    assert spec.student.candidates == {"tiny": Tiny(layers=3)}
    assert spec.teacher.of("generate") is None
    assert spec.training == Training()
    assert spec.constraints == Constraints()


def test_a_recipe_without_defaults_is_composed_on_base(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT + "student: {candidates: {tiny: {target: strangers.Tiny}}}\n", defaults="")
    overrides = ("teacher=none", "retriever=none", "student=tiny", "compression=none")
    assert read(path, *overrides).choices["training"] == "default"


def test_defaults_may_follow_the_choice_in_another_group(tmp_path: Path) -> None:
    follows = DEFAULTS.replace("  - base\n", "  - base\n  - pace@_global_: ${training}\n")
    path = write(tmp_path, PROMPT, defaults=follows)
    (tmp_path / "pace").mkdir()
    for seed, name in enumerate(("default", "fast")):
        (tmp_path / "pace" / f"{name}.yaml").write_text(f"seed: {seed}\n")
    assert [read(path, *words).spec.seed for words in ((), ("training=fast",))] == [0, 1]


def test_any_file_name_will_do(tmp_path: Path) -> None:
    for name in ("a b.yaml", "x@y.yaml", "recipe.yml", "no ending", "größe=1.yaml", "base.yaml"):
        assert read(write(tmp_path, PROMPT + "name: n\n", name)).spec.name == "n"


def test_defaults_that_lead_back_to_themselves_are_named(tmp_path: Path) -> None:
    write(tmp_path, PROMPT, "base.yaml")  # a recipe that stands in for the library's
    found = problem(write(tmp_path, PROMPT))
    assert found.where.endswith("base.yaml:1")
    assert "leads back to base.yaml" in found.hint


def test_group_files_beside_the_recipe_win_over_the_librarys(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "default.yaml").write_text("epochs: 7.5\n")
    composed = read(path)
    assert composed.spec.training.epochs == 7.5
    assert composed.origins["training.epochs"].endswith("training/default.yaml:1")
    assert tmp_path / "training" / "default.yaml" in composed.files


def test_a_folder_beside_the_recipe_that_holds_no_yaml_is_no_group(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.jsonl").write_text("{}\n")
    assert read(path, "data={test: data/rows.jsonl}").spec.data.test == (tmp_path / "data" / "rows.jsonl",)


def test_the_place_of_a_teachers_model_is_relative_to_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    chosen = ("teacher=gguf", "teacher.path=models/m.gguf", f"teacher.sha256={'0' * 64}")
    assert read(path, *chosen).spec.teacher.of("answer").path == str(tmp_path / "models" / "m.gguf")
    (role,) = ["teacher.answer={target: p2m.teachers.gguf.GGUF, path: m.gguf, sha256: a}"]
    assert read(path, role).spec.teacher.of("answer").path == str(tmp_path / "m.gguf")


def test_every_setting_knows_its_file_and_line_or_its_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, PROMPT + "training:\n  epochs: 2\n  patience: 5\n")
    origins = read(path, "training.patience=4", "seed=3", "metric=[exact_match]").origins
    line = DEFAULTS.count("\n") + 3
    assert origins["training.epochs"] == f"small.yaml:{line}"
    assert origins["training.patience"] == "override training.patience=4"
    assert origins["training.batch_size"] == "conf/training/default.yaml:4"
    assert origins["seed"] == "override seed=3"
    assert origins["student.candidates.tiny.layers"] == "student/tiny.yaml:2"
    assert origins["name"] == "small.yaml"
    assert origins["metric.exact_match.target"].startswith("conf/metric/exact_match.yaml:")


def test_every_leaf_and_every_section_has_an_origin(tmp_path: Path) -> None:
    text = PROMPT + "examples: [{input: {a: b}, output: c, also: [d]}]\n"
    composed = read(write(tmp_path, text), "+student.candidates.two.target=strangers.Tiny")
    paths: list[str] = []

    def walk(value: object, at: str) -> None:
        if at:
            paths.append(at)
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{at}.{key}" if at else key)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{at}[{index}]")

    walk(composed.config, "")
    assert len(paths) > 60
    missing = [path for path in paths if path not in composed.origins]
    assert missing in ([], ["student.candidates.two"])  # a section that only an override of its leaf made
    assert all(composed.place(path) for path in paths)


def test_choices_are_named_in_multi_select_groups_too(tmp_path: Path) -> None:
    choices = read(write(tmp_path, PROMPT), "metric=[exact_match,token_f1]", "training=fast").choices
    assert choices["metric"] == ["exact_match", "token_f1"]
    assert choices["training"] == "fast"
    assert choices["student"] == "tiny"


def test_the_spec_is_frozen(tmp_path: Path) -> None:
    spec = read(write(tmp_path, PROMPT)).spec
    with pytest.raises(ValidationError):
        spec.seed = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        spec.training.epochs = 3.0  # type: ignore[misc]


def test_composing_changes_no_folder_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = write(tmp_path / "recipes", PROMPT)
    before = sorted(tmp_path.rglob("*"))
    read(path)
    assert Path.cwd() == elsewhere
    assert sorted(tmp_path.rglob("*")) == before


def test_the_users_words_are_never_interpolated(tmp_path: Path) -> None:
    text = (
        "prompt: 'Expand ${HOME} and ${ and ${now:%Y} as is.'\nexamples: [{input: '???', output: '${x}'}]\n"
    )
    spec = read(write(tmp_path, text)).spec
    assert spec.prompt == "Expand ${HOME} and ${ and ${now:%Y} as is."
    assert spec.examples == (Example({"input": "???"}, "${x}", source="user"),)


def test_the_users_words_are_never_interpolated_on_the_command_line_either(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT + "examples: [{input: a, output: b}]\n")
    for text in ("Expand ${name}", "a price in ${currency}, ${ and $", "${oc.env:HOME}", "???"):
        assert read(path, f'prompt="{text}"').spec.prompt == text
        given = read(path, f'examples=[{{input: {{x: "{text}"}}, output: "${{seed}}"}}]').spec.examples
        assert given == (Example({"x": text}, "${seed}", source="user"),)
    assert read(path, 'examples.0.output="${seed}"').spec.examples[0].output == "${seed}"
    assert read(path, "prompt=${name}", "+examples=[]").spec.prompt == "${name}"


def test_labels_and_answers_are_text_as_written(tmp_path: Path) -> None:
    text = (
        PROMPT
        + "task: {labels: [yes, no, 1.50, null_]}\n"
        + "examples: [{input: {q: 007, w: on}, output: 2012, also: [1_000]}]\n"
    )
    spec = read(write(tmp_path, text)).spec
    assert spec.task.labels == ("yes", "no", "1.50", "null_")
    assert spec.examples[0] == Example({"q": "007", "w": "on"}, "2012", ("1_000",), source="user")


def test_an_examples_bare_text_takes_the_name_of_the_only_input(tmp_path: Path) -> None:
    text = PROMPT + "task: {inputs: [sentence]}\nexamples: [{input: Hello there, output: greeting}]\n"
    assert read(write(tmp_path, text)).spec.examples[0].input == {"sentence": "Hello there"}


def test_data_paths_are_relative_to_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    path = write(tmp_path, PROMPT + "data: {test: gold.jsonl}\nretriever: {sources: [catalogue]}\n")
    (tmp_path / "gold.jsonl").write_text("")
    (tmp_path / "catalogue").mkdir()
    spec = read(path).spec
    assert spec.data.test == (tmp_path / "gold.jsonl",)
    assert spec.retriever.sources == (tmp_path / "catalogue",)


def test_decisions_beside_a_recipe_are_found_and_their_coming_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    beside = tmp_path / "small.decisions.jsonl"
    before = read(path)
    assert before.spec.data.decisions is None
    assert beside in before.looked
    beside.touch()
    assert read(path).spec.data.decisions == beside
    (tmp_path / "others.jsonl").touch()
    assert read(path, "data.decisions=others.jsonl").spec.data.decisions == tmp_path / "others.jsonl"
    assert "there is no" in problem(path, "data.decisions=otter.jsonl").message


def test_data_may_be_several_files_and_patterns(tmp_path: Path) -> None:
    path = write(
        tmp_path, PROMPT + "data:\n  train: [b.csv, rows/*.csv, 'rows/**/deep.csv']\n  test: 'a[1].csv'\n"
    )
    for name in (
        "b.csv",
        "a[1].csv",
        "a1.csv",
        "rows/2.csv",
        "rows/1.csv",
        "rows/in/deep.csv",
        "rows/no.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    composed = read(path)
    found = [each.relative_to(tmp_path).as_posix() for each in composed.spec.data.train or ()]
    assert found == ["b.csv", "rows/1.csv", "rows/2.csv", "rows/in/deep.csv"]
    assert composed.spec.data.test == (tmp_path / "a[1].csv",)  # the name of a file, not a pattern
    assert set(composed.listed) == {tmp_path / "rows", tmp_path / "rows" / "in"}
    assert read(path, "data.train=[b.csv,a1.csv]").spec.data.train == (
        tmp_path / "b.csv",
        tmp_path / "a1.csv",
    )


def test_a_pattern_that_fits_nothing_is_reported_with_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path, PROMPT + "data:\n  train:\n    - rows/*.csv\n    - nowhere/*.csv\n    - gone.csv\n"
    )
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text("")
    found = problems(path)
    lines = DEFAULTS.count(chr(10)) + 3
    assert [(each.path, each.where.rpartition(":")[2]) for each in found] == [
        (f"data.train[{number}]", str(lines + 1 + number)) for number in range(3)
    ]
    assert found[0].message == "no file fits rows/*.csv"
    assert "a.jsonl" in found[0].hint
    assert "there is no folder" in found[1].hint
    assert "is empty" in problem(path, "data.train=[]").message


def test_a_missing_data_file_is_reported_with_its_place_and_near_names(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT + "data:\n  test: gold.jsonl\n")
    (tmp_path / "gold.json").write_text("")
    found = problem(path)
    assert found.path == "data.test"
    assert found.where.endswith(f"small.yaml:{DEFAULTS.count(chr(10)) + 3}")
    assert "gold.json'" in found.hint


def test_a_stray_path_that_exists_from_the_working_folder_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "recipes", PROMPT)
    (tmp_path / "gold.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    hint = problem(path, "data.test=gold.jsonl").hint
    assert hint == "paths are relative to the recipe: write ../gold.jsonl"


def test_the_place_of_a_path_that_no_key_has_is_that_of_what_is_around_it() -> None:
    places = {"metrics.also": "a.yaml:4", "metrics": "a.yaml:3"}
    assert place_in(places, "metrics.no_worse_than.literal['last']") == "a.yaml:3"
    assert place_in(places, "metrics.also[0]") == "a.yaml:4"
    assert place_in(places, "other.lax[list[int]]") == ""


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = (
        PROMPT + "trainng: {epochs: 2}\nconstraints: {max_size: 24 QB}\nseed: true\nsplit: {test_share: 2}\n"
    )
    found = {
        one.path: one for one in problems(write(tmp_path, text), "training.epoch=2", "data.test=no.jsonl")
    }
    assert set(found) == {
        "trainng",
        "constraints.max_size",
        "seed",
        "split.test_share",
        "training.epoch",
        "data.test",
    }
    assert "'training'" in found["trainng"].hint
    assert "24 MB" in found["constraints.max_size"].message
    assert "got true" in found["seed"].message
    assert "from 0.001 to 0.5" in found["split.test_share"].message
    assert "'epochs'" in found["training.epoch"].hint
    assert found["training.epoch"].where == "override training.epoch=2"
    assert all(one.where for one in found.values())


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("prompt: ''\n", "prompt", "empty"),
        (PROMPT + "task: {labels: [a, b, ' a']}\n", "task.labels[2]", "stands twice"),
        (PROMPT + "task: {labels: [caf\u00e9, b, cafe\u0301]}\n", "task.labels[2]", "stands twice"),
        (PROMPT + "task: {labels: [a, '', b]}\n", "task.labels[1]", "is empty"),
        ('prompt: "  \\n"\n', "prompt", "empty"),
        ("prompt:\n", "prompt", "expected text, got nothing"),
        ("prompt: [a]\n", "prompt", "expected text"),
        ("", "prompt", "is missing"),
        (PROMPT + "training: {epochs: soon}\n", "training.epochs", "expected a number, got 'soon'"),
        (PROMPT + "training: {batch_size: 2.5}\n", "training.batch_size", "whole number"),
        (PROMPT + "training: 3\n", "training", "mapping"),
        (PROMPT + "task: {type: qa}\n", "task.type", "question-answering"),
        (PROMPT + "name: a/b\n", "name", "folder"),
        (PROMPT + "examples: [{input: x}]\n", "examples[0].output", "missing"),
        (PROMPT + "examples: [{input: {q: ' '}, output: y}]\n", "examples[0].input.q", "empty"),
        (PROMPT + "examples: [{input: x, output: y, outptu: z}]\n", "examples[0].outptu", "unknown key"),
        (
            PROMPT + "retriever: {transform: {a: {prompt: x, row: 5}}}\n",
            "retriever.transform.a.row",
            "unknown key",
        ),
        (PROMPT + "retriever: {transform: {a: 5}}\n", "retriever.transform.a", "expected text"),
        (PROMPT + "metrics: {require: {exact_match: lots}}\n", "metrics.require.exact_match", ">= 0.60"),
        (PROMPT + "student: {candidates: {tiny: {layer: 3}}}\n", "student.candidates.tiny.layer", "unknown"),
        (PROMPT + "student: {candidates: {tiny: {layers: x}}}\n", "student.candidates.tiny.layers", "number"),
        (PROMPT + "student: {candidates: {tiny: {kind: tall}}}\n", "student.candidates.tiny.kind", "wide"),
        (PROMPT + "student: {candidates: {tiny: null}}\n", "student.candidates", "1"),
        (PROMPT + "device: {type: gpu}\n", "device.type", "auto, cpu, cuda"),
        (PROMPT + "executor: {name: slurm}\n", "executor.name", "local"),
        (
            PROMPT + "constraints: {network: 5}\n",
            "constraints.network",
            "none, teacher, hub, all, true or false",
        ),
        (PROMPT + "seed: -1\n", "seed", "0"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(tmp_path: Path, text: str, path: str, says: str) -> None:
    found = problem(write(tmp_path, text))
    assert found.path == path
    assert says in str(found)
    assert "small.yaml" in found.where or "conf/" in found.where or "student/tiny" in found.where


def test_a_network_policy_is_a_word_or_a_boolean(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    told = {"true": "all", "false": "none", "none": "none", "teacher": "teacher", "hub": "hub", "all": "all"}
    for written, policy in told.items():
        assert read(path, f"constraints.network={written}").spec.constraints.network is Network(policy)


VOLATILE = {
    "must mean the same everywhere": (
        "${now:%Y}", "${oc.env:HOME}", "${hydra:runtime.cwd}", "${env:HOME}", "${random:}", "${uuid:}",
        "${tempfile:}", "${oc.decode:'1'}", "${oc.create:{a: 1}}",
    ),
    "differ from machine to machine": (
        "${oc.select:store.path}", "${oc.select:'store.path',x}", "${[store].path}", "${store[path]}",
        "a ${ store.path } b", "${oc.dict.values:device}", "${oc.select:device.threads}",
        "${hydra.runtime.cwd}", "${hydra.job.num}", "${oc.select:hydra.job.id}",
    ),
    "only known later": ("${${name}.path}", "${oc.select:${name}}"),
}  # fmt: skip


def test_volatile_interpolations_are_refused_where_they_would_enter_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P2M_TEST_PLACE", "/elsewhere")
    path = write(
        tmp_path,
        PROMPT + "store:\n  path: ${oc.env:P2M_TEST_PLACE}\nseed: 4\nevaluation: {bootstrap: '${seed}0'}\n",
    )
    spec = read(path).spec
    assert spec.store.path == Path("/elsewhere")
    assert spec.evaluation.bootstrap == 40
    found = problem(path, "task.language='a${seed}${oc.decode:${now:%s}}'")
    assert found.path == "task.language"
    assert found.where.startswith("override")
    assert "refused" in found.message
    assert "store.path" in problem(path, "task.language=${store.path}").message
    for value in ("${..store.path}", "${oc.select:..store.path}"):
        assert "differ from machine to machine" in problem(path, f"task.language='{value}'").message, value
    refused = {value: says for says, values in VOLATILE.items() for value in values}
    listed = ",".join(f'"{value}"' for value in refused)
    told = problems(path, f"task.labels=[{listed}]")
    assert [each.path for each in told] == [f"task.labels[{place}]" for place in range(len(refused))]
    for (value, says), each in zip(refused.items(), told, strict=True):
        assert says in each.message, value
        assert each.where.startswith("override")
    for value in ("${seed}0", "${oc.select:seed}0", "${..seed}0"):
        assert read(path, f"evaluation.bootstrap='{value}'").spec.evaluation.bootstrap == 40
    line = DEFAULTS.count("\n") + 2
    found = problem(write(tmp_path, PROMPT + "name: ${now:%Y}\n"))
    assert found.where.endswith(f"small.yaml:{line}")


def test_an_interpolation_to_nowhere_is_located(tmp_path: Path) -> None:
    found = problem(write(tmp_path, PROMPT + "seed: ${sede}\n"))
    assert found.path == "seed"
    assert "small.yaml" in found.where


def test_components_of_strangers_are_imported_only_where_trusted(tmp_path: Path) -> None:
    sys.modules.pop("antigravity", None)
    path = write(tmp_path, PROMPT)
    found = problem(path, trust=())
    assert found.path == "student.candidates.tiny.target"
    assert "--trust strangers" in found.message
    found = problem(path, "student.candidates.tiny.target=antigravity.Fly")
    assert "antigravity" not in sys.modules
    assert found.path == "student.candidates.tiny.target"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("p2m.metrics.exact_match.ExactMatch", "is a metric, and a student is wanted"),
        ("p2m.compose.compose", "is no student"),
        ("p2m.students.minlm.MiniLM", "there is no module"),
        ("os.system", "lies outside p2m"),
        ("strangers.Tinny", "did you mean 'Tiny'?"),
        ("strangers.prepared", "has no component 'prepared'"),
        ("strangers.Shapeless", "lacks"),
        ("strangers", "lies outside"),
        ("strangers.", "not a dotted class name"),
        ("3", "not a dotted class name"),
    ],
)
def test_a_wrong_target_says_what_there_is(tmp_path: Path, target: str, says: str) -> None:
    found = problem(write(tmp_path, PROMPT), f"student.candidates.tiny={{target: '{target}'}}")
    assert found.path.startswith("student.candidates.tiny")
    assert says in str(found)


def test_composing_loads_no_heavy_library(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    shipped = ["teacher=embedded", "student=auto", "retriever=bm25", "compression=int8"]
    code = (
        "import sys; from pathlib import Path; from p2m.compose import compose;"
        f"compose(Path({str(path)!r}), {shipped!r}, trust={TRUST!r});"
        "heavy = {'torch', 'transformers', 'datasets', 'evaluate', 'onnxruntime', 'sklearn', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


TREES = st.recursive(
    st.sampled_from(["x", "???", 1, None, [2]]),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150)
@given(st.lists(st.dictionaries(st.sampled_from("ab"), TREES), min_size=1, max_size=3))
def test_files_are_merged_as_omegaconf_merges_them(files: list[dict[str, Any]]) -> None:
    merged: dict[str, Any] = {}
    for each in files:
        before = repr(each)
        merge(merged, each)
        assert repr(each) == before
    try:
        expected = OmegaConf.merge({}, *files)
    except ConfigTypeError:  # a list over a mapping
        return
    assert merged == OmegaConf.to_container(expected)


def test_hydras_own_settings_change_nothing_of_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    plain, whole = read(path, "training=fast"), read(path, "training=fast", "hydra/launcher=basic")
    assert (plain.spec, plain.choices) == (whole.spec, whole.choices)
    assert set(whole.origins) - set(plain.origins) == {"hydra/launcher"}
    assert set(whole.looked) - set(plain.looked)
    wrong = write(tmp_path, PROMPT + "hydra: {sweeper: {nothing_of_this: 1}}\n", "wrong.yaml")
    assert "nothing_of_this" in problem(wrong).message


def test_the_same_recipe_composes_alike_twice_in_one_process(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    assert read(path).spec == read(path).spec
    with pytest.raises(RecipeError):
        compose(path, ["seed=x"], trust=TRUST)
    assert read(path, "seed=5").spec.seed == 5


@pytest.mark.parametrize(
    ("written", "path", "hint"),
    [
        ("test: rows.jsonl\n", "test", "did you mean data.test?"),
        ("train: rows.jsonl\n", "train", "did you mean data.train?"),
        ("labels: [a, b]\n", "labels", "did you mean task.labels?"),
        ("split: {epochs: 3}\n", "split.epochs", "did you mean training.epochs?"),
        ("promt: x\n", "promt", "did you mean 'prompt'?"),
        ("data: rows.jsonl\n", "data", "write `data: {train: rows.jsonl}`"),
        ("data: [rows.jsonl]\n", "data", "write `data: {train: rows.jsonl}`"),
        ("data: [{train: rows.jsonl}]\n", "data", "write its keys below it, indented and without dashes"),
        ("data:\n", "data", "below it, indented, stand its keys: inputs, train, validation, test, group"),
        ("data: {train: row.jsonl}\n", "data.train", "did you mean 'rows.jsonl'?"),
        ("data: {train: dta/more.jsonl}\n", "data.train", "/data/more.jsonl?"),
        ("data: {train: dta/rows.jsonl}\n", "data.train", "/rows.jsonl?"),
    ],
)  # fmt: skip
def test_the_hint_is_what_to_write_instead(tmp_path: Path, written: str, path: str, hint: str) -> None:
    (tmp_path / "data").mkdir()
    for place in ("rows.jsonl", "data/more.jsonl"):
        (tmp_path / place).write_text("")
    found = problem(write(tmp_path, PROMPT + written))
    assert found.path == path
    assert hint in found.hint


@pytest.mark.parametrize("section", ["metrics", "constraints", "student.candidates"])
def test_a_list_for_a_section_is_refused_by_its_name(tmp_path: Path, section: str) -> None:
    (found,) = problems(write(tmp_path, PROMPT), f"{section}=[1]")
    assert found.where == f"override {section}=[1]"
    assert found.message == f"{section} is a section, and takes no such value"
    assert f"{section}.NAME=VALUE" in found.hint
