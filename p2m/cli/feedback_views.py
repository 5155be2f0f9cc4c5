"""What `p2m feedback` prints of logs, of a proposal and of drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from p2m.cli import common
from p2m.cli.text import safe, table
from p2m.feedback.judged import NO_ANSWER
from p2m.sizes import on_a_line

if TYPE_CHECKING:
    from p2m.feedback.drift import Drift
    from p2m.feedback.judged import Judged
    from p2m.feedback.opening import Found
    from p2m.feedback.proposal import Proposal

_MOST = 12  # rows of a list that are shown


def counts(found: Found) -> str:
    """How much there is, from when, and what was said, by answer."""
    lines = found.read.lines
    logs = ", ".join(common.relative(path) for path in found.logs)
    if not lines:
        return f"{found.name}: no line in {logs} counts"
    origins = ", ".join(
        f"{name} {number:,}" for name, number in sorted(Counter(x.origin for x in lines).items())
    )
    first, last = lines[0].at[:10], lines[-1].at[:10]
    when = first if first == last else f"{first} to {last}"
    seen = sum(line.judged is None for line in lines)
    head = [f"{found.name}: {len(lines):,} lines in {logs}, {when} ({origins}); {seen:,} seen only"]
    told = tally(found)
    if len(told["by_answer"]) > 1:
        rows = [(name, *(str(each[key] or "") for key in _KEYS)) for name, each in told["by_answer"].items()]
        rows.append(("all", *(str(told[key] or "") for key in _KEYS)))
        head.append(
            table(
                rows,
                header=("what was answered", *_HEADS),
                right=dict.fromkeys(range(1, len(_KEYS) + 1), 0),
                indent=2,
            )
        )
    elif found.judged:
        head.append("  " + ", ".join(f"{told[key]} {name}" for key, name in zip(_KEYS, _HEADS, strict=True)))
    return "\n".join(head)


_KEYS = ("confirmed", "corrected", "unanswered", "unfit", "disagreed")
_HEADS = ("right", "corrected", "wrong without answer", "no answer of the task", "in dispute")
_LABELS = 30  # distinct answers up to which they are told apart


def tally(found: Found) -> dict[str, Any]:
    """Judged inputs by what became of them, in all and by what was answered where that is one of few."""
    kinds = [(each.was, _kind(each)) for each in found.judged]
    total = Counter(kind for _, kind in kinds)
    answers = sorted({was for was, _ in kinds})
    by = {was: Counter(kind for other, kind in kinds if other == was) for was in answers[: _LABELS + 1]}
    named = {was: {key: counts[key] for key in _KEYS} for was, counts in by.items()}
    return {key: total[key] for key in _KEYS} | {"by_answer": named if len(answers) <= _LABELS else {}}


def _kind(each: Judged) -> str:
    if each.answer is not None:
        return "confirmed" if each.is_confirmed else "corrected"
    if each.said:
        return "disagreed"
    return "unanswered" if each.why == NO_ANSWER else "unfit"


def faults(found: Found) -> str:
    """Damaged lines, and where people contradict each other or a review."""
    lines = _some([f"left out: {common.from_here(each)}" for each in found.read.damaged])
    lines += _some([f"people disagree: {disagreement(each)}" for each in found.judged if each.said])
    lines += _some([f"a review decided otherwise, which stands: {overruled(each)}"
                    for each in found.proposal.overruled])  # fmt: skip
    return "\n".join(lines)


def disagreement(each: Judged) -> str:
    told = ", ".join(f"{answer} ({common.from_here(place)})" for answer, place in each.said)
    taken = "to be asked about" if each.answer is None else f"{each.answer} is taken"
    return f"{shown(each.input)}: {told}; {taken}"


def overruled(each: Judged) -> str:
    return f"{shown(each.input)}: {each.answer} ({common.from_here(each.places[-1])})"


def changes(made: Proposal) -> str:
    """What would be written."""
    if made.is_empty:
        return ""
    confirmed = sum(each.output == each.was for each in made.entries)
    aside = [f"{made.known:,} are decided already"] * bool(made.known)
    aside += [f"{made.left:,} confirmed ones are left aside"] * bool(made.left)
    said = "".join(f"; {each}" for each in aside)
    lines = []
    if made.entries:
        lines.append(
            f"{common.relative(made.decisions)}: {_many(len(made.entries), 'new decision')},"
            f" {len(made.entries) - confirmed:,} corrected and {confirmed:,} confirmed{said}"
        )
        order = sorted(made.entries, key=lambda each: each.output == each.was)  # corrections first
        rows = [("+", shown({"": each.output or ""}), _was(each.output or "", each.was), shown(each.input))
                for each in order[:_MOST]]  # fmt: skip
        lines.append(table(rows, indent=2))
        lines += _more(len(order))
    if made.ask or made.answered:
        gone = f", {made.answered:,} that were answered go" if made.answered else ""
        more = _many(len(made.ask), "more row")
        lines.append(f"{common.relative(made.asked)}: {more} that somebody must answer{gone}")
        if made.ask:
            lines.append(table([("?", shown(each.input), each.why) for each in made.ask[:_MOST]], indent=2))
        lines += _more(len(made.ask))
    return "\n".join(lines)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _was(output: str, was: str) -> str:
    return "confirmed" if output == was else f"was {shown({'': was})}"


def drift(found: Found) -> str:
    """Each figure with its threshold, in plain words."""
    if found.drift is None:
        return f"drift: not looked at: {found.drift_note}" if found.drift_note else ""
    seen = found.drift
    names = [each.what for each in seen.figures if each.test.differs]
    none = "none seen: what is asked is like what the model was made for" if seen.figures else "not known"
    lines = [f"drift: {', '.join(names)} differ" if names else f"drift: {none}"]
    if seen.figures:
        rows = [
            (each.what, f"{each.test.value:.3f}", f"{each.test.threshold:.3f}", f"{each.test.p:.4f}",
             f"{each.service:,} / {each.others:,}", ("DIFFERS: " if each.test.differs else "") + each.says)
            for each in seen.figures
        ]  # fmt: skip
        heads = ("", "figure", "threshold", "p", "rows", "")
        lines.append(table(rows, header=heads, right={1: 0, 2: 0, 3: 0, 4: 0}, indent=2))
    lines += [f"  most unlike: {shown({'': text})}" for text in seen.unlike]
    lines += [f"  {note}" for note in seen.notes]
    return "\n".join(lines)


def drift_values(seen: Drift) -> dict[str, Any]:
    figures = [
        {"what": each.what, "value": each.test.value, "threshold": each.test.threshold, "p": each.test.p,
         "level": each.test.level, "differs": each.test.differs, "service_rows": each.service,
         "other_rows": each.others, "says": each.says}
        for each in seen.figures
    ]  # fmt: skip
    return {"is_seen": seen.is_seen, "figures": figures, "notes": seen.notes, "most_unlike": seen.unlike}


def shown(values: dict[str, str], limit: int = 70) -> str:
    return safe(on_a_line(values, most=limit))


def _some(lines: Sequence[str]) -> list[str]:
    return [*lines[:_MOST], *_more(len(lines))]


def _more(number: int) -> list[str]:
    return [f"  ... {number - _MOST:,} more"] if number > _MOST else []
