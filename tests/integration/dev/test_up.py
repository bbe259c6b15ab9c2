"""`make up` as a person runs it: banner, first 201, status, every way to end it, the next start."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from factories.polling import until
from parlor_dev import pids
from parlor_dev.home import Home
from parlor_dev.ports import PortReservations

pytestmark = pytest.mark.functional
_READY_SECONDS = 120
_VERBS = (sys.executable, "-m", "parlor_dev")


class Terminal:
    """Runs the commands on one state folder and port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.home = Home(folder)
        self.url = f"http://127.0.0.1:{port}"
        self._env = {**os.environ, "PARLOR_HOME": str(folder), "PARLOR_PORT": str(port)}
        for name in ("PARLOR_ADMIN_EMAIL", "PARLOR_ADMIN_PASSWORD"):
            self._env.pop(name, None)
        self._env.setdefault("PARLOR_KUBE", "off")
        self.up: asyncio.subprocess.Process | None = None

    async def start(self, *wrapper: str, **more: str) -> str:
        """Start the platform and return what it printed up to the end of its banner."""
        self.up = await asyncio.create_subprocess_exec(
            *wrapper,
            *_VERBS,
            "up",
            *(("--end-with-parent",) if wrapper else ()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self._env, **more},
        )
        assert self.up.stdout is not None
        said = b""
        async with asyncio.timeout(_READY_SECONDS):
            while b"make demo" not in said or not said.endswith(b"\n\n"):
                line = await self.up.stdout.readline()
                assert line, said.decode()
                said += line
        return said.decode()

    async def end(self, number: int) -> int:
        assert self.up is not None
        self.up.send_signal(number)
        async with asyncio.timeout(60):
            await self.up.communicate()
        return self.up.returncode or 0

    async def run(self, verb: str) -> str:
        child = await asyncio.create_subprocess_exec(
            *_VERBS, verb, stdout=asyncio.subprocess.PIPE, env=self._env
        )
        async with asyncio.timeout(90):
            out, _ = await child.communicate()
        return out.decode()

    async def register(self, name: str) -> int:
        body = {
            "email": f"{name}@example.com",
            "password": "correct horse battery",
            "display_name": name,
        }
        url = f"{self.url}/api/v1/auth/register"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            return response.status

    async def log_in(self, email: str, password: str) -> int:
        url, body = f"{self.url}/api/v1/auth/login", {"email": email, "password": password}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            return response.status

    def records(self) -> list[pids.Record]:
        found = [pids.read(path) for path in self.home.pids.glob("*.json")]
        return [record for record in found if record is not None]


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    reservations = PortReservations()
    made = Terminal(tmp_path / "state", reservations.take())
    yield made
    if made.up is not None and made.up.returncode is None:
        await made.end(signal.SIGTERM)
    await made.run("reset")
    reservations.close()


async def test_two_starts_with_a_clean_end_between(terminal: Terminal) -> None:
    banner = await terminal.start()
    password = terminal.home.secret_file("admin-password").read_text()
    assert password in banner
    assert terminal.url in banner
    assert await terminal.register("first") == 201
    table = await terminal.run("status")
    assert re.search(r"chat-worker\s+\d+\s+ready", table)
    records = terminal.records()
    assert len(records) == 16
    assert await terminal.end(signal.SIGINT) == 0
    assert not any(pids.is_alive(record) for record in records)

    banner = await terminal.start()
    assert password not in banner
    assert str(terminal.home.secret_file("admin-password")) in banner
    assert await terminal.register("first") == 409
    assert "stopped" in await terminal.run("down")
    assert terminal.up is not None
    assert await terminal.up.wait() == 0


async def test_the_first_admin_stays_who_the_first_start_made_it(terminal: Terminal) -> None:
    first = {"PARLOR_ADMIN_EMAIL": "boss@example.com", "PARLOR_ADMIN_PASSWORD": "Kx9#mQ2$vL7p-1"}
    await terminal.start(**first)
    await terminal.end(signal.SIGTERM)
    banner = await terminal.start()
    file = terminal.home.secret_file("admin-password")
    assert "boss@example.com" in banner
    assert str(file) in banner
    assert await terminal.log_in("boss@example.com", file.read_text()) == 200
    await terminal.end(signal.SIGTERM)
    banner = await terminal.start(PARLOR_ADMIN_PASSWORD="Kx9#mQ2$vL7p-2")
    assert "boss@example.com" in banner
    assert "PARLOR_ADMIN_PASSWORD" in banner  # that it has no effect
    assert await terminal.log_in("boss@example.com", "Kx9#mQ2$vL7p-1") == 200


async def test_a_killed_parent_ends_it_and_the_next_one_starts(terminal: Terminal) -> None:
    await terminal.start("/bin/sh", "-c", '"$@"; exit', "sh")
    records = terminal.records()
    await terminal.end(signal.SIGKILL)
    await until(lambda: not any(pids.is_alive(record) for record in records), seconds=60)
    await terminal.start()
    assert await terminal.register("second") == 201


async def test_a_killed_supervisor_does_not_stop_the_next_one(terminal: Terminal) -> None:
    await terminal.start()
    assert await terminal.register("first") == 201
    await terminal.end(signal.SIGKILL)
    await terminal.start()
    assert await terminal.register("first") == 409
