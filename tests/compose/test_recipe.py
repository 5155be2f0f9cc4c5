"""A file that is no recipe, or says what a recipe may not, is refused before Hydra acts on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2m.compose import compose
from p2m.errors import RecipeError
from recipes import DEFAULTS, problem, problems, write

PROMPT = "prompt: Answer the question.\n"


def refused(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        compose(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_missing_recipe_names_the_nearest_file(tmp_path: Path) -> None:
    (tmp_path / "qa.yaml").write_text(PROMPT)
    assert "did you mean 'qa.yaml'?" in refused(tmp_path / "qaa.yaml")
    assert "p2m init" in refused(tmp_path / "nowhere" / "x.yaml") or "does not exist" in refused(
        tmp_path / "nowhere" / "x.yaml"
    )
    assert "qa.yaml" in refused(tmp_path)
    assert "cannot be read" in refused(Path("a\0b.yaml")) or "no such recipe" in refused(Path("a\0b.yaml"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "is a list"),
        (b"just text\n", "is one value"),
        (b"prompt: caf\xe9\n", "1: not UTF-8 (byte 0xe9)"),
        (b"\xff\xfep\x00", "not UTF-8"),
        (b"name: a\nprompt: [\n", "not YAML"),
        (b"prompt: a: b\n", "quotes"),
        (b"task:\n\ttype: x\n", "2: not YAML"),
        (b"task:\n\ttype: x\n", "spaces"),
        (b"name: a\nname: b\n", "2: name: the key stands twice"),
        (b"prompt: x\ntask: {type: a, type: b}\n", "2: task.type: the key stands twice"),
        (b"a: &a [*a]\n", "alias"),
        (b"prompt: \x01\n", "U+0001"),
        (b"x: !!python/object/apply:os.system [id]\n", "not allowed"),
        (b"x: !!python/name:os.system\n", "not allowed"),
        (b"? [a]\n: b\n", "plain word"),
        (b"--- a\n--- b\n", "not YAML"),
    ],
)
def test_what_is_no_mapping_of_yaml_is_refused_with_its_line(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    message = refused(path)
    assert says in message
    assert "odd.yaml" in message


def test_an_unreadable_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.yaml"
    path.symlink_to(path)
    assert "loop.yaml" in refused(path)


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    assert "more than 100000 values" in refused(tmp_path / "bomb.yaml")


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("teacher: {_target_: os.system}\n", "teacher._target_", "write `target:`"),
        ("examples: [{input: a, output: b, also: [{_target_: x}]}]\n", "_target_", "refused"),
        ("hydra: {callbacks: {x: {y: z}}}\n", "hydra.callbacks", "may not be set"),
        ("hydra: {job: {env_set: {PATH: x}}}\n", "hydra.job", "may not be set"),
        ("hydra: {searchpath: ['pkg://evil']}\n", "hydra.searchpath", "may not be set"),
        ("hydra: {launcher: {_target_: os.system}}\n", "hydra.launcher._target_", "refused"),
    ],
)
def test_a_recipe_cannot_make_hydra_run_anything(tmp_path: Path, text: str, where: str, says: str) -> None:
    found = problem(write(tmp_path, PROMPT + text))
    assert found.path.endswith(where)
    assert says in str(found)
    assert found.where.endswith(f":{DEFAULTS.count(chr(10)) + 2}")


def test_neither_can_a_group_file_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    (tmp_path / "training").mkdir()
    evil = tmp_path / "training" / "evil.yaml"
    evil.write_text("# @package hydra.callbacks\nx: {y: z}\n")
    assert "may not change Hydra" in problem(path, "training=evil").message
    evil.write_text("# @package _global_\nhydra: {job: {env_set: {A: b}}}\n")
    assert "hydra.job" in problem(path, "training=evil").path
    evil.write_text("defaults:\n  - /hydra/callbacks@hydra.callbacks: evil\n")
    (tmp_path / "hydra" / "callbacks").mkdir(parents=True)
    (tmp_path / "hydra" / "callbacks" / "evil.yaml").write_text("x: {y: z}\n")
    assert "may not change Hydra" in problem(path, "training=evil").message


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("override studnt: tiny", "did you mean 'student'?"),
        ("override training: fst", "did you mean 'fast'?"),
        ("override metric: [exact_match, tokn_f1]", "did you mean 'token_f1'?"),
        ("override metric: [exact_match, tokn_f1]", "rouge_l"),
        ("training: fast", "write `- override training: fast`"),
        ("override training: null", "needs a choice"),
        ("override hydra/callbacks: x", "may not be chosen"),
        ("bsae", "did you mean 'base'?"),
        ("{a: b, c: d}", "expected `group: option`"),
        ("3", "expected `group: option`"),
    ],
)
def test_a_wrong_entry_of_the_defaults_names_its_line_and_the_right_word(
    tmp_path: Path, entry: str, says: str
) -> None:
    defaults = f"defaults:\n  - base\n  - {entry}\n  - override teacher: none\n"
    found = problem(write(tmp_path, PROMPT, defaults=defaults))
    assert says in str(found)
    assert found.where.endswith("small.yaml:3")


def test_defaults_must_be_a_list(tmp_path: Path) -> None:
    assert "expected a list" in problem(write(tmp_path, PROMPT, defaults="defaults: base\n")).message


def test_wrong_defaults_and_wrong_overrides_are_told_together(tmp_path: Path) -> None:
    defaults = DEFAULTS.replace("compression: none", "compression: nine")
    found = problems(
        write(tmp_path, PROMPT, defaults=defaults), "training=fst", "oops", "metric=[exct_match]"
    )
    assert len(found) == 4


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training=fst", "did you mean 'fast'? (one of: default, fast, generated, long)"),
        ("training=3", "one of: default, fast, generated, long"),
        ("training=null", "needs a choice"),
        ("metric=[exact_match,tokn_f1]", "did you mean 'token_f1'?"),
        ("studnt=tiny", "did you mean 'student'?"),
        ("training.epochs", "write key=value, such as training.epochs=2"),
        ("what is this", "not an override, which has the form key=value"),
        ("metrics.require.accuracy=>= 0.5", "the value '>= 0.5' cannot be read"),
        ("seed = 3", "no blanks around the key 'seed'"),
        ("=3", "not an override"),
        ("", "not an override"),
        ("training.epochs=1,2", "add -m"),
        ("seed=range(3)", "add -m"),
        ("~nothing", "nothing"),
        ("+training=fast", "training"),
        ("prompt=[", "not an override"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, says: str) -> None:
    found = problem(write(tmp_path, PROMPT), override)
    assert says in str(found)
    assert "Exception" not in str(found)
    assert found.where in (f"override {override}", "override") or override.startswith("+")


@pytest.mark.parametrize(
    ("defaults", "said"), [("", "`- base`, "), ("defaults: [base, _self_]\n", "write `- ")]
)
def test_a_choice_beside_defaults_is_told_where_it_belongs(tmp_path: Path, defaults: str, said: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{PROMPT}{defaults}student: linear_tfidf\n")
    told = refused(path)
    assert said in told
    assert "student: expected a mapping" in told
    assert "`- override student: linear_tfidf`" in told


def test_a_group_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "odd.yaml").write_text("- a\n")
    assert "is not a mapping" in problem(path, "training=odd").message
    (tmp_path / "training" / "odd.yaml").write_text("a: b: c\n")
    assert "odd.yaml:1" in problem(path, "training=odd").where
    (tmp_path / "training" / "odd.yaml").write_text("defaults: [nothing]\n")
    assert "nothing" in problem(path, "training=odd").message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_recipe_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, PROMPT)
    path.chmod(0)
    assert "cannot be read" in refused(path)
