"""Speaks PostgreSQL's TLS in front of a server that was built without it.

A client asks for TLS with eight bytes, hears `S`, and starts the handshake; what follows is the
protocol as it is without TLS. `encrypted` remembers of each connection whether it asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")


@dataclass
class TlsFront:
    host: str
    port: int
    context: ssl.SSLContext
    encrypted: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readexactly(8)
            asked = first == _ASKS_FOR_TLS
            if asked:
                writer.write(b"S")
                await writer.start_tls(self.context)
                first = b""
            self.encrypted.append(asked)
            await self._forward(first, reader, writer)
        writer.close()

    async def _forward(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
        upstream_writer.write(first)
        pumps = [
            asyncio.create_task(_pump(reader, upstream_writer)),
            asyncio.create_task(_pump(upstream_reader, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        upstream_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def tls_front(
    host: str, port: int, certificate: Path, key: Path
) -> AsyncIterator[tuple[TlsFront, int]]:
    """The front and its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    front = TlsFront(host, port, context)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    try:
        yield front, server.sockets[0].getsockname()[1]
    finally:
        server.close()
