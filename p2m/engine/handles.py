"""What a running stage is handed. None of it can change a result, so none of it enters a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol

NOW = "now."  # begins the names of sums that are of one build alone, see `Run.tally`
SHARDED = ("fsdp", "deepspeed")  # ways of `Device.accelerate` whose settings travel with p2m


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how work is done. It cannot change a result, so it never enters a key."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    type: str = "auto"  # auto, cpu or cuda
    threads: int = 0  # 0: all cores
    batch_size: int = 32  # rows at once where nothing is learnt
    tokens_at_once: int = 0  # of a training step, padding included; 0: all, or what fits into the memory
    processes: int = 1  # that share out the rows of each training step, over all nodes
    nodes: int = 1  # machines of a Ray cluster that these processes are placed on, as many on each
    accelerate: str = ""  # fsdp, deepspeed, or what `accelerate config` wrote, a file; "": none is sharded


class Network(StrEnum):
    """Which steps of a build may reach other machines."""

    NONE = "none"
    TEACHER = "teacher"  # those that ask a teacher elsewhere
    HUB = "hub"  # all but those: weights and data may be fetched, and nothing is asked of anyone
    ALL = "all"


class Recorder(Protocol):
    """Calls that are paid for once: an answer is on the disk before it is used, and replayed ever after.

    A request is plain data (text, numbers, None, dicts, lists, frozen dataclasses) and says everything that
    the answer depends on - provider, resolved model, messages, sampling, schema - and nothing else: no
    address, no time, no credential. `sample` numbers the answers wanted to one and the same request. `labels`
    are plain values to find and add up records by (provider, model, `cost` in USD, ...), or a function from
    the answer to them; they have no part in the request. Answers are bytes. Who asks several times for one
    request can make it an `Asked` (p2m.engine.recording.records) first, which is hashed once.

    Raises TypeError where a request is not plain data, StoreError where an answer cannot be kept.
    """

    def known(self, request: Any, *, sample: int = 0) -> bytes | None:
        """The recorded answer; None where there is none."""

    async def answer_async(
        self,
        request: Any,
        call: Callable[[], Awaitable[bytes]],
        *,
        sample: int = 0,
        labels: Mapping[str, Any] | Callable[[bytes], Mapping[str, Any]] | None = None,
    ) -> bytes:
        """The recorded answer, else that of `call`, which is on the disk when it is returned.

        Of all threads and processes that ask for one request at once, one calls and the others share. What
        `call` raises is raised, nothing is recorded, and the next of those who wait calls.
        """


class Run(Protocol):
    """What the executor hands a stage that asks for it (a keyword-only parameter `run`)."""

    @property
    def folder(self) -> Path:
        """A scratch folder of this very step (of its key). It survives a kill: stages resume in it."""

    @property
    def memos(self) -> Path:
        """A folder, not always there, for what would be computed again and again (`files/memo.py`). All steps
        of a store share it, anything in it may go at any time, and no result may depend on what is in it.
        """

    @property
    def device(self) -> Device: ...

    @property
    def recorder(self) -> Recorder:
        """The ledger, for calls that cost money; opened when it is first asked."""

    def tally(self, name: str, amount: int) -> int:
        """Add to a sum that all steps and processes of one build share; the new total. An amount of 0 reads.

        What a step has added counts again in a later build that reuses the step, but for names that begin
        with `NOW`.
        """

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Show how far the step is; cheap, may be called for every row."""

    def say(self, line: str) -> None:
        """Print one line that the user should see and that the run's log keeps."""
