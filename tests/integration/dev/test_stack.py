"""The supervisor with real servers and a real gateway, and stand-ins for the services."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from factories import stand_in, supervised
from factories.polling import until
from parlor_dev import pids
from parlor_dev.ports import HOST
from parlor_dev.probe import http_status
from parlor_dev.problems import Problem
from parlor_dev.processes import ProcessFailed
from parlor_dev.stack import Stack

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    made = Stack(
        tmp_path_factory.mktemp("stack"),
        port=0,
        replicas={"chat": 2},
        env={"chat": {"CHAT_ARCHIVE_AFTER": "P1D"}},
        temporary=True,
        program=stand_in.program,
    )
    await made.start()
    yield made
    await made.stop()


async def ask(url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.json(content_type=None)


def recorded(stack: Stack) -> dict[str, pids.Record]:
    found = {path.stem: pids.read(path) for path in stack.home.pids.glob("*.json")}
    return {name: record for name, record in found.items() if record is not None}


async def test_every_process_has_its_name_and_answers_for_its_health(stack: Stack) -> None:
    assert sorted(stack.process_names) == sorted(
        [
            "postgres",
            "kafka",
            "gateway",
            *(f"{service}-worker" for service in ("identity", "customer", "game", "chat")),
            *(f"{service}-api-1" for service in ("identity", "customer", "game", "chat")),
            *(f"{service}-sidecar-1" for service in ("identity", "customer", "game", "chat")),
            "game-bots",
            "chat-api-2",
            "chat-sidecar-2",
        ]
    )
    for name in stack.process_names:
        assert stack.process(name).running
    for url in stack.health_urls.values():
        assert (await ask(f"{url}/readyz"))[0] == 200


async def test_the_origin_sends_each_path_to_its_service(stack: Stack) -> None:
    for path, service in {
        "/api/v1/users/me": "identity",
        "/.well-known/jwks.json": "identity",
        "/api/v1/invites": "customer",
        "/api/v1/games/1/scoreboard": "game",
        "/api/v1/admin/archive-expiry/run": "chat",
    }.items():
        status, said = await ask(stack.url + path)
        assert (status, said["name"].partition("-")[0], said["path"]) == (200, service, path)


async def test_an_unknown_path_is_a_problem_document(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/metrics") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        said = await response.json(content_type=None)
        assert said["code"] == "not_found"
        assert said["request_id"] == response.headers["X-Request-ID"]


async def test_a_caller_cannot_choose_the_address_that_services_see(stack: Stack) -> None:
    _, said = await ask(f"{stack.url}/api/v1/users/me", **{"X-Forwarded-For": "203.0.113.9"})
    assert said["headers"]["x-forwarded-for"] == HOST


async def test_requests_spread_over_replicas_and_none_is_lost_when_one_dies(stack: Stack) -> None:
    url = f"{stack.url}/api/v1/conversations"
    names = {(await ask(url))[1]["name"] for _ in range(12)}
    assert names == {"chat-api-1", "chat-api-2"}
    await stack.process("chat-api-1").kill()
    answers = [await ask(url) for _ in range(12)]
    assert {status for status, _ in answers} == {200}
    await stack.process("chat-api-1").wait_ready()
    await until_named(url, "chat-api-1")


async def until_named(url: str, name: str) -> None:
    async with asyncio.timeout(10):
        while (await ask(url))[1]["name"] != name:  # noqa: ASYNC110 - asks another process
            await asyncio.sleep(0.05)


async def test_a_request_waits_for_a_service_that_is_just_restarting(stack: Stack) -> None:
    await stack.process("game-api-1").kill()
    status, said = await ask(f"{stack.url}/api/v1/games/1")
    assert (status, said["name"]) == (200, "game-api-1")


async def test_a_service_that_is_down_is_a_problem_document(stack: Stack) -> None:
    process = stack.process("customer-api-1")
    await process.stop()
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/api/v1/invites") as r:
        assert r.status == 503
        assert r.headers["Retry-After"] == "1"
        assert (await r.json(content_type=None))["code"] == "dependency_unavailable"
    await process.start()
    await until_named(f"{stack.url}/api/v1/invites", "customer-api-1")


async def test_servers_stop_and_start_on_the_same_ports(stack: Stack) -> None:
    database, bootstrap = stack.database_url("chat"), stack.kafka_bootstrap
    await stack.postgres.stop()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncpg.connect(database, timeout=5)
    await stack.postgres.start()
    connection = await asyncpg.connect(database, timeout=5)
    await connection.close()
    await stack.kafka.stop()
    await stack.kafka.start()
    assert stack.kafka_bootstrap == bootstrap


async def test_a_second_stack_on_the_same_folder_says_so(stack: Stack) -> None:
    with pytest.raises(Problem, match=f"already .pid {os.getpid()}, {stack.url}"):
        await Stack(stack.home.folder, port=0, program=stand_in.program).start()
    assert (await ask(f"{stack.url}/api/v1/users/me"))[0] == 200


async def test_a_port_in_use_names_the_variable_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        stack = Stack(tmp_path, port=taken, temporary=True, program=stand_in.program)
        with pytest.raises(Problem, match=f"PARLOR_PORT={taken + 1} make up"):
            await stack.start()
    assert not stack.home.is_running()


async def test_a_process_that_fails_to_start_takes_the_rest_down(tmp_path: Path) -> None:
    def failing(member: str, verb: str) -> tuple[str, ...]:
        if (member, verb) == ("game", "worker"):
            return (sys.executable, "-c", "raise SystemExit('no cards')")
        return stand_in.program(member, verb)

    stack = Stack(tmp_path, port=0, temporary=True, program=failing)
    with pytest.raises(ProcessFailed, match=r"game-worker ended at start.*no cards"):
        await stack.start()
    assert recorded(stack) == {}
    assert not stack.home.is_running()
    assert await http_status(HOST, stack.port, "/") is None


async def test_it_stops_in_order_and_keeps_secrets_for_the_next_start(tmp_path: Path) -> None:
    first = Stack(tmp_path, port=0, program=stand_in.program)
    await first.start()
    try:
        assert first.admin.made
        password, database = first.admin_password, first.database_url("chat", owner=True)
        records = recorded(first)
        assert len(records) == 16
        await first.stop()
        assert not any(pids.is_alive(record) for record in records.values())
        assert "drained" in (first.home.log / "chat-api-1.log").read_text()
        second = Stack(tmp_path, port=0, program=stand_in.program)
        await second.start()
        assert not second.admin.made
        assert second.admin_password == password
        assert second.database_url("chat", owner=True).split("@")[0] == database.split("@")[0]
        await second.stop()
    finally:
        first.home.wipe()


async def test_a_killed_supervisor_leaves_no_process_and_the_next_one_starts(
    tmp_path: Path,
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(supervised.__file__), str(tmp_path), "0", stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    stack = Stack(tmp_path, port=0, program=stand_in.program)
    try:
        async with asyncio.timeout(90):
            assert await child.stdout.readline() == b"ready\n"
        records = recorded(stack)
        assert len(records) == 16
        child.send_signal(signal.SIGKILL)
        await child.wait()
        await until(lambda: not any(pids.is_alive(r) for r in records.values()), seconds=20)
        await stack.start()
        assert (await ask(f"{stack.url}/api/v1/users/me"))[0] == 200
        await stack.stop()
    finally:
        stack.home.wipe()
