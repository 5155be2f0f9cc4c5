"""`target: p2m.students.minilm.MiniLM` plus fields, made into that dataclass; nothing else is imported.

A target is resolved only inside p2m's own folder of its group (`p2m.students.` for a student) or inside a
package that the user trusts by name, so reading a stranger's recipe never runs the stranger's code.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from p2m.errors import nearest
from p2m.teachers.chat import ChatTeacher
from p2m.trackers.base import Tracker
from p2m.types import (
    Backend,
    Compressor,
    IndexRetriever,
    Metric,
    Proposer,
    Pruner,
    Retriever,
    Schedule,
    Student,
    Teacher,
    Verifier,
)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of component: its config group, its folder under p2m, and what it must be able to do."""

    group: str
    package: str
    protocol: type | tuple[type, ...]  # any of several


FAMILIES = {
    family.group: family
    for family in (
        Family("teacher", "p2m.teachers", (Teacher, ChatTeacher)),
        Family("temperature", "p2m.teachers.schedules", Schedule),
        Family("verifier", "p2m.verifiers", Verifier),
        Family("retriever", "p2m.retrievers", (Retriever, IndexRetriever)),
        Family("student", "p2m.students", Student),
        Family("metric", "p2m.metrics", Metric),
        Family("tuning", "p2m.tuning", Proposer),
        Family("compression", "p2m.compression", (Compressor, Pruner)),
        Family("runtime", "p2m.deploy.backends", Backend),
        Family("tracker", "p2m.trackers", Tracker),
    )
}


def family_at(section: str) -> Family:
    """The family of the components in a section of a recipe; baselines are students too."""
    return FAMILIES["student" if section == "baselines" else section]


def build_component(value: Any, family: Family, *, trust: Sequence[str] = ()) -> Any:
    """The component that `value` describes; None for null and for `target: null`.

    Raises:
        ValidationError: with one error for each field that is wrong, located below the component.
    """
    if value is None or isinstance(value, family.protocol):
        return value
    if not isinstance(value, Mapping):
        raise _problem((), f"expected a mapping with `target: {family.package}.<module>.<Class>`", value)
    fields = {str(key): item for key, item in value.items() if key != "target"}
    target = value.get("target")
    if "target" not in value:
        raise _problem((), f"lacks its target, e.g. `target: {family.package}.<module>.<Class>`", value)
    if target is None:
        if fields:
            raise _problem((next(iter(fields)),), "`target: null` takes no settings", value)
        return None
    try:
        found = resolve_target(target, family, trust=trust)
    except ValueError as error:
        raise _problem(("target",), str(error), target) from error
    if lacks := _lacks(found, family.protocol):
        raise _problem(("target",), f"{target} is not a {family.group}: it lacks {lacks}", target)
    return _strict(found).validate_python(fields)


@cache
def _strict(component: Any) -> TypeAdapter[Any]:
    """What reads a component of this class and refuses settings that it has not got."""
    if not hasattr(component, "__pydantic_config__"):
        component.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(component)


def resolve_target(target: Any, family: Family, *, trust: Sequence[str] = ()) -> type:
    """The dataclass that a dotted name stands for.

    Raises:
        ValueError: it is outside what may be imported, or there is no such class; says what there is.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise ValueError(f"{target!r} is not a dotted class name such as {family.package}.<module>.<Class>")
    module, _, name = target.rpartition(".")
    trusted = tuple(package for package in trust if module == package or module.startswith(f"{package}."))
    if not module.startswith(f"{family.package}.") and not trusted:
        raise ValueError(_outside(target, family))
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise ValueError(_no_module(module, family)) from error
        raise ValueError(f"{target} needs the package {error.name!r}, which is not installed") from error
    found = getattr(loaded, name, None)
    if not (inspect.isclass(found) and dataclasses.is_dataclass(found)):
        known = _component_classes(loaded)
        raise ValueError(
            f"the module {module} has no component {name!r}; {nearest(name, known)}".rstrip("; ")
        )
    if not trusted and found.__module__ != module:
        raise ValueError(f"{target} is defined elsewhere; write {found.__module__}.{found.__qualname__}")
    return found


def _outside(target: str, family: Family) -> str:
    for other in FAMILIES.values():
        if target.startswith(f"{other.package}."):
            return f"{target} is a {other.group}, and a {family.group} is wanted here ({family.package}.*)"
    if target.startswith("p2m."):
        return f"{target} is no {family.group}; those lie in {family.package}"
    package = target.partition(".")[0]
    return (
        f"{target} lies outside p2m, and nothing of a package is imported unless you trust it;"
        f" if you do: --trust {package}"
    )


def _no_module(module: str, family: Family) -> str:
    try:
        package = importlib.import_module(family.package)
        modules = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "base"]
    except ImportError:
        modules = []
    hint = nearest(module.rpartition(".")[2], modules)
    return f"there is no module {module}; {hint}".rstrip("; ")


def _component_classes(module: Any) -> list[str]:
    return [
        name
        for name, found in vars(module).items()
        if inspect.isclass(found) and dataclasses.is_dataclass(found) and found.__module__ == module.__name__
    ]


def _lacks(component: type, protocol: type | tuple[type, ...]) -> str:
    """What its components are without, of several protocols that which they come nearest; "" for nothing."""
    several = protocol if isinstance(protocol, tuple) else (protocol,)
    return min((_lacking(component, each) for each in several), key=len)


def _lacking(component: Any, protocol: type) -> str:
    wanted = {
        name for base in protocol.__mro__ for name in (*vars(base), *vars(base).get("__annotations__", ()))
    }
    known = {*dir(component), *(each.name for each in dataclasses.fields(component))}
    return ", ".join(sorted(name for name in wanted - known if not name.startswith("_")))


def _problem(loc: tuple[str | int, ...], message: str, value: Any) -> ValidationError:
    return located_error([(loc, message, value)])


def located_error(problems: Sequence[tuple[tuple[str | int, ...], str, Any]]) -> ValidationError:
    """A pydantic error that says `message` at each location; pydantic keeps the locations when it nests."""
    return ValidationError.from_exception_data(
        "p2m",
        [
            InitErrorDetails(
                type=PydanticCustomError("p2m", "{text}", {"text": message}), loc=loc, input=value
            )
            for loc, message, value in problems
        ],
    )


def builder(group: str) -> Callable[[Any, Any], Any]:
    """A pydantic validator for components of `group`; trusted packages come from the validation context."""
    family = FAMILIES[group]

    def build(value: Any, info: Any) -> Any:
        return build_component(value, family, trust=(info.context or {}).get("trust", ()))

    return build
