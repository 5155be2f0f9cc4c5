"""OpenAI's batch API: a file of requests goes up, and one of answers and one of errors come down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from p2m.teachers import faults
from p2m.teachers.chat import Ask, BatchState, Reply, TeacherError, Transient
from p2m.teachers.remote import SLOW, RemoteLine

MOST = 10_000  # requests; the API takes 50,000
LARGEST = 64_000_000  # bytes; it takes 200 MB
_MARK = "p2m"  # of the metadata that a batch keeps
_OVER = frozenset(("completed", "failed", "expired", "cancelled"))
_WAITS = frozenset(("token_limit_exceeded", "rate_limit_exceeded"))  # the account's queue is full


class OpenAILine(RemoteLine):
    """A line that knows batches as well."""

    most = MOST
    largest = LARGEST

    def item(self, key: str, ask: Ask) -> bytes:
        url = f"/v1{self.teacher.path}"
        return json.dumps(
            {"custom_id": key, "method": "POST", "url": url, "body": self.teacher.body(ask)}
        ).encode()

    async def submit(self, mark: str, items: Sequence[bytes]) -> str:
        file = ("p2m.jsonl", b"\n".join(items) + b"\n", "application/jsonl")
        sent = await self.call(lambda client: client.files.create(file=file, purpose="batch"), seconds=SLOW)
        made = await self.json(
            "/batches",
            {
                "input_file_id": _name(sent), "endpoint": f"/v1{self.teacher.path}",
                "completion_window": "24h", "metadata": {_MARK: mark},
            },
        )  # fmt: skip
        return str(made.get("id"))

    async def find(self, mark: str, keys: frozenset[str], since: float, known: frozenset[str]) -> str | None:
        after = ""
        while True:
            page = await self.json(f"/batches?limit=100{after}")
            found = [each for each in page.get("data") or () if isinstance(each, dict)]
            for each in found:
                if (each.get("metadata") or {}).get(_MARK) == mark:
                    return str(each.get("id"))
            is_last = not found or not page.get("has_more") or found[-1].get("created_at", 0) < since - 3600
            if is_last:
                return None
            after = f"&after={found[-1].get('id')}"

    async def state(self, batch: str) -> BatchState:
        found = await self.json(f"/batches/{batch}")
        counts = found.get("request_counts") or {}
        done = int(counts.get("completed") or 0) + int(counts.get("failed") or 0)
        status = str(found.get("status"))
        return BatchState(status in _OVER, done, int(counts.get("total") or 0), self._fault(status, found))

    def _fault(self, status: str, found: dict[str, Any]) -> Transient | TeacherError | None:
        if status == "expired":
            return Transient("it was not answered within a day")
        if status == "cancelled":
            return TeacherError("the batch was cancelled at OpenAI; build again to submit the rest anew")
        if status != "failed":
            return None
        errors = (found.get("errors") or {}).get("data") or [{}]
        said = faults.clipped(str(errors[0].get("message") or "no reason"), self.asked.secret)
        if errors[0].get("code") in _WAITS:
            return Transient(f"OpenAI takes no further batch yet: {said}", is_rate=True)
        return TeacherError(f"OpenAI refuses the batch: {said}")

    async def replies(self, batch: str) -> Sequence[tuple[str, Reply | Transient | TeacherError]]:
        found = await self.json(f"/batches/{batch}")
        results: list[tuple[str, Reply | Transient | TeacherError]] = []
        for file in (found.get("output_file_id"), found.get("error_file_id")):
            if file:
                results.extend(self._results(await self.text(f"/files/{file}/content")))
        return results

    def _results(self, text: str) -> list[tuple[str, Reply | Transient | TeacherError]]:
        lines = (json.loads(line) for line in text.split("\n") if line.strip())
        return [(str(line.get("custom_id")), self._result(line)) for line in lines]

    def _result(self, line: dict[str, Any]) -> Reply | Transient | TeacherError:
        response, error = line.get("response") or {}, line.get("error") or {}
        if error.get("code") == "batch_expired":
            return Transient("it was not answered within a day")
        status, body = int(response.get("status_code") or 500), response.get("body") or {"error": error}
        if status >= 400:
            return faults.fault_within(body, status, self.asked)
        reply = self.teacher.read(body)
        return faults.not_the_api(json.dumps(body), self.asked) if reply is None else reply


def _name(sent: Any) -> str:
    name = getattr(sent, "id", None)
    if not isinstance(name, str):
        raise TeacherError("OpenAI took a file of requests and gave it no name; build again")
    return name
