"""Rows of many requests to batches: order, fairness, room, faults, and who hangs up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.deploy.serving.http.batcher import Batcher, QueueFull
from p2m.deploy.serving.rows import Answer


class Model:
    """Answers with what it is asked; where it is shut, it waits until it is opened."""

    def __init__(self, *, is_shut: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        if not is_shut:
            self.gate.set()

    def __call__(self, rows: Sequence[Mapping[str, str]]) -> list[Answer]:
        assert self.gate.wait(30)
        self.batches.append([row["text"] for row in rows])
        if any(row["text"] == "bad" for row in rows):
            raise RuntimeError("broken")
        return [Answer(row["text"], 1.0) for row in rows]


def rows(*texts: object) -> list[dict[str, str]]:
    return [{"text": str(text)} for text in texts]


def batcher(*models: Model, size: int = 4, wait: float = 0.0, most: int = 100) -> Batcher:
    return Batcher(models, size=size, wait=wait, most=most)


async def said(queue: Batcher, *texts: object) -> list[str]:
    return [each.output for each in await queue.ask(rows(*texts))]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 5), st.integers(1, 3))
def test_each_request_has_its_own_answers_in_order(sizes: list[int], size: int, workers: int) -> None:
    async def work() -> None:
        models = [Model() for _ in range(workers)]
        queue = batcher(*models, size=size, wait=0.001)
        wanted = [[f"{number}.{place}" for place in range(count)] for number, count in enumerate(sizes)]
        assert await asyncio.gather(*(said(queue, *each) for each in wanted)) == wanted
        assert max(len(batch) for model in models for batch in model.batches) <= size
        assert queue.waiting == 0
        queue.close()

    asyncio.run(work())


def test_one_row_does_not_wait_for_all_of_a_long_request() -> None:
    async def work() -> list[list[str]]:
        model = Model(is_shut=True)
        queue = batcher(model)
        long = asyncio.ensure_future(said(queue, *range(12)))
        await asyncio.sleep(0)
        short = asyncio.ensure_future(said(queue, "short"))
        await asyncio.sleep(0)
        model.gate.set()
        assert (await long, await short) == ([str(each) for each in range(12)], ["short"])
        queue.close()
        return model.batches

    assert asyncio.run(work())[2][0] == "short"


def test_what_does_not_fit_is_refused_and_what_is_taken_back_makes_room() -> None:
    async def work() -> None:
        model = Model(is_shut=True)
        queue = batcher(model, size=1, most=3)
        first = asyncio.ensure_future(said(queue, "a"))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(said(queue, "b", "c", "d"))
        await asyncio.sleep(0)
        assert queue.waiting == 3
        with pytest.raises(QueueFull) as full:
            await queue.ask(rows("e"))
        assert 1 <= full.value.retry_after <= 60
        second.cancel()
        await asyncio.sleep(0)
        assert queue.waiting == 0
        model.gate.set()
        assert await first == ["a"]
        assert await said(queue, "e") == ["e"]
        assert not any("b" in batch for batch in model.batches)
        queue.close()

    asyncio.run(work())


def test_a_fault_is_told_to_those_in_its_batch_and_to_nobody_else() -> None:
    async def work() -> None:
        queue = batcher(Model(), size=2)
        found = await asyncio.gather(
            said(queue, "a"), said(queue, "bad", 1, 2, 3, 4), said(queue, "z"), return_exceptions=True
        )
        assert found[0] == ["a"]
        assert isinstance(found[1], RuntimeError)
        assert found[2] == ["z"] or isinstance(found[2], RuntimeError)
        assert queue.waiting == 0
        assert await said(queue, "b") == ["b"]
        queue.close()

    asyncio.run(work())


def test_a_row_alone_goes_at_once_and_rows_that_come_together_wait_for_each_other() -> None:
    async def work() -> list[list[str]]:
        model = Model()
        queue = batcher(model, wait=30.0)
        await said(queue, "alone")
        await said(queue, "alone")
        model.gate.clear()
        first = asyncio.ensure_future(said(queue, "a"))
        await asyncio.sleep(0)
        rest = [asyncio.ensure_future(said(queue, text)) for text in ("b", "c")]
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(first, *rest)
        again = [asyncio.ensure_future(said(queue, text)) for text in ("d", "e")]
        await asyncio.gather(*again)
        queue.close()
        return model.batches

    assert asyncio.run(work()) == [["alone"], ["alone"], ["a"], ["b", "c"], ["d", "e"]]
