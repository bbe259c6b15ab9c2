"""The internal port: takes connections, watches their deadlines, and ends them in good order.

Built by `bootstrap`. It holds no rule of its own about requests; it owns what is shared, the one
clock that all deadlines are compared with, and the order of stopping: no new connection, idle ones
closed, requests in flight answered, and after the grace whatever is left cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from pathlib import Path

from parlor_kit.jwks import KeySet

from parlor_sidecar.audit import Audit
from parlor_sidecar.connection import Connection
from parlor_sidecar.context import Context
from parlor_sidecar.decision import Gate, Limits
from parlor_sidecar.metrics import Metrics
from parlor_sidecar.pool import Pool
from parlor_sidecar.settings import Settings

log = logging.getLogger(__name__)

LONGEST_SWEEP = 0.25
CERTIFICATE_SECONDS = 30.0


class Sidecar:
    """One running sidecar."""

    def __init__(self, settings: Settings, gate: Gate, keys: KeySet, audit: Audit) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.keys = keys
        self.metrics = Metrics()
        self.pool = Pool(
            settings.upstream,
            idle_seconds=settings.upstream_idle_seconds,
            connect_seconds=settings.connect_seconds,
        )
        limits = Limits(settings.max_headers, settings.max_body_bytes)
        self.context = Context(settings, limits, gate, self.pool, self.metrics, audit, loop)
        self._audit = audit
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watch_gauges()

    @property
    def port(self) -> int:
        """The port that was taken."""
        if self._server is None:
            raise RuntimeError("the sidecar is not listening")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def draining(self) -> bool:
        return self.context.draining

    async def start(self) -> None:
        """Load the keys and listen; without keys it listens and refuses."""
        settings = self.settings
        await self.keys.start()
        tls = None
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            tls = _tls(settings.tls_cert_file, settings.tls_key_file)
            watch = _follow(tls, settings.tls_cert_file, settings.tls_key_file)
            self._tasks.append(asyncio.create_task(watch, name="certificate"))
        self._server = await self.context.loop.create_server(
            lambda: Connection(self.context),
            settings.host,
            settings.port,
            family=socket.AF_UNSPEC if ":" in settings.host else socket.AF_INET,
            backlog=1024,
            ssl=tls,
            ssl_handshake_timeout=settings.head_seconds if tls else None,
        )
        self._tasks.append(asyncio.create_task(self._sweep(), name="sweep"))

    async def stop(self) -> None:
        """Drain, then close everything. Never takes longer than the grace."""
        context = self.context
        context.draining = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(context.connections):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.drain_seconds):
                while context.connections:  # noqa: ASYNC110 - they end in their own time
                    await asyncio.sleep(0.02)
        for connection in tuple(context.connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.pool.close()
        await self.keys.close()
        await asyncio.sleep(0)  # the transports' last callbacks
        self._audit.flush()

    async def _sweep(self) -> None:
        settings = self.settings
        shortest = min(
            settings.head_seconds,
            settings.body_seconds,
            settings.idle_seconds,
            settings.answer_seconds,
            settings.stall_seconds,
            settings.tunnel_idle_seconds,
        )
        pause = min(LONGEST_SWEEP, shortest / 4)
        while True:
            await asyncio.sleep(pause)
            now = self.context.loop.time()
            for connection in tuple(self.context.connections):
                connection.sweep(now)
            self.pool.sweep(now)

    def _watch_gauges(self) -> None:
        gauge, context = self.metrics.gauge, self.context
        gauge("parlor_sidecar_connections", "Open connections of callers.", context.open)
        gauge("parlor_sidecar_in_flight", "Requests before the app.", lambda: context.in_flight)
        gauge("parlor_sidecar_upstream_open", "Connections to the app.", lambda: self.pool.open)
        gauge("parlor_sidecar_upstream_idle", "Of these, idle.", lambda: self.pool.idle)
        gauge(
            "parlor_sidecar_upstream_unsolicited",
            "Connections to the app ended because it spoke unasked.",
            lambda: self.pool.unsolicited,
        )
        gauge(
            "parlor_sidecar_keys_loaded",
            "Whether keys are held that may be trusted.",
            lambda: float(self.keys.loaded),
        )


def _tls(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


async def _follow(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Take up a renewed certificate; a broken one leaves the old in place."""
    known = os.stat(certificate).st_mtime_ns
    while True:
        await asyncio.sleep(CERTIFICATE_SECONDS)
        try:
            changed = os.stat(certificate).st_mtime_ns
            if changed != known:
                context.load_cert_chain(certificate, key)
                known = changed
        except OSError as error:  # ssl.SSLError is one
            log.error("the renewed certificate cannot be used: %s", error)
