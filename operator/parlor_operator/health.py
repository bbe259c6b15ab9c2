"""The health listener: /livez, /readyz and /metrics. Started by `runtime`.

Kopf's own probe server is not used: it calls probe handlers inside the request, retries one that
raises for a minute there, and keeps an answer for ten seconds. This one only looks.
"""

import asyncio

from aiohttp import web
from parlor_kit import logs

from parlor_operator import metrics
from parlor_operator.watchdog import Watchdog

log = logs.get("health")


class Health:
    def __init__(self, watchdog: Watchdog, ready: asyncio.Event) -> None:
        self._watchdog = watchdog
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, request: web.Request) -> web.Response:
        trouble = self._watchdog.trouble
        if trouble is not None:
            return web.Response(status=503, text=f"{trouble}\n")
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = self._ready.is_set()
        return web.Response(status=200 if ready else 503, text="ok\n" if ready else "starting\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), content_type="text/plain", charset="utf-8")
