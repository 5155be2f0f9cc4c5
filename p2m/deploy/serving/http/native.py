"""p2m's own routes: one row or many, what people say of answers, and the state of the server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..asking import asked
from ..rows import Answer, InputError
from .bundles import Served
from .errors import Refused
from .fitting import fault_in
from .guard import Message, Receive, Send, hung_up, read_json, respond
from .metrics import MEDIA
from .schema import judged_schema, output_schema
from .service import Given, Row, Service

Handler = Callable[[Message, Receive, Send], Awaitable[None]]


def dumped(value: Any) -> bytes:
    """As JSON, in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def predict(service: Service, served: Served) -> Handler:
    """POST a row or a list of rows to one model."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        body = await read_json(scope, receive, service.options)
        rows = rows_of(body, served, service.options.max_rows)
        given = await service.answer(served, rows, scope["request_id"], lambda: hung_up(receive))
        note(scope, given)
        found = [said(each) for each in given.answers]
        who = {"id": given.id, "model": given.served.name}
        await respond(send, dumped(({"answers": found} if isinstance(body, list) else found[0]) | who))

    return handle


def said(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    return {"output": answer.value, "score": round(answer.score, 4), "abstain": answer.abstain}


def note(scope: Message, given: Given) -> None:
    """What the access log may hold of it."""
    scope["told"] = {"model": given.served.name, "rows": len(given.rows)}


def rows_of(body: Any, served: Served, most: int) -> list[Row]:
    """The rows of a body.

    Raises:
        Refused: one of them is none, and which.
    """
    if not isinstance(body, list):
        return [row_of(body, served.fields, "")]
    if not 0 < len(body) <= most:
        raise Refused(422, f"a list has 1 to {most:,} rows, not {len(body):,}")
    return [row_of(each, served.fields, f"row {place}: ") for place, each in enumerate(body)]


def row_of(value: Any, fields: Sequence[str], where: str) -> Row:
    """A row: an object of the fields or, where there is one field, its text."""
    try:
        return asked({fields[0]: value} if isinstance(value, str) and len(fields) == 1 else value, fields)
    except InputError as error:
        raise Refused(422, f"{where}{error}") from None


def feedback(service: Service) -> Handler:
    """POST that an answer was right or wrong, by the request's id or by the row."""
    schema = judged_schema([*service.models.values()])

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        body = await read_json(scope, receive, service.options)
        if service.feedback is None:
            raise Refused(404, "nothing is written down here: start the server with --feedback FILE")
        if fault := fault_in(body, schema):
            raise Refused(422, fault)
        given = await _judged(service, body, scope["request_id"], receive)
        place = int(body.get("row", 0)) if body.get("id") is not None else 0
        if place >= len(given.rows):
            raise Refused(422, f"row {place}: the request had {len(given.rows)}, the first is row 0")
        answer = body.get("answer")
        wanted = output_schema(given.served.settings)
        if answer is not None and (fault := fault_in(answer, wanted, "the answer")):
            raise Refused(422, fault)
        await service.judge(given, place, body["judged"], answer, body.get("note", ""))
        note(scope, given)
        await respond(send, dumped({"id": given.id, "model": given.served.name, "judged": body["judged"]}))

    return handle


async def _judged(service: Service, body: Any, request: str, receive: Receive) -> Given:
    """What is judged: what a request came to, or what is answered to the row now."""
    if body.get("id") is not None:
        found = service.given(body["id"])
        if found is None:
            raise Refused(404, f"no request {body['id']} of late: send its `input` in place of its `id`")
        return found
    served = named_model(service, body.get("model"))
    row = row_of(body["input"], served.fields, "input: ")
    return await service.answer_unseen(served, [row], request, lambda: hung_up(receive))


def named_model(service: Service, name: str | None) -> Served:
    """The model of that name; the first where none is named.

    Raises:
        Refused: there is none.
    """
    if name is None:
        return service.first
    if name not in service.models:
        raise Refused(404, f"no model {name}; there is {', '.join(service.models)}")
    return service.models[name]


def models(service: Service) -> Handler:
    """GET what is served."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        del scope, receive
        data = [
            {
                "id": each.name, "object": "model", "created": 0, "owned_by": "p2m", "digest": each.digest,
                "fields": list(each.fields), "output": output_schema(each.settings),
            }
            for each in service.models.values()
        ]  # fmt: skip
        await respond(send, dumped({"object": "list", "data": data}))

    return handle


def model(service: Service) -> Handler:
    """GET one of what is served, as OpenAI's clients do."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        del receive
        found = named_model(service, scope["path_params"]["name"])
        about = {"id": found.name, "object": "model", "created": 0, "owned_by": "p2m"}
        await respond(send, dumped(about))

    return handle


async def healthz(scope: Message, receive: Receive, send: Send) -> None:
    """GET whether the process answers at all."""
    del scope, receive
    await respond(send, b'{"status": "ok"}')


def readyz(service: Service) -> Handler:
    """GET whether more requests are welcome."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        del scope, receive
        if not service.is_ready:
            raise Refused(503, "the server stops", retry_after=1)
        await respond(send, b'{"status": "ready"}')

    return handle


def metrics(service: Service) -> Handler:
    """GET the counters, for Prometheus."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        del scope, receive
        await respond(send, service.metrics.text(), media=MEDIA)

    return handle
