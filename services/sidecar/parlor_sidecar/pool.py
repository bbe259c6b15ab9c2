"""The open connections to the app, and which of them may be used again.

`connection` takes from here and gives back through `Upstream.give_back`, which decides; the
server's sweep ends what has been idle for long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

from parlor_sidecar.upstream import Upstream


class Pool:
    """The idle connections to one Unix socket; the one used last is used next."""

    def __init__(self, path: Path, *, idle_seconds: float, connect_seconds: float) -> None:
        self._path = str(path)
        self._idle_seconds = idle_seconds
        self._connect_seconds = connect_seconds
        self._idle: deque[Upstream] = deque()
        self._open: set[Upstream] = set()
        self.unsolicited = 0

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def open(self) -> int:
        return len(self._open)

    def take(self) -> Upstream | None:
        """An idle connection that still looks alive, or None: then `connect`."""
        while self._idle:
            upstream = self._idle.pop()
            if upstream.usable:
                upstream.served += 1
                return upstream
        return None

    async def connect(self) -> Upstream:
        """A new connection; raises `OSError` when the app does not take it in time."""
        upstream = Upstream(self)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                await loop.create_unix_connection(lambda: upstream, self._path)
        except BaseException:
            upstream.abort()
            raise
        return upstream

    def put(self, upstream: Upstream) -> None:
        self._idle.append(upstream)

    def opened(self, upstream: Upstream) -> None:
        self._open.add(upstream)

    def closed(self, upstream: Upstream) -> None:
        self._open.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)

    def sweep(self, now: float) -> None:
        """End the connections that have been idle too long: those used least lie at the front."""
        while self._idle and now - self._idle[0].idle_since > self._idle_seconds:
            self._idle.popleft().abort()

    def close(self) -> None:
        for upstream in tuple(self._open):
            upstream.abort()
