"""A client that does not read is closed with 4408, and resumes with nothing lost."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from factories.chat_processes import ChatProcesses, Talker
from factories.polling import until_true

pytestmark = pytest.mark.integration

TEXT, CLOSE = 0x1, 0x8
LONG = "\N{SLIGHTLY SMILING FACE}" * 4000


async def _open(talker: Talker, path: str) -> socket.socket:
    """A live socket on a TCP connection with a tiny receive buffer, not yet read from."""
    loop = asyncio.get_running_loop()
    url = urlsplit(talker.api.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await loop.sock_connect(connection, (url.hostname, url.port))
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    await loop.sock_sendall(
        connection,
        f"GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {talker.api.token}\r\n\r\n".encode(),
    )
    return connection


async def _read_all(connection: socket.socket) -> tuple[list[dict[str, Any]], int]:
    """Every frame that the server sent until it closed, and its close code."""
    loop = asyncio.get_running_loop()
    data = b""
    with connection:
        async with asyncio.timeout(30):
            while chunk := await loop.sock_recv(connection, 1 << 20):
                data += chunk
    frames, code = [], 1006
    for opcode, payload in _frames(data.partition(b"\r\n\r\n")[2]):
        if opcode == TEXT:
            frames.append(orjson.loads(payload))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
    return frames, code


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole frames of a server in `data` (RFC 6455, section 5.2)."""
    at = 0
    while at + 2 <= len(data):
        size, head = data[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        if at + head + size > len(data):
            return
        yield data[at] & 0xF, data[at + head : at + head + size]
        at += head + size


async def test_its_queue_overflows_alone_and_it_resumes_without_loss(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    path = f"/api/v1/conversations/{await chat.conversation(ann, ben)}/ws"
    sleepy = await _open(ben, path)
    async with ann.api.live(path) as hers:
        for _ in range(60):
            await asyncio.gather(*(hers.request("send", body=LONG) for _ in range(10)))
        frames, code = await _read_all(sleepy)
        assert code == 4408
        seen = [frame["seq"] for frame in frames[1:]]
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 600

        his = ben.api.live(path)
        his.epoch, his.seq = frames[0]["epoch"], seen[-1]
        async with his:
            assert his.welcome["recovered"] is True

            async def level() -> bool:
                return his.seq == 600

            await until_true(level, 30)
        assert hers.seq == 600
