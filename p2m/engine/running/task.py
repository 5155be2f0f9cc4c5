"""One step under its key, from the lock to the entry: what any process on any machine can carry out.

A `Call` is plain data. Whoever carries it out takes the lock of the key, so that the lock lives exactly as
long as the process that does the work; looks the key up once more; runs the step; makes sure that nothing
which the key stands for was edited meanwhile; publishes; and answers with a digest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from p2m.engine.code import loading
from p2m.engine.code.closure import Code
from p2m.engine.handles import Device, Recorder
from p2m.engine.observer import Teller
from p2m.engine.plan import Step
from p2m.engine.running import network
from p2m.engine.running.work import Input, RunHandle, perform
from p2m.engine.slots import Grant
from p2m.engine.sources import is_unchanged
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
    code: tuple[Code, ...]  # first-party code as it was when the key was made
    trusted: frozenset[str]  # modules among it that the process which made the key had loaded
    device: Device
    grant: Grant


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a call."""

    output: str  # digest of the artifact
    ran: bool  # False where another process had made it in the meantime
    seconds: float


def carry_out(call: Call, store: Store, teller: Teller, stage: Stage[..., Any] | None = None) -> Done:
    """Do the step, or share what another process does.

    Args:
        stage: the stage itself, where it cannot be imported by name.

    Raises:
        LostInputError: the store no longer holds an input.
        UserError: an input was edited while the step ran.
        StageError: code was edited; or the stage failed.
    """
    with store.lock(call.key, call.step, lambda who: teller.waiting(call.step, str(who))):
        if call.kind != VOLATILE:
            action = store.lookup_here(call.key)  # whoever started this has asked the shared store
            if action is not None:
                return Done(action.output, False, 0.0)
            if store.entry(call.key) is not None:
                store.forget(call.key, "its output is missing or damaged")
        teller.started(call.step)
        with network.on_behalf_of(call.step):
            return _run(call, store, teller, stage)


def _run(call: Call, store: Store, teller: Teller, stage: Stage[..., Any] | None) -> Done:
    began = time.monotonic()
    edited = loading.load(call.code, call.trusted)
    if edited:
        raise StageError(
            f"{', '.join(edited)} was edited after the build had begun, so {call.step} was not run\n"
            "    run the same command again"
        )
    found = stage or find(*call.stage)
    output = perform(call.step, found, call.settings, call.inputs, _handle(call, store, teller), store)
    _check_unchanged(call, store)
    seconds = time.monotonic() - began
    if call.kind != VOLATILE:
        output = store.publish(call.key, call.preimage, output, seconds).output
    store.clear_scratch(call.key)
    return Done(output, True, seconds)


def _handle(call: Call, store: Store, teller: Teller) -> RunHandle:
    return RunHandle(
        folder=store.scratch(call.key),
        device=call.device,
        on_progress=lambda done, total, note: teller.progress(call.step, done, total, note),
        on_say=lambda line: teller.said(call.step, line),
        recorder_of=cache(lambda: _recorder(call, store)),
    )


def _recorder(call: Call, store: Store) -> Recorder:
    from p2m.engine.recording.ledger import StepRecorder  # brings asyncio along, which few steps need

    return StepRecorder(store.root / "ledger", call.key, {"step": call.step})


def _check_unchanged(call: Call, store: Store) -> None:
    for given in call.inputs:
        if given is None or given.path is None or given.state is None:
            continue
        if not is_unchanged(Step(given.step, given.type, path=given.path), given.state, store.stats):
            raise UserError(
                f"{given.path} was edited while {call.step} was reading it, so the result was not kept\n"
                "    run the same command again"
            )
    edited = loading.edited_since(call.code)
    if edited:
        raise StageError(
            f"{', '.join(edited)} was edited while {call.step} was running, so the result was not kept\n"
            "    run the same command again"
        )
