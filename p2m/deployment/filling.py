"""Templates: plain files with `@name@` where a value goes. What is filled in is never read as a template."""

from __future__ import annotations

import re
from importlib.resources import files

from p2m.deployment import templates

_MARK = re.compile(r"@([a-z_]+)@")


def template(name: str) -> bytes:
    """The bytes of a file in `templates/`."""
    return (files(templates) / name).read_bytes()


def filled(name: str, /, **values: object) -> str:
    """The template with each `@name@` replaced; a mark without a value, or a value without one, is a bug."""
    text = template(name).decode("utf-8")
    marks = set(_MARK.findall(text))
    if marks != set(values):
        raise KeyError(f"{name}: marks {sorted(marks)}, values {sorted(values)}")
    return _MARK.sub(lambda found: str(values[found[1]]), text)
