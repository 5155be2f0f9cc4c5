"""From a prompt to a verdict with a teacher behind a server, through the command line: what is told before,
paid once, held to its caps, and made again from the ledger alone.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from known_rows import KnownRows, Row, Slips, data_of
from tiny_checkpoints import causal
from wire import Raw, Status, Wire, serving

from p2m.cli.main import main
from p2m.teachers.asking import batches

ROOT = Path(__file__).parents[2]
SECRET = "sk-Zm9yYmlkZGVuLXRvLXRlbGw"  # no service knows it
BUILT = (0, 4)  # a verdict, whatever it is: few rows prove little
PROMPT = (
    "Say which team answers a message. The labels are billing, delivery, returns, account, technical and"
    " presales."
)
SLIPS = Slips(broken=0.05, repeated=0.1)
LABELS = ("billing", "delivery", "returns", "account", "technical", "presales")
FIVE_LINES = """\
defaults: [base, override teacher: compatible, override student: linear_tfidf,
           override student@baselines: linear_tfidf, _self_]
prompt: {prompt}
teacher: {{model: known-rows, base_url: "{url}", attempts: 2, price: {{input: 1, output: 5}}}}
generation: {{num_examples: 60}}
data: {{test: test.jsonl}}
evaluation: {{bootstrap: 100}}
executor: {{name: inline}}
"""


class Playing(KnownRows):
    """Also reads a prompt."""

    def reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "prompt" not in data_of(body):
            return super().reply(body)
        self.asked["prompt"] += 1
        read = {
            "type": "text-classification",
            "inputs": [{"name": "text", "description": "what was written"}],
            "output": {"name": "label", "form": ""},
            "labels": [{"label": label, "meaning": f"{label} and what goes with it"} for label in LABELS],
            "languages": ["en"],
            "limits": {"max_parameters": "", "max_size": "30 MB", "max_latency": ""},
            "stays_local": False, "metric": "accuracy", "at_least": 0.0, "unclear": ["What of thanks?"],
        }  # fmt: skip
        return {"content": json.dumps(read)}


@dataclass
class Shop:
    """A folder with a recipe and a server that plays its teacher."""

    folder: Path
    server: Playing
    told: list[str] = field(default_factory=list)

    def __call__(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a command says; its exit code is one of `codes`."""
        out = io.StringIO()
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(out):
            code = main(list(words))
        text = out.getvalue()
        self.told.append(text)
        assert code in codes, text
        assert "Traceback" not in text
        return text

    def paid(self, *words: str, codes: tuple[int, ...] = BUILT) -> int:
        """Requests that a build sends."""
        before = self.server.requests
        self("build", "desk.yaml", *words, codes=codes)
        return self.server.requests - before

    def asks(self, *words: str) -> dict[str, dict[str, float]]:
        """Requests by step, as a plan says."""
        told = json.loads(self("plan", "desk.yaml", *words, "--json"))
        return {step["step"]: step["asks"]["requests"] for step in told if "asks" in step}

    def bytes_everywhere(self) -> bytes:
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        assert len(files) > 30
        return b"".join(path.read_bytes() for path in files) + "".join(self.told).encode()


def rows_of(name: str) -> list[tuple[dict[str, str], str]]:
    lines = (ROOT / f"recipes/data/tickets/{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [({"text": row["text"]}, row["label"]) for row in map(json.loads, lines)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Built once, by its own recipe as committed."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "outputs").mkdir()
    shutil.copy(ROOT / "recipes/data/tickets/test.jsonl", folder / "test.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("P2M_TEACHER_KEY", SECRET)
        patch.delenv("P2M_STORE", raising=False)
        with Playing([*rows_of("train"), *rows_of("test")], slips=SLIPS) as server:
            (folder / "desk.yaml").write_text(FIVE_LINES.format(prompt=f'"{PROMPT}"', url=server.url))
            made = Shop(folder, server)
            made("build", "desk.yaml", codes=BUILT)
            yield made


def test_the_bill_is_told_before_and_the_sum_after(shop: Shop) -> None:
    first = shop.told[0]
    for step in ("attributes", "invent", "answer", "examine-judged"):
        assert step in first
    assert "1 USD in, 5 out, a million tokens (teacher.price)" in first
    assert f"teacher: {shop.server.requests} requests" in first
    assert f"{shop.server.requests} sent by this build" in first
    assert "accuracy" in first
    requests = shop.server.requests
    plan = shop("plan", "desk.yaml", "generation.num_examples=90", "constraints.max_cost=0.01")
    assert shop.server.requests == requests
    assert "constraints.max_cost, which " in plan
    told = json.loads(shop("plan", "desk.yaml", "generation.num_examples=90", "--json"))
    asks = {step["step"]: step["asks"] for step in told if "asks" in step}
    assert asks["invent"]["requests"]["low"] >= 1
    assert 20 <= asks["answer"]["requests"]["high"] <= 60
    assert asks["answer"]["price"]["source"] == "teacher.price"
    assert asks["answer"]["rests_on"].endswith(" records")
    wordy = (
        (shop.folder / "desk.yaml").read_text().replace(PROMPT, f"{PROMPT} {'Mind what is meant. ' * 400}")
    )
    (shop.folder / "wordy.yaml").write_text(wordy)
    told = json.loads(shop("plan", "wordy.yaml", "generation.num_examples=90", "--json"))
    other = {step["step"]: step["asks"] for step in told if "asks" in step}
    assert other["answer"]["rests_on"] == "prompts", "answers of the same model to another recipe"
    assert other["answer"]["input_tokens"]["low"] > 90 * 1500


def test_the_bill_has_what_a_round_invents_once_own_inputs_are_used_up(shop: Shop) -> None:
    texts = [{"text": values["text"]} for values, _ in rows_of("train")[:30]]
    (shop.folder / "own.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    asks = shop.asks("data.inputs=own.jsonl", "generation.rounds=3", "generation.num_examples=60")
    assert "invent-1" not in asks
    assert asks["invent-2"]["low"] >= 2
    assert asks["invent-3"]["low"] >= 4


@pytest.mark.parametrize("other", ["seed=5", "generation.per_request=4"])
def test_other_inputs_are_not_said_to_be_answered_already(shop: Shop, other: str) -> None:
    assert shop.asks(other)["answer"]["high"] >= 60
    assert shop.asks("generation.num_examples=61")["answer"]["high"] <= 20, "what only adds is"


def test_report_manifest_and_why_speak_of_the_teacher(shop: Shop) -> None:
    report = (shop.folder / "outputs" / "desk" / "report.html").read_text()
    manifest = json.loads((shop.folder / "outputs" / "desk" / "manifest.json").read_text())
    assert "known-rows" in report
    assert manifest["account"]["spent"]["requests"] == shop.server.requests
    assert manifest["teacher"]["score"] is not None
    why = shop("why", "desk.yaml", "answer", "generation.samples=3")
    assert "samples: 1 -> 3  override generation.samples=3" in why
    ledger = shop("ledger")
    assert "model=known-rows" in ledger
    assert "used by recipe desk" in ledger
    assert "on 20" in ledger


def test_the_same_again_sends_nothing_and_more_rows_only_theirs(shop: Shop) -> None:
    assert shop.paid() == 0
    assert shop.paid("generation.num_examples=80") in range(20, 36)
    assert shop.paid("teacher.concurrency=3", "teacher.price.input=2", "generation.num_examples=80") == 0


def test_a_cap_ends_it_early_with_what_there_is_and_a_higher_one_goes_on(shop: Shop) -> None:
    mine = ("generation.num_examples=70", "teacher.model=capped")
    first = shop.paid(*mine, "constraints.max_requests=50")
    assert first == 50
    text = shop.told[-1]
    assert "constraints.max_requests=50 ended invent, answer and examine-judged early" in text
    folder = next(line.split("-> ")[1] for line in text.splitlines() if line.startswith("  -> "))
    assert "constraints.max_requests=50" in (shop.folder / folder / "report.txt").read_text()
    second = shop.paid(*mine, "constraints.max_requests=400")
    assert "ended" not in shop.told[-1]
    assert f"teacher: {first + second} requests" in shop.told[-1]
    assert f"{second} sent by this build" in shop.told[-1]
    assert shop.paid(*mine, "constraints.max_requests=50") == 0


def test_a_cap_leaves_enough_for_answers_and_what_there_is_trains(shop: Shop) -> None:
    mine = ("teacher.model=poor", "evaluation.teacher_rows=0", "data={test: test.jsonl}")
    shop.server.slips = Slips()
    assert shop.paid(*mine, "constraints.max_requests=30") == 30
    assert "inputs written: constraints.max_requests=30, the rest of which is for their" in shop.told[-1]
    shown = json.loads(shop("show", "desk.yaml", "answer", "--json", *mine, "constraints.max_requests=30"))[
        "answer"
    ]
    assert {row["output"] for row in shown["rows"]} == set(LABELS)
    assert len(shown["rows"]) == 22
    assert shop.paid("teacher.model=poorer", *mine[1:], "constraints.max_requests=12", codes=(1, 2)) <= 12
    assert "! constraints.max_requests=12 ended" in shop.told[-1]
    assert "raise it and build again" in shop.told[-1]
    shop.server.slips = SLIPS


def test_own_inputs_go_first_and_what_they_leave_thin_is_invented(shop: Shop) -> None:
    own = [values["text"] for values, label in rows_of("train") if label in LABELS[:2]][:20]
    (shop.folder / "own.txt").write_text("".join(f"{text}\n" for text in own))
    mine = ("data={inputs: own.txt, test: test.jsonl}", "teacher.model=filler", "generation.num_examples=60")
    shop.server.slips = Slips(noise=0.1)
    shop.paid(*mine)
    shown = json.loads(shop("show", "desk.yaml", "--json", *mine))
    aims = Counter(row["aim"] for row in shown["invent"]["rows"])
    assert len(shown["draw"]["rows"]) == 20
    assert sum(aims.values()) == 40
    assert min(aims[label] for label in LABELS[2:]) > max(aims[label] for label in LABELS[:2])
    assert len(shown["answered"]["rows"]) + len(shown["answered"]["rejected"]) == 60
    assert shop.paid(*mine) == 0
    shop.server.slips = SLIPS


def test_people_answer_what_was_rejected(shop: Shop) -> None:
    mine = ("data={inputs: own.txt, test: test.jsonl}", "teacher.model=filler", "generation.num_examples=60")
    rows = [json.loads(line) for line in shop("show", "desk.yaml", "vet", "--rejected", *mine).splitlines()]
    assert rows
    assert all(row["label"] == "" and row["rejected for"] and row["text"] for row in rows)
    known = {values["text"]: label for values, label in (*rows_of("train"), *rows_of("test"))}
    written = [row | {"label": known[row["text"]]} for row in rows]
    (shop.folder / "doubtful.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in written))
    told = shop("check", "desk.yaml", "data.train=doubtful.jsonl")
    assert f"train    {len(rows)} rows: doubtful.jsonl" in told
    assert "unused: teacher said, rejected for" in told
    assert "rejects no answers" in shop("show", "desk.yaml", "draw", "--rejected", *mine, codes=(2,))


def test_what_the_teacher_proposed_is_shown_as_the_recipe_would_have_it(shop: Shop) -> None:
    text = shop("show", "desk.yaml", "attributes")
    lines = text.partition("to be edited in the recipe:\n")[2].splitlines()
    recipe = (
        (shop.folder / "desk.yaml").read_text().replace("num_examples: 60", f"num_examples: 60, {lines[0]}")
    )
    (shop.folder / "edited.yaml").write_text(recipe + f"task: {{{lines[1]}}}\n")
    told = json.loads(shop("plan", "edited.yaml", "--json", "generation.num_examples=30"))
    assert all("asks" not in step for step in told if step["step"] == "attributes")
    shown = json.loads(shop("show", "desk.yaml", "attributes", "--json"))["attributes"]
    assert [each["name"] for each in shown["found"]] == ["register", "length"]
    assert 'attributes: {register: ["formal", "angry", "terse"], length: ["a line", "a paragraph"]}' in text
    assert 'descriptions: {billing: "It is about billing."' in text


def test_a_cap_that_allows_no_answer_is_named(shop: Shop) -> None:
    shop("build", "desk.yaml", "teacher.model=poorest", "constraints.max_requests=2", codes=(2,))
    assert "constraints.max_requests=2 ended the asking before an answer was kept" in shop.told[-1]


@pytest.mark.parametrize(
    "given",
    [
        f"+teacher.api_key={SECRET}", "teacher.key=0a9b8c7d6e5f4a3b", f"+teacher.headers={{a: {SECRET}}}",
        f"+teacher.options={{extra_headers: {{Authorization: {SECRET}}}}}",
        f"+teacher.options={{stop: [a, {SECRET}]}}", f"teacher.timeout={SECRET}",
    ],
)  # fmt: skip
def test_a_key_on_the_command_line_is_refused_and_not_repeated(shop: Shop, given: str) -> None:
    said = shop("check", "desk.yaml", given, codes=(2,))
    assert SECRET not in said
    assert "0a9b8c7d6e5f4a3b" not in said
    assert "key_env" in said or "teacher.headers" in said or "teacher.timeout" in said


def test_a_gate_ends_it_before_more_is_spent(shop: Shop) -> None:
    mine = ("teacher.model=guesser", "teacher.gate='>= 0.99'", "evaluation.teacher_rows=30")
    shop.server.slips = Slips(noise=0.5)
    sent = shop.paid(*mine, codes=(1,))
    shop.server.slips = SLIPS
    assert sent == 30
    assert "teacher.gate asks >= 0.99" in shop.told[-1]
    assert "taken for" in shop.told[-1]


def test_frozen_in_a_fresh_store_with_nobody_to_ask(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop("ledger", "export", "desk.yaml", "--output", "desk.ledger.jsonl.gz")
    again = shop.folder / "elsewhere"
    monkeypatch.setenv("P2M_STORE", str(again))
    monkeypatch.delenv("P2M_TEACHER_KEY")
    assert "bring its records: p2m ledger import FILE" in shop("build", "desk.yaml", "--frozen", codes=(2,))
    shop("ledger", "import", "desk.ledger.jsonl.gz", "--store", str(again))
    requests = shop.server.requests
    shop("build", "desk.yaml", "--frozen", codes=BUILT)
    assert shop.server.requests == requests


def test_from_a_prompt_alone(shop: Shop) -> None:
    shop("init", PROMPT, "--teacher", "compatible", f"teacher.base_url={shop.server.url}",
         "teacher.model=known-rows", "--name", "asked", "--output", "asked.yaml")  # fmt: skip
    assert "overrid" in (shop.folder / "asked.yaml").read_text()
    assert "a valid recipe for text-classification" in shop("check", "asked.yaml")
    text = shop("build", "asked.yaml", "student=linear_tfidf", "student@baselines=linear_tfidf",
                "executor=inline", "generation.num_examples=30", codes=BUILT)  # fmt: skip
    assert "sent by this build" in text


def test_the_shipped_recipe_needs_no_key_to_be_planned_and_builds_with_a_server(shop: Shop) -> None:
    shutil.copy(ROOT / "recipes/desks.yaml", shop.folder / "desks.yaml")
    (shop.folder / "data/tickets").mkdir(parents=True)
    shutil.copy(ROOT / "recipes/data/tickets/test.jsonl", shop.folder / "data/tickets/test.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANTHROPIC_API_KEY", raising=False)
        for verb in ("check", "plan"):
            assert "cannot be asked here: there is no key in $ANTHROPIC_API_KEY" in shop(verb, "desks.yaml")
    text = shop("build", "desks.yaml", "teacher=compatible", "teacher.model=known-rows",
                f"teacher.base_url={shop.server.url}", "teacher.price={input: 1, output: 5}",
                "student=linear_tfidf", "student@baselines=linear_tfidf", "executor=inline",
                "generation.num_examples=60", codes=BUILT)  # fmt: skip
    assert "+ gate" in text
    assert "teacher_ratio" in text


def said_in_japanese(number: int) -> Row:
    """An instruction and the expression that does what it says."""
    name, (what, code) = (
        "abcdxyz"[number % 7],
        (("合計", "sum"), ("最大値", "max"), ("長さ", "len"))[number % 3],
    )
    return {"instruction": f"リスト{name}{number}の{what}を求める"}, f"{code}({name}{number})"


@pytest.mark.slow
def test_the_shipped_recipe_from_japanese_to_python_builds_with_a_server_and_tiny_weights(
    tmp_path: Path,
) -> None:
    data = ROOT / "recipes/data/ja2python"
    shutil.copytree(data, tmp_path / "data/ja2python")
    shutil.copy(ROOT / "recipes/ja2python.yaml", tmp_path / "ja2python.yaml")
    (tmp_path / "outputs").mkdir()
    weights = causal(tmp_path / "weights", "Qwen3")
    lines = (data / "test.jsonl").read_text("utf-8").splitlines()
    judged = [({"instruction": row["instruction"]}, row["code"]) for row in map(json.loads, lines)]
    with KnownRows([said_in_japanese(number) for number in range(80)], also=judged) as server:
        shop = Shop(tmp_path, server)
        text = shop("build", "ja2python.yaml", "teacher=compatible", "teacher.model=known-rows",
                    f"teacher.base_url={server.url}", "teacher.price={input: 1, output: 5}",
                    f"student.candidates.qwen3_0_6b.model={weights}", "generation.num_examples=40",
                    "training.epochs=1", "executor=inline", codes=BUILT)  # fmt: skip
    assert "pass_at_1 0.00" in text, "tiny weights write no Python, and what they write was run"
    assert "code_parses" in text
    manifest = json.loads(next(tmp_path.rglob("manifest.json")).read_text("utf-8"))
    assert manifest["teacher"], "the teacher's own answers stand beside it"


def test_a_recipe_that_asks_in_batches_pays_half_and_submits_each_question_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "QUIET", 0.1)
    monkeypatch.setattr(batches, "FIRST_LOOK", 0.05)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    recipe = FIVE_LINES.replace("teacher: compatible", "teacher: openai").replace(
        '{{model: known-rows, base_url: "{url}", attempts: 2, price: {{input: 1, output: 5}}}}',
        '{{model: gpt-4o-mini, base_url: "{url}", batch: true}}',
    )
    with serving() as wire:
        wire.key = SECRET
        wire.reply = lambda seen: str(shop.server.reply(seen.body)["content"])
        (shop.folder / "batched.yaml").write_text(recipe.format(prompt=f'"{PROMPT}"', url=wire.v1))
        assert "by batch" in shop("plan", "batched.yaml")
        shop("build", "batched.yaml", codes=BUILT)
        submitted = wire.batched.total()
        assert not wire.seen, "nothing was asked one by one"
        assert 100 < submitted == len(wire.batched)
        assert f"{submitted} sent by this build" in shop.told[-1]
        assert 4 <= len(wire.batches) <= 10
        shop("build", "batched.yaml", "teacher.batch=false", codes=BUILT)
        assert (wire.batched.total(), len(wire.seen)) == (submitted, 0)


def test_one_teacher_writes_and_another_answers(shop: Shop) -> None:
    answers = f"{{target: p2m.teachers.compatible.Compatible, model: knower, base_url: '{shop.server.url}'}}"
    mine = (
        f"+teacher.answer={answers}", "teacher.answer.price={input: 2, output: 9}", "teacher.model=writer",
        "generation.num_examples=30", "evaluation.teacher_rows=10",
    )  # fmt: skip
    shop.paid(*mine)
    assert "compatible writer: 1 USD in, 5 out" in shop.told[-1]
    assert "compatible knower: 2 USD in, 9 out" in shop.told[-1]
    made = json.loads(shop("show", "desk.yaml", "--json", *mine))
    assert {row["source"] for row in made["invent"]["rows"]} == {"teacher:writer"}
    assert {row["source"] for row in made["answer"]["rows"]} == {"teacher:knower"}
    assert made["examine-judged"]["teacher"] == "compatible knower"


# --------------------------------------------------------------------------- what can be wrong


@pytest.fixture(scope="module")
def broken(shop: Shop) -> Iterator[Wire]:
    with serving() as wire:
        yield wire


@pytest.mark.parametrize(
    ("said", "words", "code"),
    [
        (Status(401, "wrong key", "invalid_request_error"), "refuses the key in $P2M_TEACHER_KEY", 2),
        (Status(404, "no such model", "invalid_request_error"), "knows no model 'small-2'", 2),
        (Status(429, "quota", error_code="insufficient_quota"), "serves no more", 1),
        (Raw("I am a poem."), "is teacher.base_url right", 1),
        (Raw("<html>welcome</html>"), "is teacher.base_url right", 1),
        (Raw(""), "nothing at all", 1),
        (Status(400, "response_format json_schema: unsupported"), "teacher.takes_schema=false", 1),
        (Status(400, "maximum context length exceeded", error_code="context_length_exceeded"), "context", 1),
        ("I would rather not say.", "wrote no input that can be used", 1),
    ],
    ids=["key", "model", "quota", "prose", "html", "nothing", "schema", "context", "rejects"],
)  # fmt: skip
def test_a_fault_is_said_with_what_to_do(shop: Shop, broken: Wire, said: Any, words: str, code: int) -> None:
    broken.reply = lambda seen: said
    wire = (f"teacher.base_url={broken.v1}", "teacher.model=small-2", "teacher.attempts=1")
    text = shop("build", "desk.yaml", *wire, codes=(code,))
    assert words in text, text


def test_nobody_there_no_key_and_no_price(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    away = ("teacher.base_url=http://127.0.0.1:9/v1", "teacher.model=away", "teacher.attempts=1")
    assert "is the server running" in shop("build", "desk.yaml", *away, codes=(1,))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    (shop.folder / "keyless.yaml").write_text(
        f'prompt: "{PROMPT}"\ndefaults: [base, override teacher: anthropic, _self_]\n'
    )
    assert "there is no key in $ANTHROPIC_API_KEY" in shop("plan", "keyless.yaml")
    assert "there is no key in $ANTHROPIC_API_KEY" in shop("build", "keyless.yaml", codes=(2,))
    unpriced = ("~teacher.price", "constraints.max_cost=1", "teacher.base_url=https://teacher.example/v1")
    assert "teacher.price={input: 0.5, output: 1.5}" in shop("check", "desk.yaml", *unpriced, codes=(2,))
    assert "0 allows no request" in shop("check", "desk.yaml", "constraints.max_requests=0", codes=(2,))


def test_a_long_row_loses_no_other_and_one_of_two_megabytes_costs_nothing(shop: Shop, broken: Wire) -> None:
    texts = [values["text"] for values, _ in rows_of("train")[:40]]
    (shop.folder / "long.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in [*texts, "x " * 9_000, "x " * 2**20])
    )
    labels = {values["text"]: label for values, label in rows_of("train")}

    def answered(seen: Any) -> Any:
        text = data_of(seen.body)["input"]["text"]
        if len(text) > 10**4:
            return Status(400, "maximum context length is 8192 tokens", error_code="context_length_exceeded")
        return json.dumps({"answer": labels.get(text, "billing")})

    broken.reply = answered
    mine = ("data.inputs=long.jsonl", "generation.num_examples=0", "evaluation.teacher_rows=0")
    text = shop(
        "build", "desk.yaml", *mine, f"teacher.base_url={broken.v1}", "teacher.model=long", codes=BUILT
    )
    assert "41 requests" in text
    shown = json.loads(shop("show", "desk.yaml", "answer", "--json", *mine, "teacher.model=long"))["answer"]
    assert len(shown["rows"]) == 40
    reasons = [row["reason"].partition(":")[0] for row in shown["rejected"]]
    assert reasons == ["length", "context overflow"]
    assert max(len(json.dumps(seen.body)) for seen in broken.seen) < 10**5


def test_no_byte_of_all_this_holds_the_key(shop: Shop) -> None:
    assert any("refuses the key" in text for text in shop.told)
    assert SECRET.encode() not in shop.bytes_everywhere()
    assert os.environ["P2M_TEACHER_KEY"] == SECRET
