"""A stage: a plain function whose signature says what enters its key.

Positional parameters are artifacts and become edges, keyword-only parameters are settings, a keyword-only
`run` is handed over by the executor and never hashed, and the return type is the artifact made. What a
function reads beside its parameters no key would see, so one that closes over a variable is refused.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_args

from p2m.engine.slots import Resources, declared

Kind = Literal["pure", "seeded", "measured", "volatile"]
KINDS: tuple[str, ...] = get_args(Kind)
VOLATILE: Kind = "volatile"  # the kind that is never cached
RUN = "run"  # the parameter that the executor fills
ORIGINS = "origins"  # taken by `Plan.add`

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Stage(Generic[P, R]):
    """A function with its contract; callable like the function."""

    name: str
    version: str
    kind: Kind
    function: Callable[P, R]
    inputs: Mapping[str, type]  # parameter -> artifact type; `*rest: T` is one entry
    optional: frozenset[str]  # the inputs that may be None
    variadic: str | None  # the `*rest` input, of which a step may have any number
    settings: tuple[str, ...]
    defaults: Mapping[str, Any]  # of settings that need not be given
    output: type
    wants_run: bool
    resources: Resources  # how it is best run; in no key

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @property
    def full_name(self) -> str:
        return f"{self.function.__module__}.{self.name}"

    @property
    def is_importable(self) -> bool:
        """Whether another process can find it by its module and name."""
        module = self.function.__module__
        return module != "__main__" and getattr(sys.modules.get(module), self.name, None) is self


def stage(
    version: str, kind: Kind, *, cpus: int | str = 1, memory: str | int = 0, gpus: int = 0
) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a stage of a function; raise the version when its meaning changes where no code shows it.

    `cpus` ("all": every one), `memory` ("2 GB") and `gpus` are what a step of it takes of a machine: they say
    what may run beside it and enter no key. A measured stage runs alone whatever it declares.
    """
    if kind not in KINDS:
        raise TypeError(f"a stage's kind is one of {', '.join(KINDS)}, not {kind!r}")

    def decorate(function: Callable[P, R]) -> Stage[P, R]:
        try:
            resources = declared(cpus, memory, gpus, alone=kind == "measured")
        except ValueError as error:
            raise TypeError(f"stage {function.__module__}.{function.__name__}: {error}") from None
        return _read_signature(function, version, kind, resources)

    return decorate


def find(module: str, name: str) -> Stage[..., Any]:
    """The stage of that name, its module imported.

    Raises:
        ImportError: there is none.
    """
    found = getattr(import_module(module), name, None)
    if not isinstance(found, Stage):
        raise ImportError(f"{module} has no stage {name}")
    return found


def _read_signature(function: Callable[P, R], version: str, kind: Kind, resources: Resources) -> Stage[P, R]:
    where = f"stage {function.__module__}.{function.__name__}"
    free = function.__code__.co_freevars  # type: ignore[attr-defined]
    if free:
        raise TypeError(f"{where} closes over {', '.join(free)}, which no key would see; make it a setting")
    hints = typing.get_type_hints(function)
    inputs: dict[str, type] = {}
    optional: set[str] = set()
    defaults: dict[str, Any] = {}
    settings: list[str] = []
    variadic = None
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints:
            raise TypeError(f"{where}: parameter {name} has no type")
        if name == ORIGINS:
            raise TypeError(f"{where}: {ORIGINS} is what a plan calls the places of settings; rename it")
        if parameter.kind is parameter.KEYWORD_ONLY:
            settings.append(name)
            if parameter.default is not parameter.empty:
                defaults[name] = parameter.default
        elif parameter.kind is parameter.VAR_KEYWORD:
            raise TypeError(f"{where}: **{name} would hide settings; name them")
        else:
            inputs[name], may_be_none = _artifact(hints[name], f"{where}: input {name}")
            if may_be_none:
                optional.add(name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                variadic = name
    output, may_be_none = _artifact(hints.get("return"), f"{where}: the result")
    if may_be_none:
        raise TypeError(f"{where}: a stage always makes its artifact, so its result cannot be None")
    return Stage(
        name=function.__name__,
        version=version,
        kind=kind,
        function=function,
        inputs=types.MappingProxyType(inputs),
        optional=frozenset(optional),
        variadic=variadic,
        settings=tuple(name for name in settings if name != RUN),
        defaults=types.MappingProxyType(defaults),
        output=output,
        wants_run=RUN in settings,
        resources=resources,
    )


def _artifact(hint: Any, where: str) -> tuple[type, bool]:
    """The artifact type of an annotation, and whether it may be None."""
    may_be_none = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = [member for member in get_args(hint) if member is not type(None)]
        may_be_none = len(members) < len(get_args(hint))
        hint = members[0] if len(members) == 1 else hint
    if not (isinstance(hint, type) and is_dataclass(hint)):
        raise TypeError(f"{where} must be a dataclass or `dataclass | None`, not {hint}")
    return hint, may_be_none
