"""What the verbs say and return, mostly where nothing is built."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from shouting import TEXT_RECIPE, Call, call_in, write_project

from p2m.cli import arguments, common, verbs
from p2m.cli.main import main
from p2m.cli.verbs import predict
from p2m.errors import UserError, command
from p2m.resources import conf_folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def call(project: Path) -> Call:
    return call_in(project)


@pytest.mark.parametrize("verb", verbs.names())
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse([verb, "--help"])
    assert ended.value.code == 0
    assert f"p2m {verb}" in capsys.readouterr().out.split("examples:")[1]


def test_a_misspelt_verb_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(["biuld", "recipes/qa.yaml"])
    assert ended.value.code == 2
    assert "did you mean 'build'?" in capsys.readouterr().err


def test_overrides_may_stand_around_options() -> None:
    parsed = arguments.parse(["build", "qa.yaml", "-m", "student=a,b", "--trust", "mine", "seed=1"])
    assert parsed.multirun
    assert parsed.words == ["student=a,b", "seed=1"]
    assert parsed.trust == ["mine"]


def test_why_takes_the_step_wherever_it_stands() -> None:
    parsed = arguments.parse(["why", "qa.yaml", "train", "seed=1"])
    common.take_step(parsed)
    assert (parsed.step, parsed.words) == ("train", ["seed=1"])
    parsed = arguments.parse(["show", "qa.yaml", "seed=1"])
    common.take_step(parsed)
    assert (parsed.step, parsed.words) == (None, ["seed=1"])
    parsed = arguments.parse(["why", "qa.yaml", "seed=1", "train", "x=y"])
    common.take_step(parsed)
    assert (parsed.step, parsed.words) == ("train", ["seed=1", "x=y"])


@pytest.mark.parametrize("verb", ["why", "show"])
def test_the_usage_shows_where_a_step_stands(verb: str) -> None:
    usage = " ".join(arguments.parser_of(verb).format_usage().split())
    assert usage.endswith("recipe [STEP] [OVERRIDE ...]")


def test_commands_in_messages_are_quoted_for_a_shell() -> None:
    words = ["build", "my recipe.yaml", "metrics.require.accuracy=>= 0.5", "seed='1'"]
    typed = command(words[0], Path(words[1]), *words[2:])
    assert shlex.split(typed) == ["p2m", *words]


def test_hints_name_the_program_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "p2m"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    hint = (
        "p2m build: no\n    next: p2m build x.yaml; `p2m log` lists p2m's runs in p2m/build and /opt/p2m log"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))
    said = hint.replace("p2m build", "bin/p2m build").replace("`p2m log", "`bin/p2m log")
    assert common.runnable(hint) == said
    monkeypatch.setenv("PATH", str(program.parent))
    assert common.runnable(hint) == hint


def test_messages_name_files_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "rows.jsonl").write_text('{"text": "x"}\n')
    recipe = "prompt: Say it.\ntask: {type: text-classification}\ndata: {train: ../recipes/../rows.jsonl}\n"
    (tmp_path / "recipes" / "x.yaml").write_text(f"{recipe}defaults: [base, override teacher: none]\n")
    done = call_in(tmp_path)("build", "recipes/x.yaml")
    assert re.search(r"^p2m build: rows\.jsonl: ", done.stderr, re.MULTILINE), done.stderr
    monkeypatch.chdir(tmp_path)
    addresses = f"file://{tmp_path}/x is there; /srv{tmp_path}/x is not"
    assert common.from_here(f"{addresses}: {tmp_path}/x") == f"{addresses}: x"


def test_every_verb_has_its_line_in_the_overview() -> None:
    lines = [line.split() for line in arguments.overview().splitlines() if line.startswith("  p2m ")]
    assert sorted(line[1] for line in lines) == verbs.names()
    assert all(len(line) > 3 for line in lines)


def test_plan_lists_every_step_writes_no_artifact_and_says_that_there_is_work(
    call: Call, project: Path
) -> None:
    done = call("plan", "shout.yaml", "--exit-code")
    assert done.returncode == 10
    steps = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  +")]
    assert steps[0] == "parse"
    assert {"curate", "split", "train", "evaluate", "package"} <= set(steps)
    assert not list((project / "outputs").rglob("cas/*/*"))


def test_plan_speaks_json(call: Call) -> None:
    steps = json.loads(call("plan", "shout.yaml", "--json").stdout)
    assert {"step", "status", "reason"} <= set(steps[0])


def test_plan_tells_of_a_training_what_is_known_and_how_to_know_more(tmp_path: Path, call: Call) -> None:
    tuned = call_in(write_project(tmp_path / "tuned", TEXT_RECIPE))
    said = tuned("plan", "shout.yaml").stdout.splitlines()[-1]
    assert re.fullmatch(
        r"  tiny_seq2seq: about 57 rows, \d+ steps of \d+ \(1\.\d passes\), rate 0\.001:"
        r" time unknown on this machine; measure it: --probe",
        said,
    )
    solved = call("plan", "shout.yaml").stdout
    assert solved.splitlines()[-1] == "17 steps: 0 cached, 17 to run."  # nothing is tuned


@pytest.mark.slow  # it measures real steps
def test_a_probe_is_remembered_by_later_plans(tmp_path: Path) -> None:
    call = call_in(write_project(tmp_path / "tuned", TEXT_RECIPE))
    for options in (["--probe"], []):
        assert re.search(r": about [\d.]+ s on this machine\n$", call("plan", "shout.yaml", *options).stdout)


NO_TORCH = 'raise AssertionError("{name} was imported")\n'


def test_a_linear_model_is_built_and_asked_without_torch(tmp_path: Path, project: Path, call: Call) -> None:
    for name in ("torch", "transformers"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "__init__.py").write_text(NO_TORCH.format(name=name))
    path = str(tmp_path / "broken")
    done = call("build", "shout.yaml", PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1] == "SHIP"
    asked = call("predict", "outputs/shout", "mat", PYTHONPATH=path)
    assert json.loads(asked.stdout)["output"] == "shouted", asked.stderr
    tuned = call("build", "shout.yaml", "student=tiny_seq2seq", PYTHONPATH=path)
    assert tuned.returncode == 1
    assert "torch was imported" in tuned.stderr


def test_few_rows_to_judge_by_end_in_4_with_how_many_would_tell(call: Call, project: Path) -> None:
    rows = (project / "test.jsonl").read_text().splitlines()
    (project / "test.jsonl").write_text("\n".join(rows[:10]))
    for _ in range(2):  # built, and answered from memory
        done = call("build", "shout.yaml")
        assert done.returncode == 4, done.stderr
        assert done.stdout.splitlines()[1] == "UNPROVEN"
        enough = re.search(r"  \? 10 rows to judge by tell little: (\d+) would tell\n", done.stdout)
        assert enough
        more = int(enough[1]) - 10
        assert f"  next: label about {more} more rows and give them as data.test" in done.stdout
    assert "nothing to do" in done.stdout
    assert "UNPROVEN" in call("log").stdout
    assert (
        json.loads((project / "outputs" / "shout" / "manifest.json").read_text())["verdict"]["ship"] is False
    )


def test_a_mistake_in_a_recipe_ends_in_2_with_the_place_and_the_nearest_name(
    call: Call, project: Path
) -> None:
    text = (project / "shout.yaml").read_text().replace("epochs: 1", "epocs: 1")
    (project / "shout.yaml").write_text(text)
    done = call("build", "shout.yaml")
    assert done.returncode == 2
    assert "shout.yaml:11" in done.stderr
    assert "'epochs'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_row_without_its_column_ends_in_2_with_the_line(call: Call, project: Path) -> None:
    with (project / "train.jsonl").open("a") as file:
        file.write('\n{"input": "lonely"}\n')
    done = call("build", "shout.yaml")
    assert done.returncode == 2
    assert "train.jsonl:41" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("data.test=nowhere.jsonl", "nowhere.jsonl"),
        ("constraints.max_parameters=1000", "max_parameters"),
        ("metrics.primary=chrf", "chrf"),
        ("student=tiny", "tiny_seq2seq"),
        ("+metrics.require.teacher_ratio='>= 0.9'", "teacher_ratio"),
        ("training.epochs=many", "training.epochs"),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(
    call: Call, project: Path, override: str, word: str
) -> None:
    done = call("build", "shout.yaml", override)
    assert done.returncode == 2, done.stdout + done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "outputs" / ".store" / "ac").exists() or not list(
        (project / "outputs" / ".store" / "ac").rglob("*.json")
    )


def test_outputs_that_are_a_file_are_refused_before_anything_runs(call: Call, project: Path) -> None:
    (project / "taken").write_text("")
    done = call("build", "shout.yaml", "--outputs", "taken")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_init_writes_a_recipe_that_checks(call: Call, project: Path) -> None:
    prompt = "Say whether a review is positive or negative."
    assert call("init", prompt, "--output", "reviews.yaml").returncode == 0
    again = call("init", prompt, "--output", "reviews.yaml")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (project / "reviews.yaml").read_text().count("\n") < 45


def test_the_schema_of_recipes_is_printed_for_editors(call: Call) -> None:
    schema = json.loads(call("check", "--schema").stdout)
    assert {"prompt", "metrics", "constraints"} <= set(schema["properties"])


def test_why_of_an_unknown_step_names_the_nearest(call: Call) -> None:
    done = call("why", "shout.yaml", "trian")
    assert done.returncode == 2
    assert "did you mean 'train'?" in done.stderr


def test_graph_draws_mermaid(call: Call) -> None:
    text = call("graph", "shout.yaml", "--format", "mermaid").stdout
    assert text.startswith("flowchart")
    assert "train" in text


def test_doctor_finds_this_machine_and_speaks_json(call: Call) -> None:
    found = {item["what"]: item["state"] for item in json.loads(call("doctor", "--json").stdout)}
    assert found["python"] == "ok"
    assert "extra train" in found


def test_doctor_says_which_teachers_could_run(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    secret = "sk-a-secret-of-a-doctor"
    said = call("doctor", "--json", ANTHROPIC_API_KEY=secret).stdout
    found = {item["what"]: item for item in json.loads(said)}
    shipped = {file.stem for file in conf_folder().glob("teacher/*.yaml")} - {"none"}
    assert shipped == {name.removeprefix("teacher ") for name in found if name.startswith("teacher ")}
    assert found["teacher anthropic"]["state"] == "ok"
    assert found["teacher openai"]["state"] == "missing"
    assert "OPENAI_API_KEY" in found["teacher openai"]["advice"]
    assert "teacher.base_url=URL" in found["teacher compatible"]["advice"]
    assert secret not in said


def test_planning_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import sys\nfrom p2m.cli.main import main\nmain(['plan', 'shout.yaml'])\n"
        "heavy = {'torch', 'transformers', 'datasets', 'evaluate', 'onnxruntime', 'sklearn', 'matplotlib'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["plan", "shout.yaml", "--json"]])
def test_nothing_is_drawn_before_it_must_be(project: Path, words: list[str]) -> None:
    code = (
        "import sys\nfrom p2m.cli.main import main\n"
        f"try:\n    main({words})\nexcept SystemExit:\n    pass\n"
        "print('DRAWN', 'rich' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "DRAWN False", done.stdout


def test_a_store_that_cannot_be_written_is_an_error_without_a_traceback(call: Call, project: Path) -> None:
    (project / "file").write_text("")
    done = call("build", "shout.yaml", P2M_STORE=os.fspath(project / "file"))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "file" in done.stderr


def test_init_leaves_out_a_teacher_that_cannot_write_the_rows(call: Call, project: Path) -> None:
    call("init", "Classify a review as positive or negative.", "--output", "reviews.yaml")
    call("init", "Answer a question from a passage.", "--output", "answers.yaml")
    assert "override teacher: none" in (project / "reviews.yaml").read_text()
    assert "override teacher: embedded" in (project / "answers.yaml").read_text()
    assert call("check", "answers.yaml").returncode == 0


def test_the_entry_point_may_be_called_again(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["--help"])
    assert "p2m build" in capsys.readouterr().out


def test_predict_names_the_bundles_inside_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "qa"
    for place in ("variants/1a", "rejected"):
        (folder / place).mkdir(parents=True)
        (folder / place / "manifest.json").write_text("{}")
    os.utime(folder / "variants/1a/manifest.json", (1, 1))
    with pytest.raises(UserError) as caught:
        predict.run(Namespace(bundle=folder), [])
    typed = f"p2m predict {folder}"
    assert f"next: {typed}/rejected, the last that was built\n          or {typed}/variants/1a" in str(
        caught.value
    )
    with pytest.raises(UserError, match="next: p2m build RECIPE"):
        predict.run(Namespace(bundle=tmp_path / "none"), [])
