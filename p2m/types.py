"""The nouns that every part of p2m shares: frozen values and a few Protocols, standard library only.

Engine, components and stages meet here and nowhere else, so this module imports nothing of p2m.
A value that goes to disk is a frozen dataclass of plain fields (str, int, float, bool, None, enums,
tuples, string-keyed dicts, other such dataclasses) and `Path`, which stands for a file or a folder
that the value owns.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

CROSS_VALIDATION = "cross-validation"  # as `Split.evidence`
GROUPED = "data.group:"  # as beginning of `Example.group`: the user's own column says so
FEEDBACK = "user:feedback"  # as `Example.source`, of rows that people judged in service: only learnt from
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
ALPHA = 0.01  # one-sided, of "more than chance"; divided among the candidates that a model was chosen from


def unkeyed(default: Any) -> Any:
    """A field of a component that cannot change a result: an address, retries, a timeout, a price.

    It enters neither key nor lock; a step that runs is handed the component with it.
    """
    return field(default=default, metadata={"keyed": False})


# --------------------------------------------------------------------------- tasks and rows


class TaskType(StrEnum):
    """What kind of mapping a model learns; the values are the Hub's task names where it has one."""

    QUESTION_ANSWERING = "question-answering"  # the output is a span of one input field, another one asks
    EXTRACTION = "extraction"  # the output is a span of the input or, with `Task.layout`, a list of spans
    CLASSIFICATION = "text-classification"  # the output is one of `Task.labels`
    MULTI_LABEL = "multi-label-classification"  # the output is a JSON list of any number of `Task.labels`
    REGRESSION = "regression"  # the output is a number
    RECORDS = "records"  # the output is a JSON object with `Task.record`'s fields
    TEXT_TO_TEXT = "text2text-generation"  # the output is text
    UNSUPPORTED = "unsupported"  # no text goes in, or none comes out

    @property
    def is_learnt(self) -> bool:
        """Whether there are students for it."""
        return self is not self.UNSUPPORTED

    @property
    def is_labelled(self) -> bool:
        """Whether answers are made of `Task.labels`."""
        return self in (self.CLASSIFICATION, self.MULTI_LABEL)

    @property
    def is_chosen_for(self) -> bool:
        """Whether several students learn it, of which rows must tell the best."""
        return self not in (self.QUESTION_ANSWERING, self.UNSUPPORTED)

    @property
    def is_decided(self) -> bool:
        """Whether an answer is decided by scores of labels, or is a score itself."""
        return self.is_labelled or self is self.REGRESSION


@dataclass(frozen=True, slots=True)
class Example:
    """One row: input fields, the answer, and where it came from."""

    input: dict[str, str]
    output: str
    also: tuple[str, ...] = ()  # further answers that count as right
    source: str = ""  # "user", "squad:train", "embedded:qa.people.birthplace", ...
    group: str = ""  # rows of one group (a passage, a template with its fact) never cross a split's border
    votes: dict[str, float] = field(default_factory=dict)  # answer -> share of samples

    @property
    def answers(self) -> tuple[str, ...]:
        """Every answer that counts as right, the first one being the preferred one."""
        return (self.output, *self.also)

    @property
    def is_grouped(self) -> bool:
        """Whether the user's own column says which rows it belongs with."""
        return self.group.startswith(GROUPED)


@dataclass(frozen=True, slots=True)
class Field:
    """An input or output field of a task."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the spans of one answer are written: `late November == 2012-11 | 3 January == 2013-01-03`.

    In the style "json" an answer is a list of objects with `text`, of `has_types` `type` (one of
    `Task.labels`), of `has_values` `value`, and `start` and `end`, characters of the context field, where
    they are known. In the style "text" the spans stand in their order, joined by `between`; `pair` stands
    between a span and its value, or its type.
    """

    style: str = "json"  # or "text"
    has_types: bool = False
    has_values: bool = False  # text that need not stand in the input
    between: str = " | "
    pair: str = " == "
    type_first: bool = False  # "person: Ann" rather than "Ann: person"


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that a regression answers with."""

    low: float
    high: float
    step: float = 0.0  # between neighbouring answers, e.g. 1 of stars; 0: any number


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of the JSON object that a task of records answers with."""

    name: str
    kind: str  # "label", "labels", "span", "number" or "text"
    description: str = ""
    labels: tuple[str, ...] = ()  # of a label or labels; "true" and "false" are written as JSON has them
    nullable: bool = True  # whether null is an answer
    scale: Scale | None = None  # of a number


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt, understood: what goes in, what comes out, and how it is judged."""

    type: TaskType
    instruction: str  # the prompt without its demonstrations, blanks normalised
    inputs: tuple[Field, ...]
    output: Field
    labels: tuple[str, ...] = ()  # or types of spans, in a stable order; () where data must tell
    parts: tuple[str, ...] = ()  # of the one input, where it holds two texts: the marks before them
    numbers: tuple[str, ...] = ()  # inputs that are a number in every row, where an answer is a label or one
    choices: tuple[str, ...] = ()  # inputs of few short values, which return
    dates: dict[str, str] = field(default_factory=dict)  # inputs that are dates -> ymd, dmy, mdy or time
    options: dict[str, str] = field(default_factory=dict)  # label -> its text: an input, or behind a mark
    none: str | None = None  # the answer of rows without one: "N/A", or the label of what fits no other
    layout: Layout | None = None  # of an extraction of several spans; None: the answer is one span
    scale: Scale | None = None  # of a regression; None where data must tell
    record: tuple[RecordField, ...] = ()  # of records
    descriptions: dict[str, str] = field(default_factory=dict)  # label -> what it means, as the recipe says
    demonstrations: tuple[Example, ...] = ()
    language: str = "en"  # ISO 639-1, of most rows
    languages: tuple[str, ...] = ()  # all that rows are in, where they are several
    metrics: tuple[str, ...] = ()  # suggested, best first
    output_format: str = ""  # in words, e.g. "YYYY, YYYY-MM or N/A; several joined by ' | '"
    reasons: tuple[str, ...] = ()  # how each of the above was read from the prompt
    lacking: str = ""  # of a type without students, what asks for it
    doubts: tuple[str, ...] = ()  # where prompt and rows disagree, or part of the prompt was not read

    @property
    def spoken(self) -> tuple[str, ...]:
        """Every language that rows are in."""
        return self.languages or (self.language,)

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the inputs that are read as text."""
        return tuple(each.name for each in self.inputs if each.name not in (*self.numbers, *self.dates))

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the inputs that are columns of a table rather than texts, and may be empty."""
        return (*self.numbers, *self.choices, *self.dates)

    @property
    def is_span(self) -> bool:
        """Whether the answer is one span of `context_field`."""
        return self.layout is None and self.type in (TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION)

    @property
    def context_field(self) -> str:
        """The field whose text holds the answer (extractive tasks); the last field elsewhere."""
        for candidate in self.inputs:
            if candidate.name in ("context", "passage", "paragraph", "document", "article", "text"):
                return candidate.name
        return self.inputs[-1].name


@dataclass(frozen=True, slots=True)
class Shown:
    """What the user's own training rows show of their task."""

    type: TaskType | None  # None where the rows are too few to tell
    why: str = ""  # e.g. "the rows answer with 3 labels: bug, feature, question"
    labels: tuple[str, ...] = ()  # the distinct answers where they are few, in the order of the rows
    none: str | None = None  # as in Task
    layout: Layout | None = None
    scale: Scale | None = None
    record: tuple[RecordField, ...] = ()
    languages: tuple[str, ...] = ()  # of their inputs, ISO 639-1, the commonest first
    parts: tuple[str, ...] = ()  # as in Task, and so are the next three
    numbers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    dates: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)  # as in Task
    commonest: str = ""  # the answer of nearly all rows, where others are rare
    is_strict: bool = False  # whether there is hardly another way to put answers that are texts
    stand: float = 0.0  # share of the texts or numbers that are answers and stand in a longer input


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a report: how many rows, of what, and one of them to look at."""

    what: str
    rows: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was made and is not used."""

    input: dict[str, str]
    output: str  # "" where there was no answer
    reason: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What asking a teacher came to; of a step, or added up over a build.

    What the ledger answered counts as if it were paid, so that a replayed step makes the same artifact.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None  # USD; None where the price is not known
    seconds: float = 0.0  # of all requests, one after the other
    outcomes: dict[str, int] = field(default_factory=dict)  # "answered", "refused", ... -> requests
    stopped: str = ""  # the limit that ended it early, e.g. "constraints.max_cost=1"; "": none

    def __add__(self, other: Spent) -> Spent:
        """Both together; the cost is known where that of each is that asked for anything."""
        costs = [each.cost for each in (self, other) if each.requests]
        known = [cost for cost in costs if cost is not None]
        return Spent(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known) if costs and len(known) == len(costs) else None,
            self.seconds + other.seconds,
            {
                name: self.outcomes.get(name, 0) + other.outcomes.get(name, 0)
                for name in (self.outcomes | other.outcomes)
            },
            self.stopped or other.stopped,
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows as one artifact, with what was counted while making them."""

    rows: tuple[Example, ...]
    counts: tuple[Count, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)  # e.g. {"relations": 71, "answer_bits": 9.2}
    rejected: tuple[Rejected, ...] = ()
    spent: Spent | None = None  # on a teacher that is paid


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An input without its answer: the user's own, or one that a teacher invented."""

    input: dict[str, str]
    source: str  # "user", "teacher:<model>"
    group: str = ""  # as in Example
    aim: str = ""  # the answer that it was written for; "" where none was
    attributes: dict[str, str] = field(default_factory=dict)  # e.g. {"register": "angry"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs to be answered, as one artifact."""

    rows: tuple[Unanswered, ...]
    counts: tuple[Count, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One way in which inputs differ, e.g. "register": formal, angry, terse."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What invented inputs are spread over, and what each label means."""

    found: tuple[Attribute, ...]
    labels: dict[str, str] = field(default_factory=dict)  # label -> its meaning in a sentence
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """Inputs that the next round should have."""

    share: float  # of the round, 0 to 1
    why: str  # "unsure: billing or technical", "thin"
    aim: str = ""  # label
    near: tuple[dict[str, str], ...] = ()  # inputs that the new ones should resemble, without repeating them


@dataclass(frozen=True, slots=True)
class Needs:
    """Where a quick student is wrong or unsure, and where inputs are thin."""

    found: tuple[Need, ...]
    ranked: tuple[int, ...] = ()  # numbers of the pool's inputs, the most telling first


@dataclass(frozen=True, slots=True)
class Examined:
    """What a teacher said to rows whose answers are known."""

    teacher: str  # "anthropic claude-..."
    inputs: tuple[dict[str, str], ...] = ()
    answers: tuple[str, ...] = ()  # "" where it gave none
    faults: tuple[str, ...] = ()  # a row each: why it gave none, e.g. "refused"; "" where it gave one
    seconds: tuple[float, ...] = ()  # of each request that came by itself, in no batch
    cost: float | None = None  # USD a row; None where the price is not known
    spent: Spent | None = None  # of the step that made this artifact
    note: str = ""  # why there are none

    @property
    def latency(self) -> float:
        """Median of a request in seconds; 0 where none was timed."""
        from statistics import median  # here for its weight: commands that look need none of it

        return median(self.seconds) if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Passed:
    """A teacher was good enough to go on with; the same whatever its figures, so that they re-key nothing."""


@dataclass(frozen=True, slots=True)
class Split:
    """The rows a student learns from, stops by, and is judged on; no near-duplicate crosses a border."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    evidence: str  # "gold" (data.test), "set aside", "cross-validation", "synthetic" or "retrieved"
    counts: tuple[Count, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    folds: tuple[int, ...] = ()  # of each training row, from 0; groups and near-duplicates share one

    @property
    def is_cross_validated(self) -> bool:
        """Whether folds of the training rows judge the model, there being too few to set any aside."""
        return self.evidence == CROSS_VALIDATION

    @property
    def judged(self) -> tuple[Example, ...]:
        """The rows that figures rest on."""
        return self.train if self.is_cross_validated else self.test


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided about an input."""

    input: dict[str, str]  # as it was shown to them
    row: Example | None  # what is learnt in its place; None: nothing
    why: str = ""  # of nothing, the reason


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided about rows and datasets, each input once."""

    found: tuple[Decided, ...]
    refused: tuple[str, ...] = ()  # names of datasets of which no row is learnt
    counts: tuple[Count, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)  # how far several passes agree


# --------------------------------------------------------------------------- retrieval


@dataclass(frozen=True, slots=True)
class Part:
    """A split of a dataset on disk: file names relative to the dataset's folder, and rows where known."""

    name: str  # "train", "validation", "test", "all"
    files: tuple[str, ...]
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a dataset before its rows are read."""

    name: str
    description: str = ""
    task_ids: tuple[str, ...] = ()  # the card's own task categories and ids
    languages: tuple[str, ...] = ()
    license: str = ""  # SPDX-like, lower case; "" where the card is silent
    columns: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    size_bytes: int | None = None
    folder: str = ""  # relative to the catalogue's root
    label_names: dict[str, dict[str, str]] = field(default_factory=dict)  # column -> number -> what it means
    kind: str = "dataset"  # or "model"
    gated: bool = False  # whether its owner must let one in
    rows: int | None = None  # of all parts
    downloads: int = 0
    likes: int = 0
    revision: str = ""  # commit, where it comes from a Hub
    parameters: int | None = None  # of a model, as are the two that follow
    architecture: str = ""  # classes of its checkpoint, as transformers calls them
    library: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dataset that might serve a task, with the reasons for and against."""

    card: Card
    score: float  # the retriever's own, higher is better; comparable within one search only
    mapping: dict[str, str] | None  # task field (inputs and output) -> column; None where none fits
    reasons: tuple[str, ...] = ()
    refusal: str = ""  # why it is not used; "" where it is
    probability: float | None = None  # that it fits, 0 to 1; None where the retriever cannot tell
    is_near: bool = False  # whether its rows were read, and it is refused for them at most
    query: str = ""  # SQL that makes its rows over before they are read

    @property
    def is_unsure(self) -> bool:
        """Whether it is refused only because its columns cannot be told; `mapping` is then a guess, or {}."""
        return bool(self.refusal) and self.mapping is not None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The answer of a search, best first; none that is usable is a valid answer."""

    found: tuple[Candidate, ...]
    spent: Spent | None = None  # on a teacher that was asked about them

    @property
    def usable(self) -> tuple[Candidate, ...]:
        return tuple(candidate for candidate in self.found if not candidate.refusal)


@dataclass(frozen=True, slots=True)
class Imagined:
    """Datasets that would suit a task, as a teacher describes them without knowing any that there is."""

    texts: tuple[str, ...] = ()  # each a name and a description, as cards have them
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class CardIndex:
    """The cards of a catalogue, made ready to be searched (p2m/retrievers/card_index.py)."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Files:
    """A file or folder of the user's, as an artifact: keyed by content, never by place."""

    path: Path


@dataclass(frozen=True, slots=True)
class LoadedDataset:
    """A dataset of a Hub of which rows were taken, or why none were."""

    name: str
    revision: str = ""  # commit
    license: str = ""  # as its card says at that commit
    files: dict[str, str] = field(default_factory=dict)  # file of the repository -> sha256 and bytes
    rows: int = 0
    refusal: str = ""  # "" where rows were taken


@dataclass(frozen=True, slots=True)
class Loaded(Files):
    """A folder of datasets that were fetched, each with its card and a sample of its rows."""

    datasets: tuple[LoadedDataset, ...] = ()


# --------------------------------------------------------------------------- settings that enter keys


@dataclass(frozen=True, slots=True)
class Pace:
    """What a family's training takes where a recipe leaves it open."""

    learning_rate: float  # at its highest
    epochs: float  # passes over the rows, where there are many
    fewest_steps: int  # optimiser steps below which learning has hardly begun
    from_scratch: bool = False  # whether it knows nothing before


@dataclass(frozen=True, slots=True)
class Training:
    """How a student is fitted; all of it enters keys. None: scaled to rows, labels and student."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: float | None = None  # passes over the training rows; early stopping may end it before
    batch_size: int | None = None  # rows a step
    batch_tokens: int | None = None  # tokens a step, padding included; in place of rows
    learning_rate: float | None = None  # at its highest, after the warm-up
    layer_decay: float = 1.0  # rate of a layer over that of the one above it, 0 to 1
    freeze_embeddings: bool | None = None  # None: as suits student and task
    freeze_layers: int = 0  # the lowest ones, and the embeddings with them
    schedule: str = "linear"  # of the rate after the warm-up: linear or cosine down to 0, or constant
    warmup_ratio: float = 0.06  # of all steps, 0 to 1
    weight_decay: float = 0.01  # of AdamW
    label_smoothing: float = 0.0  # 0 to 1
    class_weights: str = "auto"  # balanced, none, or auto: balanced where the metric counts labels alike
    focal: float = 0.0  # gamma of focal loss: above 0, rows that are easy count less
    soft_labels: bool = False  # whether labels are learnt as likely as votes make them, where rows have these
    average: str = "none"  # of weights: ema (of all steps), last (of the last evaluations)
    patience: int = 3  # evaluations without a better primary metric before stopping
    evaluations: int = 6  # over the whole training, evenly spaced; each is a checkpoint too
    max_length: int = 256  # tokens of a training row; longer contexts are windowed
    precision: str = "auto"  # auto, fp32 or bf16; auto takes the faster one, by a timed pass


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a search may set one setting to: one of `choices`, or a number from `low` to `high`."""

    choices: tuple[int | float | str, ...] = ()  # () of a range
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False  # whether it is drawn evenly on a logarithmic scale
    is_relative: bool = False  # whether low and high are times what is set without a search
    is_whole: bool = False

    def __str__(self) -> str:
        """As a recipe has it: `x0.5 .. x2 log`."""
        if self.choices:
            return f"[{', '.join(map(str, self.choices))}]"
        times = "x" * self.is_relative
        return f"{times}{self.low:.10g} .. {times}{self.high:.10g}{' log' * self.is_log}"


@dataclass(frozen=True, slots=True)
class Distilling:
    """How a student learns from a teacher's logits (Hinton et al., 2015, arXiv 1503.02531)."""

    alpha: float = 0.1  # of the loss, the share of the rows' own answers, 0 to 1
    temperature: float = 4.0  # above 1, what the teacher thinks of the other answers counts more


@dataclass(frozen=True, slots=True)
class Instructor:
    """A model on this machine whose logits a student learns from."""

    name: str  # as the recipe calls it: a family, a recipe or a bundle
    student: Any = None  # the family's component, which is trained first; None: `bundle`
    recipe: Path | None = None  # that makes the bundle
    bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class Curation:
    """Which rows are dropped before the split. All of it enters the key of the curating step."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    near_duplicate: float = 0.9  # Jaccard of character 5-gram shingles, 0 to 1; 1 drops exact ones only
    max_share_of_answer: float = 1.0  # largest share of the rows that one answer may have, 0 to 1
    decontaminate: bool = True  # drop rows that are near a demonstration or a test row


@dataclass(frozen=True, slots=True)
class Splitting:
    """How rows are set aside. A user's own validation or test file is kept whole and needs no share."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    folds: int = 5  # of a cross-validation, which chooses and, of few rows, estimates
    cross_validate_below: int = 1000  # own rows; with fewer, and no test set, none is set aside
    validation_share: float = 0.05  # of the curated rows, 0 to 1
    max_validation: int = 500  # rows
    test_share: float = 0.1  # of the curated rows, 0 to 1
    max_test: int = 1000  # rows


@dataclass(frozen=True, slots=True)
class Choosing:
    """How candidates that take long are tried: probe trainings on samples, of which the better ones go on to
    larger samples.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    sample: float = 0.125  # share of the training rows that the last probe of a student learns from, 0 to 1
    rungs: int = 2  # samples, each three times as large as the one before
    least_rows: int = 1000  # of the last sample, where there are so many
    trials: int | None = None  # probe trainings of students that are tuned, in all; None: no limit
    minutes: float | None = None  # that these take on the machine that builds; None: no limit


@dataclass(frozen=True, slots=True)
class Caps:
    """What a build may spend on teachers, over all of its steps and processes; None means no limit."""

    max_cost: float | None = None  # USD
    max_requests: int | None = None
    max_tokens: int | None = None  # in and out


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a metric, or the ratio to the teacher's (`teacher_ratio`), must reach for a model to ship."""

    metric: str
    operator: str  # one of >=, >, <=, <, ==
    value: float

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.value:g}"

    def is_met(self, value: float) -> bool:
        """Whether a metric of this value meets it."""
        return _OPERATORS[self.operator](value, self.value)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the deployed model may cost at most; None means no limit. Bytes, seconds, USD."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    max_parameters: int | None = None
    max_size: int | None = None  # bytes of the exported model with its tokenizer
    max_latency: float | None = None  # seconds, p95 on one core, one row
    precision: float | None = None  # share of right answers among those given, others being abstained from
    max_cost: float | None = None  # USD paid to teachers for one cold build
    max_requests: int | None = None  # put to teachers in one cold build
    max_tokens: int | None = None  # in and out of teachers in one cold build
    languages: tuple[str, ...] = ()  # ISO 639-1; () means the prompt's own
    licenses: tuple[str, ...] = ()  # accepted licences of data and base models; () means any
    network: str = "all"  # which steps may reach other machines: none, teacher, hub or all

    @property
    def caps(self) -> Caps:
        """Those of the limits that asking teachers is held to."""
        return Caps(self.max_cost, self.max_requests, self.max_tokens)


@dataclass(frozen=True, slots=True)
class Limits(Constraints):
    """Constraints as students are held to them while none is trained."""

    least_share: float = 1.0  # of a student's usual bytes, eight bits a weight, what compression may leave


# --------------------------------------------------------------------------- models and figures


@dataclass(frozen=True, slots=True)
class Contender:
    """What choosing needs to know of a student that task and constraints allow."""

    name: str
    parameters: int
    size_bytes: int  # of its smallest export, as expected
    license: str
    is_tuned: bool = False  # whether it takes minutes to train, and not seconds


@dataclass(frozen=True, slots=True)
class Choice:
    """The student that was chosen, and why, and why not the others."""

    student: str  # its name among the candidates
    reasons: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)  # student -> reason
    scores: dict[str, float] = field(default_factory=dict)  # student -> primary metric out of fold
    curves: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)  # student -> rows, metric


@dataclass(frozen=True, slots=True)
class Survivors:
    """The students that are tried on the next sample; of what was seen only that, so that figures re-key
    nothing.
    """

    students: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)  # of those that are not, why


@dataclass(frozen=True, slots=True)
class Paces:
    """Seconds that the probe trainings of each candidate that is tuned take on this machine."""

    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Latency:
    """What one answer of an untrained candidate takes on one core of this machine."""

    p50: float  # seconds
    p95: float
    size_bytes: int  # of its exported model and tokenizer


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of every candidate that could be taken."""

    students: dict[str, Latency]
    rows: int  # that were answered
    machine: str


@dataclass(frozen=True, slots=True)
class Winner:
    """Of a `Choice` what fitting depends on, so that neither figures nor rivals of the winner re-key any."""

    student: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation during training."""

    step: int
    loss: float
    score: float  # the primary metric (`merit`) on the validation rows, or a sample of them


@dataclass(frozen=True, slots=True)
class Look:
    """How good a training was when a share of its steps was taken."""

    share: float  # 0 to 1
    score: float  # the best so far


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a trial of a search sets, and what it must keep up with."""

    values: dict[str, int | float | str]  # setting of the training or of the student -> value
    others: tuple[tuple[Look, ...], ...] = ()  # earlier trials; () where none is stopped for them


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial of a search came to."""

    values: dict[str, int | float | str]  # {}: the recipe as it is
    score: float  # primary metric (`merit`) on validation, of the weights that are kept
    was_pruned: bool = False  # whether it was stopped for falling behind earlier trials


@dataclass(frozen=True, slots=True)
class Fit:
    """What fitting a student came to."""

    parameters: int = 0
    steps: int = 0
    best: float = 0.0  # primary metric on validation, of the weights that are kept; 0 without validation rows
    history: tuple[Evaluation, ...] = ()  # from step 0 where the head was solved; () without validation rows
    environment: dict[str, str] = field(default_factory=dict)  # device, precision, versions of libraries
    rows: int = 0  # learnt from
    cut: int = 0  # of them, longer than what is read of one
    planned: int = 0  # steps of the whole schedule
    proposal: dict[str, int | float | str] = field(default_factory=dict)  # that a trial set; {}: none
    was_pruned: bool = False  # whether it was stopped for falling behind earlier trials
    trials: tuple[Trial, ...] = ()  # where there was a search
    losses: tuple[float, ...] = ()  # means of the training loss over equal parts of the steps


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted student: a Hugging Face checkpoint folder (config, safetensors, tokenizer), or a linear model
    as it is served.
    """

    checkpoint: Path | None  # None where another candidate was taken
    fit: Fit = Fit()


@dataclass(frozen=True, slots=True)
class Softened:
    """A teacher's logits of the training rows, then of the user's texts without an answer."""

    teacher: str  # in words
    logits: Path  # an .npz, as `p2m.students.distilled` has it
    texts: tuple[Example, ...] = ()  # each with the teacher's answer
    vocabulary: str = ""  # digest of the tokens that the teacher writes or points at; "" where it does not
    counts: tuple[Count, ...] = ()  # what became of the texts


@dataclass(frozen=True, slots=True)
class Encoder:
    """A base encoder as exported: `model.onnx` (embeddings of unit length) and `tokenizer.json`."""

    folder: Path
    precision: str  # "fp32" or a compressor's name
    window: int  # tokens of a text that are read


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The rows of a split, and the words of its labels, through an encoder.

    An .npz with `train`, `validation`, `test` and `labels`, each (rows, dimensions) float32; of rows whose
    two inputs are compared also `train-pairs` and so on, each (rows, 2 * dimensions + 1).
    """

    vectors: Path


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What a student said to training rows that it had not learnt from, fold by fold."""

    student: str
    rows: tuple[int, ...]  # numbers of training rows, ascending
    answers: tuple[str, ...]
    confidences: tuple[float, ...]  # 0 to 1
    folds: tuple[int, ...] = ()  # that were held out, one after the other
    note: str = ""  # why there are none, or not of every fold
    learnt: int = 0  # rows of a sample that it learnt from; 0: of all that were not held out


@dataclass(frozen=True, slots=True)
class Gated:
    """A variant of the model, and what the gate said to it."""

    name: str  # "fp32", "int8"
    score: float  # primary metric (`merit`) on validation
    size_bytes: int
    kept: bool
    reason: str
    latency: float | None = None  # seconds of an answer, median on one core; None where nothing was raced


@dataclass(frozen=True, slots=True)
class Variant:
    """The fitted student as it could ship, in full precision or made smaller, and what it is worth."""

    model: Path | None  # as in `Exported`; None where another candidate was taken
    name: str  # "fp32", "int8"; of another backend than onnx "openvino int8"
    score: float = 0.0  # primary metric (`merit`) on the validation rows; on training rows without any
    size_bytes: int = 0
    fit: Fit = Fit()
    note: str = ""  # why there is no model, where it is not for another candidate


@dataclass(frozen=True, slots=True)
class Pruned:
    """A fitted student without the parts that matter least, and trained again: as `Trained`."""

    checkpoint: Path | None
    fit: Fit = Fit()
    note: str = ""  # what was taken, or why nothing was


@dataclass(frozen=True, slots=True)
class Weighing:
    """What a linear student over an encoder is worth, by rows that it did not learn from."""

    name: str  # of the encoder: "fp32", "trimmed", "trimmed+int8"
    score: float  # primary metric (`merit`)
    size_bytes: int  # of the encoder's folder


@dataclass(frozen=True, slots=True)
class Weighed:
    """An encoder made smaller step by step, and what each step is worth; the first is in full precision."""

    tried: tuple[Weighing, ...]
    judged: str = ""  # by which rows


@dataclass(frozen=True, slots=True)
class Rung:
    """One way of making the model smaller, and what became of it."""

    name: str  # of what came of it: "pruned+trimmed+int8"
    score: float | None  # primary metric (`merit`); None where nothing was made
    size_bytes: int
    kept: bool
    reason: str
    latency: float | None = None  # seconds of an answer, median on one core; None where it was not timed
    of: str = "model"  # or "encoder": the frozen one that linear students read


@dataclass(frozen=True, slots=True)
class Ladder:
    """All that was tried to make the model smaller."""

    rungs: tuple[Rung, ...]
    judged: str  # by which rows
    taken: str  # name of the rung that ships


@dataclass(frozen=True, slots=True)
class Timed:
    """What answers of a variant cost on one core of this machine, measured in turn with its rivals."""

    name: str  # of the variant
    latency_p50: float  # seconds, of a row alone
    latency_p95: float  # seconds
    throughput: float  # rows a second, given to the predictor 32 at a time


@dataclass(frozen=True, slots=True)
class Race:
    """Variants side by side."""

    timed: tuple[Timed, ...]
    machine: str  # the processor's name


@dataclass(frozen=True, slots=True)
class Exported:
    """A model as the bundle will ship it: the folder that `p2m.deploy.serving.predictor.Predictor` opens."""

    model: Path
    precision: str
    parameters: int
    size_bytes: int
    variants: tuple[Gated, ...]
    warnings: tuple[str, ...] = ()  # what its training lacked
    fit: Fit = Fit()
    calibrated: str = ""  # by which rows its scores were, or why by none


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value over a set of rows, with its 95% bootstrap interval."""

    metric: str
    value: float
    low: float
    high: float
    rows: int
    lower_is_better: bool = False

    def ahead(self, value: float) -> float:
        """By how much it is better than a value; below 0 where it is worse."""
        return value - self.value if self.lower_is_better else self.value - value


@dataclass(frozen=True, slots=True)
class Judged:
    """A row of the test set with what the model said; `correct` is the primary metric's value of the row."""

    input: dict[str, str]
    output: str
    predicted: str
    confidence: float
    correct: float  # 0 to 1
    teacher: str | None = None  # what the teacher said; None: it was not asked
    teacher_correct: float = 0.0  # as `correct`, of the teacher


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rival of the model answered to the judged rows."""

    name: str
    answers: tuple[str, ...]
    is_learnt: bool  # a linear student; else an answer that needs no learning


@dataclass(frozen=True, slots=True)
class Baselines:
    """The rivals of a model, on the rows that judge it."""

    found: tuple[Baseline, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The model beside a baseline on the same rows, by the primary metric: a paired permutation test."""

    name: str
    value: float  # of the baseline
    better: float  # one-sided p of the model being better, 0 to 1
    worse: float  # one-sided p of its being worse, 0 to 1
    is_learnt: bool  # see Baseline
    needed: int | None = None  # rows that would tell a difference as large as the one seen; None: none seen


@dataclass(frozen=True, slots=True)
class Beside:
    """Model and teacher on the same rows, by the primary metric; intervals are of paired resamples."""

    name: str  # of the teacher, as in Examined
    rows: int
    value: float  # of the teacher
    student: float
    difference: Score  # the model's value less the teacher's
    ratio: Score | None  # the model's value over the teacher's; None where the teacher's is (nearly) 0
    better: float  # one-sided p of the model being better, 0 to 1
    worse: float  # one-sided p of its being worse, 0 to 1


@dataclass(frozen=True, slots=True)
class Held:
    """A model beside a bundle that was there before it, on rows that judge both."""

    beside: Beside | None  # the bundle as teacher; None where they were not compared
    won: int = 0  # rows on which the model is righter
    lost: int = 0  # and on which the bundle is
    examples: tuple[Judged, ...] = ()  # some of the lost ones, the bundle as teacher
    note: str = ""  # why they were not compared, or on which rows
    is_open: bool = False  # whether there is such a bundle, and it could not be compared


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a teacher graded written answers, beside each other and blind; grades are shares, 0 to 1."""

    judge: str  # provider and model
    agreement: (
        Score | None
    )  # share of rows where the known answer is graded above another row's; None: no pair
    right: float = 0.0  # mean of the known answers
    teacher: float | None = None  # mean of the teacher's answers; None where it was not asked
    steady: float = 0.0  # share of rows where the order of the answers did not change which was better
    ungraded: int = 0  # rows without a grade
    spent: Spent | None = None
    note: str = ""  # why there is no grade


@dataclass(frozen=True, slots=True)
class Coverage:
    """Answers that are sure enough for a wanted precision, on the rows that judge the model."""

    wanted: float
    share: float  # of the rows that are answered
    precision: float  # the mean of `Judged.correct` over them
    low: float
    high: float  # its 95% interval
    rows: int  # that are answered


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the rows that judge a model."""

    name: str  # "answer=billing", "length=12 to 80 characters"
    rows: int
    value: float  # the mean of `Judged.correct`
    low: float
    high: float  # its interval, which all slices together keep to in 95 cases of 100


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What becomes of a model's answers where inputs are written otherwise, by the primary metric."""

    what: str  # "typing errors"
    rows: int
    before: float
    after: float
    difference: Score  # after less before, with the interval of paired resamples
    same: float  # share of the answers that stay as they were


@dataclass(frozen=True, slots=True)
class Sureness:
    """How far a model's scores can be relied on."""

    error: float  # expected calibration error
    before: float  # of the scores as the model gives them
    coverages: tuple[Coverage, ...]  # by wanted precision; without those that no score gives


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The exported model on the rows that judge it, beside what it must beat.

    Of a cross-validation the answers are those of models that learnt from the other folds; the exported one
    learnt from all rows.
    """

    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]
    teacher: Beside | None  # None where it was not asked
    teacher_note: str  # on how many rows, or why on none
    evidence: str  # as in Split
    rows: tuple[Judged, ...] = ()
    tried: int = 1  # candidates of which the model is the best, on the rows that judge it
    out_of_fold: float | None = None  # primary metric in the cross-validation that chose the model
    judgement: Judgement | None = (
        None  # where a teacher graded the answers; the grade is the last of `scores`
    )
    sureness: Sureness | None = None  # None where the scores were not calibrated
    slices: tuple[Slice, ...] = ()  # the weakest first
    rewritten: tuple[
        Rewritten, ...
    ] = ()  # of some of the rows; of a cross-validation it has learnt from them
    groups: int = 0  # that the rows are of, where the user's own column tells; none was learnt from

    @property
    def weakest(self) -> Slice | None:
        """The slice that is worse than all rows by more than chance; None where none is."""
        overall = sum(row.correct for row in self.rows) / max(1, len(self.rows))
        return next((each for each in self.slices if each.high < overall), None)

    @property
    def spent(self) -> Spent | None:
        """On the judge, where there is one."""
        return self.judgement.spent if self.judgement else None

    @property
    def baselines(self) -> dict[str, float]:
        """Name -> primary metric, e.g. {"majority": 0.02}."""
        return {each.name: each.value for each in self.comparisons}


@dataclass(frozen=True, slots=True)
class Measured:
    """Cost of answers on one core of this machine, over real rows."""

    latency_p50: float  # seconds, of a row alone
    latency_p95: float  # seconds
    throughput: float  # rows a second, given to the predictor 32 at a time
    rows: int
    peak_memory: int  # bytes, of the measuring process
    machine: str  # the processor's name
    latency_p99: float = 0.0  # seconds; 0: not measured

    @property
    def core_hours(self) -> float:
        """What a million answers take of one core, in hours, in batches."""
        return 1e6 / self.throughput / 3600 if self.throughput else 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """What teachers did for a build, what it cost, and after how many requests the model has paid for it."""

    spent: Spent  # of the whole build
    funnel: tuple[Count, ...] = ()  # from what was asked to the rows that were kept
    votes: dict[str, int] = field(default_factory=dict)  # share of samples that agree, "0.67" -> rows
    per_request: float | None = None  # USD that a teacher takes for one answer; None: not known
    latency: float = 0.0  # seconds that it takes for one, by itself; 0: not timed
    student_latency: float = 0.0  # seconds, median of a row alone on one core
    break_even: int | None = None  # requests after which the model has paid for itself
    note: str = ""  # why there is no such number


@dataclass(frozen=True, slots=True)
class Report:
    """What data, training and evaluation came to: `report.html`, on its own, and `report.txt`."""

    folder: Path


class Decision(StrEnum):
    """What a verdict comes to."""

    SHIP = "SHIP"
    FALLS_SHORT = "FALLS SHORT"  # it was seen to miss its contract
    UNPROVEN = "UNPROVEN"  # too few rows to tell


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the model meets its contract: the recipe's, and that it beats what needs no model."""

    decision: Decision
    lines: tuple[str, ...]  # one a requirement: "exact_match 0.71 (>= 0.60)"
    failures: tuple[str, ...]  # of the lines: what was missed
    evidence: str
    unproven: tuple[str, ...] = ()  # of the lines: what too few rows cannot tell
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()  # what to do next: which rows, how many

    @property
    def ship(self) -> bool:
        return self.decision is Decision.SHIP

    def told(self) -> list[str]:
        """What is said against the model, and what to do next: the faults first."""
        kinds = {"falls short": self.failures, "unproven": self.unproven, "warning": self.warnings}
        kinds["next"] = self.advice
        return [f"{kind}: {line}" for kind, lines in kinds.items() for line in lines]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder that runs without p2m, and the verdict on it."""

    folder: Path
    verdict: Verdict


# --------------------------------------------------------------------------- components


@runtime_checkable
class Teacher(Protocol):
    """Writes rows for a task, with their answers. One that answers others' is a `ChatTeacher`."""

    def refusal(self, task: Task) -> str | None:
        """Why this teacher cannot write rows for the task, and what would help; None where it can."""

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows. The first n rows do not depend on `number`: a larger number only adds."""

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts worth a line in the data report, e.g. relations, forms, answer entropy."""


@runtime_checkable
class Retriever(Protocol):
    """Ranks the cards of a catalogue for a task."""

    def search(
        self, task: Task, cards: Sequence[Card], imagined: Sequence[str] = ()
    ) -> tuple[Candidate, ...]:
        """Best first; only the scores and their reasons, no mapping and no refusal yet.

        `imagined` are descriptions of datasets that would suit, which count beside the prompt.
        """


@runtime_checkable
class IndexRetriever(Protocol):
    """Ranks the cards of an index, which has an embedding of each; those of a catalogue are made once."""

    @property
    def model(self) -> str:
        """The sentence encoder: a folder, or a name on the Hub."""

    @property
    def revision(self) -> str: ...

    @property
    def sha256(self) -> str:
        """Of the encoder's weights; "" where any do."""

    @property
    def window(self) -> int:
        """Tokens of a card that are read."""

    def rank(
        self,
        task: Task,
        index: Any,
        encode: Callable[[Sequence[str]], Any],
        imagined: Sequence[str] = (),
    ) -> tuple[Candidate, ...]:
        """Best first, as `Retriever` says; `index` is a `p2m.retrievers` one, `encode` the encoder's."""


@runtime_checkable
class Metric(Protocol):
    """A figure of merit, 0 to 1, higher is better.

    One whose class says `lower_is_better = True` is an error, from 0 on, in units of its own.
    """

    @property
    def name(self) -> str: ...

    def refusal(self, task: Task) -> str | None:
        """Why the metric does not fit the task; None where it does."""

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Per-row sufficient statistics: an array (rows, k) that resampling can index."""

    def value(self, statistics: Any) -> float:
        """The metric over these rows' statistics."""


def merit(metric: Metric, value: float) -> float:
    """The value of a metric, turned where lower is better, so that more of it is always better."""
    return -value if getattr(metric, "lower_is_better", False) else value


@runtime_checkable
class Verifier(Protocol):
    """Says what is wrong with a row that a teacher answered."""

    @property
    def name(self) -> str: ...

    def refusal(self, task: Task) -> str | None:
        """Why the verifier does not fit the task; None where it does."""

    def fault(self, task: Task, row: Example) -> str | None:
        """What is wrong with the row; None where nothing is."""


@runtime_checkable
class InputVerifier(Verifier, Protocol):
    """A verifier that tells by the input alone, so that no answer to it needs to be paid for."""

    def unfit(self, task: Task, values: dict[str, str]) -> str | None:
        """What is wrong with an input; None where nothing is."""


@runtime_checkable
class Schedule(Protocol):
    """The temperature at which a teacher invents."""

    def at(self, share: float) -> float:
        """The temperature, 0 to 2, after `share` of a run, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a linear student is fitted to."""

    task: Task
    labels: tuple[str, ...]
    rows: tuple[Example, ...]
    vectors: Any  # (rows, dimensions) float32, of the rows, then of labels' words; None without an encoder
    encoder: Path | None  # the exported encoder's folder, for students that ship it or read states of words
    balanced: bool = False  # whether every label counts as much as every other, however rare
    log_offset: float | None = None  # what numbers are learnt as logarithms after; None: as they are


@dataclass(frozen=True, slots=True)
class Shaping:
    """What a loss makes of the rows of a batch."""

    smoothing: float = 0.0  # of labels, 0 to 1
    weights: Any = (
        None  # (labels,) tensor: what a row of each label counts, 1 on the average row; None: all alike
    )
    focal: float = 0.0  # gamma (Lin et al., 2017, arXiv 1708.02002); 0: rows that are easy count in full
    soft: bool = False  # whether shares of votes, where a batch has them, outrank labels


class Learner(Protocol):
    """A student made ready for one task: a torch model and the two ways between rows and tensors."""

    model: Any  # torch.nn.Module with `config` and `save_pretrained`
    tokenizer: Any  # what `save_pretrained` writes beside the weights; None where there is none

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """Training features: lists of ints by name, `labels` (or start/end positions) included."""

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """How many rows are longer than what `encode` keeps of one."""

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A padded batch of tensors, (batch, length)."""

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """Mean loss of a batch of `collate`, a scalar tensor."""

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        """The model's answers as text, for the metric that steers early stopping."""


@runtime_checkable
class ScoredLearner(Protocol):
    """A `Learner` that knows how sure it is."""

    def scored(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[tuple[str, float]]:
        """The answers of `predict`, each with its score, 0 to 1."""


@runtime_checkable
class WarmStarter(Protocol):
    """A `Learner` whose head can be solved before the first step."""

    def warm_start(
        self, features: Sequence[dict[str, Any]], *, batch_size: int, device: Any, balanced: bool
    ) -> float | None:
        """Set the head to what suits the model as it is; the mean loss of the features, `encode`'s, then.

        None where this head has no such value.
        """


@runtime_checkable
class Remarker(Protocol):
    """A `Learner` that has something to say of its rows before the first step."""

    def remarks(self, rows: Sequence[Example]) -> list[str]:
        """What of the rows it cannot write, with an example, and how long its answers may be."""


@runtime_checkable
class BaseEncoder(Protocol):
    """A text encoder whose weights stay as they are: exported once, shared by every recipe that reads it."""

    @property
    def window(self) -> int:
        """Tokens of a text that are read, at once or at all."""

    @property
    def is_pooled(self) -> bool:
        """Whether it gives an `embedding` of each text, of unit length; else `states`, one of each token."""

    def export(self, target: Path) -> None:
        """Write `model.onnx`, which gives these, and `tokenizer.json` to `target`."""


@runtime_checkable
class Student(Protocol):
    """A family of small models: a `TunedStudent` or a `LinearStudent`."""

    @property
    def parameters(self) -> int:
        """Number of weights, for constraints, before anything is loaded."""

    @property
    def license(self) -> str: ...

    @property
    def size_bytes(self) -> int:
        """Expected size of the smallest export, for constraints and the plan."""

    def refusal(self, task: Task) -> str | None:
        """Why this student cannot learn the task; None where it can."""

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        """Write the folder that `p2m.deploy.serving.predictor.Predictor` opens, in full precision."""


@runtime_checkable
class TunedStudent(Student, Protocol):
    """A family whose weights gradient descent moves."""

    @property
    def pace(self) -> Pace:
        """What training takes where the recipe says `auto`."""

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """Load or initialise the weights. Raises `MissingWeights` where they cannot be had."""

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        """The learner again, from a checkpoint folder that training wrote."""


@runtime_checkable
class Proposer(Protocol):
    """What a search tries next."""

    looks_back: ClassVar[bool]  # whether what earlier trials came to decides

    def refusal(self) -> str | None:
        """Why it cannot be used here, with what to type."""

    def propose(
        self, space: Mapping[str, Dimension], earlier: Sequence[Trial], *, number: int, seed: int
    ) -> dict[str, int | float | str]:
        """Values for the trial of that number, which depend on nothing else; nothing is relative any more."""


@runtime_checkable
class LinearStudent(Student, Protocol):
    """A family with a convex loss: solved in seconds, no steps, nothing to stop by."""

    @property
    def encoder(self) -> BaseEncoder | None:
        """What it reads embeddings of; None where words are enough."""

    def solve(self, lesson: Lesson, target: Path) -> int:
        """Fit and write the folder that `Predictor` opens; the number of weights."""


@runtime_checkable
class PairStudent(LinearStudent, Protocol):
    """A linear student that reads how the two inputs of a task compare, and neither for what it says."""

    @property
    def compares(self) -> bool: ...


@runtime_checkable
class Backend(Protocol):
    """What runs a model where it is deployed: it makes the folder, and ships the file that opens it."""

    @property
    def name(self) -> str:
        """A Python name: predictor.json has it as `backend`, and a bundle as serving/backends/<name>.py."""

    @property
    def requirements(self) -> tuple[str, ...]:
        """Distributions that its serving file imports; the bundle's requirements.txt lists them."""

    @property
    def serving(self) -> Path:
        """That file, as `p2m.deploy.serving.backends` says; of the bundle it imports relatively."""

    def refusal(self, task: Task) -> str | None:
        """Why it cannot run models of the task, and what would help; None where it can."""

    def convert(self, source: Path, target: Path) -> None:
        """Write the folder to deploy, from one in full precision: ONNX graphs, predictor.json, and perhaps
        a tokenizer, which stays as it is. `backend` in the new predictor.json is this one's name.
        """


@runtime_checkable
class FormatBackend(Backend, Protocol):
    """A backend whose format has precisions of its own; what compressors make is not for it."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """The most exact first."""

    def convert(self, source: Path, target: Path, *, precision: str = "") -> None:
        """As `Backend` says, in one of `precisions`; in the first where none is named."""


@runtime_checkable
class ExtraBackend(Backend, Protocol):
    """A backend whose packages are not everywhere, or that runs some students alone."""

    @property
    def computes(self) -> str:
        """The precision in which it computes full-precision graphs, and reads no others; "": as they are."""

    def missing(self) -> str | None:
        """The extra of p2m to install before it can be used; None where it is there."""

    def unfit(self, student: Student) -> str | None:
        """Why it cannot run what the student exports; None where it can."""


@runtime_checkable
class RacingBackend(Backend, Protocol):
    """Several backends, of which the fastest is taken where the model is built."""

    @property
    def rivals(self) -> tuple[ExtraBackend, ...]:
        """Those that may take its place, whether they are installed or not."""

    def of(self, name: str) -> Backend:
        """The one of that name, of the rivals or itself."""


@runtime_checkable
class Compressor(Protocol):
    """Makes an exported folder smaller or faster; the gate decides whether it is kept."""

    @property
    def name(self) -> str: ...

    def compress(self, source: Path, target: Path) -> None:
        """Write a compressed copy of the exported folder `source` to `target`."""


@runtime_checkable
class CalibratedCompressor(Compressor, Protocol):
    """A compressor that must see what rows make of a graph, of a model that answers by labels or numbers."""

    @property
    def rows(self) -> int:
        """Training rows that it wants to see."""

    def watch(self, source: Path, target: Path) -> None:
        """Write a copy of `source` with further outputs, one number a row each."""

    def compress(self, source: Path, target: Path, *, seen: Mapping[str, Any] | None = None) -> None:
        """As `Compressor` says; `seen` are the outputs, (rows,) each, of the copy that `watch` wrote."""


@runtime_checkable
class ReshapingCompressor(Compressor, Protocol):
    """A compressor after which others may go on."""

    @property
    def leaves_floats(self) -> bool:
        """Whether what it writes is in full precision."""


@runtime_checkable
class Pruner(Protocol):
    """Takes out of a fitted model what matters least, before it is exported; training then recovers it."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int:
        """Training rows by which it is told what matters."""

    @property
    def recovery(self) -> float:
        """Of the steps of a training, the share that follows."""

    def unfit(self, model: Any) -> str | None:
        """Why nothing can be taken out of the model, a `Learner`'s; None where something can."""

    def prune(self, learner: Learner, features: Sequence[dict[str, Any]], *, device: Any) -> str:
        """Change the learner's model in place, by the loss of these features; what was taken, in words."""


@runtime_checkable
class VocabularyCompressor(Compressor, Protocol):
    """A compressor that keeps what some languages, and the rows at hand, are written in."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1; (): the compiler says which."""

    def compress(self, source: Path, target: Path, *, texts: Iterable[str] = ()) -> None:
        """As `Compressor` says; `texts` are of the training rows."""
