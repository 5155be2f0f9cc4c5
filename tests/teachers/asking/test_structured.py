"""Replies that must be JSON: read as they were written or not at all, and asked for once more."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from p2m.teachers.asking.structured import LARGEST, Fault, Structured, parsed, structured
from p2m.teachers.chat import Ask, Outcome, Reply, TeacherError, Turn

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "team": {"enum": ["billing", "delivery"]},
        "sure": {"type": "integer", "minimum": 1, "maximum": 5},
        "why": {"type": "string"},
    },
    "required": ["team"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"team": "billing", "sure": 3}', {"team": "billing", "sure": 3}),
        ('```json\n{"team": "billing"}\n```', {"team": "billing"}),
        ('Sure!\n```\n{"team": "billing"}\n```\nAnything else?', {"team": "billing"}),
        ('As [1] and {x} say: {"team": "delivery"}. I hope that helps.', {"team": "delivery"}),
        ('<think>{"team": "billing"}? No.</think>\n{"team": "delivery"}', {"team": "delivery"}),
        ('{"team": "billing"}\n{"team": "billing"}', {"team": "billing"}),
        ("{'team': 'billing', 'why': 'so',}", {"team": "billing", "why": "so"}),
        ('{team: "billing", "sure": 2}', {"team": "billing", "sure": 2}),
        ('{"team": "billing", "why": "one\ntwo"}', {"team": "billing", "why": "one\ntwo"}),
        ('{"team": "billing" "why": "a \\"b\\" \\u00e9"}', {"team": "billing", "why": 'a "b" é'}),
        (
            '{"team": "billing", "why": "he said "hi" to me"}',
            {"team": "billing", "why": 'he said "hi" to me'},
        ),
    ],
)
def test_what_was_meant_is_read(text: str, value: dict[str, Any]) -> None:
    assert parsed(text, SCHEMA) == value


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "empty reply", ""),
        ("I would say billing.", "no JSON", "I would say billing."),
        ("<html><body>502</body></html>", "no JSON", "<html>"),
        ('{"team": "Billing"}', "against the schema", "team: 'Billing' is not one of"),
        ('{"team": "billing "}', "against the schema", "team"),
        ('{"team": "billing", "sure": "3"}', "against the schema", "sure: '3' is not of type 'integer'"),
        ('{"team": "billing", "sure": true}', "against the schema", "sure"),
        ('{"team": "billing", "sure": 9}', "against the schema", "sure: 9 is greater than the maximum of 5"),
        ('{"sure": 1}', "against the schema", "'team' is a required property"),
        ('{"team": "billing", "extra": 1}', "against the schema", "extra"),
        ('["billing"]', "against the schema", "object"),
        ('{"team": "billing", "sure": NaN}', "no number", "NaN"),
        ('{"team": "billing", "sure": 1e999}', "no number", "1e999"),
        ('{"team": "billing", "sure": %s}' % ("9" * 5000), "no number", "999"),
        ('{"team": "billing", "team": "delivery"}', "a key stands twice", "team"),
        ('So: {"team": "billing", "team": "delivery"}', "a key stands twice", "team"),
        ("{'team': 'billing', 'team': 'delivery'}", "not JSON", ""),
        ('{"team": "billing"} or {"team": "delivery"}', "several answers", "2"),
        ('{"team": "billing", "why": "\\ud83d"}', "broken characters", ""),
        ("{'team': 'billing', 'why': 'it''s'}", "not JSON", ""),
        ('{"team": "billing", // the desk\n "sure": 3}', "not JSON", ""),
        ('{"team": "billing", "why": "the parcel nev', "not JSON", ""),
        ('{"team": "billing", "why": {"x": 1}, "sure": ', "not JSON", ""),
        ('[{"team": "billing"}, {"team": "deli', "not JSON", ""),
        ('{first: {"team": "billing"}}', "against the schema", "first"),
        ('{"team": "billing", "why": "so", "and", "sure": 1}', "not JSON", ""),
    ],
)
def test_what_can_be_doubted_is_a_fault(text: str, reason: str, detail: str) -> None:
    found = parsed(text, SCHEMA)
    assert isinstance(found, Fault), found
    assert found.reason == reason
    assert detail in found.detail


@pytest.mark.parametrize(
    "text",
    [
        '{"team": "billing", "why": "' + "x" * 2_000_000 + '"}',
        "[" * 900_000,
        "{" * 900_000,
        '{"team":' * 100_000,
        '["' * 400_000,
        ("[" * 900 + "x") * 1000,
        '{"a": "' + 'x "y" ' * 100_000 + '"}',
        "[" * 80 + "]" * 80,
        "{" + ", ".join(f'"k{n}": {n}' for n in range(60_000)) + ', "k0": 1}',
        json.dumps([{"team": 1}] * 50_000),
    ],
    ids=lambda text: text[:9],
)
def test_no_reply_takes_for_ever(text: str) -> None:
    found = parsed(text, SCHEMA)
    assert isinstance(found, Fault)
    assert len(str(found)) < 400


def test_a_reply_of_the_largest_size_is_read() -> None:
    text = json.dumps({"team": "billing", "why": "x" * (LARGEST - 60)})
    assert parsed(text, SCHEMA)["team"] == "billing"


def test_a_wrong_schema_is_said_and_one_that_points_elsewhere_asks_nobody() -> None:
    with pytest.raises(TeacherError, match="no JSON Schema: type: 'objekt'"):
        parsed("{}", {"type": "objekt"})
    with pytest.raises(TeacherError, match=r"refers to what is not in it: .*example\.org"):
        parsed("{}", {"$ref": "https://example.org/schema.json"})


@dataclass
class Teller:
    """Replies one after the other, and keeps what was asked."""

    replies: list[Reply]
    asked: list[tuple[Ask, int]] = field(default_factory=list)

    async def __call__(self, ask: Ask, *, sample: int = 0) -> Reply:
        self.asked.append((ask, sample))
        return self.replies.pop(0)


ASK = Ask("Sort mail.", (Turn("user", "Where is it?"),), SCHEMA)


def told(*texts: str | Reply) -> Teller:
    return Teller([Reply(Outcome.ANSWERED, one) if isinstance(one, str) else one for one in texts])


def ask_for(teller: Teller, *, takes_schema: bool = True, sample: int = 0) -> Structured | Fault:
    return asyncio.run(structured(teller, ASK, takes_schema=takes_schema, sample=sample))


def test_a_good_reply_is_asked_for_once() -> None:
    teller = told('{"team": "billing"}')
    found = ask_for(teller, sample=3)
    assert isinstance(found, Structured)
    assert found.value == {"team": "billing"}
    assert found.reply.text == '{"team": "billing"}'
    assert teller.asked == [(ASK, 3)]


def test_a_teacher_without_schemas_is_told_it() -> None:
    teller = told('{"team": "billing"}')
    ask_for(teller, takes_schema=False)
    (ask, _), *_ = teller.asked
    assert ask.schema is None
    assert ask.system.startswith("Sort mail.\n\n")
    assert json.loads(ask.system[ask.system.index("{") :]) == SCHEMA


def test_a_bad_reply_is_asked_for_once_more_with_what_was_wrong() -> None:
    teller = told('{"team": "Billing"}', '{"team": "billing"}')
    found = ask_for(teller, sample=2)
    assert isinstance(found, Structured)
    (_, _), (again, sample) = teller.asked
    assert sample == 2
    assert again.turns[:2] == (*ASK.turns, Turn("assistant", '{"team": "Billing"}'))
    assert "'Billing' is not one of ['billing', 'delivery']" in again.turns[2].text
    assert again.turns[2].role == "user"


def test_two_bad_replies_are_given_up_with_the_reason() -> None:
    found = ask_for(told("prose", '{"team": "x"}'))
    assert isinstance(found, Fault)
    assert found.reason == "against the schema"
    assert "team" in str(found)


def test_an_empty_reply_is_quoted_as_something() -> None:
    teller = told("", '{"team": "billing"}')
    assert isinstance(ask_for(teller), Structured)
    assert all(turn.text.strip() for turn in teller.asked[1][0].turns)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ANSWERED])
def test_how_a_request_ended_is_the_reason_and_nothing_is_asked_again(outcome: Outcome) -> None:
    teller = told(Reply(outcome, '{"team": "billing"}', detail="as they say"))
    found = ask_for(teller)
    assert found == Fault(outcome.value, "as they say", outcome)
    assert len(teller.asked) == 1


def test_a_huge_reply_is_not_sent_back() -> None:
    teller = told("x" * 2_000_000)
    found = ask_for(teller)
    assert isinstance(found, Fault)
    assert found.reason == "reply too large"
    assert len(teller.asked) == 1
