"""The stages of bench/cluster.py, apart from it, since a worker imports all that a stage's module reaches."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from dataclasses import dataclass
from functools import partial

from p2m.engine.handles import Run
from p2m.engine.stage import stage


@dataclass(frozen=True)
class Number:
    value: int


@stage(version="1", kind="pure")
def more(*rest: Number, name: str) -> Number:
    return Number(sum(number.value for number in rest) + 1)


@stage(version="1", kind="pure")
def nap(*rest: Number, name: str, seconds: float, log: str) -> Number:
    note(log, "begin", name)
    time.sleep(seconds)
    return Number(sum(number.value for number in rest) + 1)


@stage(version="1", kind="pure")
def ask(*rest: Number, name: str, numbers: tuple[int, ...], url: str, log: str, run: Run) -> Number:
    """Adds up what a chat model answers to each number, which is that number."""
    note(log, "begin", name)

    def call(number: int) -> bytes:
        content = {"model": "m", "messages": [{"role": "user", "content": str(number)}]}
        asked = urllib.request.Request(
            f"{url}/v1/chat/completions", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    found = 0
    for number in numbers:
        asked = run.recorder.answer_async({"number": number}, partial(asyncio.to_thread, call, number))
        body = asyncio.run(asked)
        run.tally("requests", 1)
        found += int(json.loads(body)["choices"][0]["message"]["content"])
    return Number(found + sum(number.value for number in rest))


def note(log: str, *words: object) -> None:
    """One line, whole, whoever else writes: time since the epoch, then the words."""
    line = " ".join(map(str, (f"{time.time():.6f}", *words))) + "\n"
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)
