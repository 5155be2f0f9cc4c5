"""Many inputs are answered in shards: the same rows, paid for once, and more rows only add shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from asking_runs import a_run
from craft_runs import DESK, at, tickets
from known_rows import KnownRows, Slips

from p2m.cli.teacher_views import forecast_text
from p2m.compiler import teaching
from p2m.engine.executor import Result, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Step
from p2m.engine.running.nodes import NodeSlots
from p2m.engine.slots import Capacity, Resources, Slots
from p2m.engine.store import Store
from p2m.errors import StageError
from p2m.project import Project, load
from p2m.questions import survey
from p2m.stages.answer import answer
from p2m.stages.gather_answers import gather_answers
from p2m.stages.share import share
from p2m.teacher_forecast import TeacherForecast, teacher_forecast
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.compatible import Compatible
from p2m.teachers.gguf import GGUF
from p2m.teachers.transformers import Transformers
from p2m.types import Caps, Example, Examples, Inputs, Unanswered
from p2m.verifiers.length import Length

TEXTS = [values["text"] for values, _ in tickets()]
RECIPE = """\
defaults: [base, override teacher: compatible, override retriever: none, override student: linear_tfidf,
           _self_]
prompt: "Say which team answers a message. The labels are billing, delivery, returns, account, technical and
  presales."
teacher: {{model: known-rows, base_url: "{url}", concurrency: 1, price: {{input: 1, output: 5}}}}
data: {{inputs: own.txt}}
generation: {{num_examples: 20, min_acceptance: 0.1}}
verifier: {{length: {{longest_input: 70}}}}
"""


@pytest.fixture
def server() -> Iterator[KnownRows]:
    with KnownRows(tickets(), Slips(broken=0.2), seconds=0.002) as known:
        yield known


@dataclass
class Desk:
    """A recipe whose teacher is that server, with fourteen texts of the user's."""

    folder: Path
    server: KnownRows
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        (self.folder / "desk.yaml").write_text(RECIPE.format(url=self.server.url))
        (self.folder / "own.txt").write_text("".join(f"{text}\n" for text in TEXTS[:14]))

    def project(self, *words: str) -> Project:
        return load(self.folder / "desk.yaml", (*self.words, *words))

    def built(self, *words: str, store: str = "store") -> Result:
        whole = self.project(*words).plan
        plan = whole.up_to("answered")
        plan.name = whole.name  # so that later plans know of it
        return execute(plan, Store(self.folder / store), Device(type="cpu", threads=1))

    def asks(self, *words: str) -> TeacherForecast:
        project = self.project(*words)
        return teacher_forecast(project.composed.spec, project.task, survey(project))


def assert_same(made: Examples, other: Examples, *, seconds: bool = True) -> None:
    """All alike but for the last digits of what is added up, and for time where that was spent twice."""
    assert made.spent is not None
    assert other.spent is not None
    spent = replace(other.spent, cost=made.spent.cost, seconds=made.spent.seconds)
    assert made == replace(other, spent=spent)
    assert made.spent.cost == pytest.approx(other.spent.cost)
    if seconds:
        assert made.spent.seconds == pytest.approx(other.spent.seconds, abs=0.01)  # each is rounded


def test_shards_give_what_one_step_gives_and_the_ledger_answers_them(
    tmp_path: Path, server: KnownRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, server)
    whole = desk.built().value("answered")
    assert whole.rejected[0].reason.startswith("length: "), "not asked"
    assert len({each.reason.partition(":")[0] for each in whole.rejected}) > 1
    paid = server.requests
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 8)
    made = desk.built()
    assert [step.name for step in made.plan.steps if step.group == "shards-1"] == [
        f"{name}-1-{turn}" for turn in (1, 2, 3) for name in ("share", "answer")
    ]
    assert [len(made.value(f"share-1-{turn}").rows) for turn in (1, 2, 3)] == [8, 6, 0]
    assert_same(made.value("answered"), whole)
    assert server.requests == paid


def test_more_rows_add_shards_and_run_no_full_one_again(
    tmp_path: Path, server: KnownRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 4)
    desk, server.slips = Desk(tmp_path, server), Slips()
    first = desk.built("generation.num_examples=10")
    paid = server.requests
    more = desk.built("generation.num_examples=14")
    asked = {each.step: each.status for each in more.outcomes if each.step.startswith("answer-1-")}
    assert asked == {"answer-1-1": "reused", "answer-1-2": "reused", "answer-1-3": "ran", "answer-1-4": "ran"}
    new = [row.input["text"] for row in more.value("draw").rows[10:]]
    assert server.requests == paid + sum(len(text) <= 70 for text in new)
    rows = [row.input for row in more.value("answered").rows]
    assert rows[: len(first.value("answered").rows)] == [row.input for row in first.value("answered").rows]
    assert desk.built("generation.num_examples=18").outcome("answer-1-3").status == "reused"


def test_a_cap_holds_over_all_shards_as_over_one_step(
    tmp_path: Path, server: KnownRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, server, ("constraints.max_requests=9", "generation.num_examples=14"))
    server.slips = Slips()
    whole = desk.built(store="whole").value("answered")
    assert whole.spent.stopped == "constraints.max_requests=9"
    assert server.requests == 9
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 4)
    made = desk.built().value("answered")
    assert server.requests == 18
    assert_same(made, whole, seconds=False)
    (tmp_path / "again").mkdir()
    (tmp_path / "store" / "ledger").rename(tmp_path / "again" / "ledger")
    assert_same(desk.built(store="again").value("answered"), made)
    assert server.requests == 18


def test_a_machine_asks_a_teacher_of_its_own_one_shard_at_a_time_and_others_the_next(
    tmp_path: Path, server: KnownRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 4)
    plan = Desk(tmp_path, server).project().plan
    nodes = {name: Slots(Capacity(8, 0, 0), name) for name in ("", "other")}
    machines = NodeSlots(lambda: None, asks_here=False, nodes=nodes)
    grants = [machines.take(name, plan.step(name).resources) for name in ("answer-1-1", "answer-1-2")]
    assert {grant.node for grant in grants if grant} == {"", "other"}
    assert machines.take("answer-1-3", plan.step("answer-1-3").resources) is None


@pytest.mark.parametrize(
    ("words", "size", "waits"),
    [
        ((), 4, False), (("constraints.max_requests=9",), 4, True),
        (("teacher.base_url=http://a.example",), 7, True),
    ],
)  # fmt: skip
def test_who_is_elsewhere_or_capped_is_asked_by_one_shard_after_the_other(
    tmp_path: Path,
    server: KnownRows,
    monkeypatch: pytest.MonkeyPatch,
    words: Sequence[str],
    size: int,
    waits: bool,
) -> None:
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 4)
    monkeypatch.setattr(teaching, "SHARD", 7)
    plan = Desk(tmp_path, server).project(*words).plan
    shares = [step for step in plan.steps if step.name.startswith("share-1-")]
    assert [step.settings["start"] for step in shares] == list(range(0, 20, size))
    assert ["answer-1-1" in step.needs for step in shares[:3]] == [False, waits, False]
    rounds = Desk(tmp_path, server).project(*words, "generation.rounds=2").plan
    assert not [step for step in rounds.steps if step.group.startswith("shards")]


def test_a_plan_tells_the_same_bill(
    tmp_path: Path, server: KnownRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, server, ("constraints.max_cost=0.0001",))
    whole = desk.asks()
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 4)
    told = desk.asks()
    assert told.requests == whole.requests
    for one, other in ((told.tokens, whole.tokens), (told.cost, whole.cost)):
        assert one is not None
        assert other is not None
        assert (one.low, one.high) == pytest.approx((other.low, other.high))
    text = forecast_text(told, desk.project().plan)
    assert "answer-1, 4 shards  14 to 15" in text
    assert "answer-2, 2 shards" in text
    desk = Desk(tmp_path, server, (f"store.path={tmp_path}/store", "verifier.length.longest_input=200"))
    server.slips = Slips()
    desk.built()
    more = {one.step: one for one in desk.asks("generation.num_examples=24").steps}
    assert more["answer-1-1"].requests.high == 0
    assert 4 <= more["answer-2-2"].requests.high + more["answer-2-3"].requests.high <= 5


# ------------------------------------------------------------------ whether enough can be used


def shards(server: KnownRows, place: Path, *, floor: float, size: int) -> list[Examples]:
    """Of twelve texts, each shard's answers, of which some are too long."""
    texts = Inputs(tuple(Unanswered({"text": text}, "user") for text in TEXTS[:12]))
    found = []
    for start in range(0, 12, size):
        mine = share(None, texts, start=start, number=size)
        found.append(
            answer(
                DESK, None, None, None, mine, teacher=at(server), samples=1, agreement=0.5,
                verifiers=(Length(longest_output=7),), floor=0.0 if start else floor, caps=Caps(),
                run=a_run(place),
            )
        )  # fmt: skip
    return found


def test_the_floor_holds_over_all_shards_together(tmp_path: Path) -> None:
    with KnownRows(tickets()) as server:
        made = shards(server, tmp_path, floor=1.0, size=4)
        kept = sum(len(each.rows) for each in made)
        assert 0 < kept < 12
        assert len(made[0].rows) < 4, "which alone would be too few"
        assert len(gather_answers(*made, floor=kept / 12).rows) == kept
        with pytest.raises(StageError, match=rf"of 12 answers {kept} were kept .*min_acceptance is 0.99"):
            gather_answers(*made, floor=0.99)


def test_nothing_invented_says_which_limit_it_was() -> None:
    nothing = Inputs((), spent=None)
    made = share(None, nothing, start=8, number=4)
    assert made.rows == ()
    row = Example({"text": "a"}, "billing")
    parts = [
        Examples((row,), figures={"asked": 1.0, "kept": 1.0}),
        Examples((), figures={"asked": 0.0, "kept": 0.0}),
    ]
    assert gather_answers(*parts, floor=0.5).rows == (row,)


# ------------------------------------------------------------------ what they take of a machine


@pytest.mark.parametrize(
    ("teacher", "cpus", "gpus"),
    [
        (Compatible(model="m", base_url="http://127.0.0.1:9/v1"), 0, 0),
        (Compatible(model="m", base_url="http://a.example/v1"), 1, 0),
        (GGUF(sha256="0" * 64), 0, 0),
        (GGUF(sha256="0" * 64, threads=3), 3, 0),
        (Transformers(model="m"), 1, 1),
        (Transformers(model="m", device="cpu"), 0, 0),
    ],
)
def test_a_teacher_says_what_it_takes_of_a_machine(teacher: ChatTeacher, cpus: int, gpus: int) -> None:
    step = Step("answer", Examples, answer, settings={"teacher": teacher})
    assert (step.resources.cpus, step.resources.gpus) == (cpus, gpus)


def test_a_machine_that_lends_no_processor_carries_out_one_step_at_a_time() -> None:
    slots = Slots(Capacity(0, 0, 0))
    assert slots.take("answer-1", Resources(cpus=0))
    assert slots.take("answer-2", Resources(cpus=0)) is None


def test_what_two_take_is_the_larger_of_each() -> None:
    assert Resources(2, 9, 1, alone=True).beside(Resources(3, 5)) == Resources(3, 9, 1, alone=True)
    assert Resources(0).beside(Resources(3)).cpus == Resources(3).beside(Resources(0)).cpus == 0
