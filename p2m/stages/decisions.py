"""decisions: what people decided in `p2m review`, without when and by how many lines."""

from __future__ import annotations

from p2m.curation.base import decide, read_entries
from p2m.engine.stage import stage
from p2m.types import Decisions, Files, Task


@stage(version="1", kind="pure")
def decisions(task: Task, file: Files) -> Decisions:
    """What stands for each input, sorted by the inputs.

    Raises:
        DataError: with file and line: a line that is no decision; or an answer that the task does not have.
    """
    return decide(task, read_entries(file.path), file.path.name)
