"""Every wait and every amount is bounded, and whoever meets a bound is told so if possible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from factories.polling import until
from factories.sidecars import RunningSidecar, running_sidecar


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient_sidecar(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[RunningSidecar]:
    async with running_sidecar(
        tmp_path_factory.mktemp("limits"),
        head_seconds="0.3",
        body_seconds="0.3",
        idle_seconds="0.3",
        answer_seconds="0.3",
        stall_seconds="0.3",
        tunnel_idle_seconds="0.3",
        max_connections="8",
        max_in_flight="2",
    ) as sidecar:
        yield sidecar


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(impatient_sidecar: RunningSidecar) -> AsyncIterator[RunningSidecar]:
    impatient_sidecar.app.reached.clear()
    impatient_sidecar.app.release.clear()
    impatient_sidecar.lines.clear()
    yield impatient_sidecar
    impatient_sidecar.app.release.set()
    await impatient_sidecar.hang_up()
    await impatient_sidecar.until_health(
        "/metrics", lambda answer: b"parlor_sidecar_connections 0\n" in answer.body
    )


async def test_a_head_that_does_not_end_is_408(impatient: RunningSidecar) -> None:
    client = await impatient.connect()
    client.send(b"GET /internal/v1/users/7 HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    answer = await client.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert await client.ended() == b""


async def test_a_head_that_drips_gains_no_time(impatient: RunningSidecar) -> None:
    client = await impatient.connect()
    client.send(b"GET /internal/v1/users/7 HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    loop = asyncio.get_running_loop()
    started = loop.time()
    answer = asyncio.create_task(client.answer())
    while not answer.done():
        client.send(b"x")
        await asyncio.sleep(0.02)
    assert (await answer).status == 408
    assert loop.time() - started < 2


async def test_a_connection_that_says_nothing_is_closed(impatient: RunningSidecar) -> None:
    client = await impatient.connect()
    assert await client.ended() == b""
    client = await impatient.connect()
    client.send(impatient.request())
    assert (await client.answer()).status == 200
    assert await client.ended() == b""


async def test_a_body_that_does_not_end_is_408_and_reaches_no_handler(
    impatient: RunningSidecar,
) -> None:
    client = await impatient.connect()
    client.send(impatient.request("/internal/v1/users/7", "POST", "Content-Length: 5", body=b"x"))
    answer = await client.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert impatient.app.reached == []


async def test_an_app_that_does_not_answer_is_504(impatient: RunningSidecar) -> None:
    answer = await impatient.ask(impatient.request("/internal/v1/users/slow"))
    assert (answer.status, answer.code) == (504, "upstream_timeout")


async def test_a_caller_that_does_not_read_is_cut_off(impatient: RunningSidecar) -> None:
    client = await impatient.connect()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.send(impatient.request("/internal/v1/users/big"))
    await until(
        lambda: any(line.get("reason") == "stalled" for line in impatient.lines), every=0.02
    )


async def test_a_silent_tunnel_is_closed(impatient: RunningSidecar) -> None:
    client = await impatient.connect()
    head = ("GET", "Connection: Upgrade", "Upgrade: websocket")
    client.send(impatient.request("/internal/v1/live/tunnel", *head))
    assert (await client.answer()).status == 101
    assert await client.ended() == b"hello "


async def test_more_requests_at_once_than_allowed_are_503(impatient: RunningSidecar) -> None:
    clients = [await impatient.connect() for _ in range(3)]
    for client in clients[:2]:
        client.send(impatient.request("/internal/v1/users/slow"))
    await until(lambda: len(impatient.app.reached) == 2)
    clients[2].send(impatient.request())
    answer = await clients[2].answer()
    assert (answer.status, answer.code) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    impatient.app.release.set()
    for client in clients[:2]:
        assert (await client.answer()).status == 200


async def test_more_connections_than_allowed_are_503(impatient: RunningSidecar) -> None:
    for _ in range(8):
        await impatient.connect()
    answer = await (await impatient.connect()).answer()
    assert (answer.status, answer.code, answer.closed) == (503, "overloaded", True)
