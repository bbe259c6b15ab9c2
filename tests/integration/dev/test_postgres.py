"""The embedded PostgreSQL: least privilege, data that stays, starts after every kind of end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from factories.polling import until
from parlor_dev import accounts, pids, roles
from parlor_dev.backing import PostgresBacking
from parlor_dev.ports import PortReservations
from parlor_dev.postgres import PostgresServer

pytestmark = pytest.mark.integration
PASSWORD = "only-for-this-test"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    """A server of the test's own, not started."""
    reservations = PortReservations()
    made = PostgresServer(
        accounts.temporary_postgres_folder(),
        port=reservations.take(),
        password=PASSWORD,
        log=tmp_path / "postgres.log",
        pid_file=tmp_path / "postgres.json",
    )
    yield made
    await made.stop(harsh=True)
    made.remove_data()
    reservations.close()


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_role_enters_no_database_but_its_own(postgres_server: PostgresBacking) -> None:
    chat = await postgres_server.database("chat")
    game = await postgres_server.database("game")
    for url in (chat.app_url, chat.owner_url):
        for other in (game.app_url.rpartition("/")[2], "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await fetch(f"{url.rpartition('/')[0]}/{other}", "SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "SELECT * FROM owned",
    ],
)
async def test_the_app_role_creates_nothing_and_sees_what_it_was_granted(
    postgres_server: PostgresBacking, statement: str
) -> None:
    access = await postgres_server.database("chat")
    await fetch(access.owner_url, "CREATE TABLE owned (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(access.app_url, statement)


async def test_a_wrong_password_is_refused(postgres_server: PostgresBacking) -> None:
    access = await postgres_server.database("chat")
    role, _, rest = access.app_url.partition("://")[2].partition(":")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(f"postgresql://{role}:wrong@{rest.partition('@')[2]}", "SELECT 1")


async def test_making_a_database_again_keeps_it_and_sets_the_password(
    server: PostgresServer,
) -> None:
    await server.start()
    url = server.url()
    first = await roles.ensure_database(url, "chat", app_password="a", owner_password="b")
    await fetch(first.owner_url, "CREATE TABLE kept (id int)")
    again = await roles.ensure_database(url, "chat", app_password="c", owner_password="d")
    assert await fetch(again.owner_url, "SELECT count(*) FROM kept") == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(first.app_url, "SELECT 1")


async def test_a_stop_and_a_start_keep_the_data(server: PostgresServer) -> None:
    await server.start()
    await fetch(server.url(), "CREATE TABLE kept AS SELECT 7 AS id")
    await server.stop()
    assert not server.process.running
    await server.start()
    assert await fetch(server.url(), "SELECT id FROM kept") == 7


async def test_it_comes_back_after_a_crash_with_what_was_committed(server: PostgresServer) -> None:
    await server.start()
    await fetch(server.url(), "CREATE TABLE kept AS SELECT 7 AS id")
    await server.process.kill()
    await server.process.wait_ready()
    assert server.process.restarts >= 1
    assert await fetch(server.url(), "SELECT id FROM kept") == 7


async def test_it_is_durable_as_in_production(server: PostgresServer) -> None:
    await server.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await fetch(server.url(), f"SHOW {setting}") == "on"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its server another account")
async def test_under_root_it_runs_as_an_account_that_owns_nothing_else(
    server: PostgresServer,
) -> None:
    await server.start()
    pid = server.process.pid
    assert pid is not None
    uid = os.stat(f"/proc/{pid}").st_uid
    assert uid == server.folder.stat().st_uid != 0
    assert server.folder.stat().st_mode & 0o077 == 0


_OWNER = """
import asyncio, sys
from pathlib import Path
from parlor_dev.postgres import PostgresServer

async def main(folder, place, port):
    server = PostgresServer(
        Path(folder), port=int(port), password="only-for-this-test",
        log=Path(place) / "log", pid_file=Path(place) / "postgres.json",
    )
    await server.start()
    print(server.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_owner_takes_it_along_and_the_next_one_starts(
    server: PostgresServer, tmp_path: Path
) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _OWNER,
        str(server.folder),
        str(tmp_path),
        str(server.port),
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    async with asyncio.timeout(60):
        pid = int(await owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    await until(lambda: pids.start_time(pid) is None, seconds=15)
    await server.start()
    assert await fetch(server.url(), "SELECT 1") == 1
