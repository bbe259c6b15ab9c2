"""Runs the listeners of an api process on one event loop, and drains them on SIGTERM.

Three Sanic apps: public on TCP, internal on a Unix socket that only the sidecar reaches, health on
a port of its own. Draining: stop accepting, close live sockets with 1001, let requests finish.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sanic import HTTPResponse, Request, Sanic

from parlor_kit import logs, metrics
from parlor_kit.answers import dumps
from parlor_kit.live_socket import LiveProtocol

log = logs.get("serving")

ReadyChecks = Mapping[str, Callable[[], Awaitable[bool]]]


class Listener:
    """One Sanic app served on one address."""

    # Sanic rewrites its own classes for speed when an app starts, and can do so only once a
    # process; what the first app got, all have.
    _rewritten: ClassVar[bool] = False

    def __init__(
        self,
        app: Sanic[Any, Any],
        *,
        host: str | None = None,
        port: int | None = None,
        unix: Path | None = None,
    ) -> None:
        self._app = app
        self._where: dict[str, Any] = {"host": host, "port": port} if unix is None else {}
        self._unix = unix
        self._server: Any = None

    async def start(self) -> None:
        if self._unix is not None:
            self._unix.parent.mkdir(parents=True, exist_ok=True)
            self._unix.unlink(missing_ok=True)
            self._where = {"unix": str(self._unix)}
        self._app.config.TOUCHUP = not Listener._rewritten
        Listener._rewritten = True
        self._server = await self._app.create_server(
            **self._where,
            protocol=LiveProtocol,
            access_log=False,
            return_asyncio_server=True,
            asyncio_server_kwargs={"start_serving": False},
            backlog=1024,
        )
        await self._server.startup()
        await self._server.before_start()
        await self._server.start_serving()
        await self._server.after_start()
        if self._unix is not None:
            os.chmod(self._unix, 0o660)

    def stop_accepting(self) -> None:
        if self._server is not None and self._server.server is not None:
            self._server.server.close()

    async def drain(self, seconds: float) -> None:
        """Let requests under way finish, then end what is left."""
        if self._server is None:
            return
        deadline = time.monotonic() + seconds
        connections = self._server.connections
        while connections and time.monotonic() < deadline:
            for connection in tuple(connections):
                connection.close_if_idle()
            await asyncio.sleep(0.02)
        for connection in tuple(connections):
            connection.abort()
        if self._unix is not None:
            self._unix.unlink(missing_ok=True)


@dataclass
class Health:
    """What /livez and /readyz say. Liveness asks nothing of databases or brokers."""

    checks: ReadyChecks
    draining: bool = False

    async def ready(self) -> tuple[bool, dict[str, bool]]:
        if self.draining:
            return False, {"draining": False}
        names = tuple(self.checks)
        states = await asyncio.gather(*(self.checks[name]() for name in names))
        return all(states), dict(zip(names, states, strict=True))


def health_app(name: str, health: Health) -> Sanic[Any, Any]:
    """The app of the health port; it has no data and needs no credential."""
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.ACCESS_LOG = False
    app.config.MOTD = False

    async def livez(_: Request) -> HTTPResponse:
        return HTTPResponse(b"ok\n", content_type="text/plain")

    async def readyz(_: Request) -> HTTPResponse:
        ready, states = await health.ready()
        return HTTPResponse(
            dumps({"ready": ready, "checks": states}),
            status=200 if ready else 503,
            content_type="application/json",
        )

    async def exposed(_: Request) -> HTTPResponse:
        return HTTPResponse(metrics.exposition(), content_type="text/plain; version=0.0.4")

    app.add_route(livez, "/livez", name="livez")
    app.add_route(readyz, "/readyz", name="readyz")
    app.add_route(exposed, "/metrics", name="metrics")
    return app
