"""One step under its key, from the lock to the entry: what any process on any machine can carry out.

A `Call` is plain data, and names everything by content: code by module and digest, inputs by the digests of
their folders. It holds no path, inode or store of the machine where it was made. Whoever carries it out takes
the lock of the key, so that the lock lives exactly as long as the process that does the work; looks the key
up once more; makes sure that its own code is what the key was made of; runs the step; makes sure that nothing
which the key stands for was edited meanwhile; publishes; and answers with a digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from p2m.engine.code import loading
from p2m.engine.code.packages import machine_profile, version_of
from p2m.engine.handles import Device, Recorder
from p2m.engine.hashing import digest_bytes
from p2m.engine.observer import Teller
from p2m.engine.running import network, tallies
from p2m.engine.running.network import ANYONE, Access
from p2m.engine.running.work import Input, RunHandle, perform
from p2m.engine.slots import Grant
from p2m.engine.sources import SourceState, read_path
from p2m.engine.stage import VOLATILE, Stage, find
from p2m.engine.store import Store
from p2m.errors import StageError, UserError


@dataclass(frozen=True)
class Call:
    """A step to be carried out, whose inputs are known."""

    step: str
    key: str
    preimage: Mapping[str, Any]  # a plain tree; its digest is the key
    kind: str
    stage: tuple[str, str]  # module and name
    settings: Mapping[str, Any]
    inputs: tuple[Input | None, ...]
    code: tuple[loading.Wanted, ...]  # first-party code as it was when the key was made
    device: Device
    grant: Grant
    build: str  # id of the run whose sums the step adds to
    access: Access = ANYONE  # of other machines
    is_remote: bool = False  # inputs come from the shared store, and the result must be there with the answer


Sources = Mapping[str, Path]  # files and folders of the user's that lie on this machine, by source


class Books(Protocol):
    """The ledger and the sums of a build, as one step has them."""

    def recorder(self) -> Recorder: ...

    def add(self, name: str, amount: int) -> int:
        """Add to a sum of the build; the new total."""

    def close(self, *, done: bool) -> None:
        """The step has ended, which counts once; where it is `done`, what it added is kept for builds that
        reuse it."""


Opener = Callable[["Call", Store], Books]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a call."""

    output: str  # digest of the artifact
    ran: bool  # False where another process had made it in the meantime
    seconds: float


def carry_out(
    call: Call, store: Store, teller: Teller, stage: Stage[..., Any] | None = None,
    sources: Sources = MappingProxyType({}), open_books: Opener | None = None,
) -> Done:  # fmt: skip
    """Do the step, or share what another process does.

    Args:
        stage: the stage itself, where it cannot be imported by name.
        sources: are read in place; one that is not among them comes from the store.
        open_books: where what it asks is recorded; by default in this store.

    Raises:
        LostInputError: neither the store nor the shared one holds an input.
        UserError: an input was edited since the key was made.
        StageError: code was edited, or is another here; or the stage failed.
        StoreError: the shared store did not take the result of a remote call.
    """
    done = _share(call, store, teller, stage, sources, open_books or OwnBooks)
    if call.is_remote:
        store.send(done.output)
    return done


def _share(
    call: Call, store: Store, teller: Teller, stage: Stage[..., Any] | None, sources: Sources,
    open_books: Opener,
) -> Done:  # fmt: skip
    with store.hold_key(call.key, call.step, lambda who: teller.waiting(call.step, str(who))):
        if call.kind != VOLATILE:
            action = store.lookup_here(call.key)  # whoever started this has asked the shared store
            if action is not None:
                return Done(action.output, False, 0.0)
            if store.entry(call.key) is not None:
                store.forget(call.key, "its output is missing or damaged")
        teller.started(call.step)
        with network.on_behalf_of(call.step, call.access):
            books = open_books(call, store)
            try:
                return _run(call, store, teller, stage, sources, books)
            finally:
                books.close(done=False)


def _run(
    call: Call, store: Store, teller: Teller, stage: Stage[..., Any] | None, sources: Sources, books: Books
) -> Done:
    began = time.monotonic()
    code = loading.load(module for module, _ in call.code)
    edited = loading.differing(call.code, code)
    if edited:
        raise StageError(
            f"{', '.join(edited)} was edited after the build had begun, so {call.step} was not run\n"
            "    run the same command again"
        )
    if call.is_remote:
        _check_machine(call)
    before = {
        given.step: read_path(sources[given.step], store.stats)
        for given in call.inputs
        if given is not None and given.step in sources
    }
    found = stage or find(*call.stage)
    handle = _handle(call, store, teller, books)
    output = perform(call.step, found, call.settings, call.inputs, handle, store, sources)
    _check_sources(call, store, sources, before)
    edited = loading.edited_since(code)
    if edited:
        raise StageError(
            f"{', '.join(edited)} was edited while {call.step} was running, so the result was not kept\n"
            "    run the same command again"
        )
    seconds = time.monotonic() - began
    books.close(done=True)
    if call.kind != VOLATILE:
        # What is made elsewhere is offered to the shared store by whoever asked for it.
        output = store.publish(call.key, call.preimage, output, seconds, offer=not call.is_remote).output
    store.clear_scratch(call.key)
    return Done(output, True, seconds)


def _handle(call: Call, store: Store, teller: Teller, books: Books) -> RunHandle:
    return RunHandle(
        folder=store.scratch(call.key),
        memos=store.memos,
        device=call.device,
        on_progress=lambda done, total, note: teller.progress(call.step, done, total, note),
        on_say=lambda line: teller.said(call.step, line),
        recorder_of=books.recorder,
        on_tally=books.add,
    )


class OwnBooks:
    """Of the build that works in this very store."""

    def __init__(self, call: Call, store: Store) -> None:
        self._call, self._store = call, store
        self._tally = tallies.Tally(store, call.build)
        self._recorder: Recorder | None = None
        self._is_closed = False

    def recorder(self) -> Recorder:
        from p2m.engine.recording.ledger import StepRecorder  # brings asyncio along, which few steps need

        if self._recorder is None:
            labels = {"step": self._call.step}
            self._recorder = StepRecorder(self._store.root / "ledger", self._call.key, labels)
        return self._recorder

    def add(self, name: str, amount: int) -> int:
        return self._tally.add(name, amount)

    def close(self, *, done: bool) -> None:
        self._tally.close()
        if done and not self._is_closed and self._tally.own and self._call.kind != VOLATILE:
            tallies.keep(self._store, self._call.key, self._tally.own)
        self._is_closed = True


def _check_sources(
    call: Call, store: Store, sources: Sources, before: Mapping[str, SourceState | None]
) -> None:
    """Raises UserError where a file of the user's was not all the time what the key was made of."""
    for given in call.inputs:
        if given is None or given.step not in before:
            continue
        path, state = sources[given.step], before[given.step]
        is_the_key_s = state is not None and digest_bytes(state.listing) == given.digest
        if not is_the_key_s or read_path(path, store.stats) != state:
            raise UserError(
                f"{path} was edited while {call.step} was reading it, so the result was not kept\n"
                "    run the same command again"
            )


def _check_machine(call: Call) -> None:
    """Raises StageError where the key was made with other packages, or measures another machine."""
    for name, version in call.preimage["packages"].items():
        if version_of(name) != version:
            raise StageError(
                f"{call.step} was keyed with {name} {version}, and this worker has {version_of(name)}\n"
                "    install the same versions there"
            )
    if call.preimage["machine"] not in ({}, dict(machine_profile())):
        raise StageError(f"{call.step} measures, and was keyed on another machine; run it there")
