"""Inputs: what each request asks a teacher to write, and what its reply comes to.

Request k depends on the seed, the round and k, never on how many are asked for: a larger number only adds.
Where there are rows already, the first requests for labels that have many are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from random import Random
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.teachers.craft.rows import plainly, ranked
from p2m.types import Attribute, Example, Need, Schedule, Task, TaskType, Unanswered

RUN = 100  # requests that a schedule of temperatures is run over, again and again
_SHOWN = 4  # examples a request
_POOL = 64  # examples of one label that requests choose from
_NEAR = 4  # inputs that a request should resemble
_GOLDEN = 0.6180339887498949  # steps of it fill 0 to 1 evenly, however many are taken (Weyl, 1916)


@dataclass(frozen=True, slots=True)
class Brief:
    """What one request asks for."""

    number: int
    items: tuple[dict[str, str], ...]  # the properties of each input wanted
    aim: str = ""  # the label of all of them
    passage: str = ""
    shown: tuple[Example, ...] = ()
    near: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Inventing:
    """All that the requests of one step are made of."""

    task: Task
    labels: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()
    passages: tuple[str, ...] = ()
    pools: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)  # label ("": any) -> rows to show
    needs: tuple[Need, ...] = ()
    nothing: str = ""  # the right output where there is nothing to say; "": a task always has one
    per_request: int = 5
    seed: int = 0
    round: int = 0
    there: Mapping[str, int] = field(default_factory=dict)  # label -> rows that it has

    def numbers(self) -> Iterator[int]:
        """Of the requests that are put, in their order."""
        fewest = min((self.there.get(label, 0) for label in self.labels), default=0)
        start = 0 if self.needs else fewest // self.per_request * len(self.labels)
        return filter(self._is_wanted, count(start))

    def _is_wanted(self, number: int) -> bool:
        """Whether request `number` is put: a label joins when those with fewer rows have caught up with it.

        Needs, where a round has any, say themselves what is thin.
        """
        if not self.labels or self.needs:
            return True
        label = self._turn("label", self.labels, number)
        return self.there.get(label, 0) < (number // len(self.labels) + 1) * self.per_request

    def brief(self, number: int) -> Brief:
        """What request `number` asks for."""
        need = self._need(number)
        aim = need.aim if need and need.aim else self._turn("label", self.labels, number)
        items = tuple(
            {
                each.name: self._turn(each.name, each.values, number * self.per_request + place)
                for each in self._varied
            }
            for place in range(self.per_request)
        )
        near = ranked_inputs(need.near, f"{self._salt}:{number}")[:_NEAR] if need else ()
        passage = self._turn("passage", self.passages, number)
        return Brief(number, items, aim, passage, self._examples(number, aim), tuple(near))

    def ask(self, brief: Brief, temperature: Schedule) -> Ask:
        """The request of a brief."""
        written: dict[str, Any] = {"batch": f"{self.round}.{brief.number}"}  # no two requests are the same
        if brief.aim:
            written["label"] = brief.aim
        if brief.passage:
            written["passage"] = brief.passage
        fields = [each.name for each in self.task.inputs if not self._is_given(each.name)]
        written |= {"fields": fields, "inputs": list(brief.items)}
        if brief.near:
            written["near"] = list(brief.near)
        if brief.shown:
            written["examples"] = [plainly(each) for each in brief.shown]
        one = record({name: {"type": "string"} for name in fields})
        system = f"{words('invent')}\n{fenced({'task': described(self.task, self.labels, self.meanings)})}"
        share = (brief.number % RUN) / (RUN - 1)
        return Ask(
            system=system,
            turns=(Turn("user", f"Write {len(brief.items)} inputs.\n{fenced({'brief': written})}"),),
            schema=record({"inputs": {"type": "array", "items": one}}),
            max_tokens=1024 + 600 * len(brief.items),
            temperature=temperature.at(share),
        )

    def read(self, brief: Brief, value: Mapping[str, Any], source: str) -> list[Unanswered]:
        """The inputs of a reply; blanks at their ends aside, and no more than were asked for."""
        found = []
        is_given = self._is_given(self.task.context_field)
        group = _group(brief.passage) if is_given else ""  # what is only written from it stands on its own
        for place, written in enumerate(value["inputs"][: len(brief.items)]):
            row = {each.name: str(written.get(each.name, "")).strip() for each in self.task.inputs}
            if is_given:
                row[self.task.context_field] = brief.passage
            found.append(Unanswered(row, source, group, brief.aim, brief.items[place]))
        return found

    @property
    def _salt(self) -> str:
        return f"{self.seed}:{self.round}"

    @property
    def _varied(self) -> tuple[Attribute, ...]:
        spoken, there = self.task.spoken, ("can be found",) * 3
        none = f"there is none: the right output is {self.nothing!r}, though it may not look so"
        return (
            *self.attributes,
            *((Attribute("language", spoken),) if len(spoken) > 1 else ()),
            *((Attribute("answer", (*there, none)),) if self.nothing else ()),
        )

    def _is_given(self, name: str) -> bool:
        """Whether a field is not written: a passage of the user's is the text that is asked about."""
        return bool(self.passages) and self.task.is_span and name == self.task.context_field

    def _turn(self, name: str, values: Sequence[str], place: int) -> str:
        """Values take turns in an order drawn anew each time round, so any stretch covers them evenly."""
        if not values:
            return ""
        order = _shuffled(f"{self._salt}:{name}:{place // len(values)}", len(values))
        return values[order[place % len(values)]]

    def _need(self, number: int) -> Need | None:
        """The need that a request serves; each has its share of any stretch of requests."""
        place = (number * _GOLDEN + Random(f"{self._salt}:needs").random()) % 1.0
        for need in self.needs:
            if place < need.share:
                return need
            place -= need.share
        return None

    def _examples(self, number: int, aim: str) -> tuple[Example, ...]:
        """Rows to show, those of the wanted label where there are any; in another order each time."""
        return tuple(ranked(self.pools.get(aim, ()), f"{self._salt}:{number}")[:_SHOWN])


def ranked_inputs(rows: Sequence[dict[str, str]], salt: str) -> list[dict[str, str]]:
    """In an order that depends on each input and the salt alone."""
    return [row.input for row in ranked((Example(row, "") for row in rows), salt)]


def pools(task: Task, rows: Sequence[Example], seed: int) -> dict[str, tuple[Example, ...]]:
    """Of each label, and of all of them ("") where there are none, the rows that requests choose from."""
    together: dict[str, list[Example]] = {}
    for row in rows:
        together.setdefault(row.output if task.type is TaskType.CLASSIFICATION else "", []).append(row)
    return {aim: tuple(ranked(alike, f"{seed}")[:_POOL]) for aim, alike in together.items()}


@cache
def _shuffled(salt: str, number: int) -> tuple[int, ...]:
    order = list(range(number))
    Random(salt).shuffle(order)
    return tuple(order)


def _group(passage: str) -> str:
    return f"texts:{hashlib.sha256(passage.encode()).hexdigest()[:12]}"
