"""What several samples of one row come to: shares, a majority, and when asking may stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2m.answers.canonical import is_shaped
from p2m.deploy.serving.shapes import write_number
from p2m.teachers.craft.answers import Answer
from p2m.types import Task, TaskType

_NEAR = 0.1  # of the scale, or of a number without one: how far numbers may lie apart and agree


@dataclass(frozen=True, slots=True)
class Decision:
    """What a row's opinions come to: an answer, else a fault."""

    answer: str = ""
    votes: dict[str, float] = field(default_factory=dict)  # answer -> share of the opinions that were answers
    share: float = 0.0  # of all opinions, those that gave no answer included, that are for `answer`
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """The opinions on one row: the teacher's samples, and what the row was written for."""

    task: Task
    samples: int  # that may be asked for
    agreement: float  # share of opinions that an answer must exceed, or be 1; 0: the commonest does
    aim: str = ""  # what the row was written for; "": nothing

    def is_decided(self, answers: Sequence[Answer]) -> bool:
        """Whether further samples cannot change what `decided` says."""
        left = self.samples - len(answers)
        if left <= 0:
            return True
        if self.task.type is TaskType.REGRESSION:
            return False
        (first, second), everything = self._leaders(answers), self.samples + bool(self.aim)
        is_lost = not self._agree((first + left) / everything)
        if is_lost and not self._is_text:  # of free text, the one most like the others may still do
            return True
        return first - second > left and self._agree(first / everything)

    def decided(self, answers: Sequence[Answer]) -> Decision:
        """The answer that most opinions are for."""
        given = [answer.text for answer in answers if not answer.fault]
        if not given:
            return Decision(fault=answers[0].fault if answers else "not asked")
        if self.task.type is TaskType.REGRESSION:
            return self._middle(given, len(answers))
        opinions = [*given, self.aim] if self.aim else given
        counts = Counter(map(self._key, opinions))
        texts: dict[str, str] = {}
        for text in opinions:
            texts.setdefault(self._key(text), text)
        votes = {texts[key]: count / len(opinions) for key, count in counts.most_common()}
        cast = len(answers) + bool(self.aim)
        best = max(map(self._key, given), key=lambda key: counts[key])  # of equals the first
        if self.agreement == 0:
            return Decision(texts[best], votes, counts[best] / cast)
        key, most = counts.most_common(1)[0]
        if list(counts.values()).count(most) > 1:
            return self._torn(given, votes)
        share = most / cast
        if not self._agree(share):
            return (
                self._torn(given, votes)
                if self._is_text
                else Decision(votes=votes, share=share, fault=_low(votes))
            )
        if key not in set(map(self._key, given)):  # the aim alone never makes an answer
            return Decision(votes=votes, share=share, fault=_low(votes))
        return Decision(texts[key], votes, share)

    def _middle(self, given: Sequence[str], cast: int) -> Decision:
        """The number in the middle, if enough of the others are near it."""
        numbers = sorted(map(float, given))
        middle = numbers[(len(numbers) - 1) // 2]
        scale = self.task.scale
        near = _NEAR * (scale.high - scale.low if scale else abs(middle))
        share = sum(abs(each - middle) <= near for each in numbers) / cast
        votes = {text: count / len(given) for text, count in Counter(given).most_common()}
        if self.agreement and not self._agree(share):
            return Decision(votes=votes, share=share, fault=_low(votes))
        return Decision(write_number(middle), votes, share)

    def _agree(self, share: float) -> bool:
        return share > self.agreement or share == 1

    @property
    def _is_text(self) -> bool:
        return self.task.type is TaskType.TEXT_TO_TEXT

    def _torn(self, given: Sequence[str], votes: dict[str, float]) -> Decision:
        """No opinion has a majority; of free text, that one is taken which is most like the others."""
        if self._is_text and len(given) > 1:
            likeness = [_likeness(place, given) for place in range(len(given))]
            best = max(range(len(given)), key=lambda place: likeness[place])
            if likeness[best] >= self.agreement:
                return Decision(given[best], votes, likeness[best])
            return Decision(votes=votes, share=likeness[best], fault="samples differ: " + _said(votes))
        if self.aim and len(given) == 1:
            fault = f"not what it was written for: {self.aim!r}, and answered {given[0][:80]!r}"
            return Decision(votes=votes, share=0.5, fault=fault)
        return Decision(votes=votes, share=max(votes.values()), fault="no majority: " + _said(votes))

    def _leaders(self, answers: Sequence[Answer]) -> tuple[int, int]:
        opinions = [answer.text for answer in answers if not answer.fault] + [self.aim] * bool(self.aim)
        counts = [count for _, count in Counter(map(self._key, opinions)).most_common(2)]
        return (*counts, 0, 0)[0], (*counts, 0, 0)[1]

    def _key(self, text: str) -> str:
        """What equal answers have in common."""
        is_exact = self.task.type is TaskType.CLASSIFICATION or is_shaped(self.task)
        return text if is_exact else " ".join(text.casefold().split())


def _low(votes: dict[str, float]) -> str:
    return "low agreement: " + _said(votes)


def _said(votes: dict[str, float]) -> str:
    return ", ".join(f"{answer[:40]!r} {share:.0%}" for answer, share in list(votes.items())[:3])


def _likeness(place: int, texts: Sequence[str]) -> float:
    """Mean overlap (F1) of a text's words with those of each other one, 0 to 1."""
    own = Counter(texts[place].casefold().split())
    found = []
    for other, text in enumerate(texts):
        if other != place:
            words = Counter(text.casefold().split())
            found.append(2 * (own & words).total() / max(1, own.total() + words.total()))
    return sum(found) / len(found)
