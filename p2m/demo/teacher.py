"""The teacher beside the model: asked when somebody clicks, recorded as in a build, its cost said."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from p2m.engine.handles import Run
from p2m.errors import P2MError
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.asking.prices import unit_price
from p2m.teachers.chat import ChatTeacher, named
from p2m.teachers.craft.answers import Answer, Answering
from p2m.types import Caps


@dataclass(frozen=True)
class Beside:
    """A teacher that can be asked here."""

    teacher: ChatTeacher
    answering: Answering
    run: Run
    caps: Caps
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        return named(self.teacher)

    @property
    def price(self) -> str:
        """What asking costs, before it is asked."""
        price = unit_price(self.teacher)
        if price is None:
            return "what it costs is not known"
        return f"{price.input:g} USD a million tokens read, {price.output:g} USD written"

    def ask(self, row: Mapping[str, str]) -> tuple[str, str]:
        """Its answer (or why there is none), and what that took and cost."""

        async def work(each: Mapping[str, str], put: Put) -> Answer:
            return await self.answering.answer(put, each, teacher=self.teacher)

        with self._lock:
            started = time.perf_counter()
            try:
                asker = Asker(self.teacher, self.run, self.caps)
                found = asker.each([row], work, what="row")[0]
            except P2MError as error:
                return "", str(error)
            took = time.perf_counter() - started
        if found is None:
            return "", f"not asked: {asker.spent.stopped}"
        if asker.replayed:
            told = "known from an earlier request: nothing was paid"
        else:
            cost = asker.spent.cost
            told = f"{took:.1f} s, " + ("cost unknown" if cost is None else f"{cost:.6f} USD")
        return found.text or found.fault, told
