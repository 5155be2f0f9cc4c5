"""The routes as one application, and the description of them."""

from __future__ import annotations

from typing import Any

from . import native, openai_api, schema
from .errors import GONE, Refused, told
from .guard import Guard, Message, Receive, Send, respond_refused
from .native import Handler
from .service import Service


class _Routed:
    """A handler as an ASGI application of its own: nothing else is done with a request."""

    def __init__(self, path: str, handle: Handler) -> None:
        self._path, self._handle = path, handle

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        scope["routed"] = self._path
        try:
            await self._handle(scope, receive, send)
        except Refused as refused:
            if refused.status != GONE:
                await respond_refused(send, refused, scope["path"])


def application(service: Service) -> Guard:
    """What uvicorn runs. /openapi.json describes it; a page of that would take scripts from elsewhere."""
    from fastapi import FastAPI
    from starlette.routing import Route

    posts: dict[str, Handler] = {"/predict": native.predict(service, service.first)}
    posts |= {
        f"/models/{each.name}/predict": native.predict(service, each) for each in service.models.values()
    }
    posts |= {
        "/v1/chat/completions": openai_api.chat_completions(service),
        "/v1/responses": openai_api.responses(service),
        "/feedback": native.feedback(service),
    }
    gets: dict[str, Handler] = {
        "/models": native.models(service), "/v1/models": native.models(service),
        "/v1/models/{name}": native.model(service), "/healthz": native.healthz,
        "/readyz": native.readyz(service), "/metrics": native.metrics(service),
    }  # fmt: skip
    routes = [
        Route(path, _Routed(path, handle), methods=[method])
        for method, handlers in (("POST", posts), ("GET", gets))
        for path, handle in handlers.items()
    ]
    app = FastAPI(
        title=service.first.name, routes=routes, docs_url=None, redoc_url=None,
        exception_handlers={404: _absent, 405: _absent},
    )  # fmt: skip
    document = schema.document(
        [*service.models.values()], most=service.options.max_rows, has_tokens=bool(service.options.tokens),
        has_feedback=service.feedback is not None,
    )  # fmt: skip
    app.openapi = lambda: document
    return Guard(app, service)


async def _absent(request: Any, error: Any) -> Any:
    """No such route, or not by that method."""
    from starlette.responses import Response

    allow = (error.headers or {}).get("Allow", "")
    what = f"this one answers {allow}" if allow else "no such route; /openapi.json has all"
    refused = Refused(error.status_code, f"{request.method} {request.url.path}: {what}", allow=allow)
    body, media = told(refused, request.url.path)
    return Response(body, refused.status, refused.headers, media)
