"""A reverse proxy that can stop at a request, before it goes on or before its answer does.

A process that is killed meanwhile has died between two steps, exactly there. Streams (watches) can
also be muted: the connection stays open, and nothing comes any more.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web

_HOPS = frozenset({"connection", "transfer-encoding", "content-length", "content-encoding", "host"})
Moment = Literal["before", "after"]


@dataclass
class Stop:
    """Where to stop. `reached` is set when a request stands there."""

    moment: Moment
    method: str
    path: re.Pattern[str]
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_reached(self) -> None:
        async with asyncio.timeout(30):
            await self.reached.wait()

    def means(self, moment: Moment, request: web.Request) -> bool:
        return (
            self.moment == moment
            and request.method == self.method
            and self.path.search(request.path) is not None
            and not self.reached.is_set()
        )


class PausingProxy:
    def __init__(
        self, upstream: str, headers: Mapping[str, str], context: ssl.SSLContext | None
    ) -> None:
        self._upstream = upstream.rstrip("/")
        self._headers = headers
        self._context = context
        self._stop: Stop | None = None
        self._streams: set[asyncio.Event] = set()
        self._http: aiohttp.ClientSession | None = None
        self.url = ""

    def stop_at(self, moment: Moment, method: str, path: str) -> Stop:
        """Stop at the first such request from now on."""
        self._stop = Stop(moment, method, re.compile(path))
        return self._stop

    def mute_streams(self) -> None:
        """Let nothing more through on the streams that are open now."""
        for muted in self._streams:
            muted.set()

    @property
    def streams(self) -> int:
        return len(self._streams)

    async def start(self) -> web.AppRunner:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{tail:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return runner

    async def end(self, runner: web.AppRunner) -> None:
        if self._stop is not None:
            self._stop.go_on.set()
        for muted in self._streams:
            muted.set()
        await runner.cleanup()
        if self._http is not None:
            await self._http.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        await self._wait("before", request)
        if self._http is None:
            raise RuntimeError("not started")
        kept = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        async with self._http.request(
            request.method,
            self._upstream + request.path_qs,
            data=await request.read() or None,
            headers={**kept, **self._headers},
            ssl=self._context or False,
            allow_redirects=False,
        ) as answer:
            headers = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOPS
            }
            if request.query.get("watch") == "true":
                return await self._stream(request, answer, headers)
            content = await answer.read()
        await self._wait("after", request)
        return web.Response(status=answer.status, body=content, headers=headers)

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        muted = asyncio.Event()
        self._streams.add(muted)
        response = web.StreamResponse(status=answer.status, headers=headers)
        try:
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                if muted.is_set():
                    await asyncio.Event().wait()  # until the client or the test ends it
                await response.write(chunk)
        finally:
            self._streams.discard(muted)
        return response

    async def _wait(self, moment: Moment, request: web.Request) -> None:
        stop = self._stop
        if stop is not None and stop.means(moment, request):
            stop.reached.set()
            await stop.go_on.wait()


@asynccontextmanager
async def pausing_proxy(
    upstream: str,
    *,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[PausingProxy]:
    proxy = PausingProxy(upstream, headers or {}, context)
    runner = await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.end(runner)
