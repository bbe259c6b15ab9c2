"""The least HTTP app that parses a request: what the sidecar is measured in front of, and against.

Started by `sidecar.py`, on TCP for the app alone and on a Unix socket for the app behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import cast

import httptools
import uvloop

BODY = b'{"id":"0190c1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b","display_name":"Ada","status":"active"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)


class BareApp(asyncio.Protocol):
    """Parses every header, as a framework must, and answers always the same."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[str, str] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_message_complete(self) -> None:
        if self._transport is not None:
            self._transport.write(ANSWER)


async def serve(port: int, path: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(BareApp, "127.0.0.1", port)
    await loop.create_unix_server(BareApp, path)
    await loop.create_future()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--core", type=int, required=True)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    uvloop.run(serve(arguments.port, arguments.path))


if __name__ == "__main__":
    main()
