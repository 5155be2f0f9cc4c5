"""What teachers will be asked, and what that costs, before anything is sent: ranges, and what they rest on.

Requests follow from the plan; tokens from the prompts as they will be put (four bytes each), or from records
of this model and step where the ledger has any; money from the price of each teacher. What the store or the
ledger has already costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from p2m.engine.explaining.differences import Change
from p2m.engine.explaining.survey import Survey
from p2m.engine.plan import Step
from p2m.engine.recording.care import each
from p2m.engine.recording.ledger import used
from p2m.engine.running.work import load_artifact
from p2m.engine.store import DamagedError
from p2m.errors import P2MError
from p2m.spec import ModelSpec
from p2m.stages.collect import collect
from p2m.stages.read import look
from p2m.stages.reshape import TRIES
from p2m.teachers.asking.budget import estimated
from p2m.teachers.asking.prices import UnitPrice, how_to_price, unit_price
from p2m.teachers.chat import ChatTeacher, named
from p2m.teachers.craft.answers import answering
from p2m.teachers.craft.attributes import attributes_ask, labels_asks
from p2m.teachers.craft.columns import columns_ask
from p2m.teachers.craft.datasets import fitting_ask, imagine_ask
from p2m.teachers.craft.inputs import Inventing, pools
from p2m.teachers.craft.queries import Shown, query_ask
from p2m.teachers.craft.rewriting import rewrite_ask
from p2m.teachers.craft.rows import aims, known, told_labels
from p2m.teachers.schedules.constant import Constant
from p2m.types import Attribute, Attributes, Caps, Card, Example, Examples, Files, Inputs, Task, TaskType

_RECORDS = 20_000  # of the ledger that are looked at
_ENOUGH = 5  # records from which their mean is believed
_ROWS = 2_000  # of the user's files that are read
_SAMPLE = 24  # rows that prompts are made of
_LENGTH = (15.0, 80.0)  # tokens of an input, where none is known
_WRAPPING = 8.0  # tokens around an answer
_MEANING = "what it means and where it ends, in a sentence of about so many words, as teachers say it"
# Settings of which another value leaves what was asked before as it was, and only asks for more or less.
_GROW = (
    "inputs",
    "drawn",
    "real",
    "earlier",
    "pool",
    "passed",
    "after",
)  # what changes with the steps before, of which below
_ADDS = ("number", "rows", "caps", "samples", "agreement", "verifiers", "floor")


@dataclass(frozen=True, slots=True)
class Range:
    """From, to."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Range) -> Range:
        return Range(self.low * other.low, self.high * other.high)


@dataclass(frozen=True, slots=True)
class Asking:
    """What one step will ask its teacher."""

    step: str
    teacher: str  # "anthropic claude-..."
    requests: Range  # that are not answered yet
    answered: int  # requests whose answers the ledger has, as far as that is known
    input_tokens: Range
    output_tokens: Range
    cost: Range | None  # USD; None where the price is not known
    seconds: Range | None  # None where nothing says how fast the teacher is
    price: UnitPrice | None
    rests_on: str  # "prompts" or "1,204 records"


@dataclass(frozen=True, slots=True)
class TeacherForecast:
    """All steps that will ask, and the limits that the recipe sets."""

    steps: tuple[Asking, ...]
    caps: Caps
    notes: tuple[str, ...] = ()  # prices that are not known, teachers that cannot run here

    @property
    def requests(self) -> Range:
        return sum((one.requests for one in self.steps), Range())

    @property
    def tokens(self) -> Range:
        return sum((one.input_tokens + one.output_tokens for one in self.steps), Range())

    @property
    def cost(self) -> Range | None:
        """None where the price of a step's teacher is not known."""
        costs = [one.cost for one in self.steps]
        return None if None in costs else sum((cost for cost in costs if cost), Range())


def teacher_forecast(spec: ModelSpec, task: Task, found: Survey) -> TeacherForecast:
    """Of a plan that was surveyed: files, store and ledger are read, and nobody is asked."""
    asking = [step for step in found.plan.steps if chat_teacher(step)]
    asking = [step for step in asking if found.found[step.name].status != "cached"]
    caps = spec.constraints.caps
    if not asking:
        return TeacherForecast((), caps)
    made, notes = _Forecaster(spec, task, found), list(_notes(asking))
    if not told_labels(task, made.shown) and task.type is TaskType.CLASSIFICATION:
        notes.append("no label is named: the teacher makes them up as it goes; list them as task.labels")
    steps = tuple(told for step in asking if (told := made.told(step)).requests.high or told.answered)
    return TeacherForecast(steps, caps, tuple(dict.fromkeys(notes)))


def chat_teacher(step: Step) -> ChatTeacher | None:
    """The chat model that a step asks."""
    teacher = step.settings.get("teacher")
    return teacher if isinstance(teacher, ChatTeacher) else None


def _notes(steps: Sequence[Step]) -> Iterator[str]:
    """What keeps a teacher from being asked, or from being priced."""
    for step in steps:
        teacher = chat_teacher(step)
        assert teacher is not None, step.name
        if problem := teacher.problem():
            yield f"{named(teacher)} cannot be asked here: {problem}"
        if unit_price(teacher) is None:
            yield how_to_price(teacher)
        schedule = step.settings.get("temperature", Constant())
        if schedule != Constant() and not teacher.takes_temperature:
            yield f"{named(teacher)} takes no temperature: the setting does nothing, the prompt varies inputs"


@dataclass(frozen=True, slots=True)
class _Mean:
    """Of the recorded answers of one teacher to one kind of step; tokens of this recipe's, time of all."""

    records: int  # of this recipe; another one's prompts say nothing of its tokens
    input_tokens: float
    output_tokens: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Each:
    """What a request takes, and how many there are."""

    requests: Range
    input_tokens: Range
    output_tokens: Range


@dataclass
class _Forecaster:
    spec: ModelSpec
    task: Task
    found: Survey
    _means: Mapping[tuple[str, str, str], _Mean] | None = None
    _sizes: dict[str, Range] = field(default_factory=dict)
    shown: Examples | None = None  # the user's rows
    _again: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    _typical: tuple[dict[str, str], ...] = ()

    def __post_init__(self) -> None:
        self.shown = self._own_rows()
        self._means = _recorded(self._ledger, frozenset(self._own_records()))
        steps = self.found.plan.steps
        pools = [step for step in steps if step.stage is not None and step.stage.name == "collect"]
        rows = [row for step in pools for row in self._collected(step)]
        rows += [row.input for row in known(self.task, self.shown)]
        self._typical = tuple(rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE])

    @property
    def _ledger(self) -> Path:
        return self.found.store.root / "ledger"

    def _own_records(self) -> Iterator[str]:
        """Digests of what this recipe asked, now or when it was built last."""
        for step in self.found.plan.steps:
            if chat_teacher(step):
                last = self.found.last.get(step.name)
                for key in (self.found.found[step.name].key, last.key if last is not None else ""):
                    yield from used(self._ledger, key or "")

    def told(self, step: Step) -> Asking:
        """What a step will ask."""
        teacher, stage = chat_teacher(step), step.stage
        assert teacher is not None, step.name
        assert stage is not None, step.name
        one = getattr(self, f"_{stage.name}")(step)
        mean = (self._means or {}).get((teacher.provider, teacher.model, stage.name))
        if mean is not None and mean.records >= _ENOUGH:
            around = Range(0.95, 1.05)
            one = _Each(
                one.requests, _exactly(mean.input_tokens) * around, _exactly(mean.output_tokens) * around
            )
        answered, requests = self._left(step, one.requests)
        price = unit_price(teacher)
        tokens_in, tokens_out = requests * one.input_tokens, requests * one.output_tokens
        cost = None
        if price is not None:
            cost = tokens_in * _exactly(price.input / 1e6) + tokens_out * _exactly(price.output / 1e6)
        return Asking(
            step.name, named(teacher), requests, answered, tokens_in, tokens_out, cost,
            _seconds(teacher, requests, one.output_tokens, mean), price,
            f"{mean.records:,} records" if mean and mean.records >= _ENOUGH else "prompts",
        )  # fmt: skip

    # ------------------------------------------------------------------ by stage

    def _attributes(self, step: Step) -> _Each:
        labels = told_labels(self.task, self.shown)
        asks = [] if step.settings["given"] else [attributes_ask(self.task, labels)]
        out = [Range(200, 900)] * len(asks) + [_exactly(len(labels)) * Range(15, 60)]
        asks += labels_asks(self.task, labels)
        if not asks:
            return _Each(Range(), Range(), Range())
        said = sum(out, Range()) * _exactly(1 / len(asks))
        return _Each(_exactly(len(asks)), _rendered([*map(estimated, asks)]), said)

    def _settle(self, step: Step) -> _Each:
        """Every dataset that is looked at may leave the rules unsure, and none need do so."""
        card = Card("dataset", "What it is. " * 20)
        columns = dict.fromkeys(map(str, range(12)), ("some value of a column",) * 3)
        requests = Range(0, self.spec.retriever.limit)
        return _Each(requests, _rendered([estimated(columns_ask(self.task, card, columns))]), Range(40, 150))

    def _reshape(self, step: Step) -> _Each:
        """A dataset that suits nearly takes one query to as many as may be tried, and there need be none."""
        card = Card("dataset", "What it is. " * 20)
        columns = [
            Shown(f"column {number}", "VARCHAR", ("some value of a column",) * 3) for number in range(12)
        ]
        rows = [{column.name: "some value of a column" for column in columns}] * 4
        asks = [
            query_ask(self.task, card, columns, rows, [("SELECT " * 60, "what was wrong " * 8)] * n)
            for n in range(2)
        ]
        requests = Range(0, TRIES * step.settings["number"])
        return _Each(requests, _rendered([*map(estimated, asks)]), Range(60, 400))

    def _rewrite(self, step: Step) -> _Each:
        """Each row once, and of a dataset with fewer rows than are wanted, these."""
        row = dict.fromkeys(map(str, range(8)), "some value of a column")
        wishes, rows = step.settings["wishes"], step.settings["rows"]
        tokens = _rendered([estimated(rewrite_ask(self.task, wish, row)) for wish in wishes.values()])
        said = self._length + self._answer_length + _exactly(_WRAPPING)
        return _Each(Range(len(rows), sum(rows.values())), tokens, said)

    def _imagine(self, step: Step) -> _Each:
        number = step.settings["number"]
        said = _exactly(number) * Range(60, 150)
        return _Each(_exactly(1), _rendered([estimated(imagine_ask(self.task, number))]), said)

    def _rerank(self, step: Step) -> _Each:
        """A request a vote, unless nothing is there to be voted on."""
        card = Card("somebody/dataset", "What it is. " * 30, columns=("a column",) * 6)
        asked = estimated(fitting_ask(self.task, [card] * step.settings["top"]))
        return _Each(Range(0, step.settings["votes"]), _rendered([asked]), Range(5, 40))

    def _invent(self, step: Step) -> _Each:
        per, rows = step.settings["per_request"], known(self.task, self.shown)
        attributes = (
            Attribute("register", ("formal and polite", "angry")),
            Attribute("length", ("a line",)),
        ) * 3
        labels = aims(self.task, self.shown)
        plan = Inventing(
            self.task, labels, dict.fromkeys(labels, _MEANING), attributes,
            pools=pools(self.task, rows, 0), per_request=per,
        )  # fmt: skip
        asks = [plan.ask(plan.brief(number), step.settings["temperature"]) for number in range(_SAMPLE)]
        wanted = self._size(step)
        requests = Range(wanted.low / per, 1.5 * wanted.high / per)
        one = self._length * _exactly(per) + _exactly(per * _WRAPPING)
        return _Each(_whole(requests), _rendered([*map(estimated, asks)]), one)

    def _answer(self, step: Step) -> _Each:
        samples = step.settings["samples"]
        rows = Range()
        for edge in step.inputs:
            if edge.parameter.startswith("inputs[") and edge.step:
                rows += self._size(self.found.plan.step(edge.step))
        explained = any(edge.parameter == "attributes" and edge.step for edge in step.inputs)
        return self._answering(rows * self._per_row(step, samples), explained)

    def _per_row(self, step: Step, samples: int) -> Range:
        """Requests for one input, some of them put twice: as it was before, where the same is asked again."""
        last = self.found.last.get(step.name)
        if last is not None and self._asks_again(step)[0]:
            try:
                made = load_artifact(step.name, Examples, last.output, self.found.store)
            except (DamagedError, OSError):
                made = Examples(())
            if made.spent is not None and made.figures.get("asked"):
                return _exactly(made.spent.requests / made.figures["asked"])
        return Range((samples + 1) // 2, 1.1 * samples)

    def _examine(self, step: Step) -> _Each:
        rows = next(edge.step for edge in step.inputs if edge.parameter == "rows")
        size = self._size(self.found.plan.step(rows)) if rows else Range()
        most = step.settings["number"]
        return self._answering(Range(min(most, size.low), min(most, size.high)), explained=False)

    def _examine_judged(self, step: Step) -> _Each:
        """What is judged by the user's rows; none of what the teacher labelled itself is asked."""
        data, most = self.spec.data, step.settings["number"]
        if data.test:
            size = _exactly(self._rows_of(data.test, "test"))
        else:
            size = Range(0, self._rows_of(data.train, "train") if data.train else 0)
        before = any(edge.parameter == "before" and edge.step for edge in step.inputs)
        low, high = min(most, size.low), min(most, size.high)
        return self._answering(
            Range(0 if before else low, 0 if before and data.test else high), explained=False
        )

    def _judge(self, step: Step) -> _Each:
        """Two orders of each row's answers: the model's, the known one, another row's and the teacher's."""
        data, metric = self.spec.data, step.settings["metric"]
        rows = min(metric.rows, self._rows_of(data.test, "test")) if data.test else metric.rows
        answers = self._answer_length * Range(2, 4)
        shown = Range(250, 400) + self._length + answers + _exactly(_tokens(self.task.instruction))
        return _Each(Range(2 if rows else 0, 2 * rows), shown, Range(15, 60))

    def _answering(self, requests: Range, explained: bool) -> _Each:
        labels = told_labels(self.task, self.shown)
        told = Attributes((), dict.fromkeys(labels, _MEANING)) if explained else None
        asks = answering(self.task, self.shown, told)
        rows = self._typical or ({each.name: "word " * 40 for each in self.task.inputs},)
        tokens = _rendered([estimated(asks.ask(row)) for row in rows])
        return _Each(requests, tokens, self._answer_length * Range(0.7, 2.0) + _exactly(_WRAPPING))

    # ------------------------------------------------------------------ how many, how long

    def _size(self, step: Step) -> Range:
        """Rows that a step makes, or made."""
        if step.name not in self._sizes:
            stored = self._stored(step)
            self._sizes[step.name] = self._guessed(step) if stored is None else _exactly(len(stored.rows))
        return self._sizes[step.name]

    def _guessed(self, step: Step) -> Range:
        name = step.stage.name if step.stage is not None else ""
        inputs = {edge.parameter: self.found.plan.step(edge.step) for edge in step.inputs if edge.step}
        if name == "collect":
            return _exactly(len(self._collected(step)))
        if name == "read":
            role = step.settings["role"]
            return _exactly(self._rows_of(getattr(self.spec.data, role), role))
        if name == "draw":
            pool, number = self._size(inputs["pool"]), step.settings["number"]
            before = [one for name, one in inputs.items() if name.startswith("earlier[")]
            draws = [one for one in before if one.stage is not None and one.stage.name == "draw"]
            taken = sum((self._size(one) for one in draws), Range())
            low, high = max(0.0, pool.low - taken.high), max(0.0, pool.high - taken.low)
            return Range(min(number, low), min(number, high))
        if name == "share":
            there = sum((self._size(one) for name, one in inputs.items() if name != "after"), Range())
            start, number = step.settings["start"], step.settings["number"]
            return Range(*(min(number, max(0.0, rows - start)) for rows in (there.low, there.high)))
        number = step.settings.get("number", 0)
        drawn = self._size(inputs["drawn"]) if "drawn" in inputs else Range()
        return Range(max(0, number - drawn.high), max(0, number - drawn.low))

    def _stored(self, step: Step) -> Inputs | Examples | None:
        if not issubclass(step.output, (Inputs, Examples)):
            return None
        return self.found.made(step.name, step.output)

    def _collected(self, step: Step) -> list[dict[str, str]]:
        stored = self._stored(step)
        if stored is None:
            try:
                files = (Files(path) for path in self.spec.data.inputs or ())
                stored = collect(self.task, *files, group=self.spec.data.group)
            except P2MError:
                return []  # which a build says, with the place
        return [row.input for row in stored.rows]

    def _own_rows(self) -> Examples | None:
        paths, group = self.spec.data.train, self.spec.data.group
        if paths is None:
            return None
        try:
            files = [Files(path) for path in paths]
            return Examples(tuple(look(self.task, files, "train", group=group, most=_ROWS).rows))
        except P2MError:
            return None

    def _rows_of(self, paths: Sequence[Path] | None, role: str) -> int:
        try:
            files = [Files(path) for path in paths or ()]
            return len(look(self.task, files, role, group=self.spec.data.group, most=_ROWS).rows)
        except P2MError:
            return 0

    @property
    def _length(self) -> Range:
        """Tokens of an input."""
        if not self._typical:
            return Range(*_LENGTH)
        mean = fmean(_tokens(*row.values()) for row in self._typical)
        return _exactly(mean) * Range(0.7, 1.5)

    @property
    def _answer_length(self) -> Range:
        """Tokens of an answer."""
        rows: Sequence[Example] = known(self.task, self.shown)
        said = [row.output for row in rows] or list(self.task.labels)
        if said:
            return _exactly(fmean(map(_tokens, said)))
        return Range(10, 200) if self.task.type is TaskType.TEXT_TO_TEXT else Range(3, 12)

    def _left(self, step: Step, requests: Range) -> tuple[int, Range]:
        """How many are answered already as far as that is known, and how many are left."""
        told = self.found.found[step.name]
        begun = len(used(self._ledger, told.key)) if told.key else 0
        last = self.found.last.get(step.name)
        before = len(used(self._ledger, last.key)) if last is not None else 0
        sure, perhaps = self._asks_again(step)
        answered = max(begun, before if sure else 0)
        doubtful = max(answered, before if perhaps else 0)
        if told.status == "unknown":  # it may not run at all
            return answered, Range(0, max(0.0, requests.high - answered))
        return answered, Range(max(0.0, requests.low - doubtful), max(0.0, requests.high - answered))

    def _asks_again(self, step: Step) -> tuple[bool, bool]:
        """Whether what was asked before is asked again word for word: surely, and perhaps.

        What a step asks follows from all steps before it, but for the gate, which lets everything pass.
        """
        if step.name not in self._again:
            sure, perhaps = _kept(self.found.changed.get(step.name, ()))
            for edge in step.inputs:
                before = self.found.plan.step(edge.step) if edge.step else None
                if before is None or before.is_source or edge.parameter in ("passed", "after"):
                    continue
                surely, maybe = self._asks_again(before)
                waits = edge.parameter == "needs" and edge.step not in self.found.digests
                sure, perhaps = sure and surely and not waits, perhaps and maybe
            self._again[step.name] = sure, perhaps
        return self._again[step.name]


def _kept(changes: Sequence[Change]) -> tuple[bool, bool]:
    """Whether a step makes again what it made before, and adds to it at most: surely, and perhaps."""
    others = [
        change for change in changes
        if not (change.kind == "setting" and change.path.split(".")[0].split("[")[0] in _ADDS)
    ]  # fmt: skip
    added = [change for change in others if change.kind == "input" and change.path.startswith(_GROW)]
    perhaps = all(change.kind in ("code", "input", "package", "stage") for change in others)
    return len(others) == len(added), perhaps


# --------------------------------------------------------------------------- what the ledger says


def _recorded(folder: Path, own: Collection[str]) -> dict[tuple[str, str, str], _Mean]:
    """(provider, model, stage) -> means over its records; `own`: digests of those that tell of tokens."""
    if not folder.is_dir():
        return {}
    seen: dict[tuple[str, str, str], list[float]] = {}
    told: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for record in islice(each(folder), _RECORDS):
        labels: Mapping[str, Any] = record.labels
        if "input_tokens" not in labels:
            continue
        stage = str(labels.get("step", "")).rstrip("0123456789").rstrip("-").replace("-", "_")
        key = (str(labels.get("provider")), str(labels.get("model")), stage)
        seen.setdefault(key, []).append(record.seconds)
        if record.digest in own:
            told.setdefault(key, []).append((float(labels["input_tokens"]), float(labels["output_tokens"])))
    found = {}
    for key, seconds in seen.items():
        rows = told.get(key, [])
        said, heard = (fmean(row[place] for row in rows) if rows else 0.0 for place in range(2))
        found[key] = _Mean(len(rows), said, heard, fmean(seconds))
    return found


def _seconds(teacher: ChatTeacher, requests: Range, said: Range, mean: _Mean | None) -> Range | None:
    """Of all requests together; None of a batch, whose provider takes its time, and of an unknown machine."""
    if getattr(teacher, "batch", False) or (teacher.is_local and mean is None):
        return None
    one = Range(0.3 + said.low / 150, 2.0 + said.high / 30)
    if mean is not None:
        one = _exactly(mean.seconds) * Range(0.8, 1.5)
    at_once = max(1, teacher.concurrency)
    return Range(requests.low * one.low / at_once, max(one.high, requests.high * one.high / at_once))


def _exactly(number: float) -> Range:
    return Range(number, number)


def _whole(found: Range) -> Range:
    return Range(-(-found.low // 1), -(-found.high // 1))


def _rendered(tokens: Sequence[float]) -> Range:
    """Of a request whose prompt is known: tokenizers differ, and prompts by their rows."""
    return _exactly(fmean(tokens)) * Range(0.8, 1.3)


def _tokens(*texts: str) -> float:
    return sum(len(text.encode("utf-8", "replace")) for text in texts) / 4 + 1
