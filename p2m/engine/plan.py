"""A plan: steps in the order in which they were written, edges checked by type. Nothing is read or run.

An input must be a step that was added before, so a cycle cannot be written. Steps are frozen; what a
setting may be is decided here, while the plan is made, so that nothing unkeyable turns up in half a build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from p2m.engine.code.components import components_in
from p2m.engine.hashing import plain
from p2m.engine.slots import TAKES, Resources, declared
from p2m.engine.stage import Stage
from p2m.errors import nearest


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Ref:
    """The output of a step, to be handed to later steps of the same plan."""

    name: str
    type: type


@dataclass(frozen=True)
class Edge:
    """One input of a step: which parameter, and the step that makes it (None where there is none)."""

    parameter: str  # "rest[0]" of a `*rest` input
    step: str | None


@dataclass(frozen=True, eq=False)
class Step:
    """One node: a stage with its inputs and settings, or a source: a file or folder of the user's."""

    name: str
    output: type
    stage: Stage[..., Any] | None = None
    inputs: tuple[Edge, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=_nothing)
    origins: Mapping[str, str] = field(default_factory=_nothing)  # setting -> "recipes/qa.yaml:14"
    path: Path | None = None  # of a source
    group: str = ""  # that it is shown as one line of
    is_made: bool = False  # a source that an earlier build left here, so that no lock can pin it

    @property
    def is_source(self) -> bool:
        return self.stage is None

    @property
    def kind(self) -> str:
        """The stage's: what may be said of its result on a rebuild."""
        return "source" if self.stage is None else self.stage.kind

    @property
    def is_recorded(self) -> bool:
        """Whether a component of its settings calls out (`calls_out = True`), to be replayed from the ledger.

        That is no promise of equal bytes: what a seeded step makes of the answers is seeded still.
        """
        return any(getattr(one, "calls_out", False) for one in components_in(dict(self.settings)))

    @property
    def asks_elsewhere(self) -> bool:
        """Whether what it asks may leave this process: a component calls out, and does not say that it asks
        nobody else (`asks_elsewhere = False`). A server on this machine may be a gateway to another."""
        return any(
            getattr(one, "calls_out", False) and getattr(one, "asks_elsewhere", True)
            for one in components_in(dict(self.settings))
        )

    @property
    def resources(self) -> Resources:
        """What its stage and components take, and whether it asks; a batch is collected where it was sent."""
        assert self.stage is not None, self.name
        found, components = self.stage.resources, components_in(dict(self.settings))
        for one in components:
            found = found.beside(declared(**getattr(one, TAKES, {})))
        if not self.asks_elsewhere:
            return found
        return replace(found, asks=True, here=any(getattr(one, "batch", False) for one in components))

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps whose outputs it takes, each once, in order."""
        return tuple(dict.fromkeys(edge.step for edge in self.inputs if edge.step is not None))


@dataclass(eq=False)
class Plan:
    """Steps, added one by one; `name` is what runs of it are remembered by."""

    name: str
    _steps: dict[str, Step] = field(default_factory=dict, repr=False)
    _refs: dict[str, Ref] = field(default_factory=dict, repr=False)
    _consumers: dict[str, list[Step]] = field(default_factory=dict, repr=False)
    _groups: set[str] = field(default_factory=set, repr=False)
    _group: str = field(default="", repr=False)  # of the steps that are being added

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps.values())

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            KeyError: there is none; the message has the nearest names.
        """
        if name not in self._steps:
            raise KeyError(f"plan {self.name} has no step {name!r}; {nearest(name, self._steps)}")
        return self._steps[name]

    def consumers(self, name: str) -> tuple[Step, ...]:
        return tuple(self._consumers.get(name, ()))

    def up_to(self, *names: str) -> Plan:
        """The steps of those names and all that they rest on, as a plan whose runs are remembered apart."""
        wanted = set(names)
        for step in reversed(self.steps):
            wanted.update(step.needs if step.name in wanted else ())
        part = Plan(f"{self.name}.part")
        for step in self.steps:
            if step.name in wanted:
                part._append(step)
        return part

    @contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Steps that are added within belong together, and are shown as one line unless all are asked for.

        Raises:
            ValueError: the name is a step's, or no single word; or groups are nested.
        """
        if name in self._steps or name.split() != [name]:
            raise ValueError(f"plan {self.name}: {name!r} cannot name a group: one word that names no step")
        if self._group:
            raise ValueError(f"plan {self.name}: the group {name!r} would lie within {self._group!r}")
        self._groups.add(name)
        self._group = name
        try:
            yield
        finally:
            self._group = ""

    def source(
        self, name: str, path: Path, *, type: type | None = None, origin: str = "", is_made: bool = False
    ) -> Ref:
        """A file or folder of the user's, keyed by its content when the plan runs.

        Steps get it as `type(path)`: as `p2m.types.Files` where nothing else is said. With `is_made` an
        earlier build left it there, and another machine need not have it.
        """
        origins = MappingProxyType({"path": origin} if origin else {})
        return self._append(
            Step(name, type or _files(), path=Path(path), origins=origins, group=self._group, is_made=is_made)
        )

    def add(
        self,
        name: str,
        stage: Stage[..., Any],
        /,
        *inputs: Ref | None,
        origins: Mapping[str, str] = MappingProxyType({}),
        **settings: Any,
    ) -> Ref:
        """Append a step that runs `stage` over earlier steps.

        Raises:
            TypeError: an input of another type, missing or unknown settings, unkeyable settings.
            ValueError: a name that is taken, or an input of another plan.
        """
        where = f"step {name} ({stage.full_name})"
        complete = _settings(stage, settings, where)
        edges = self._edges(stage, inputs, where)
        step = Step(
            name, stage.output, stage, edges, complete, MappingProxyType(dict(origins)), group=self._group
        )
        return self._append(step)

    def _append(self, step: Step) -> Ref:
        if step.name in self._steps or step.name in self._groups:
            taken = "step" if step.name in self._steps else "group"
            raise ValueError(f"plan {self.name} has a {taken} {step.name!r} already")
        self._steps[step.name] = step
        for need in step.needs:
            self._consumers.setdefault(need, []).append(step)
        self._refs[step.name] = Ref(step.name, step.output)
        return self._refs[step.name]

    def _edges(self, stage: Stage[..., Any], inputs: tuple[Ref | None, ...], where: str) -> tuple[Edge, ...]:
        fixed = [name for name in stage.inputs if name != stage.variadic]
        if len(inputs) > len(fixed) and stage.variadic is None:
            raise TypeError(f"{where} takes {len(fixed)} inputs ({', '.join(fixed)}), not {len(inputs)}")
        padded = (*inputs, *[None] * (len(fixed) - len(inputs)))
        edges = []
        for index, ref in enumerate(padded):
            name = fixed[index] if index < len(fixed) else str(stage.variadic)
            label = name if index < len(fixed) else f"{name}[{index - len(fixed)}]"
            edges.append(Edge(label, self._checked(stage, name, ref, where)))
        return tuple(edges)

    def _checked(self, stage: Stage[..., Any], name: str, ref: Ref | None, where: str) -> str | None:
        wanted = stage.inputs[name]
        if ref is None:
            if name not in stage.optional:
                raise TypeError(f"{where} needs its input {name}, a {wanted.__name__}")
            return None
        if not isinstance(ref, Ref):
            raise TypeError(f"{where}: input {name} must be what an earlier step returned, not {ref!r}")
        if self._refs.get(ref.name) is not ref:
            raise ValueError(f"{where}: input {name} is {ref.name!r}, which is no earlier step of this plan")
        if not issubclass(ref.type, wanted):
            raise TypeError(
                f"{where}: input {name} must be a {wanted.__name__},"
                f" but {ref.name!r} makes a {ref.type.__name__}"
            )
        return ref.name


def _files() -> type:
    """What a source is where nothing else is said."""
    from p2m.types import Files  # among many classes, and a plan may do without any of them

    return Files


def _settings(stage: Stage[..., Any], given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Every setting of the stage in the order of its signature, defaults filled in."""
    for unknown in given.keys() - set(stage.settings):
        hint = nearest(unknown, stage.settings)
        raise TypeError(f"{where} has no setting {unknown!r}{'; ' + hint if hint else ''}")
    complete = {**stage.defaults, **given}
    missing = [name for name in stage.settings if name not in complete]
    if missing:
        raise TypeError(f"{where} lacks its settings {', '.join(missing)}")
    for name in stage.settings:
        try:
            plain(complete[name])
        except TypeError as error:
            raise TypeError(f"{where}: setting {name}: {error}") from None
    return MappingProxyType({name: complete[name] for name in stage.settings})
