"""Which settings are components: values that act, whose code is therefore part of the key."""

from __future__ import annotations

from types import FunctionType

from p2m.engine.code.closure import EXCLUDED, SLICED
from p2m.engine.hashing import is_frozen_dataclass, qualified_name

# What the dataclass decorator writes, and what can only change fields, which are in the key anyway.
_GENERATED = frozenset(
    f"__{name}__"
    for name in (
        *("init", "repr", "eq", "hash", "lt", "le", "gt", "ge", "replace", "post_init"),
        *("setattr", "delattr", "getstate", "setstate"),
    )
)


def is_component(value: object) -> bool:
    """Whether `value` acts: a frozen dataclass with a method or a property of its own, outside `types`."""
    if not is_frozen_dataclass(value) or type(value).__module__ in (*EXCLUDED, *SLICED):
        return False
    acts = (FunctionType, property, classmethod, staticmethod)
    return any(
        isinstance(member, acts) and name not in _GENERATED
        for kind in type(value).__mro__
        if kind is not object
        for name, member in vars(kind).items()
    )


def components_in(value: object) -> tuple[object, ...]:
    """Every component inside a setting, itself included, in the order in which they stand there."""
    if isinstance(value, dict):
        return tuple(found for item in value.values() for found in components_in(item))
    if isinstance(value, (tuple, list)):
        return tuple(found for item in value for found in components_in(item))
    if is_frozen_dataclass(value):
        fields = getattr(type(value), "__dataclass_fields__", {})
        inner = tuple(found for name in fields for found in components_in(getattr(value, name)))
        return ((value, *inner)) if is_component(value) else inner
    return ()


def component_name(component: object) -> str:
    return qualified_name(type(component))
