"""What a chat model is to those who ask it: the question, the reply, the faults, and the two Protocols that a
provider has. A provider sends one request once; pace, retries, caps and the ledger are `asking`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from p2m.engine.handles import NOW
from p2m.errors import StageError
from p2m.types import Task

SENT = f"{NOW}teacher.sent"  # the sum (`Run.tally`) of the requests that a build paid for itself


class Outcome(StrEnum):
    """How a request ended that was paid for. Each is recorded; none is a silent loss."""

    ANSWERED = "answered"
    REFUSED = "refused"  # by the model
    COMPETING = "refused as competing use"  # by the provider's terms
    FILTERED = "content filter"
    TRUNCATED = "truncated"  # at max_tokens
    TOO_LONG = "context overflow"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: str  # "user" or "assistant"
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a chat model."""

    system: str
    turns: tuple[Turn, ...]
    schema: dict[str, Any] | None = None  # JSON Schema of the reply; None: text
    max_tokens: int = 1024
    temperature: float | None = None  # None, or a model that takes none: the model's own
    sample: int = 0  # which of the answers wanted to one and the same question: a seed, where there are such


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as they are billed."""

    input: int = 0  # all of them, `cached` and `cache_written` included
    output: int = 0  # `reasoning` included
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and is kept in the ledger."""

    outcome: Outcome
    text: str
    usage: Usage = Usage()
    model: str = ""  # as the server calls it
    detail: str = ""  # of a refusal: what was said
    is_batch: bool = False  # whether it was had at a batch's price
    seconds: float = 0.0  # from the sending to the reply


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a provider's headers said is left; None where they said nothing."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None  # until both are full again


@dataclass(frozen=True, slots=True)
class Received:
    """One reply on its way in."""

    reply: Reply
    headroom: Headroom = field(default_factory=Headroom)


class Transient(Exception):
    """It may work in a while: a lost connection, an overloaded server, too many requests."""

    def __init__(
        self, reason: str, *, retry_after: float | None = None, is_rate: bool = False,
        is_absent: bool = False, headroom: Headroom | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.retry_after = retry_after  # seconds, where the server said
        self.is_rate = is_rate  # whether it asks for a slower pace (429, 529)
        self.is_absent = is_absent  # whether nothing listens there
        self.headroom = headroom or Headroom()


class TeacherError(StageError):
    """It will not work however often it is tried: a wrong key, an unknown model, a quota that is used up.

    The message says what, and what to do. It never holds a key.
    """


class NotSetUp(TeacherError):
    """The user's to mend, like any wrong input: no key or a wrong one, no such model, no package, no file."""

    exit_code = 2


class Line(Protocol):
    """An open connection to a chat model."""

    async def send(self, ask: Ask) -> Received:
        """One attempt.

        Raises:
            Transient: it may work later.
            TeacherError: it will not.
        """


@runtime_checkable
class ChatTeacher(Protocol):
    """A chat model that answers questions for money, or for time on this machine."""

    @property
    def model(self) -> str:
        """Keyed."""

    @property
    def concurrency(self) -> int:
        """Requests in flight at most; unkeyed, as the following are."""

    @property
    def attempts(self) -> int:
        """At one request, before its fault ends the step."""

    @property
    def timeout(self) -> float:
        """Seconds that one request may take."""

    @property
    def provider(self) -> str:
        """As the ledger and the price table call it: "anthropic"."""

    @property
    def calls_out(self) -> bool:
        """True: steps that it has part in are replayed from the ledger."""

    @property
    def is_local(self) -> bool:
        """Whether what is asked stays on this machine."""

    @property
    def takes_temperature(self) -> bool:
        """Whether sampling can be set; else diversity comes from the prompt."""

    @property
    def takes_schema(self) -> bool:
        """Whether the server holds a reply to a JSON Schema; else the prompt asks for it."""

    def refusal(self, task: Task) -> str | None:
        """Why it cannot teach the task; None where it can."""

    def problem(self) -> str | None:
        """Why it cannot run here (no key, no package, no file), with what to type; asks no network."""

    def identity(self, ask: Ask) -> dict[str, Any]:
        """The request as the ledger knows it: plain data, all that decides the answer, no place, no key."""

    def open(self) -> AbstractAsyncContextManager[Line]:
        """Connections for as long as the block lasts."""


def named(teacher: ChatTeacher) -> str:
    """As messages and reports call it: "anthropic claude-..."."""
    return f"{teacher.provider} {teacher.model}"


# --------------------------------------------------------------------------- many at once, later


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch is."""

    is_over: bool
    done: int  # requests
    of: int
    fault: Transient | TeacherError | None = None  # why requests without a reply have none


@runtime_checkable
class Batching(Protocol):
    """What a line can do as well where there is a batch API: answers within a day, at half the price."""

    most: int  # requests of one batch
    largest: int  # bytes of one batch

    def item(self, key: str, ask: Ask) -> bytes:
        """A request as a batch has it; `key` is up to 64 letters and digits."""

    async def submit(self, mark: str, items: Sequence[bytes]) -> str:
        """The name of the new batch; `mark` is kept with it where the provider can. Raises as `Line.send`."""

    async def find(self, mark: str, keys: frozenset[str], since: float, known: frozenset[str]) -> str | None:
        """The batch of that mark, or else of those keys, submitted after `since` (seconds since the epoch)
        and none of those `known`; None where there is none. Raises as `Line.send`.
        """

    async def state(self, batch: str) -> BatchState:
        """How far it is. Raises as `Line.send`."""

    async def replies(self, batch: str) -> Sequence[tuple[str, Reply | Transient | TeacherError]]:
        """What became of each request of a batch that is over, by its key. Raises as `Line.send`."""
