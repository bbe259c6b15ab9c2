"""Sessions with the Kubernetes API, each under one login. Used by `cluster`.

The pod's token is renewed from time to time, and what was read of it is refused some day. Several
requests may be refused at once, while others are still under way: one of them logs in again for
all, and a session that was given up closes when the last request on it has ended.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import kopf

_SECONDS = 20.0


def credentials(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """How to reach the API: as KUBECONFIG says, else as the pod's service account."""
    sources = [kopf.login_with_service_account, kopf.login_with_kubeconfig]
    if os.environ.get("KUBECONFIG"):
        sources.reverse()
    for source in sources:
        found = source(settings=settings)
        if found is not None:
            return found
    raise kopf.LoginError("neither a service account nor a kubeconfig is there: set KUBECONFIG")


class Connection:
    """One login and its session."""

    def __init__(self, found: kopf.ConnectionInfo, context: ssl.SSLContext) -> None:
        self.server = found.server.rstrip("/")
        self._users = 0
        self._given_up = False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=16),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,
            timeout=aiohttp.ClientTimeout(total=_SECONDS, sock_connect=5),
        )

    @asynccontextmanager
    async def use(self) -> AsyncIterator[aiohttp.ClientSession]:
        self._users += 1
        try:
            yield self._session
        finally:
            self._users -= 1
            await self._close_if_idle()

    async def give_up(self) -> None:
        """Nobody begins another request on it."""
        self._given_up = True
        await self._close_if_idle()

    async def _close_if_idle(self) -> None:
        if self._given_up and not self._users:
            await self._session.close()


class Connections:
    """The connection that stands, made when it is needed."""

    def __init__(self, settings: kopf.OperatorSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._standing: Connection | None = None

    async def get(self, refused: Connection | None = None) -> Connection:
        """The one that stands; another where that is the one whose login was `refused`."""
        async with self._turn:
            if self._standing is not None and self._standing is refused:
                await self._close()
            if self._standing is None:
                # Reads a few small files, and never on the event loop's time.
                self._standing = Connection(*await asyncio.to_thread(self._log_in))
            return self._standing

    async def close(self) -> None:
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        standing, self._standing = self._standing, None
        if standing is not None:
            await standing.give_up()

    def _log_in(self) -> tuple[kopf.ConnectionInfo, ssl.SSLContext]:
        found = credentials(self._settings)
        return found, found.as_ssl_context()
