"""The health port: /livez, /readyz and /metrics, for the kubelet and Prometheus, with no data.

Started by `bootstrap` beside the internal port. `/livez` asks nothing of anybody. `/readyz` is
true only while keys are held and the app's socket answers HTTP, so that a pod whose sidecar would
refuse everything gets no traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from parlor_sidecar.server import Sidecar

SECONDS = 5.0
PROBE_SECONDS = 1.0
PROBE_MEMORY_SECONDS = 1.0
_PROBE = b"GET /livez HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n"


class Health:
    """Serves the health port of one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._server: asyncio.Server | None = None
        self._probed_at = float("-inf")
        self._answers = False

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the health port is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=4096)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def reason_not_ready(self) -> str:
        """Why no request should come, or nothing."""
        if self._sidecar.draining:
            return "draining"
        if not self._sidecar.keys.loaded:
            return "no keys"
        if not await self._app_answers():
            return "the app does not answer"
        return ""

    async def _app_answers(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._probed_at > PROBE_MEMORY_SECONDS:
            self._probed_at = now
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    self._answers = await _probe(str(self._sidecar.settings.upstream))
            except (OSError, ValueError):
                self._answers = False
        return self._answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        pages: dict[bytes, Callable[[], Awaitable[tuple[int, bytes]]]] = {
            b"/livez": self._livez,
            b"/readyz": self._readyz,
            b"/metrics": self._metrics,
        }
        page = pages.get(rest.partition(b" ")[0])
        if page is None or method not in (b"GET", b"HEAD"):
            status, body = 404, b"not found\n"
        else:
            status, body = await page()
        phrase = {200: b"OK", 404: b"Not Found", 503: b"Service Unavailable"}[status]
        answer = (
            b"HTTP/1.1 %d %b\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            b"Content-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        ) % (status, phrase, len(body))
        return answer if method == b"HEAD" else answer + body

    async def _livez(self) -> tuple[int, bytes]:
        return 200, b"ok\n"

    async def _readyz(self) -> tuple[int, bytes]:
        reason = await self.reason_not_ready()
        return (503, reason.encode() + b"\n") if reason else (200, b"ok\n")

    async def _metrics(self) -> tuple[int, bytes]:
        return 200, self._sidecar.metrics.exposition()


async def _probe(path: str) -> bool:
    """Whether something behind the socket speaks HTTP; what it says does not matter."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(_PROBE)
        await writer.drain()
        return (await reader.readline()).startswith(b"HTTP/1.1 ")
    finally:
        writer.close()
