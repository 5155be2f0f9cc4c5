"""A server that plays a teacher which knows some rows: OpenAI's chat completions, over HTTP, on this machine.

    with KnownRows(rows, slips=Slips(noise=0.15)) as server:
        Compatible(model="known-rows", base_url=server.url)

It reads what a language model would be given and nothing else: what a request says between its marks. The
rows are what it knows of the world. It answers an input by the row that has it, or is nearest to it; it
writes inputs of a label from the rows of that label. Slips are drawn for each reply by itself, from the
seed, the input and how often that was asked: the same requests in the same order get the same replies.

It would do whatever stands outside of the marks: where that says to ignore what is above, it obeys.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web
from loopback import on_loopback

_FENCED = re.compile(r"<data>\n(.*?)</data>", re.DOTALL)
_ORDER = re.compile(
    r"(?:ignore|forget|disregard) (?:\w+ ){0,4}(?:above|previous|instructions)", re.IGNORECASE
)
OBEYED = "I do as I am told."
Row = tuple[Mapping[str, str], str]  # input, answer


@dataclass(frozen=True)
class Slips:
    """How often it errs, 0 to 1."""

    noise: float = 0.0  # of answers: another label, or of spans and texts another row's answer
    broken: float = 0.0  # of answers: prose, half an object, an answer that is none
    refused: float = 0.0  # of all replies
    repeated: float = 0.0  # of invented inputs: one that was written before
    astray: float = 0.0  # of invented inputs: one of another label


@dataclass
class KnownRows:
    """The server; `url` is its API's while it is open."""

    rows: Sequence[Row]
    slips: Slips = field(default_factory=Slips)
    also: Sequence[Row] = ()  # further rows that it can answer, and never writes: a test set
    attributes: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {
            "register": ("formal", "angry", "terse"),
            "length": ("a line", "a paragraph"),
        }
    )
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # dataset -> field -> column
    queries: Mapping[str, Sequence[str]] = field(default_factory=dict)  # dataset -> one after the other
    seed: int = 0
    seconds: float = 0.0  # until it replies
    together: int = 1  # answers that must have been asked for at once before the first is given
    most: int = 0  # that were
    keep: bool = False  # whether `bodies` has every request
    asked: Counter[str] = field(
        default_factory=Counter
    )  # "answer", "inputs", "attributes", "labels" -> requests
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _now: int = 0  # under way
    _met: asyncio.Event = field(default_factory=asyncio.Event)
    _times: Counter[str] = field(default_factory=Counter)
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self._known = {_plain(values): answer for values, answer in (*self.rows, *self.also)}
        self._of: dict[str, list[Mapping[str, str]]] = {}
        for values, answer in self.rows:
            self._of.setdefault(answer, []).append(values)
        self._words: dict[str, list[int]] = {}
        for number, (values, _) in enumerate(self.rows):
            for word in _bag(values):
                self._words.setdefault(word, []).append(number)
        self._orders: dict[str, list[Mapping[str, str]]] = {}

    # ------------------------------------------------------------------ what it says

    def reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The message of one request."""
        texts = [str(message["content"]) for message in body["messages"]]
        bare = [_FENCED.sub("", text) for text in texts[:2]]  # what follows may be its own words
        data = data_of(body)
        kinds = ("input", "brief", "explain", "columns", "wish")
        kind = next((name for name in kinds if name in data), "attributes")
        self.asked[{"input": "answer", "brief": "inputs", "explain": "labels"}.get(kind, kind)] += 1
        said = _plain(data.get(kind, ""))
        self._times[said] += 1
        lot = Random(f"{self.seed}:{kind}:{said}:{self._times[said]}")
        if any(_ORDER.search(text) for text in bare):
            return {"content": json.dumps({"answer": OBEYED, "inputs": [], "attributes": [], "labels": []})}
        if lot.random() < self.slips.refused:
            return {"content": None, "refusal": "I cannot help with that."}
        value = {
            "input": self._answer, "brief": self._inputs, "explain": self._labels, "columns": self._columns,
            "wish": self._rewritten,
        }.get(kind, self._attributes)  # fmt: skip
        return {"content": self._written(kind, value(data, lot), lot)}

    def _answer(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        right = self._known.get(_plain(data["input"]))
        answer = self._nearest(data["input"]) if right is None else right
        labels = [each["label"] for each in data["task"].get("labels", ())]
        others = [each for each in labels or list(self._of) if each != answer]
        return {"answer": lot.choice(others) if others and lot.random() < self.slips.noise else answer}

    def _inputs(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        """The label's rows in an order of their own; once all are written, with a word before them."""
        brief = data["brief"]
        labels = [each["label"] for each in data["task"].get("labels", ())]
        batch, request = (int(part) for part in brief["batch"].split("."))
        size = len(brief["inputs"])
        fields = brief["fields"]
        found = []
        for item in range(size):
            aim = brief.get("label", "")
            if aim and lot.random() < self.slips.astray:
                aim = lot.choice([label for label in labels if label != aim])
            rows = self._ordered(aim, brief.get("near", ()))
            place = (request // max(1, len(labels) if brief.get("label") else 1)) * size + item
            if place and lot.random() < self.slips.repeated:
                place = lot.randrange(place)
            again = place // len(rows)
            row = rows[(place + 997 * batch) % len(rows)]
            found.append(
                {name: ("Again, " * again if name == fields[0] else "") + row[name] for name in fields}
            )
        return {"inputs": found}

    def _attributes(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        return {"attributes": [{"name": name, "values": list(v)} for name, v in self.attributes.items()]}

    def _columns(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        if "rows" in data:
            found = self.queries.get(data["dataset"]["name"], ())
            query = found[len(data.get("tried", ()))] if found else ""
            return {"fits": bool(found), "why": "It is about birds." * (not found), "query": query}
        found = self.columns.get(data["dataset"]["name"], {})
        fields = [{"field": name, "column": column} for name, column in found.items()]
        return {"fits": bool(found), "why": "It is about birds." * (not found), "fields": fields}

    def _rewritten(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        """A row of the only input: its first text, and the answer that it knows for that."""
        (field,), text = [each["name"] for each in data["task"]["inputs"]], next(iter(data["row"].values()))
        answer = self._known.get(_plain({field: text}), "")
        return {"fits": bool(answer), "input": {field: text if answer else ""}, "output": answer}

    def _labels(self, data: Mapping[str, Any], lot: Random) -> dict[str, Any]:
        return {"labels": [{"label": one, "meaning": f"It is about {one}."} for one in data["explain"]]}

    def _written(self, kind: str, value: dict[str, Any], lot: Random) -> str:
        text = json.dumps(value, ensure_ascii=False)
        if kind != "input" or lot.random() >= self.slips.broken:
            return text
        return lot.choice(
            (
                "I would say that depends on what was meant.",
                text[: len(text) // 2],
                json.dumps({"answer": "something else entirely"}),
                "",
            )
        )

    def _ordered(self, label: str, near: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        rows = self._of.get(label) if label else [values for values, _ in self.rows]
        if not rows:
            rows = [values for values, _ in self.rows]
        if near:
            words = set().union(*map(_bag, near))
            return sorted(rows, key=lambda row: -len(words & _bag(row)) / (1 + len(_bag(row))))
        if label not in self._orders:
            self._orders[label] = sorted(rows, key=lambda row: _lot(self.seed, _plain(row)))
        return self._orders[label]

    def _nearest(self, values: Mapping[str, str]) -> str:
        """The answer of the row that shares most words."""
        shared: dict[int, float] = {}
        for word in _bag(values):
            numbers = self._words.get(word, ())
            for number in numbers:
                shared[number] = shared.get(number, 0.0) + 1 / len(numbers)
        return self.rows[max(shared, key=lambda number: shared[number], default=0)][1]

    # ------------------------------------------------------------------ the wire

    async def _beside_others(self) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        if self.most >= self.together:
            self._met.set()
        try:
            await asyncio.wait_for(self._met.wait(), 60)
            await asyncio.sleep(self.seconds)
        finally:
            self._now -= 1

    async def _serve(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.keep:
            self.bodies.append(body)
        if "input" in data_of(body):
            await self._beside_others()
        else:
            await asyncio.sleep(self.seconds)
        message = self.reply(body)
        written = sum(len(str(each["content"])) for each in body["messages"])
        answered = len(message["content"] or "")
        usage = {"prompt_tokens": written // 4 + 1, "completion_tokens": answered // 4 + 1}
        return web.json_response(
            {
                "id": f"known-{self.requests}", "object": "chat.completion", "created": int(time.time()),
                "model": body.get("model", ""),
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
                ],
                "usage": usage | {"total_tokens": sum(usage.values())},
            }
        )  # fmt: skip

    def __enter__(self) -> KnownRows:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._serve)
        self.url = f"{self._open.enter_context(on_loopback(app))}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def requests(self) -> int:
        return sum(self.asked.values())


def data_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says between its marks, all blocks together; what is no JSON there says nothing."""
    found: dict[str, Any] = {}
    for message in body["messages"][:2]:
        for block in _FENCED.findall(str(message["content"])):
            with suppress(ValueError):
                found |= json.loads(block)
    return found


def _plain(value: Any) -> str:
    """What is the same for the same input, however it is spaced."""
    if isinstance(value, str):
        return " ".join(value.split())
    return " ".join(json.dumps(value, sort_keys=True, ensure_ascii=False).split())


def _bag(values: Mapping[str, str]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(values.values()).casefold()))


def _lot(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}:{text}".encode()).digest()
