"""Tokens for many questions at once, each by its own chance: what a question gets does not depend on whom it
is answered beside, but for the last bits of floating point, which a batch adds up in another order.

    sampler = Sampler(rows, eos, options)
    model.generate(..., logits_processor=[sampler], stopping_criteria=[sampler.stopped])
    rows[0].tokens

Of each row's distribution one uniform number picks the token, drawn from a generator seeded for that question
and sample. A grammar (llguidance) masks what its JSON Schema forbids, and ends a row with its value.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPTIONS = ("top_k", "top_p", "min_p", "repetition_penalty")


@dataclass(slots=True)
class Row:
    """One question on its way."""

    temperature: float  # 0: always the likeliest token
    most: int  # tokens
    generator: Any  # torch's, on the CPU
    matcher: Any = None  # llguidance's; None: free text
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # of tokens and end, as unmasked
    is_done: bool = False
    is_whole: bool = False  # it ended by itself, not at `most`


class Sampler:
    """Picks the next token of every row; as a logits processor it leaves that one alone."""

    def __init__(
        self, rows: Sequence[Row], eos: Collection[int], options: Mapping[str, float], until: float
    ) -> None:  # fmt: skip
        """`until`: moment (time.monotonic) at which what is not done is given up."""
        self.rows, self.eos, self.options, self.until = rows, eos, options, until
        self.is_stopped = False  # set it from another thread to give up

    @property
    def gave_up(self) -> bool:
        return self.is_stopped or time.monotonic() > self.until

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        scores = scores.float()
        told = torch.log_softmax(scores, dim=-1)
        chosen = self._choose(input_ids, self._masked(scores))
        for number, row in enumerate(self.rows):
            if not row.is_done:
                self._take(row, int(chosen[number]), float(told[number, chosen[number]]))
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen.unsqueeze(1), 0.0)

    def stopped(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Which rows are done."""
        import torch

        over = self.gave_up
        return torch.tensor([row.is_done or over for row in self.rows], device=input_ids.device)

    def _take(self, row: Row, token: int, logprob: float) -> None:
        row.logprobs.append(logprob)
        if token in self.eos and (row.matcher is None or row.matcher.is_accepting()):
            row.is_done = row.is_whole = True
            return
        row.tokens.append(token)
        if row.matcher is not None:
            row.matcher.consume_token(token)
            row.is_whole = row.matcher.is_stopped() and not row.matcher.is_error()
        row.is_done = row.is_whole or len(row.tokens) >= row.most or _is_broken(row)

    def _masked(self, scores: Any) -> Any:
        """What the grammars allow."""
        import numpy
        import torch
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        if all(row.matcher is None or row.is_done for row in self.rows):
            return scores
        bits = allocate_token_bitmask(len(self.rows), scores.shape[1])
        for number, row in enumerate(self.rows):
            if row.matcher is not None and not row.is_done:
                fill_next_token_bitmask(row.matcher, bits, number)
        allowed = numpy.unpackbits(bits.view(numpy.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        return scores.masked_fill(torch.from_numpy(allowed == 0).to(scores.device), -torch.inf)

    def _choose(self, input_ids: Any, scores: Any) -> Any:
        import torch

        for warp in _warps(self.options):
            scores = warp(input_ids, scores)
        warm = torch.tensor([max(row.temperature, 1e-6) for row in self.rows], device=scores.device)
        shares = torch.softmax(scores / warm.unsqueeze(1), dim=-1).double().cumsum(dim=-1)
        drawn = [torch.rand(1, generator=row.generator, dtype=torch.float64) for row in self.rows]
        wanted = torch.cat(drawn).unsqueeze(1).to(shares.device) * shares[:, -1:] * (1 - 1e-12)
        picked = (shares > wanted).int().argmax(dim=-1)
        cold = torch.tensor([row.temperature == 0 for row in self.rows], device=scores.device)
        return torch.where(cold, scores.argmax(dim=-1), picked)


def _warps(options: Mapping[str, float]) -> list[Any]:
    """In the order in which transformers applies them."""
    from transformers.generation import (
        MinPLogitsWarper,
        RepetitionPenaltyLogitsProcessor,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    made = {
        "repetition_penalty": lambda value: RepetitionPenaltyLogitsProcessor(float(value)),
        "top_k": lambda value: TopKLogitsWarper(int(value)),
        "top_p": lambda value: TopPLogitsWarper(float(value)),
        "min_p": lambda value: MinPLogitsWarper(float(value)),
    }
    return [made[name](options[name]) for name in made if options.get(name) is not None]


def _is_broken(row: Row) -> bool:
    return row.matcher is not None and bool(row.matcher.is_error())
