"""What teachers will be asked, and what was paid them, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from p2m.build import Built
from p2m.cli.text import duration, table
from p2m.engine.explaining.survey import StepPreview, Survey, listed
from p2m.engine.plan import Plan
from p2m.engine.running import tallies
from p2m.errors import P2MError
from p2m.project import Project
from p2m.questions import made, outputs
from p2m.sizes import dollars
from p2m.teacher_forecast import Asking, Range, TeacherForecast, chat_teacher, teacher_forecast
from p2m.teachers.chat import SENT
from p2m.types import Spent

_RAISE = "next: raise it and build again, which pays for the rest alone"


def expected(project: Project, found: Survey) -> TeacherForecast:
    """What a build of a surveyed plan will ask teachers."""
    return teacher_forecast(project.composed.spec, project.task, found)


def forecast_text(told: TeacherForecast, plan: Plan) -> str:
    """A line a step, one for its shards, their sum, prices and limits; "" where nothing will be asked."""
    if not told.steps:
        return ""
    rows: list[tuple[str, ...]] = [("asks", "requests", "tokens in", "tokens out", "USD", "time")]
    shards: dict[str, list[Asking]] = {}
    for one in told.steps:
        shards.setdefault(_whole(plan, one.step), []).append(one)
    for name, those in shards.items():
        some = TeacherForecast(tuple(those), told.caps)
        rows.append(_row(those[0]) if len(those) == 1 else _sum(f"{name}, {len(those)} shards", some))
    if len(shards) > 1:
        rows.append(_sum("together", told))
    lines = [table(rows, indent=2, right={1: 0, 2: 0, 3: 0, 4: 0, 5: 0})]
    for name, price in {one.teacher: one.price for one in told.steps}.items():
        if price is not None:
            unit = f"{price.input:g} USD in, {price.output:g} out, a million tokens"
            lines.append(f"  {name}: {unit} ({price.source})")
    answered = sum(one.answered for one in told.steps)
    if answered:
        lines.append(f"  {answered:,} further requests are answered by the ledger, at no cost")
    lines += [f"  {line}" for line in _limits(told)]
    lines += [f"  ! {note}" for note in told.notes]
    return "\n".join(lines) + "\n"


def is_asked(plan: Plan) -> bool:
    """Whether a chat model has part in any step."""
    return any(chat_teacher(step) for step in plan.steps)


def spent_by(built: Built) -> dict[str, Spent]:
    """Step -> what asking its teacher came to in a cold build."""
    steps = [step.name for step in built.result.plan.steps if chat_teacher(step)]
    found = {name: built.result.value(name).spent for name in steps}
    return {name: spent for name, spent in found.items() if spent is not None}


def spent_lines(built: Built, spent: Mapping[str, Spent]) -> list[str]:
    """What was asked and paid, and what ended early; nothing where no teacher was asked."""
    together = sum(spent.values(), Spent())
    if not together.requests and not any(one.stopped for one in spent.values()):
        return []
    sent = tallies.total(built.result.store, built.result.run, SENT)
    cost = "price not known" if together.cost is None else f"{dollars(together.cost)} USD"
    tokens = _rounded(together.input_tokens + together.output_tokens)
    lines = [f"teacher: {together.requests:,} requests, {tokens} tokens, {cost}; {sent:,} sent by this build"]
    for limit, names in _ended(spent, built.result.plan).items():
        lines.append(f"  ! {limit} ended {listed(names)} early: this is made of what was there until then")
        lines.append(f"    {_RAISE}")
    return lines


def early_ends(project: Project) -> list[str]:
    """Of a build that failed, which limit had ended what before: often that is why."""
    if not is_asked(project.plan):
        return []
    try:
        found = outputs(project)
    except P2MError:  # what the build failed of has the word
        return []
    values = {step.name: made(project, step.name, found) for step in project.plan.steps if chat_teacher(step)}
    spent = {name: value.spent for name, value in values.items() if value is not None and value.spent}
    ends = _ended(spent, project.plan)
    return [f"  ! {limit} ended {listed(names)} early; {_RAISE}" for limit, names in ends.items()]


def _ended(spent: Mapping[str, Spent], plan: Plan) -> dict[str, list[str]]:
    """Limit -> the steps that it ended."""
    ends: dict[str, dict[str, None]] = {}
    for name, one in spent.items():
        if one.stopped:
            ends.setdefault(one.stopped, {})[_whole(plan, name)] = None
    return {limit: [*names] for limit, names in ends.items()}


def _whole(plan: Plan, name: str) -> str:
    """The step that a shard is part of; of another step itself."""
    return name.rpartition("-")[0] if plan.step(name).group.startswith("shards") else name


def with_asks(previews: Sequence[StepPreview], told: TeacherForecast) -> list[dict[str, Any]]:
    """Previews as plain data, those of steps that will ask a teacher with what they will ask."""
    asks = {one.step: {"asks": asdict(one)} for one in told.steps}
    return [asdict(one) | asks.get(one.step, {}) for one in previews]


def _row(one: Asking) -> tuple[str, ...]:
    return (
        one.step, _count(one.requests), _count(one.input_tokens), _count(one.output_tokens), _usd(one.cost),
        _time(one.seconds),
    )  # fmt: skip


def _sum(name: str, told: TeacherForecast) -> tuple[str, ...]:
    said = sum((one.input_tokens for one in told.steps), Range())
    heard = sum((one.output_tokens for one in told.steps), Range())
    times = [one.seconds for one in told.steps]
    seconds = None if None in times else sum((time for time in times if time), Range())
    return (name, _count(told.requests), _count(said), _count(heard), _usd(told.cost), _time(seconds))


def _limits(told: TeacherForecast) -> list[str]:
    """Each limit of the recipe, and whether it will be reached."""
    caps, lines = told.caps, []
    for name, most, expected in (
        ("max_cost", caps.max_cost, told.cost),
        ("max_requests", caps.max_requests, told.requests),
        ("max_tokens", caps.max_tokens, told.tokens),
    ):
        if most is None:
            continue
        said = f"{most:g} USD" if name == "max_cost" else f"{most:,}"
        reached = ""
        if expected is not None and expected.low > most:
            reached = ", which will be reached: what is made until then is built"
        elif expected is not None and expected.high > most:
            reached = ", which may be reached: what is made until then is built"
        lines.append(f"at most {said}: constraints.{name}{reached}")
    return lines


def _count(found: Range) -> str:
    low, high = _rounded(found.low), _rounded(found.high)
    return low if low == high else f"{low} to {high}"


def _rounded(number: float) -> str:
    """`1,234`, `56k`, `1.2M`."""
    if number >= 1e6:
        return f"{number / 1e6:.2g}M" if number < 1e7 else f"{number / 1e6:.0f}M"
    return f"{number / 1e3:.0f}k" if number >= 1e4 else f"{number:,.0f}"


def _usd(found: Range | None) -> str:
    if found is None:
        return "price not known"
    low, high = dollars(found.low), dollars(found.high)
    return low if low == high else f"{low} to {high}"


def _time(found: Range | None) -> str:
    if found is None:
        return "not known"
    low, high = duration(found.low), duration(found.high)
    return low if low == high else f"{low} to {high}"
