"""An app behind a sidecar that keeps what reached its handler, and misbehaves on cue.

What it does is named by the last segment of the path; see `_BEHAVIOURS`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Reached:
    """A whole request that the handler saw."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for own, value in self.headers if own.lower() == name.lower()]


@dataclass
class RecordingApp:
    """Serves a Unix socket."""

    path: Path
    reached: list[Reached] = field(default_factory=list)
    greeting: bytes = b""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=1 << 20)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if self.greeting:
                    writer.write(self.greeting)
                while await self._one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")[:-2]
        method, target, _ = line.split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (h.partition(":") for h in rest)]
        names = {name.lower(): value for name, value in headers}
        if target == "/livez":
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return False
        behaviour = _BEHAVIOURS.get(target.partition("?")[0].rpartition("/")[2], _fine)
        if behaviour is _early:
            await _early(self, reader, writer)
            return False
        body = b""
        if "content-length" in names:
            body = await reader.readexactly(int(names["content-length"]))
        elif "transfer-encoding" in names:
            while size := int((await reader.readline()).strip(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        self.reached.append(Reached(method, target, headers, body))
        await behaviour(self, reader, writer)
        await writer.drain()
        return behaviour in (_fine, _chunked, _interim, _junk_later, _slow, _headers, _big)


Behaviour = Callable[[RecordingApp, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = 16 * 1024 * 1024  # more than the kernel buffers between two processes


async def _fine(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(OK)


async def _chunked(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(CHUNKED_HEAD + b"3;x=y\r\nabc\r\n")
    await w.drain()
    w.write(b"4\r\ndefg\r\n0\r\nTrailer-One: 1\r\n\r\n")


async def _interim(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)


async def _until_close(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")


async def _slow(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    await app.release.wait()
    w.write(OK)


async def _dies_early(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    return None


async def _dies_in_head(
    app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter
) -> None:
    w.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def _dies_in_body(
    app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter
) -> None:
    w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")


async def _garbage(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"220 mail.test ESMTP\r\n")


async def _twice(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(OK + OK)


async def _both_lengths(
    app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter
) -> None:
    w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


async def _switches(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )


async def _junk_later(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(OK)
    await w.drain()
    await app.release.wait()
    w.write(OK)


async def _headers(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(
        b"HTTP/1.1 200 Fine By Me\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
        b"Connection: keep-alive, X-Hop\r\nX-Service-Identity: x\r\nProxy-Authenticate: x\r\n"
        b"X-Kept: yes\r\nUpgrade: h2c\r\n\r\n"
    )


async def _big(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
    for _ in range(BIG // 65536):
        w.write(b"x" * 65536)
        await w.drain()


async def _tunnel(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: abc\r\n\r\nhello "
    )
    while data := await r.read(65536):
        w.write(data.upper())
        await w.drain()


async def _early(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 3\r\n\r\nno!")
    await w.drain()
    await app.release.wait()


async def _endless(app: RecordingApp, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 90)
    w.write(b"X-Longer: " + b"x" * 200_000)
    await w.drain()
    await r.read()


_BEHAVIOURS: dict[str, Behaviour] = {
    "chunked": _chunked,
    "interim": _interim,
    "until-close": _until_close,
    "slow": _slow,
    "dies-early": _dies_early,
    "dies-in-head": _dies_in_head,
    "dies-in-body": _dies_in_body,
    "garbage": _garbage,
    "twice": _twice,
    "both-lengths": _both_lengths,
    "switches": _switches,
    "junk-later": _junk_later,
    "headers": _headers,
    "big": _big,
    "tunnel": _tunnel,
    "early": _early,
    "endless": _endless,
}
