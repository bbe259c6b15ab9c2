"""The gateway in front of a real server: live sockets, close codes, and never a request twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from parlor_dev import gateway
from parlor_dev.ports import HOST, PortReservations
from parlor_dev.probe import answers_http
from parlor_dev.processes import ManagedProcess
from parlor_dev.routing import SERVICES

pytestmark = pytest.mark.integration


@dataclass
class Origin:
    url: str
    posts: int = 0


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    ports = PortReservations()
    port, behind = ports.take(), ports.take()
    made = Origin(f"http://{HOST}:{port}")

    async def echo(request: web.Request) -> web.WebSocketResponse:
        live = web.WebSocketResponse()
        await live.prepare(request)
        async for message in live:
            if message.data == "leave":
                await live.close(code=4403, message=b"not entitled")
            else:
                await live.send_str(f"echo {message.data}")
        return live

    async def hang_up(request: web.Request) -> web.Response:
        made.posts += 1
        await request.read()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v1/conversations/1/ws", echo)
    app.router.add_post("/api/v1/conversations", hang_up)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, behind, reuse_address=True).start()
    replicas = {service: [behind] for service in SERVICES}
    process = ManagedProcess(
        "gateway",
        gateway.command(tmp_path, port, replicas),
        log=tmp_path / "gateway.log",
        pid_file=tmp_path / "gateway.json",
        ready=lambda: answers_http(HOST, port),
    )
    await process.start()
    yield made
    await process.stop()
    await runner.cleanup()
    ports.close()


async def test_a_live_socket_passes_frames_and_close_codes(origin: Origin) -> None:
    async with aiohttp.ClientSession() as session:
        live = await session.ws_connect(f"{origin.url}/api/v1/conversations/1/ws")
        await live.send_str("hello")
        async with asyncio.timeout(5):
            assert (await live.receive()).data == "echo hello"
            await live.send_str("leave")
            await live.receive()
        assert live.close_code == 4403


async def test_a_request_that_was_sent_is_not_sent_again(origin: Origin) -> None:
    url = f"{origin.url}/api/v1/conversations"
    async with aiohttp.ClientSession() as session, session.post(url, json={}) as response:
        assert response.status == 502
        assert (await response.json(content_type=None))["code"] == "bad_gateway"
    assert origin.posts == 1
