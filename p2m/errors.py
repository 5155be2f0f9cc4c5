"""Every error that p2m raises on purpose.

    P2MError
    +-- UserError               the input is wrong                    exit code 2
    |   +-- RecipeError         one or more Problems of a recipe
    |   +-- DataError           a dataset or a row of it
    |   +-- MissingWeights      a base model cannot be had here
    |   +-- LockError           a lock that is damaged, foreign or too new
    +-- LockDrift               what is there is not what is locked   exit code 3
    +-- StoreError              the store cannot be read or written   exit code 1
    +-- StageError              a stage failed for a reason of its own

A message says what, where, what was expected and what to type next. The command line prints it without
a traceback; anything that is not a P2MError is a bug of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# What an API key looks like, and what fields that hold one are called, by their letters alone.
SECRET = re.compile(r"\b(?:sk|gsk|xai|hf|ghp|pplx|nvapi)[-_][\w-]{12,}|\bBearer \S{8,}|\bAIza[\w-]{30,}")
_SECRET_NAME = re.compile(
    r"(?:x|api|openai|anthropic|azure|auth|access|bearer|secret|service)*"
    r"(?:key|token|secret|password|authorization)"
)


class P2MError(Exception):
    """Base of all deliberate errors."""

    exit_code = 1


class UserError(P2MError):
    """The user's input is wrong; nothing was lost."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `where` is file:line or an override, `path` a config path."""

    message: str
    path: str = ""
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = _concealed(self.where) if self.where.startswith("override ") else self.where
        head = SECRET.sub("[key]", ": ".join(part for part in (where, self.path, self.message) if part))
        return f"{head}\n    {self.hint}" if self.hint else head


def is_secret(name: str) -> bool:
    """Whether a field of that name holds a key or a password."""
    return bool(_SECRET_NAME.fullmatch(re.sub(r"[^a-z]", "", name.lower())))


def _concealed(override: str) -> str:
    """An override without the key that it may give: error messages land in logs."""
    name, equals, _ = override.partition("=")
    if equals and is_secret(name.rpartition(".")[2]):
        return f"{name}=[key]"
    return override


class RecipeError(UserError):
    """A recipe that cannot be built; carries every problem found, not only the first.

    `config` is the recipe as plain data, where it could be composed.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        self.config: Mapping[str, object] = {}
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(UserError):
    """A dataset that cannot be read as the task needs it."""


class MissingWeights(UserError):
    """A base model that is neither installed nor reachable."""


class LockError(UserError):
    """A lock file that cannot be used as it is."""


class LockDrift(P2MError):
    """There is no lock, or what is there, or was made, is not what it pins."""

    exit_code = 3


class StoreError(P2MError):
    """The store cannot be used as it is."""


class StageError(P2MError):
    """A stage could not do its work."""


def command(*words: object) -> str:
    """`p2m ...` with those words as a shell takes them, for messages that say what to type."""
    import shlex

    return shlex.join(["p2m", *map(str, words)])


def nearest(name: str, names: Iterable[str]) -> str:
    """`Did you mean ...?` for a misspelt name, else the list of what there is; "" where there is nothing."""
    import difflib  # here for its weight: most commands make no such mistake

    known = sorted(set(names))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"one of: {', '.join(known)}" if known else ""
