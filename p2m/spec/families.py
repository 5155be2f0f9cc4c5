"""Student families by the names of their files in conf/student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2m.errors import nearest
from p2m.marked_yaml import read_marked
from p2m.resources import conf_folder

GROUP = "student"


def family(name: str) -> Mapping[str, Any]:
    """The one student of a file, as a component is written.

    Raises:
        ValueError: there is no such file, or it has several students.
    """
    files = {file.stem: file for file in sorted((conf_folder() / GROUP).glob("*.yaml"))}
    if name not in files:
        raise ValueError(f"there is no student {name!r}; {nearest(name, files)}")
    value: Any = read_marked(files[name]).value
    candidates = value.get("candidates", {})
    if len(candidates) != 1:
        raise ValueError(f"{name} is several students; name one of them")
    found: Mapping[str, Any] = next(iter(candidates.values()))
    return found
