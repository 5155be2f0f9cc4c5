"""Steps on the machines of a Ray cluster: Ray starts a process on each and says when one is gone.

That process has workers of its own, as `executor=local` has (`node`), and talks with the build over one
connection (`hub`); a step costs Ray nothing. Which step goes where follows from what stages declare and what
is free (`nodes`), for Ray knows neither which chain of steps is longest nor what lies where. On the building
machine steps read and write this store; elsewhere a store of that machine, through the shared one.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Literal

from p2m.engine import slots
from p2m.engine.handles import Network
from p2m.engine.hashing import tree_object
from p2m.engine.observer import Teller
from p2m.engine.running import network as networks
from p2m.engine.running import wire
from p2m.engine.running.hub import Hub
from p2m.engine.running.inline import Ended, Executor, Here
from p2m.engine.running.local import PATIENCE, Task
from p2m.engine.running.node import Board
from p2m.engine.running.nodes import NodeSlots
from p2m.engine.running.shipping import packed
from p2m.engine.running.task import Call, Sources
from p2m.engine.slots import Capacity, Slots
from p2m.engine.stage import Stage
from p2m.engine.store import Store
from p2m.errors import StageError, UserError

HERE = ""
LOCAL = "local"  # the address of a cluster that is made for the build, of this machine alone
FAILURES = 3  # times that a machine may end without a step done before it is left out
_LOOK = 1.0  # seconds between two looks at which machines there are
_SLOW = 15.0  # seconds after which it is said that Ray lets a machine wait
_PASSED_ON = ("OMP_WAIT_POLICY",)  # variables that other machines get from this one
_TOKEN_MODE, _TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
_OBJECTS = 80 << 20  # bytes of memory for Ray's own store where the cluster is the build's


@dataclass(frozen=True, slots=True)
class Ray:
    """The machines of a cluster; what is not said is taken from what Ray has there."""

    address: str | None = None  # None: $RAY_ADDRESS, else the cluster that this machine is part of
    machines: int = 0  # to use, this one included; 0: every one
    workers: int = 0  # processors to take of each; 0: all of them
    memory: int | None = None  # bytes of each
    gpus: int | None = None  # of each
    asking: Literal["here", "anywhere"] = "here"  # where steps run that ask a teacher elsewhere

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Network | None, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        return _Cluster(self, store, run, sources, network, code)


@dataclass(eq=False)
class _Machine:
    """One that Ray was asked for."""

    where: str  # for people
    capacity: Capacity
    ended: Any  # Ray's reference, which is ready once the process there is gone
    since: float = field(default_factory=time.monotonic)
    running: dict[str, None] = field(default_factory=dict)


class _Cluster:
    """The machines at work for one build; by name, of which the building one's is ""."""

    def __init__(
        self, means: Ray, store: Store, run: str, sources: Sources, network: Network | None,
        code: frozenset[str],
    ) -> None:  # fmt: skip
        self._means, self._store, self._run, self._sources = means, store, run, sources
        self._network, self._code = network, code
        self.slots = NodeSlots(self._connect, means.asking == "here")
        self._here = Here(store, sources)
        self._hub: Hub | None = None
        self._is_own = False  # whether the connection to Ray is this build's
        self._machines: dict[str, _Machine] = {}
        self._failures: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}  # of machines that are left out
        self._shipped: tuple[str, list[Any]] | None = None
        self._looked = 0.0
        self._is_slow = False
        self._has_grown = False
        self._is_shared = False  # whether the shared store was written to

    # ------------------------------------------------------------------ the executor's side

    def start(self, call: Call, stage: Stage[..., Any]) -> None:
        task, machine = Task.of(call, stage), self._machines.get(call.grant.node)
        if task is None or machine is None or self._hub is None:
            self._here.start(call, stage)
            return
        machine.running[call.step] = None
        self._hub.send(call.grant.node, "start", task)

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        if self._here.is_busy:
            return self._here.events(timeout, teller)
        assert self._hub is not None
        until = None if timeout is None else time.monotonic() + timeout
        self._has_grown = False
        ended: list[Ended] = []
        while not (ended or self._has_grown):
            now = time.monotonic()
            if until is not None and now >= until:
                break
            pause = _LOOK if until is None else min(_LOOK, until - now)
            with suppress(Empty):
                news = self._hub.news.get(timeout=pause)
                while True:
                    ended += self._hear(*news, teller)
                    news = self._hub.news.get_nowait()
            if now - self._looked > _LOOK:
                ended += self._look(teller)
        return ended

    def stop(self) -> None:
        """Machines end what they do, as workers do, and Ray gets them back."""
        hub, self._hub = self._hub, None
        if hub is None:
            return
        import ray

        hub.close()
        self.slots.nodes.clear()
        left = [each.ended for each in self._machines.values()]
        self._machines.clear()
        with suppress(Exception):  # the cluster may be what is gone
            if left:
                _, left = ray.wait(left, num_returns=len(left), timeout=2 * PATIENCE)
            for each in left:
                ray.cancel(each, force=True)
        if self._is_own:
            with _signals_kept(), suppress(Exception):
                ray.shutdown()

    # ------------------------------------------------------------------ what is heard

    def _hear(self, name: str, message: tuple[Any, ...], teller: Teller) -> Iterator[Ended]:
        machine = self._machines.get(name)
        if machine is None:
            return
        word, *rest = message
        if word == "told":
            getattr(teller, rest[0])(*rest[1:])
        elif word == "hello":
            self._board(name, machine)
        elif word == "ready":
            self.slots.nodes[name] = Slots(machine.capacity, name)
            self._has_grown = True
        elif word == "gone":
            yield from self._dead(name, teller)
        elif rest[0] in machine.running:
            del machine.running[rest[0]]
            yield self._over(name, machine, word, rest)

    def _over(self, name: str, machine: _Machine, word: str, rest: list[Any]) -> Ended:
        if word == "done":
            self._failures.pop(name, None)
            return Ended(rest[0], rest[1])
        error = wire.unpack(rest[1])
        if rest[2] and name:
            error = StageError(f"on {machine.where}: {error}")
        return Ended(rest[0], error=error, lost=rest[2])

    def _dead(self, name: str, teller: Teller) -> Iterator[Ended]:
        """A machine is gone, or the process on it."""
        machine = self._machines.pop(name)
        self.slots.nodes.pop(name, None)
        reason = _reason(machine.ended)
        self._failures[name] += 1
        if self._failures[name] >= FAILURES:
            self._reasons[name] = reason
            teller.said("cluster", f"{machine.where} is left out: {reason}")
        for step in machine.running:
            error = StageError(f"{step} was lost with {machine.where}: {reason}")
            yield Ended(step, error=error, lost=True)

    def _look(self, teller: Teller) -> Iterator[Ended]:
        """See which machines are gone, and which have come."""
        import ray

        self._looked = time.monotonic()
        try:
            refs = {each.ended: name for name, each in self._machines.items()}
            gone, _ = ray.wait(list(refs), num_returns=len(refs), timeout=0) if refs else ([], [])
            for ref in gone:
                yield from self._dead(refs[ref], teller)
            self._survey()
        except ray.exceptions.RayError as error:
            raise StageError(f"the Ray cluster does not answer: {_first_line(error)}") from error
        waiting = [each for name, each in self._machines.items() if name not in self.slots.nodes]
        if waiting and not self._is_slow and self._looked - min(each.since for each in waiting) > _SLOW:
            self._is_slow = True
            teller.said("cluster", f"waiting for Ray to lend {', '.join(each.where for each in waiting)}")
        if HERE in self._reasons or (self._reasons and not self._machines):
            raise StageError(
                f"no machine to run steps on: {next(iter(self._reasons.values()))}\n"
                "    see what `ray status` says, or build with executor=local"
            )

    # ------------------------------------------------------------------ machines

    def _connect(self) -> None:
        """Join the cluster with the first step that must run."""
        if self._hub is not None:
            return
        if "ray" not in sys.modules:  # which looks at it when it is imported
            _find_token(self._means.address)
        import ray

        self._is_own = not ray.is_initialized()
        with networks.apart():
            if self._is_own:
                _join(self._means)
            self._hub = Hub(self._store, ray.util.get_node_ip_address())
        self._looked = time.monotonic()
        self._survey()

    def _survey(self) -> None:
        """Ask Ray for every machine that is there and not at work yet.

        Raises:
            UserError: there are others, and no store that they could share.
            StoreError: that does not take what is sent.
        """
        import ray

        own = ray.get_runtime_context().get_node_id()
        there = [each for each in ray.nodes() if each["Alive"]]
        there.sort(key=lambda each: (each["NodeID"] != own, -_amount(each, "GPU"), -_amount(each, "CPU")))
        if self._means.machines:
            there = there[: self._means.machines]
        others = len([each for each in there if each["NodeID"] != own])
        if others:
            self._check_shared(others)
        for each in there:
            name = HERE if each["NodeID"] == own else each["NodeID"]
            if name not in self._machines and name not in self._reasons:
                self._machines[name] = self._ask_for(name, each)

    def _check_shared(self, others: int) -> None:
        shared = self._store.place.shared
        problem = ""
        if shared is None:
            problem = "there is none"
        elif shared.mode != "write":
            problem = f"{shared.url} may only be read"
        elif shared.protocol == "memory":
            problem = "memory:// is of one process"
        if problem:
            raise UserError(
                f"the cluster has {others} machine{'s' * (others > 1)} beside this one, and steps there need"
                f" a store that all can write, but {problem}\n"
                "    store=shared store.shared.url=... store.shared.mode=write,"
                " or executor.machines=1 for this machine alone"
            )
        if not self._is_shared:  # it is a store from now on, and can be written from here at least
            self._store.send(self._store.put_bytes(tree_object(())))
            self._is_shared = True

    def _ask_for(self, name: str, info: Mapping[str, Any]) -> _Machine:
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from p2m.engine.running import boarding

        assert self._hub is not None
        capacity = _capacity(self._means, info)
        cloudpickle.register_pickle_by_value(boarding)
        try:
            remote = ray.remote(max_calls=1, max_retries=0)(boarding.board).options(
                num_cpus=capacity.cpus, num_gpus=capacity.gpus, memory=self._means.memory or None,
                scheduling_strategy=NodeAffinitySchedulingStrategy(info["NodeID"], soft=False),
            )  # fmt: skip
            path = [os.path.abspath(place) for place in sys.path] if name == HERE else []
            code = ("", []) if name == HERE else self._code_there()
            address = self._hub.address  # in plain values: another p2m may be installed there
            ended = remote.remote(path, *code, (address.host, address.port, address.token, name))
        finally:
            cloudpickle.unregister_pickle_by_value(boarding)
        where = "this machine" if name == HERE else f"node {name[:8]} ({info['NodeManagerAddress']})"
        return _Machine(where, capacity, ended)

    def _code_there(self) -> tuple[str, list[Any]]:
        """The digest of the steps' code, and a reference to it; within a list, so that it moves if asked."""
        import ray

        if self._shipped is None:
            digest, content = packed(self._code)
            self._shipped = (digest, [ray.put(content)])
        return self._shipped

    def _board(self, name: str, machine: _Machine) -> None:
        assert self._hub is not None
        passed_on = {each: os.environ[each] for each in _PASSED_ON if each in os.environ}
        is_here = name == HERE
        board = Board(
            run=self._run,
            root=self._store.root if is_here else None,
            shared=None if is_here else self._store.place.shared,
            sources=dict(self._sources) if is_here else {},
            network=self._network,
            environment=dict(os.environ) if is_here else passed_on,
            folder=Path.cwd() if is_here else None,
            gpus=machine.capacity.gpus,
        )
        self._hub.send(name, board)


# --------------------------------------------------------------------------- Ray


def _find_token(address: str | None) -> None:
    """Have Ray use the token that this user has for its clusters; where none is needed it does no harm.

    For a cluster of the build's own there is one in memory. Ray would leave it in the user's home, and every
    cluster that is started there later would want it from all of its machines.
    """
    if _TOKEN_MODE in os.environ:
        return
    has_one = any(os.environ.get(name) for name in (_TOKEN, f"{_TOKEN}_PATH"))
    has_one |= (Path.home() / ".ray" / "auth_token").is_file()
    if address == LOCAL and not has_one:
        os.environ[_TOKEN], has_one = secrets.token_hex(32), True
    if has_one:
        os.environ[_TOKEN_MODE] = "token"


def _join(means: Ray) -> None:
    """Connect this process to the cluster. Raises: UserError."""
    import ray

    wanted: dict[str, Any] = {"address": means.address or os.environ.get("RAY_ADDRESS") or "auto"}
    if wanted["address"].startswith("ray://"):
        raise UserError(
            f"executor.address={wanted['address']}: the machine that builds must be part of the cluster\n"
            "    run this on one of its machines, with executor.address=null"
        )
    if wanted["address"] == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        wanted |= {
            "num_cpus": means.workers or slots.processors(), "include_dashboard": False,
            "object_store_memory": _OBJECTS,
        }  # fmt: skip
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        wire.knock(wanted["address"])
        with _signals_kept():
            ray.init(**wanted, log_to_driver=False, configure_logging=False, namespace="p2m")
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        token = "\n    one that wants a token needs the same ~/.ray/auth_token here"
        raise UserError(
            f"executor=ray: {_first_line(error)}\n"
            "    start a cluster: ray start --head, and ray start --address=HOST:6379 on other machines;"
            f" or executor.address=local{token if 'Failed to connect' in str(error) else ''}"
        ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray sets handlers of its own, and Ctrl-C and SIGTERM are the build's."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with suppress(ValueError):  # not in this thread
            for number, handler in kept.items():
                signal.signal(number, handler)


def _amount(info: Mapping[str, Any], resource: str) -> int:
    return int(info["Resources"].get(resource, 0))


def _capacity(means: Ray, info: Mapping[str, Any]) -> Capacity:
    cpus, gpus = _amount(info, "CPU"), _amount(info, "GPU")
    return Capacity(
        min(means.workers or cpus, cpus),
        _amount(info, "memory") if means.memory is None else means.memory,
        gpus if means.gpus is None else min(means.gpus, gpus),
    )


def _reason(ended: Any) -> str:
    """Why the process on a machine is gone, as Ray has it."""
    import ray

    try:
        ray.get(ended, timeout=2 * PATIENCE)
    except ray.exceptions.GetTimeoutError:
        return "it hung up"
    except ray.exceptions.RayTaskError as error:
        return f"{type(error.cause).__name__}: {_first_line(error.cause)}"
    except ray.exceptions.RayError as error:
        return _first_line(error)
    return "it lost its connection"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
