"""The layers of docs/design.md, held by parsing every import, those inside functions too.

Imports go downward only, siblings on a line do not import each other, upper layers reach a component family
only through its base, nothing imports in a circle, heavy libraries are imported inside the functions that
need them, what a bundle ships stands alone, and no function is longer than a screen. Each rule is shown to
bite on a small tree that breaks it.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import p2m

ROOT = Path(p2m.__file__).parent

# Top to bottom. A module may import from lines below its own, and from its own part.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("api",),
    ("cli",),
    ("feedback",),
    ("demo", "sweeps", "review", "trials", "deployment"),
    ("build",),
    ("questions", "tracking"),
    ("comparison", "saved_plan"),
    ("comparable",),
    ("project",),
    (
        "bundle_scores",
        "compose",
        "compiler",
        "delivery",
        "forecast",
        "teacher_forecast",
        "download_forecast",
        "inspection",
        "leaderboard",
        "lock",
        "recipe_template",
        "recipe_edit",
        "noop",
        "revisions",
        "row_changes",
    ),
    ("refining",),
    ("stages",),
    ("spec", "table_task"),
    ("tuning",),  # what a search sets, by what training makes of it
    ("verifiers",),  # what is wrong with a teacher's row, also by what parsing knows of languages
    (
        *("teachers", "retrievers", "students", "training", "compression", "metrics", "catalogs"),
        *("parsing", "curation", "evaluation", "reporting", "trackers"),
    ),
    ("answers",),  # how people write answers, and how p2m does
    ("deploy",),  # what the bundle ships: students export for it and are judged through it
    ("engine",),
    ("marked_yaml", "resources", "word_lists"),
    ("types", "errors", "sizes", "version"),
)
FAMILIES = (
    "teachers",
    "retrievers",
    "students",
    "compression",
    "metrics",
    "verifiers",
    "tuning",
    "trackers",
)  # reached through `.base` from above
# Not of one component but of all: how weights are found, what a chat model is and how one is asked.
NAMED_BY_BASE = frozenset(
    (
        "p2m.students.weights",
        "p2m.students.sentence_encoder",  # which retrievers read cards by, and may not know
        "p2m.students.distilled",  # which only those need that are taught
        "p2m.compression.int8",
        "p2m.teachers.chat",
        "p2m.teachers.asking.acceptance",
        "p2m.teachers.asking.asker",
        "p2m.teachers.asking.budget",
        "p2m.teachers.asking.prices",  # which no step's key may hold
        *(
            f"p2m.teachers.craft.{name}"
            for name in (
                "answers",
                "attributes",
                "columns",
                "datasets",
                "described",
                "examination",
                "inputs",
                "judging",
                "passages",
                "queries",
                "refinement",
                "replies",
                "rewriting",
                "rows",
                "votes",
            )
        ),
        "p2m.teachers.schedules.constant",  # the recipe's default
    )
)
ENGINE_LAYERS: tuple[tuple[str, ...], ...] = (  # modules and packages of p2m.engine
    ("care", "explaining"),
    ("executor",),
    ("running",),
    ("walk",),
    ("journal", "keys"),
    ("store", "sources", "recording"),
    ("storage", "plan"),
    ("formats", "code", "stage"),
    ("files", "rows"),
    ("hashing", "slots", "observer", "handles"),
)
TEACHER_LAYERS: tuple[tuple[str, ...], ...] = (  # the same of p2m.teachers
    ("craft",),
    ("asking", "base", "anthropic", "openai", "gguf", "transformers", "replay", "embedded", "people"),
    ("compatible", "anthropic_batches", "openai_batches", "llama_child", "domains", "schedules"),
    ("remote", "on_this_machine"),
    ("model", "faults", "chat_completions", "schemas", "sampling"),
    ("chat", "texts"),
)
HEAVY = frozenset(
    (
        *("torch", "transformers", "datasets", "evaluate", "onnx", "onnxruntime", "onnxscript", "optimum"),
        *(
            "sklearn",
            "scipy",
            "sentence_transformers",
            "safetensors",
            "tokenizers",
            "accelerate",
            "matplotlib",
        ),
        *("sacrebleu", "rouge_score", "pandas", "pyarrow", "anthropic", "openai", "gradio", "ray", "optuna"),
        *("fastapi", "uvicorn", "prometheus_client"),
    )
)
LONGEST = 60  # lines of a function, its docstring included
SHIPPED = ("p2m.deploy.predict", "p2m.deploy.server", "p2m.deploy.serving")  # runs without p2m
MAY_SHIP = frozenset((*sys.stdlib_module_names, "numpy", "onnxruntime", "tokenizers"))
BACKENDS = ("openvino", "ctranslate2", "xllamacpp")  # each in the file that opens its folders alone
ASKED_FOR = frozenset(
    (
        ("p2m.deploy.serving.parquet", "pyarrow"),  # where a user's file is Parquet
        *(("p2m.deploy.serving.http.app", name) for name in ("fastapi", "starlette")),
        ("p2m.deploy.serving.http.running", "uvicorn"),
        ("p2m.deploy.serving.http.metrics", "prometheus_client"),
    )
)
# Loaded by `evaluate.load` alone, which wants its imports at the top.
LOADED_BY_HEAVY = frozenset(("p2m.evaluation.evaluate_module.evaluate_module",))


@dataclass(frozen=True)
class Import:
    module: str  # who
    target: str  # what
    line: int
    at_top: bool  # outside every function
    is_relative: bool = False
    asked: str = ""  # what stands after `from`: where a package is asked for a module, the package

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules_of(root: Path) -> dict[str, Path]:
    """Every module below `root`, by its name as part of a package called p2m."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = ["p2m", *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(root: Path) -> list[Import]:
    modules = modules_of(root)
    found = []
    for module, path in modules.items():
        tree = parsed(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, at_top in _walk(tree, True):
            for target, asked in _targets(node, package, modules):
                is_relative = bool(getattr(node, "level", 0))
                found.append(Import(module, target, node.lineno, at_top, is_relative, asked))
    return found


def _walk(node: ast.AST, at_top: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, at_top
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            # Never run, so not heavy; still an import of its layer.
            yield from _walk(child, False)
        else:
            inner = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _walk(child, at_top and not inner)


def _targets(
    node: ast.Import | ast.ImportFrom, package: str, modules: dict[str, Path]
) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, alias.name) for alias in node.names)
        return
    base = package.split(".")
    base = base[: len(base) - node.level + 1] if node.level else []
    target = ".".join([*base, *([node.module] if node.module else [])])
    for alias in node.names:
        yield (f"{target}.{alias.name}" if f"{target}.{alias.name}" in modules else target), target


def own(imports: list[Import]) -> list[Import]:
    return [found for found in imports if found.target.split(".")[0] == "p2m"]


def part(module: str) -> str:
    """The part of p2m that a module belongs to; "" for the package itself."""
    return [*module.split("."), ""][1]


def layer_faults(imports: list[Import], layers: tuple[tuple[str, ...], ...] = LAYERS) -> list[str]:
    rank = {name: depth for depth, names in enumerate(layers) for name in names}
    faults = []
    for found in own(imports):
        above, below = part(found.module), part(found.target)
        if above in ("", below) or below == "":
            continue
        if above not in rank or below not in rank:
            faults.append(f"{found}: {above if above not in rank else below} has no layer")
        elif rank[above] >= rank[below]:
            faults.append(f"{found}: not downward")
    return faults


def inner_faults(imports: list[Import]) -> list[str]:
    """Inside the engine and the teachers the same, one level deeper."""
    faults = []
    for name, layers in (("p2m.engine.", ENGINE_LAYERS), ("p2m.teachers.", TEACHER_LAYERS)):
        inner = [
            Import(
                "p2m." + found.module.removeprefix(name), "p2m." + found.target.removeprefix(name),
                found.line, True,
            )
            for found in own(imports)
            if found.module.startswith(name) and found.target.startswith(name)
        ]  # fmt: skip
        faults += layer_faults(inner, layers)
    return faults


def family_faults(imports: list[Import]) -> list[str]:
    """Whoever is not of a family knows its base alone."""
    return [
        f"{found}: only p2m.{part(found.target)}.base may be imported from outside"
        for found in own(imports)
        if part(found.target) in FAMILIES
        and part(found.module) != part(found.target)
        and found.target not in (f"p2m.{part(found.target)}.base", *NAMED_BY_BASE)
    ]


def cycles(imports: list[Import]) -> list[str]:
    """Modules that reach themselves. Whoever imports a module runs the packages that it lies in too; those of
    its own have begun before, but where it asks one for a module by name, that one counts as well.
    """
    edges: dict[str, set[str]] = {}
    for found in own(imports):
        parts = found.target.split(".")
        packages = {".".join(parts[:length]) for length in range(2, len(parts))}
        begun = {name for name in packages if f"{found.module}.".startswith(f"{name}.")}
        edges.setdefault(found.module, set()).update(
            {found.target, found.asked or found.target} | packages - begun
        )
    faults = []
    for module in edges:
        reached: set[str] = set()
        waiting = list(edges[module])
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(edges.get(name, ()))
        if module in reached:
            faults.append(f"{module} is part of a cycle")
    return faults


def heavy_faults(imports: list[Import]) -> list[str]:
    return [
        f"{found}: only inside the functions that need it"
        for found in imports
        if found.at_top and found.target.split(".")[0] in HEAVY and found.module not in LOADED_BY_HEAVY
    ]


def long_functions(root: Path) -> list[str]:
    """Functions of more than `LONGEST` lines."""
    return [
        f"{module}.{node.name} has {lines} lines"
        for module, path in modules_of(root).items()
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and (lines := node.end_lineno - node.lineno + 1) > LONGEST
    ]


def shipped_faults(imports: list[Import]) -> list[str]:
    """What a bundle ships imports its own files relatively, and few packages."""
    faults = []
    for found in imports:
        top = found.target.split(".")[0]
        if not _is_shipped(found.module) or (found.module, top) in ASKED_FOR:
            continue
        own = top in BACKENDS and found.module.startswith("p2m.deploy.serving.backends.")
        if not (_is_shipped(found.target) if found.is_relative else top in MAY_SHIP or own):
            faults.append(f"{found}: a bundle ships neither p2m nor other packages")
    return faults


def _is_shipped(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in SHIPPED)


RULES = {
    "layers": layer_faults,
    "inner": inner_faults,
    "families": family_faults,
    "cycles": cycles,
    "heavy": heavy_faults,
    "shipped": shipped_faults,
}


@pytest.mark.parametrize("rule", RULES)
def test_the_package_keeps_the_rule(rule: str) -> None:
    imports = imports_of(ROOT)
    assert len(own(imports)) >= 60
    assert RULES[rule](imports) == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert long_functions(ROOT) == []


@pytest.mark.parametrize(("folder", "layers"), [("engine", ENGINE_LAYERS), ("teachers", TEACHER_LAYERS)])
def test_every_part_of_it_has_its_line(folder: str, layers: tuple[tuple[str, ...], ...]) -> None:
    known = {name for names in layers for name in names}
    there = {path.stem for path in (ROOT / folder).iterdir() if not path.name.startswith("_")}
    assert there == known


BAD = {
    "layers": (
        {"engine/a.py": "def f():\n    from p2m.stages import b\n", "stages/b.py": ""},
        "not downward",
    ),
    "siblings": ({"compose.py": "from p2m import compiler\n", "compiler.py": ""}, "not downward"),
    "relative": ({"students/a.py": "from ..teachers import base\n", "teachers/base.py": ""}, "not downward"),
    "unknown": ({"stages/a.py": "import p2m.misc\n", "misc.py": ""}, "misc has no layer"),
    "engine": ({"engine/hashing.py": "from p2m.engine import plan\n", "engine/plan.py": ""}, "not downward"),
    "teachers": (
        {"teachers/asking/a.py": "from p2m.teachers import openai\n", "teachers/openai.py": ""},
        "not downward",
    ),
    "families": (
        {"stages/a.py": "from p2m.teachers.embedded import X\n", "teachers/embedded.py": ""},
        "only p2m.teachers.base",
    ),
    "cycles": (
        {"engine/a.py": "import p2m.engine.b\n", "engine/b.py": "def f():\n    from p2m.engine.a import x\n"},
        "part of a cycle",
    ),
    "cycle through a package": (
        {
            "lock/__init__.py": "from p2m.compose.a import x\n",
            "lock/b.py": "",
            "compose/a.py": "from p2m.lock.b import y\n",
        },
        "part of a cycle",
    ),
    "cycle with its own package, asked for a module": (
        {
            "lock/__init__.py": "def f():\n    from p2m.lock.a import x\n",
            "lock/a.py": "from p2m.lock import b\n",
            "lock/b.py": "",
        },
        "part of a cycle",
    ),
    "cycle with its own package": (
        {"lock/__init__.py": "from p2m.lock.b import x\n", "lock/b.py": "from p2m.lock import y\n"},
        "part of a cycle",
    ),
    "length": ({"training/a.py": "class A:\n    def f(self):\n" + "        x = 1\n" * 60}, "61 lines"),
    "shipped": (
        {"deploy/serving/a.py": "from p2m.deploy.serving import b\n", "deploy/serving/b.py": ""},
        "ships neither p2m",
    ),
    "shipped from outside": (
        {"deploy/serving/a.py": "from ..card import x\n", "deploy/card.py": ""},
        "ships neither p2m",
    ),
    "shipped package": ({"deploy/serving/a.py": "def f():\n    import scipy\n"}, "ships neither p2m"),
    "heavy": ({"training/a.py": "class A:\n    from torch.nn import Module\n"}, "only inside the functions"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_rule_bites_on_a_tree_that_breaks_it(name: str, tmp_path: Path) -> None:
    files, message = BAD[name]
    for path, content in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    kinds = {"cycle": "cycles", "shipped": "shipped", "engine": "inner", "teachers": "inner"}
    rule = name if name in RULES else kinds.get(name.split()[0], "layers")
    faults = long_functions(tmp_path) if name == "length" else RULES[rule](imports_of(tmp_path))
    assert faults
    assert all(message in fault for fault in faults)


def test_good_imports_are_let_pass(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "teachers").mkdir()
    (tmp_path / "teachers" / "base.py").write_text("from p2m.types import Teacher\n")
    (tmp_path / "types.py").write_text("import re\n")
    (tmp_path / "stages" / "a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from p2m.teachers.base import Teacher\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "def f():\n    import torch\n"
    )
    imports = imports_of(tmp_path)
    assert len(imports) == 6
    assert [rule(imports) for rule in RULES.values()] == [[]] * len(RULES)


def test_no_two_test_files_have_one_name() -> None:
    """Pytest imports them by name alone."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py"))
    assert [name for name, number in names.items() if number > 1 and name != "__init__.py"] == []
