"""What asking comes to: the sums of a step, and the live line while it asks."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from p2m.engine.handles import Run
from p2m.sizes import dollars
from p2m.teachers.asking.acceptance import Acceptance
from p2m.teachers.asking.budget import Budget
from p2m.teachers.asking.prices import NANO
from p2m.teachers.asking.recorded import Paid
from p2m.teachers.asking.retries import Progress
from p2m.teachers.chat import Ask
from p2m.types import Spent

_OFTEN = 0.1  # seconds between two reports of progress


@dataclass(slots=True)
class Spending:
    """What one step has asked; each request once."""

    seen: set[bytes] = field(default_factory=set)
    requests: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nanousd: int = 0
    is_priced: bool = True
    microseconds: int = 0  # whole ones, whose sum does not hang on the order of the answers
    outcomes: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    def add(self, digest: str, paid: Paid, budget: Budget, ask: Ask, *, replayed: bool) -> None:
        key = bytes.fromhex(digest)
        if key in self.seen:
            return
        self.seen.add(key)
        budget.count(ask, paid, sent=not replayed)
        usage = paid.reply.usage
        self.requests += 1
        self.replayed += replayed
        self.input_tokens += usage.input
        self.output_tokens += usage.output
        self.nanousd += paid.cost or 0
        self.is_priced &= paid.cost is not None
        self.microseconds += round(1e6 * paid.reply.seconds)
        self.outcomes[paid.reply.outcome.value] += 1

    @property
    def spent(self) -> Spent:
        return Spent(
            self.requests, self.input_tokens, self.output_tokens,
            self.nanousd / NANO if self.is_priced else None, round(self.microseconds / 1e6, 3),
            dict(sorted(self.outcomes.items())), self.stopped,
        )  # fmt: skip


class Telling:
    """The live line: how far it is, what it costs, how much is kept."""

    def __init__(
        self, run: Run, spending: Spending, progress: Progress, total: int, what: str,
        acceptance: Acceptance | None,
    ) -> None:  # fmt: skip
        self._run, self._spending, self._progress = run, spending, progress
        self._total, self._what, self._acceptance = total, what, acceptance
        self._began, self._last = time.monotonic(), 0.0
        self._before = progress.answers
        self.done = 0

    def tell(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if last or now - self._last >= _OFTEN:
            self._last = now
            self._run.progress(self.done, self._total, self._note(now))

    def _note(self, now: float) -> str:
        spent, parts = self._spending, [self._what]
        if spent.is_priced and spent.nanousd:
            usd = spent.nanousd / NANO
            all_of_it = usd * self._total / max(1, self.done)
            parts.append(f"{dollars(usd)} of about {dollars(max(usd, all_of_it))} USD")
        elif not spent.is_priced:
            parts.append(f"{spent.input_tokens + spent.output_tokens:,} tokens, price not known")
        if self._acceptance is not None and (share := self._acceptance.share) is not None:
            parts.append(f"{self._acceptance.kept:,} kept ({share:.0%})")
        answers, seconds = self._progress.answers - self._before, now - self._began
        if answers and seconds > 1:
            parts.append(f"{answers / seconds:.3g} requests/s")
        return ", ".join(parts)
