"""Anthropic's batch API: requests go up as one list, results come down as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from p2m.teachers import faults
from p2m.teachers.chat import Ask, BatchState, Reply, TeacherError, Transient
from p2m.teachers.remote import RemoteLine

MOST = 10_000  # requests; the API takes 100,000
LARGEST = 64_000_000  # bytes; it takes 256 MB
SKEW = 120.0  # seconds that its clock and ours may differ
_BATCHES = "/v1/messages/batches"
# The status that an error of a result would have come with alone.
_STATUS = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "overloaded_error": 529,
}  # fmt: skip


class AnthropicLine(RemoteLine):
    """A line that knows batches as well."""

    most = MOST
    largest = LARGEST

    def item(self, key: str, ask: Ask) -> bytes:
        return json.dumps({"custom_id": key, "params": self.teacher.body(ask)}).encode()

    async def submit(self, mark: str, items: Sequence[bytes]) -> str:
        made = await self.json(_BATCHES, {"requests": [json.loads(item) for item in items]})
        return str(made.get("id"))

    async def find(self, mark: str, keys: frozenset[str], since: float, known: frozenset[str]) -> str | None:
        """A batch keeps no mark: one of as many requests, and once it is over of these very ones, is it."""
        after = ""
        while True:
            page = await self.json(f"{_BATCHES}?limit=100{after}")
            found = [each for each in page.get("data") or () if isinstance(each, dict)]
            for each in found:
                name = str(each.get("id"))
                if _made(each) < since - SKEW:
                    return None
                if name not in known and _counts(each).of == len(keys) and await self._has(each, keys):
                    return name
            if not found or not page.get("has_more"):
                return None
            after = f"&after_id={found[-1].get('id')}"

    async def _has(self, found: dict[str, Any], keys: frozenset[str]) -> bool:
        """Whether it may be the batch of those keys; for certain, where it is over."""
        if not _counts(found).is_over:
            return True
        return {key for key, _ in await self.replies(str(found.get("id")))} == keys

    async def state(self, batch: str) -> BatchState:
        return _counts(await self.json(f"{_BATCHES}/{batch}"))

    async def replies(self, batch: str) -> Sequence[tuple[str, Reply | Transient | TeacherError]]:
        text = await self.text(f"{_BATCHES}/{batch}/results")
        lines = (json.loads(line) for line in text.split("\n") if line.strip())
        return [(str(line.get("custom_id")), self._result(line.get("result") or {})) for line in lines]

    def _result(self, result: dict[str, Any]) -> Reply | Transient | TeacherError:
        kind = result.get("type")
        if kind == "succeeded":
            answer = result.get("message") or {}
            reply = self.teacher.read(answer)
            return faults.not_the_api(json.dumps(answer), self.asked) if reply is None else reply
        if kind == "expired":
            return Transient("it was not answered within a day")
        if kind == "canceled":
            return TeacherError("the batch was cancelled at Anthropic; build again to submit the rest anew")
        body = result.get("error") or {}
        kind = (body.get("error") or {}).get("type")
        return faults.fault_within(body, _STATUS.get(str(kind), 500), self.asked)


def _counts(found: dict[str, Any]) -> BatchState:
    counts = {name: int(count or 0) for name, count in (found.get("request_counts") or {}).items()}
    total = sum(counts.values())
    done = total - counts.get("processing", 0)
    return BatchState(found.get("processing_status") == "ended", done, total)


def _made(found: dict[str, Any]) -> float:
    """When it was submitted, seconds since the epoch; now, where it does not say."""
    try:
        return datetime.fromisoformat(str(found.get("created_at"))).timestamp()
    except ValueError:
        return datetime.now().timestamp()
