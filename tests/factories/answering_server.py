"""A server that gives prepared answers and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class AnsweringServer:
    """Gives `answers` in turn, the last one for ever: status and JSON, or bytes as they are.

    Instead of an answer, "hang" keeps the client waiting and "drop" cuts its connection.
    """

    url: str = ""
    answers: list[tuple[int, Any] | str] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = orjson.loads(content) if content else None
        self.requests.append(Asked(request.method, request.path, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            await asyncio.sleep(30)
        if isinstance(answer, str):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        status, told = answer
        return web.Response(body=orjson.dumps(told), status=status, content_type="application/json")


@asynccontextmanager
async def answering_server() -> AsyncIterator[AnsweringServer]:
    server = AnsweringServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server._answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
