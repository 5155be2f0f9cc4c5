"""rerank: a teacher looks at the best candidates of a search and votes on which of them fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from p2m.catalogs.base import is_mapped
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.stages.retrieve import ruled_out
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.datasets import fitting_ask, read_fitting
from p2m.teachers.craft.described import turned
from p2m.teachers.craft.replies import said
from p2m.types import Candidate, Candidates, Caps, Card, Task


@stage(version="1", kind="seeded")
def rerank(
    task: Task,
    found: Candidates,
    *,
    teacher: ChatTeacher,
    top: int,
    votes: int,
    licenses: tuple[str, ...],
    languages: tuple[str, ...],
    max_size: int | None,
    granted: tuple[str, ...],
    mapping: dict[str, dict[str, str]],
    caps: Caps,
    run: Run,
) -> Candidates:
    """Those that more than half of the votes say fit, the most votes first, ties as they were ranked.

    The teacher is shown the best `top` that nothing on paper rules out, in another order at each vote, and
    its word goes before a retriever's floor. All others are refused, except those that `mapping` names, which
    nobody is asked about. An answer that cannot be read is no vote; without any vote the ranking stays.
    """
    judged = [_on_paper(task, one, licenses, languages, max_size, granted, mapping) for one in found.found]
    places = [place for place, one in enumerate(judged) if one is not None and not one.refusal][:top]
    cards = [found.found[place].card for place in places]
    mixed, asker = turned(cards, 1), Asker(teacher, run, caps)

    async def work(turn: int, put: Put) -> frozenset[str] | str:
        shown = _from_another_place(mixed, turn)
        reply = await said(put, fitting_ask(task, shown), teacher=teacher, sample=turn)
        return reply.fault or read_fitting(reply.value, shown)

    replies = asker.each(range(votes), work, what="votes") if cards else []
    cast = [reply for reply in replies if isinstance(reply, frozenset)]
    if len(cast) < len(replies):
        faults = [reply for reply in replies if isinstance(reply, str)] or [asker.spent.stopped]
        run.say(f"{len(replies) - len(cast)} of {votes} votes on datasets do not count: {faults[0]}")
    if not cast:
        return replace(found, spent=asker.spent)
    counted = _counted(judged, found.found, places, cast)
    if not any(not one.refusal for one in counted):
        run.say(f"no dataset fits: {_tally(0, len(cast))} any of {len(cards)} that were shown")
    return Candidates(tuple(counted), asker.spent)


def _from_another_place(cards: Sequence[Card], turn: int) -> list[Card]:
    """The cards from another one on at each turn, far from the last, so that none is always first or last."""
    step = max(1, round(0.618 * len(cards)))
    while math.gcd(step, len(cards)) > 1:
        step += 1
    at = turn * step % len(cards)
    return [*cards[at:], *cards[:at]]


def _on_paper(
    task: Task, one: Candidate, licenses: Sequence[str], languages: Sequence[str], max_size: int | None,
    granted: Sequence[str], mapping: dict[str, dict[str, str]],
) -> Candidate | None:  # fmt: skip
    """The candidate, refused where its card alone rules it out; None where nobody is asked about it."""
    if is_mapped(one.card.name, mapping):
        return None
    return replace(
        one, refusal=ruled_out(task, one.card, licenses, languages, max_size=max_size, granted=granted)
    )


def _counted(
    judged: Sequence[Candidate | None], found: Sequence[Candidate], places: Sequence[int],
    cast: Sequence[frozenset[str]],
) -> list[Candidate]:  # fmt: skip
    """Every candidate by the votes: those that nobody is asked about, those that fit, the others."""
    votes = Counter(name for vote in cast for name in vote)
    kept, fitting, rest = [], [], []
    for place, (one, before) in enumerate(zip(judged, found, strict=True)):
        if one is None:
            kept.append(before)
        elif one.refusal:
            rest.append(one)
        elif place not in places:
            rest.append(replace(one, refusal=f"it is not among the {len(places)} that the teacher was shown"))
        elif 2 * votes[one.card.name] > len(cast):
            said = f"the teacher says that it fits ({votes[one.card.name]} of {len(cast)} votes)"
            fitting.append(replace(one, reasons=(*one.reasons, said)))
        else:
            rest.append(replace(one, refusal=f"{_tally(votes[one.card.name], len(cast))} it"))
    fitting.sort(key=lambda one: -votes[one.card.name])
    return [*kept, *fitting, *rest]


def _tally(votes: int, cast: int) -> str:
    return f"{votes} of {cast} votes of the teacher are for"
