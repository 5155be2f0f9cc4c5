"""What must run again after one change, and nothing else: each change is made to a copy of the package.

Compared is what a step's key holds of its own (code, settings, components, packages), without the digests of
its inputs: a step that follows runs again only where what it reads comes out differently.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import p2m

ROOT = Path(p2m.__file__).parents[1]
KEYS = """
import gc, json, os, sys
gc.disable()  # or every child would copy what it looks through
from functools import cache
from pathlib import Path
from p2m.engine.code.closure import snapshot
from p2m.engine.code.syntax import read_source
from p2m.engine.hashing import digest_tree_of_plain
from p2m.engine.keys import identify_all, recall_code
from p2m.engine.store import Store
from p2m.project import load

@cache
def plan_of(recipe, *overrides):
    trust = ["asker"] if recipe == "asked" else []
    return load(Path("recipes", f"{recipe}.yaml"), overrides, trust=trust).plan

def keys(*words):
    plan = plan_of(*words)
    found = identify_all(plan.steps, Store(Path("store")))
    own = {name: digest_tree_of_plain(dict(each.preimage), tag="test") for name, each in found.items()}
    return own | {step.name: str(step.path) for step in plan.steps if step.is_source}

for words in json.loads(sys.argv[1]):
    plan_of(*words)
recall_code(Store(Path("store")))
for file in Path("p2m").rglob("*.py"):
    read_source(file.read_bytes(), str(file))
for line in sys.stdin:
    sys.stdout.flush()
    if os.fork() == 0:  # which has looked at no module yet, so that all that are loaded may be edited
        with snapshot():  # nothing is edited while this runs
            print(json.dumps([keys(*words) for words in json.loads(line)]), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit("no keys")
"""
ASKER = '''
from dataclasses import dataclass

from p2m.types import unkeyed


@dataclass(frozen=True)
class Route:
    region: str = "any"
    proxy: str = unkeyed("none")


@dataclass(frozen=True)
class Asker:
    """A teacher behind an address."""

    model: str = "small"
    route: Route = Route()
    address: str = unkeyed("https://one.example")
    retries: int = unkeyed(2)
    timeout: float = unkeyed(30.0)
    parallelism: int = unkeyed(4)
    usd_a_million: float = unkeyed(1.5)

    calls_out = True

    def refusal(self, task):
        return None

    def generate(self, task, number, *, seed, texts):
        return iter(())

    def figures(self, task, rows):
        return {}
'''
TAUGHT = """
defaults: [base, override teacher: compatible, override student: linear_tfidf, _self_]
prompt: "Say whether a review is positive or negative."
task: {labels: [positive, negative]}
teacher: {model: small, base_url: "http://one.example/v1", price: {input: 1, output: 5}, gate: ">= 0.8"}
constraints: {max_cost: 5 USD}
data: {test: data/reviews.jsonl}
"""
ASKED = """
defaults: [base, {override teacher: none}, _self_]
prompt: "Say whether a review is positive or negative."
teacher: {target: asker.Asker, model: small, address: "https://one.example"}
"""


Words = tuple[str, ...]


class Planner:
    """A process that has read plans of a copy of the package, and tells their keys by its code as it is."""

    def __init__(self, root: Path, plans: Sequence[Words]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KEYS, json.dumps(plans)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def __enter__(self) -> Planner:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def keys(self, *plans: Words) -> list[dict[str, str]]:
        """Of each plan, a recipe and its overrides, what its steps' keys hold of their own."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(plans), file=self._process.stdin, flush=True)
        found: list[dict[str, str]] = json.loads(self._process.stdout.readline())
        return found


@dataclass(frozen=True)
class Copy:
    """The package, its configuration and its recipes in a folder of their own, to be edited."""

    root: Path

    def keys(self, *plans: Words) -> list[dict[str, str]]:
        """The keys that a new process finds, which runs what is edited now."""
        with Planner(self.root, plans) as planner:
            return planner.keys(*plans)

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """The text of a file with the first `old` replaced; put back at the end."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} holds no {old!r}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(text, encoding="utf-8")

    @contextmanager
    def added(self, path: str, text: str) -> Iterator[None]:
        file = self.root / path
        assert not file.exists()
        file.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("copy")
    for name in ("p2m", "conf", "recipes"):
        shutil.copytree(ROOT / name, root / name)  # with bytecode, which holds for files that are not edited
    (root / "pyproject.toml").write_text("")
    (root / "asker.py").write_text(ASKER)
    (root / "recipes" / "asked.yaml").write_text(ASKED)
    (root / "recipes" / "taught.yaml").write_text(TAUGHT)
    rows = '{"text": "Splendid.", "label": "positive"}\n{"text": "Awful.", "label": "negative"}\n'
    (root / "recipes" / "data" / "reviews.jsonl").write_text(rows)
    return Copy(root)


RECIPES = {
    "qa": ("qa",),
    "tickets": ("tickets", "student=auto"),
    "temporal": ("temporal",),
    "asked": ("asked",),
    "taught": ("taught",),
}  # fmt: skip


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@dataclass(frozen=True)
class Edit:
    """A change of a file, and by recipe the steps whose own key it may change."""

    path: str
    old: str
    new: str
    steps: dict[str, set[str]]


@dataclass(frozen=True)
class Override:
    """A setting that is changed on the command line."""

    words: tuple[str, ...]
    steps: dict[str, set[str]]


NOTHING: set[str] = set()
ASKING = {"examine", "attributes", "invent", "answer", "examine-judged"}  # steps that ask a chat model
USES_MORE = ("from dataclasses", "import string\nfrom dataclasses")  # of a module, before and after
INT8 = {"compress-int8-minilm", "latencies"}
RUNGS = {"rung-minilm-1"}
TFIDF = {"cross-validate-linear_tfidf", "rung-linear_tfidf-1", "train-linear_tfidf",
         "export-linear_tfidf", "latencies"}  # fmt: skip
CHANGES: dict[str, Edit | Override] = {
    "a word of the bundle's help": Edit(
        "p2m/deploy/serving/command.py", "compare every file", "compare each file",
        {"qa": {"package"}, "tickets": {"package"}},
    ),
    "how the bundle reads a table": Edit(
        "p2m/deploy/serving/tables.py", "import io", "import io, string", {"qa": {"package"}}
    ),
    "how a bundle, and p2m, read JSON": Edit(
        "p2m/deploy/serving/objects.py", "import json", "import json, string",
        {"qa": {"package", "read-test"}, "tickets": {"package", "read-test", "read-train"}},
    ),
    "a word of the model card": Edit("p2m/deploy/card.py", "## ", "# ", {"qa": {"package"}}),
    "a word of a verdict": Edit("p2m/deploy/verdict.py", "would tell", "would do", {"qa": {"verdict"}}),
    "a word of the report": Edit(
        "p2m/reporting/facts.py", "trained on", "learnt from", {"qa": {"report"}, "tickets": {"report"}}
    ),
    "a method of what a stage is handed": Edit(
        "p2m/engine/handles.py", "    def say(", "    def whisper(self) -> None: ...\n\n    def say(",
        {"qa": NOTHING, "tickets": NOTHING},
    ),
    "a field of the device": Edit(
        "p2m/engine/handles.py", "    threads: int = 0", "    colour: str = ''\n    threads: int = 0",
        {"qa": NOTHING},
    ),
    "the wording of an error": Edit("p2m/errors.py", '"""', '"""Said otherwise. ', {"qa": NOTHING}),
    "a type that nobody uses yet": Edit(
        "p2m/types.py", "ALPHA = ", "class Later:\n    a: int = 0\n\n\nALPHA = ",
        {"qa": NOTHING, "tickets": NOTHING},
    ),
    "a remark": Edit("p2m/training/fit.py", "FINISHED =", "# a remark\nFINISHED =", {"qa": NOTHING}),
    "the code of a student that is not in use": Edit(
        "p2m/students/tiny_seq2seq.py", *USES_MORE, {"qa": NOTHING}
    ),
    "the code of one candidate of several": Edit(
        "p2m/students/linear_tfidf.py", *USES_MORE,
        {"tickets": {*TFIDF, "baselines"}},
    ),
    "how a tuned student learns": Edit(
        "p2m/training/schedule.py", "_BATCH = 32", "_BATCH = 64",
        {
            "qa": {"train"},
            "tickets": {*RUNGS, "train-minilm"},
        },
    ),
    "a metric that is not in use": Edit("p2m/metrics/chrf.py", *USES_MORE, {"qa": NOTHING}),
    "a metric that is reported": Edit(
        "p2m/metrics/token_f1.py", *USES_MORE, {"qa": {"evaluate"}}
    ),
    "a compressor": Edit(
        "p2m/compression/int8.py", "_FEWEST = 8", "_FEWEST = 9",
        {"qa": {"compress-int8"}, "tickets": {"encoder", *INT8}},
    ),
    "a word of the temporal domain": Edit(
        "p2m/teachers/domains/temporal/lexicon.txt", "Agnes", "Agnesa",
        {"qa": NOTHING, "temporal": {"generate", *(f"generate-{number}" for number in range(1, 5))}},
    ),
    "a word of reading comprehension": Edit(
        "p2m/teachers/domains/qa/choices.txt", "\n", "\n\n", {"qa": {"generate"}, "temporal": NOTHING}
    ),
    "a field of a candidate": Override(
        ("student.candidates.linear_tfidf.strength=3.0",),
        {"tickets": {*TFIDF, "package"}},
    ),
    "a field of a candidate that is smaller than another": Override(
        ("student=auto", "student.candidates.copier.width=64"),
        {"qa": {"choose", "package"}},
    ),
    "what a build may cost": Override(
        ("constraints.max_cost='9 USD'",), {"qa": {"package"}, "taught": {*ASKING, "package"}}
    ),
    "how long an answer may take": Override(
        ("constraints.max_latency='90 ms'",), {"qa": {"verdict", "package"}}
    ),
    "how large the model may be": Override(
        ("constraints.max_size='99 MB'",), {"qa": {"pick", "verdict", "package"}}
    ),
    "no network": Override(("constraints.network=false",), {"qa": {"package"}, "tickets": {"package"}}),
    "the rows that latency is measured over": Override(("evaluation.latency_rows=7",), {"qa": {"measure"}}),
    "where work is done": Override(
        ("device.threads=1", "device.batch_size=4", "executor=inline", "store.path=elsewhere"),
        {"qa": NOTHING, "tickets": NOTHING},
    ),
    "settings of gradient descent": Override(
        ("training.learning_rate=1e-5",),
        {
            "tickets": {*RUNGS, "train-minilm", "package"},
        },
    ),
    "further trials": Override(
        ("tuning.trials=3",),
        {"qa": {"train", "train-1", "propose-2", "train-2", "propose-3", "train-3", "best"}},
    ),
    "a teacher's address, retries, timeout, parallelism and price": Override(
        ("teacher.address=https://two.example", "teacher.retries=9", "teacher.timeout=1.0",
         "teacher.parallelism=64", "teacher.usd_a_million=0.1", "teacher.route.proxy=three.example"),
        {"asked": NOTHING},
    ),
    "a teacher's model": Override(
        ("teacher.model=large",),
        {"asked": {"generate", "package"}, "taught": {*ASKING, "package"}},
    ),
    "a chat model's address, price and pace": Override(
        ("teacher.base_url=http://two.example/v1", "teacher.price.input=2", "teacher.concurrency=3",
         "teacher.attempts=2", "teacher.timeout=5", "teacher.key_env=OTHER_KEY"),
        {"taught": NOTHING},
    ),
    "how many rows a teacher makes": Override(
        ("generation.num_examples=2000",), {"taught": {"invent", "package"}}
    ),
    "how many answers vote": Override(("generation.samples=3",), {"taught": {"answer", "vet"}}),
    "what a teacher must reach": Override(("teacher.gate='>= 0.7'",), {"taught": {"gate"}}),
    "how many rows a teacher is examined on": Override(
        ("evaluation.teacher_rows=50",), {"taught": {"examine", "examine-judged"}}
    ),
}  # fmt: skip


def overridden(change: str) -> list[Words]:
    """Of each recipe that a change of settings is tried with: as it was, and as it is then."""
    made = CHANGES[change]
    assert isinstance(made, Override)
    auto = ("student=auto",) if "student=auto" in made.words else ()
    return [each for recipe in made.steps for each in (
        (*RECIPES[recipe], *auto), (*RECIPES[recipe], *made.words)
    )]  # fmt: skip


@pytest.fixture(scope="module")
def planner(copy: Copy) -> Iterator[Planner]:
    """One for all edits of code that no plan is made by."""
    with Planner(copy.root, list(RECIPES.values())) as made:
        yield made


@pytest.fixture(scope="module")
def unedited(planner: Planner) -> Mapping[Words, dict[str, str]]:
    """The keys of every plan that the tests need of the code as it is."""
    settings = [
        each for name, made in CHANGES.items() if isinstance(made, Override) for each in overridden(name)
    ]
    plans = list(dict.fromkeys([*RECIPES.values(), *settings, *TRIALS]))
    return dict(zip(plans, planner.keys(*plans), strict=True))


TRIALS = ("qa", "tuning.trials=3"), ("qa", "tuning.trials=4")


IDLE = [
    made for made in CHANGES.values() if isinstance(made, Edit) and not any(made.steps.values())
]  # edits that no step may notice
TOLD = [name for name, made in CHANGES.items() if made not in IDLE]


def test_changes_without_an_effect_rekey_nothing(
    copy: Copy, unedited: Mapping[Words, dict[str, str]]
) -> None:
    plans = [RECIPES[recipe] for recipe in ("qa", "tickets")]
    assert len(IDLE) >= 7
    with ExitStack() as edited:
        for made in IDLE:
            edited.enter_context(copy.edited(made.path, made.old, made.new))
        assert copy.keys(*plans) == [unedited[plan] for plan in plans]


@pytest.mark.parametrize("change", TOLD)
def test_one_change_rekeys_exactly(
    change: str, copy: Copy, planner: Planner, unedited: Mapping[Words, dict[str, str]]
) -> None:
    made = CHANGES[change]
    if isinstance(made, Override):
        plans = [unedited[each] for each in overridden(change)]
        found = [differing(*pair) for pair in zip(plans[::2], plans[1::2], strict=True)]
    else:
        plans = [RECIPES[recipe] for recipe in made.steps]
        with copy.edited(made.path, made.old, made.new):
            now = planner.keys(*plans)
        found = [differing(unedited[plan], each) for plan, each in zip(plans, now, strict=True)]
    assert dict(zip(made.steps, found, strict=True)) == made.steps


def test_the_first_trial_is_the_training_of_a_recipe_without_trials(
    unedited: Mapping[Words, dict[str, str]],
) -> None:
    more, again = (unedited[each] for each in TRIALS)
    assert more["train-1"] == unedited[RECIPES["qa"]]["train"]
    assert differing(more, again) == {"propose-4", "train-4"}


def test_a_family_that_joins_the_choice_changes_no_other_step(
    copy: Copy, unedited: Mapping[Words, dict[str, str]]
) -> None:
    """A stranger's student, compressor, metric and backend: files that nothing names re-key nothing."""
    tickets = RECIPES["tickets"]
    base = unedited[tickets]
    student = (copy.root / "p2m/students/linear_tfidf.py").read_text().replace("LinearTfidf", "Another")
    more = (*tickets, "+student.candidates.another.target=p2m.students.another.Another")
    with copy.added("p2m/students/another.py", student), copy.added("p2m/metrics/another.py", "x = 1\n"):
        same, joined = copy.keys(tickets, more)
    assert same == base
    assert {name for name in differing(base, joined) if name in base} == {"choose", "package", "latencies"}
    assert {name for name in joined if name not in base} == {
        "cross-validate-another", "rung-another-1", "train-another", "export-another"
    }  # fmt: skip
