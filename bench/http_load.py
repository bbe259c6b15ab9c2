"""A load client that costs little itself: keep-alive connections, one request in flight on each.

It counts an answer when as many bytes have come as the first answer had, so it fits servers that
always answer the same; any other length fails the run.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Load:
    """What a run saw."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, answer_length: int, load: Load) -> None:
        self._request = request
        self._length = answer_length
        self._load = load
        self._received = 0
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.stopping = False
        self.stopped = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received < self._length:
            return
        if self._received > self._length or b"200 OK" not in data[:20]:
            self._stop(RuntimeError(f"not the expected answer: {data[:200]!r}"))
            return
        self._received = 0
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        if self.stopping:
            self._stop(None)
        else:
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(ConnectionError("the server closed the connection"))

    def _stop(self, error: Exception | None) -> None:
        if not self.stopped.done():
            if error is None:
                self.stopped.set_result(None)
            else:
                self.stopped.set_exception(error)
        if self._transport is not None:
            self._transport.close()


async def first_answer(port: int, request: bytes) -> bytes:
    """Send the request once and return the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    body = await reader.readexactly(length)
    writer.close()
    return head + body


async def drive(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    """Keep that many requests in flight for that long."""
    length = len(await first_answer(port, request))
    load = Load()
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(request, length, load), "127.0.0.1", port
        )
        clients.append(client)
    started = time.perf_counter()
    for client in clients:
        client.begin()
    await asyncio.sleep(seconds)
    load.seconds = time.perf_counter() - started
    for client in clients:
        client.stopping = True
    await asyncio.wait_for(asyncio.gather(*(client.stopped for client in clients)), 10)
    return load
