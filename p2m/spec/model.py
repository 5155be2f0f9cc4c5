"""The recipe as one frozen value: what the user asked for, every default filled in, every component built.

A comment at the end of a field's line is its documentation, also in the JSON Schema (`p2m.spec.schema`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    field_validator,
    model_validator,
)

from p2m.catalogs.transform import refusal
from p2m.deploy.backends.onnx import ONNX
from p2m.engine.handles import Device, Network
from p2m.engine.storage.shared_address import (
    DEFAULT_TIMEOUT,
    LIST_PRICE,
    checked_namespace,
    checked_url,
)
from p2m.errors import nearest
from p2m.spec.answering import WrittenAnswer, WrittenLayout, WrittenRecord, WrittenScale
from p2m.spec.components import FAMILIES, build_component, builder, located_error
from p2m.spec.families import family
from p2m.spec.tuning import searchable
from p2m.spec.units import Count, Duration, Money, Parameters, Size, parse_requirement
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.schedules.constant import Constant
from p2m.trackers.base import Tracker
from p2m.tuning.base import SPACE, RandomSearch
from p2m.types import (
    Backend,
    Choosing,
    Compressor,
    Constraints,
    Curation,
    Dimension,
    Example,
    IndexRetriever,
    Instructor,
    Limits,
    Metric,
    Proposer,
    Pruner,
    Requirement,
    Retriever,
    Schedule,
    Splitting,
    Student,
    TaskType,
    Teacher,
    Training,
    Verifier,
)

ROLES = ("generate", "answer", "judge")  # of teachers
_OF_RULES, _OF_CHAT = 6000, 1000  # rows that a teacher makes where a recipe says no number
TEACHER_RATIO = "teacher_ratio"  # as a requirement: the student's primary metric over the teacher's
RANGES: dict[type, dict[str, tuple[float, float]]] = {
    Training: {
        "epochs": (0.01, 10_000),
        "batch_size": (1, 4096),
        "batch_tokens": (8, 10_000_000),
        "learning_rate": (1e-8, 1.0),
        "layer_decay": (0.1, 1),
        "freeze_layers": (0, 1000),
        "warmup_ratio": (0, 1),
        "weight_decay": (0, 1),
        "label_smoothing": (0, 0.99),
        "focal": (0, 10),
        "patience": (1, 1000),
        "evaluations": (1, 1000),
        "max_length": (8, 8192),
    },
    Curation: {"near_duplicate": (0.1, 1), "max_share_of_answer": (0.001, 1)},
    Choosing: {
        "sample": (0.01, 1),
        "rungs": (1, 6),
        "least_rows": (1, 1_000_000),
        "trials": (0, 1000),
        "minutes": (0, 100_000),
    },
    Splitting: {
        "folds": (2, 20),
        "cross_validate_below": (0, 1_000_000),
        "validation_share": (0.001, 0.5),
        "max_validation": (1, 1_000_000),
        "test_share": (0.001, 0.5),
        "max_test": (1, 1_000_000),
    },
    Device: {
        "threads": (0, 4096),
        "batch_size": (1, 65536),
        "tokens_at_once": (0, 10_000_000),
        "processes": (1, 1024),
        "nodes": (1, 1024),
    },
}
CHOICES: dict[type, dict[str, tuple[str, ...]]] = {
    Training: {
        "precision": ("auto", "fp32", "bf16"),
        "class_weights": ("auto", "none", "balanced"),
        "average": ("none", "ema", "last"),
        "schedule": ("linear", "cosine", "constant"),
    },
    Device: {"type": ("auto", "cpu", "cuda")},
}
_NAME = re.compile(r"[^\W_][\w.-]{0,99}")
S = TypeVar("S")


def _within(value: S) -> S:
    """A settings value whose fields are all within `RANGES` and `CHOICES`."""
    wrong: list[tuple[tuple[str, ...], str, Any]] = []
    for name, (low, high) in RANGES.get(type(value), {}).items():
        if (found := getattr(value, name)) is not None and not low <= found <= high:
            wrong.append(((name,), f"{found:g} is out of range: from {low:g} to {high:g}", found))
    for name, choices in CHOICES.get(type(value), {}).items():
        if (found := getattr(value, name)) not in choices:
            wrong.append(((name,), f"{found!r} is not one of {', '.join(choices)}", found))
    if wrong:
        raise located_error(wrong)
    return value


def _spread(device: Device) -> Device:
    """A device whose processes are as many on each of its nodes."""
    if device.processes % device.nodes:
        reason = f"as many on each of {device.nodes} nodes, so a multiple of {device.nodes}"
        raise located_error([(("processes",), f"{device.processes}: {reason}", device.processes)])
    return device


class Section(BaseModel):
    """A part of a recipe: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ComponentSection(Section):
    """A section of one component, whose settings are written beside the section's own."""

    @model_validator(mode="before")
    @classmethod
    def _part(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "component" in value:
            return value
        own = {key: item for key, item in value.items() if key in cls.model_fields and key != "component"}
        rest = {key: item for key, item in value.items() if key not in own}
        return own | ({"component": rest} if rest else {})


class WrittenComponent(BaseModel):
    """A component as it is written: its class and that class's fields."""

    model_config = ConfigDict(extra="allow")

    target: str | None  # dotted name of the component's class, e.g. p2m.students.minilm.MiniLM; null: none


def _network(value: Any) -> Any:
    """`true` and `false` of a recipe mean `all` and `none`."""
    if isinstance(value, bool):
        return Network.ALL if value else Network.NONE
    if value not in list(Network):
        raise ValueError(f"{value!r} is not one of {', '.join(Network)}, true or false")
    return value


class WrittenConstraints(Section):
    """What the deployed model may cost at most, with units; null means no limit."""

    max_parameters: Parameters | None = None  # weights of the model, e.g. 250M
    max_size: Size | None = None  # of the exported model with its tokenizer, e.g. 24 MB
    max_latency: Duration | None = None  # p95 of one answer on one core, e.g. 40 ms
    precision: Annotated[float, Field(gt=0, lt=1)] | None = (
        None  # of the answers that are given, e.g. 0.95; less sure ones are marked "abstain"
    )
    max_cost: Money | None = None  # paid to teachers for one cold build, e.g. 5 USD
    max_requests: Count | None = None  # put to teachers in one cold build
    max_tokens: Count | None = None  # in and out of teachers in one cold build, e.g. 2M
    languages: tuple[str, ...] = ()  # ISO 639-1, e.g. [en, fr]; none means the prompt's own
    licenses: tuple[str, ...] = ()  # accepted licences of data and base models; none means any
    network: Annotated[Network, BeforeValidator(_network, json_schema_input_type=Network | bool)] = (
        Network.ALL
    )  # which steps may reach other machines; true: all, false: none


class WrittenExample(Section):
    """A demonstration as it is written."""

    input: dict[str, str] | str  # the input's fields, or the text itself where there is only one
    output: WrittenAnswer  # the answer, exactly as the model should write it; or as a list or an object
    also: tuple[str, ...] = ()  # further answers that count as right


def _component(group: str) -> PlainValidator:
    return PlainValidator(builder(group), json_schema_input_type=WrittenComponent | None)


def _constraints(value: Any) -> Constraints:
    if isinstance(value, Constraints):
        return value
    written = WrittenConstraints.model_validate({} if value is None else value)
    return Constraints(**{name: getattr(written, name) for name in WrittenConstraints.model_fields})


def _example(value: Any) -> Example:
    if isinstance(value, Example):
        return value
    written = WrittenExample.model_validate(value)
    fields = {"input": written.input} if isinstance(written.input, str) else written.input
    empty = [(("input", name), "is empty", text) for name, text in fields.items() if not text.strip()]
    if not fields:
        empty.append((("input",), "has no field", fields))  # type: ignore[arg-type]
    if empty:
        raise located_error(empty)
    return Example(dict(fields), written.output, written.also, source="user")


def _requirements(value: Any) -> Any:
    """`{metric: ">= 0.60"}` to Requirements, in the order in which they are written."""
    if not isinstance(value, Mapping):
        return value
    found: list[Requirement] = []
    wrong: list[tuple[tuple[str, ...], str, Any]] = []
    for metric, text in value.items():
        try:
            found.append(parse_requirement(str(metric), text))
        except ValueError as error:
            wrong.append(((str(metric),), str(error), text))
    if wrong:
        raise located_error(wrong)
    return tuple(found)


def _present(value: Any) -> Any:
    """`name: null` takes a candidate or a metric away that a group brought."""
    if not isinstance(value, Mapping):
        return value
    return {key: item for key, item in value.items() if item is not None}


def _none_as(default: Callable[[], Any]) -> BeforeValidator:
    """`key:` with nothing after it means the default, not null."""
    return BeforeValidator(lambda value: default() if value is None else value)


def _told_apart(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Labels of which each is something, and none is another, blanks around them aside."""
    wrong: list[tuple[tuple[int], str, Any]] = []
    seen = [unicodedata.normalize("NFC", label.strip()) for label in labels]
    for index, label in enumerate(labels):
        if not seen[index]:
            wrong.append(((index,), "is empty: a label is a word or more", label))
        elif seen[index] in seen[:index]:
            wrong.append(((index,), f"{label!r} stands twice: write each label once", label))
    if wrong:
        raise located_error(wrong)
    return labels


def _needed(value: Backend | None) -> Backend:
    """Something must run the model."""
    if value is None:
        raise ValueError("a model needs something that runs it: runtime=onnx")
    return value


def _scheduled(value: Schedule | None) -> Schedule:
    """`target: null` is no temperature."""
    if value is None:
        raise ValueError("a teacher invents at some temperature: temperature=constant")
    return value


Texts = Annotated[tuple[str, ...], _none_as(tuple)]


class TaskWords(Section):
    """What the prompt cannot say, or says wrongly; whatever is null is read from the prompt."""

    type: TaskType | None = None  # text-classification, multi-label-classification, extraction, records, ...
    inputs: Texts = ()  # names of the input fields, in order
    output: str | None = None  # name of the output field
    labels: Annotated[Texts, AfterValidator(_told_apart)] = ()  # of a classification, or types of spans
    descriptions: Annotated[dict[str, str], _none_as(dict)] = {}  # label -> what it means, told to a teacher
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(-\w+)*$")  # ISO 639-1, e.g. en
    none: str | None = None  # the answer of rows without one, e.g. N/A, or the label of what fits no other
    scale: WrittenScale = None  # of a regression: lowest, highest and step, e.g. [1, 5, 1]
    record: WrittenRecord = ()  # fields of records, e.g. {name: span, age: number, mood: [good, bad]}
    layout: WrittenLayout = (
        None  # of an extraction of several spans: json, or {style: text, has_values: true}
    )


def _standing(value: Any) -> Any:
    """The word `last`, or a place."""
    if value is None or isinstance(value, (str, Path)):
        return value
    raise ValueError(f"expected `last` or a bundle's folder, got {value!r}")


class Preferences(Section):
    """How the model is judged, and what it must reach."""

    primary: str | None = None  # steers early stopping and every gate; null: the task's own
    also: Texts = ()  # further metrics to report
    require: Annotated[
        tuple[Requirement, ...],
        BeforeValidator(_requirements, json_schema_input_type=dict[str, str | float]),
        _none_as(tuple),
    ] = ()  # metric or teacher_ratio -> ">= 0.60"; what falls short is not shipped
    no_worse_than: Annotated[Literal["last"] | Path | None, BeforeValidator(_standing)] = (
        None  # the bundle that stands in outputs, or a folder's
    )


Paths = Annotated[
    tuple[Path, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, (str, Path)) else value,
        json_schema_input_type=Path | tuple[Path, ...],
    ),
]


class DataFiles(Section):
    """The user's own data, relative to the recipe: files (jsonl, csv, ...), folders or patterns."""

    inputs: Paths | None = None  # without answers, which the teacher gives; also text files and chat traces

    train: Paths | None = None  # rows to learn from, beside those that are made or found
    validation: Paths | None = None  # rows that steer early stopping
    test: Paths | None = None  # rows that the verdict rests on; never learnt from
    group: str | None = (
        None  # column of these rows; rows with one value of it (a customer, say) are never parted
    )
    texts: Path | None = None  # folder of .txt and .md files that rows are made from
    decisions: Path | None = (
        None  # what people decided in `p2m review`; null: RECIPE.decisions.jsonl beside it, once there is one
    )


def _floor(value: Any) -> Requirement | None:
    return (
        value if value is None or isinstance(value, Requirement) else parse_requirement("teacher.gate", value)
    )


Taught = Annotated[Teacher | ChatTeacher | None, _component("teacher")]


class Teachers(Section):
    """What makes rows and answers them: one teacher, or several by role."""

    component: Taught = None
    generate: Taught = None  # writes inputs, or whole rows
    answer: Taught = None  # answers inputs, and is what the model is compared with
    judge: Taught = None  # judges free text, where metric=judge
    gate: Annotated[
        Requirement | None, BeforeValidator(_floor, json_schema_input_type=str | float | None)
    ] = None  # what it must reach on rows with known answers before more is spent, e.g. ">= 0.8"

    @model_validator(mode="before")
    @classmethod
    def _part(cls, value: Any) -> Any:
        """Roles and the gate stand beside the component's own settings: tell them apart."""
        if not isinstance(value, Mapping):
            return value if isinstance(value, cls) else {"component": value}
        if "component" in value:
            return value
        own = {key: item for key, item in value.items() if key in (*ROLES, "gate")}
        rest = {key: item for key, item in value.items() if key not in own}
        if rest.get("target") is None:
            _no_role(name for name, item in rest.items() if isinstance(item, Mapping))
        return own | ({"component": rest} if rest else {})

    @property
    def named(self) -> dict[str, Teacher | ChatTeacher]:
        """The teachers that a recipe names by role."""
        return {role: found for role in ROLES if (found := getattr(self, role)) is not None}

    def place(self, role: str) -> str:
        """Config path of the teacher that takes a role: its own; else the one for all, if it is a chat model;
        else the first that is named and can."""
        if role in self.named:
            return f"teacher.{role}"
        if not self.named or isinstance(self.component, ChatTeacher):
            return "teacher"
        able = [name for name, one in self.named.items() if isinstance(one, ChatTeacher)]
        return f"teacher.{able[0] if able and role != 'generate' else next(iter(self.named))}"

    def of(self, role: str) -> Teacher | ChatTeacher | None:
        """The teacher that takes a role; None where there is none."""
        found: Teacher | ChatTeacher | None = getattr(self, self.place(role).partition(".")[2] or "component")
        return found

    def chat(self, role: str) -> ChatTeacher | None:
        """The chat model that takes a role."""
        found = self.of(role)
        return found if isinstance(found, ChatTeacher) else None


def _no_role(names: Iterable[str]) -> None:
    """Refuses what looks like a teacher of its own where no role is called so."""
    wrong = [((name,), f"there is no role {name!r}; {nearest(name, ROLES)}", name) for name in names]
    if wrong:
        raise located_error(wrong)


class Wish(Section):
    """What a chat teacher makes of rows of a dataset, a request each, where no query can."""

    prompt: str = Field(min_length=1)  # how a row becomes inputs and output, in words
    rows: int = Field(default=200, ge=1, le=1_000_000)  # that it is asked about at most


_Made = Annotated[
    Annotated[str, Tag("sql")] | Annotated[Wish, Tag("wish")],
    Discriminator(lambda value: "wish" if isinstance(value, (Mapping, Wish)) else "sql"),
]


def _queries(written: dict[str, str | Wish]) -> dict[str, str | Wish]:
    """Queries that may be run, as far as can be told without their rows."""
    queries = {name: each for name, each in written.items() if isinstance(each, str)}
    wrong = [((name,), said, sql) for name, sql in queries.items() if (said := refusal(sql))]
    if wrong:
        raise located_error(wrong)
    return written


class RerankWords(Section):
    """A chat teacher says which of the best candidates fit."""

    top: int = Field(default=25, ge=1, le=100)  # candidates that it is shown
    votes: int = Field(default=3, ge=1, le=15)  # answers, the candidates in another order for each


class Retrieval(ComponentSection):
    """Where existing datasets are looked for, and by what."""

    component: Annotated[Retriever | IndexRetriever | None, _component("retriever")] = None
    sources: Annotated[
        tuple[Path, ...], _none_as(tuple)
    ] = ()  # folders of datasets with cards and catalogue files, relative to the recipe, or `curated`
    limit: int = Field(default=5, ge=1, le=1000)  # datasets that are considered
    max_rows: int = Field(default=20_000, ge=1)  # taken over all datasets
    max_download: Size = 64_000_000  # fetched at most of a dataset that a catalogue file names
    max_size: Size | None = None  # of such a dataset as a whole, above which it is left out; null: any
    hypothetical: int = Field(
        default=0, ge=0, le=20
    )  # datasets that a chat teacher imagines, which are looked for beside the prompt
    rerank: RerankWords | None = None  # votes of a chat teacher on the best candidates; null: none
    granted: Annotated[
        tuple[str, ...], _none_as(tuple)
    ] = ()  # gated or private datasets that the Hub lets the user into; a build that is not let in ends
    mapping: Annotated[
        dict[str, dict[str, str]], _none_as(dict)
    ] = {}  # dataset -> field -> column, or several by a template: "{title}: {body}"
    transform: Annotated[
        dict[str, _Made], _none_as(dict), AfterValidator(_queries)
    ] = {}  # dataset -> SQL that makes it over, a SELECT over the table rows; or a prompt and rows
    proposals: Annotated[int, Field(ge=0, le=100)] = (
        1  # near datasets that a chat teacher writes such SQL for
    )

    @property
    def queries(self) -> dict[str, str]:
        return {name: each for name, each in self.transform.items() if isinstance(each, str)}

    @property
    def wishes(self) -> dict[str, Wish]:
        return {name: each for name, each in self.transform.items() if isinstance(each, Wish)}


class Students(Section):
    """The model families to choose from."""

    candidates: Annotated[dict[str, Annotated[Student, _component("student")]], BeforeValidator(_present)] = (
        Field(min_length=1)
    )  # name -> family; null takes one away


class Baselines(Section):
    """Linear students that a model is held against, on the very rows that judge it."""

    candidates: Annotated[
        dict[str, Annotated[Student, _component("student")]], BeforeValidator(_present), _none_as(dict)
    ] = {}  # name -> family; null takes one away


def _space(value: Any) -> Any:
    return searchable(_present(value), RANGES[Training], CHOICES[Training]["schedule"])


def _proposing(value: Proposer | None) -> Proposer:
    """Something must propose, if only at random."""
    if value is None:
        raise ValueError("a search needs something that proposes trials: tuning=random")
    return value


class Tuning(ComponentSection):
    """A search for settings of the training: which, by whom, in how many trials."""

    component: Annotated[Proposer, _component("tuning"), AfterValidator(_proposing)] = RandomSearch()
    trials: int = Field(
        default=1, ge=1, le=1000
    )  # trainings, of which the best on the validation rows is kept; the first is the recipe as it is
    startup: int = Field(
        default=4, ge=1, le=1000
    )  # of them, the first one too, that depend on no other: drawn at random, never stopped, side by side
    prune: bool = False  # whether later ones stop where they fall behind the median of the earlier ones
    space: Annotated[
        dict[str, Dimension],
        BeforeValidator(_space, json_schema_input_type=dict[str, str | list[float | str] | None]),
        _none_as(dict),
    ] = SPACE  # setting -> a list of choices, or "1e-5 .. 1e-3 log", or "x0.5 .. x2 log"; null takes one away


class Compression(Section):
    """What is tried to make the exported model smaller, and how much it may cost."""

    candidates: Annotated[
        dict[str, Annotated[Compressor | Pruner, _component("compression")]],
        BeforeValidator(_present),
        _none_as(dict),
    ] = {}  # name -> way; null takes one away
    ladder: bool = False  # whether each way goes on from what those before it left, and all are reported
    tolerance: float = Field(
        default=0.02, ge=0, le=1
    )  # of the primary metric that a smaller variant may lose


def _instructor(value: Any, info: Any) -> Any:
    """A family by its name or as a component; the absolute place of a recipe or a bundle."""
    if value is None or isinstance(value, Instructor):
        return value
    trust = (info.context or {}).get("trust", ())
    if isinstance(value, Mapping):
        return Instructor("teacher", build_component(value, FAMILIES["student"], trust=trust))
    if not isinstance(value, str):
        raise ValueError(f"expected a student's name, a recipe or a bundle's folder, got {value!r}")
    if not Path(value).is_absolute():
        return Instructor(value, build_component(family(value), FAMILIES["student"], trust=trust))
    place = Path(value)
    return Instructor(place.name, **{"recipe" if place.suffix in (".yaml", ".yml") else "bundle": place})


class Distil(Section):
    """A model on this machine whose logits the student learns from, beside the rows' own answers."""

    source: Annotated[
        Instructor | None,
        PlainValidator(_instructor, json_schema_input_type=str | WrittenComponent | None),
    ] = Field(
        default=None, alias="from"
    )  # a larger student, e.g. minilm, trained first; or a recipe or a bundle's folder; null: none
    alpha: float = Field(default=0.1, ge=0, le=1)  # share of the rows' own answers in the loss
    temperature: float = Field(default=4.0, gt=0, le=100)  # of both: higher, lesser answers count more
    top_k: int = Field(default=16, ge=1, le=1000)  # of written text: tokens of each place that are kept


class Generation(Section):
    """How much the teacher writes, and how it is asked."""

    num_examples: int | None = Field(
        default=None, ge=0, le=100_000_000
    )  # rows, or inputs to answer; null: 6000 of the embedded teacher, 1000 of a chat model
    samples: int = Field(default=1, ge=1, le=100)  # answers to one input, which vote; each is paid for
    agreement: float = Field(default=0.5, ge=0, le=1)  # share of votes that an answer needs to be kept
    contradicted: float | None = Field(
        default=20, ge=1, le=1e9
    )  # a label goes where the other rows make another one so many times likelier; null: none goes
    rounds: int = Field(default=1, ge=1, le=20)  # in each but the first, a quick student says what it lacks
    per_request: int = Field(default=5, ge=1, le=100)  # inputs that one request invents
    attributes: dict[str, Texts] = {}  # what inputs differ in -> its values; {}: the teacher proposes them
    min_acceptance: float = Field(default=0.2, ge=0, le=1)  # share of answers kept below which a build stops


class Evaluating(Section):
    """How the exported model is judged."""

    teacher_rows: int = Field(default=200, ge=0, le=1_000_000)  # at most, that the teacher answers beside it

    bootstrap: int = Field(default=1000, ge=10, le=1_000_000)  # resamples for the 95% intervals
    latency_rows: int = Field(default=100, ge=1, le=1_000_000)  # rows that latency is measured over


class ExecutorWords(Section):
    """What runs the steps."""

    name: Literal["local", "inline", "ray"] = "local"  # this machine's processes, this process, or a cluster
    workers: int = Field(default=0, ge=0, le=4096)  # processors handed out to steps; 0: every one
    memory: Size | None = None  # handed out to steps that declare some, e.g. 16 GB; null: the machine's
    gpus: int | None = Field(default=None, ge=0, le=1024)  # devices handed out to steps; null: the machine's
    address: str | None = None  # of a Ray cluster; null: $RAY_ADDRESS, else the one of this machine
    machines: int = Field(default=0, ge=0, le=100_000)  # of it to use, this one included; 0: every one
    asking: Literal["here", "anywhere"] = "here"  # where steps of a cluster run that ask a teacher elsewhere


NonNegative = Annotated[float, Field(ge=0)]


class SharedWords(Section):
    """A second store, which several machines share; $P2M_SHARED_STORE and $P2M_SHARED_STORE_MODE go first."""

    url: Annotated[str, AfterValidator(checked_url)]  # e.g. s3://bucket/p2m, or a folder's absolute path
    mode: Literal["read", "write"] = "read"  # write: what is made here is sent there too
    timeout: float = Field(default=DEFAULT_TIMEOUT, gt=0, le=3600)  # seconds that one operation may take
    least_seconds: float = Field(default=0.0, ge=0)  # what took less to make is not sent
    usd_per_thousand: tuple[NonNegative, NonNegative] = LIST_PRICE  # puts and lists, reads; object stores
    namespace: Annotated[str, AfterValidator(checked_namespace)] | None = None  # below the url: team/project
    quota: Size | None = None  # above which nothing more is sent, e.g. 50 GB
    trust: tuple[str, ...] = ()  # public keys or files of some; entries must be signed by one


class StoreWords(Section):
    """Where finished work is kept."""

    path: Path | None = None  # null: $P2M_STORE, else outputs/.store of the project
    shared: SharedWords | None = None  # null: $P2M_SHARED_STORE, else none


class ModelSpec(Section):
    """A whole recipe. Paths are absolute; limits are in weights, bytes, seconds and USD."""

    name: str  # of the model; its bundle lands in outputs/<name>
    prompt: str  # what the model should do, in any language; may hold demonstrations
    examples: Annotated[
        tuple[Annotated[Example, PlainValidator(_example, json_schema_input_type=WrittenExample)], ...],
        _none_as(tuple),
    ] = ()  # demonstrations, beside those in the prompt
    task: TaskWords = TaskWords()  # corrections to what is read from the prompt
    constraints: Annotated[
        Constraints, PlainValidator(_constraints, json_schema_input_type=WrittenConstraints)
    ] = Constraints()  # what the model may cost at most
    metrics: Preferences = Preferences()  # how the model is judged, and what it must reach
    metric: Annotated[
        dict[str, Annotated[Metric, _component("metric")]], BeforeValidator(_present), _none_as(dict)
    ] = {}  # the metrics there are; null takes one away
    data: DataFiles = DataFiles()  # the user's own data
    teacher: Annotated[Teachers, _none_as(lambda: Teachers())] = Field(
        default_factory=lambda: Teachers()
    )  # what makes and answers training rows
    temperature: Annotated[
        Schedule, _component("temperature"), AfterValidator(_scheduled), _none_as(Constant)
    ] = Constant()  # at which a teacher invents inputs
    verifier: Annotated[
        dict[str, Annotated[Verifier, _component("verifier")]], BeforeValidator(_present), _none_as(dict)
    ] = {}  # what a teacher's rows are held to; null takes one away
    retriever: Retrieval = Retrieval()  # what looks for existing datasets
    student: Students  # the model families to choose from
    baselines: Baselines = Field(
        default_factory=lambda: Baselines()
    )  # linear students that a model must not be worse than
    generation: Generation = Generation()  # how much the teacher writes
    curation: Annotated[Curation, AfterValidator(_within)] = Curation()  # which rows are dropped
    split: Annotated[Splitting, AfterValidator(_within)] = Splitting()  # which rows are set aside
    choosing: Annotated[Choosing, AfterValidator(_within)] = Choosing()  # how candidates are tried
    training: Annotated[Training, AfterValidator(_within)] = Training()  # how the student is fitted
    tuning: Tuning = Tuning()  # which settings of that are searched for, in how many trials
    distil: Annotated[Distil, _none_as(lambda: Distil())] = Distil()  # who teaches the student, beside rows
    compression: Compression = Compression()  # what is tried to make the model smaller
    runtime: Annotated[Backend, _component("runtime"), AfterValidator(_needed), _none_as(lambda: ONNX)] = (
        ONNX  # what runs the model where it is deployed
    )
    evaluation: Evaluating = Evaluating()  # how the exported model is judged
    device: Annotated[Device, AfterValidator(_within), AfterValidator(_spread)] = (
        Device()
    )  # where work is done; never changes a result
    executor: ExecutorWords = ExecutorWords()  # what runs the steps
    store: StoreWords = StoreWords()  # where finished work is kept
    tracker: Annotated[Tracker | None, _component("tracker")] = None  # who is told of builds; in no key
    seed: int = Field(default=0, ge=0, lt=2**32)  # of everything random

    @property
    def wanted_metrics(self) -> tuple[str, ...]:
        """Names of metrics that the recipe asks to see or requires, beside the primary one."""
        wanted = [*self.metrics.also, *(requirement.metric for requirement in self.metrics.require)]
        return tuple(dict.fromkeys(name for name in wanted if name in self.metric))

    @property
    def limits(self) -> Limits:
        """What students are held to: the constraints, and how far they may be made smaller.

        Of ways of one sort the smallest counts, and a ladder goes all of its ways; the gate and the verdict
        hold what was made to the constraints themselves.
        """
        shares: dict[type, float] = {}
        ways = self.compression.candidates.values()
        for way in ways if self.compression.ladder else [way for way in ways if getattr(way, "int8", True)]:
            shares[type(way)] = min(shares.get(type(way), 1.0), getattr(way, "least_share", 1.0))
        least = prod(shares.values()) if self.compression.ladder else min(shares.values(), default=1.0)
        told = {each.name: getattr(self.constraints, each.name) for each in fields(Constraints)}
        return Limits(**told, least_share=least)

    @property
    def rows_wanted(self) -> int:
        """How many rows the teacher makes, or inputs it answers."""
        if self.generation.num_examples is not None:
            return self.generation.num_examples
        return _OF_CHAT if self.teacher.chat("generate") else _OF_RULES

    @model_validator(mode="before")
    @classmethod
    def _named_input(cls, value: Any) -> Any:
        """An example's bare text belongs to the task's only input, where that is named."""
        task, examples = (
            (value.get("task"), value.get("examples")) if isinstance(value, Mapping) else (None, None)
        )
        names = task.get("inputs") if isinstance(task, Mapping) else None
        if not (isinstance(names, list) and len(names) == 1 and isinstance(examples, list)):
            return value
        named = [
            {**one, "input": {str(names[0]): one["input"]}}
            if isinstance(one, Mapping) and isinstance(one.get("input"), str)
            else one
            for one in examples
        ]
        return {**value, "examples": named}

    @field_validator("name")
    @classmethod
    def _usable_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} cannot name a folder: use letters, digits, '-', '_' and '.'")
        return value

    @field_validator("prompt")
    @classmethod
    def _said(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty: say what the model should do, in a sentence or more")
        return value

    @field_validator("metric", mode="after")
    @classmethod
    def _same_names(cls, value: dict[str, Metric]) -> dict[str, Metric]:
        wrong = [
            ((name,), f"this metric calls itself {metric.name!r}: write `{metric.name}:`", name)
            for name, metric in value.items()
            if metric is not None and metric.name != name
        ]
        if wrong:
            raise located_error(wrong)
        return value
