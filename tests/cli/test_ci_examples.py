"""The CI examples that users copy: valid for their services, and every command of theirs runs in order."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from shouting import call_in, write_project

FOLDER = Path(__file__).parents[2] / "docs" / "ci"
ROOT = FOLDER.parents[1]
BRANCH = "longer"


class Loader(yaml.SafeLoader):
    """YAML 1.2's booleans: `on` is a key of GitHub's workflows, and no word for true."""


Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize(("name", "schema"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")])
def test_an_example_fits_the_schema_of_its_service(name: str, schema: str) -> None:
    jsonschema, spec = pytest.importorskip("jsonschema"), find_spec("check_jsonschema")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("check-jsonschema, which brings the schemas, is not installed")
    place = Path(spec.submodule_search_locations[0]) / "builtin_schemas" / "vendor" / f"{schema}.json"
    validator = jsonschema.Draft7Validator(json.loads(place.read_text()))
    document = yaml.load((FOLDER / f"{name}.yml").read_text(), Loader=Loader)
    validator.validate(document)
    broken = document | {"model" if name == "gitlab" else "jobs": 3}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_what_the_examples_install_is_what_p2m_brings() -> None:
    extras = metadata("p2m").get_all("Provides-Extra") or []
    for name in ("github", "gitlab"):
        (line,) = re.findall(r"pip install .*", (FOLDER / f"{name}.yml").read_text())
        (wanted,) = re.findall(r"p2m\[([\w,]+)\]", line)
        assert set(wanted.split(",")) <= set(extras)


def github_steps() -> list[dict[str, Any]]:
    document = yaml.load((FOLDER / "github.yml").read_text(), Loader=Loader)
    (job,) = document["jobs"].values()
    return [{**step, "env": document["env"] | step.get("env", {})} for step in job["steps"] if "run" in step]


def gitlab_steps() -> list[dict[str, Any]]:
    document = yaml.load((FOLDER / "gitlab.yml").read_text(), Loader=Loader)
    return [{"run": line, "env": document["variables"]} for line in document["model"]["script"]]


SERVICES = {
    "github": (github_steps, {"GITHUB_BASE_REF": "main"}),
    "gitlab": (
        gitlab_steps,
        {
            "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "P2M_COMMENT_TOKEN": "token", "CI_API_V4_URL": "https://gitlab.test/api/v4", "CI_PROJECT_ID": "4",
        },
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose branch changes the recipe, with the lock that its build wrote."""
    folder = tmp_path_factory.mktemp("origin")
    work, bare = write_project(folder / "work"), folder / "origin.git"
    call = call_in(work)
    (work / ".gitignore").write_text("outputs/\n")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "remote", "add", "origin", str(bare))
    for branch, old, new in (("main", "", ""), (BRANCH, ">= 0.7", ">= 0.8")):
        if branch != "main":
            git(work, "switch", "--quiet", "--create", branch)
        recipe = work / "shout.yaml"
        recipe.write_text(recipe.read_text().replace(old, new) if old else recipe.read_text())
        done = call("build", "shout.yaml")
        assert done.returncode == 0, done.stderr
        git(work, "add", ".")
        git(work, "commit", "--quiet", "--message", branch)
        git(work, "push", "--quiet", "origin", branch)
    return bare


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def commands(folder: Path) -> Path:
    """`p2m` as installed; `pip`, `gh` and `curl` that write down what they were asked to do."""
    folder.mkdir()
    record = (
        "import json, sys; from pathlib import Path; words = sys.argv[1:]\n"
        "bodies = [word.split('@')[-1] for word in words if word.endswith('comment.md')]\n"
        f"with open({str(folder / 'calls')!r}, 'a') as file:\n"
        "    print(json.dumps([words, [Path(body).read_text() for body in bodies]]), file=file)\n"
    )
    (folder / "record.py").write_text(record)
    lines = {"p2m": f"{shlex.quote(sys.executable)} -m p2m"}
    for name in ("pip", "gh", "curl"):
        lines[name] = f"{shlex.quote(sys.executable)} {shlex.quote(str(folder / 'record.py'))} {name}"
    for name, line in lines.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def filled(text: str, clone: Path) -> str:
    """Values as the service would put them."""
    values = {
        "github.workspace": str(clone),
        "github.token": "token",
        "github.event.pull_request.number": "7",
    }
    text = re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: values[found[1]], text)
    return text.replace("$CI_PROJECT_DIR", str(clone))


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_every_command_of_an_example_runs_in_a_fresh_clone(
    tmp_path: Path, origin: Path, service: str
) -> None:
    steps, environment = SERVICES[service]
    clone, bin_folder = tmp_path / "clone", commands(tmp_path / "bin")
    git(tmp_path, "clone", "--quiet", "--branch", BRANCH, str(origin), str(clone))
    own = {name: value for name, value in os.environ.items() if not name.startswith("P2M_")}
    own |= {
        "PATH": f"{bin_folder}{os.pathsep}{own['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    for step in steps():
        given = {name: filled(str(value), clone) for name, value in step["env"].items()} | {"RECIPE": "shout"}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=clone, env=own | environment | given,
            capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, f"{step['run']}\n{done.stdout}{done.stderr}"
    calls = [json.loads(line) for line in (bin_folder / "calls").read_text().splitlines()]
    assert [words[0] for words, _ in calls] == ["pip", {"github": "gh", "gitlab": "curl"}[service]]
    ((body,),) = [bodies for _, bodies in calls if bodies]
    assert "| recipe `metrics.require.accuracy` |" in body
    assert "| accuracy | 0.933 | 0.933 |" in body
    assert (clone / "outputs" / "shout" / "predict.py").is_file()
    assert (clone / ".p2m-store" / "FORMAT").is_file()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True)
    assert {line[3:] for line in status.stdout.splitlines()} <= {"comment.md", ".p2m-store/"}
