"""The game service as real processes: replicas of its api and a worker, to be killed by tests."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from factories.running_api import Client
from parlor_dev.ports import PortReservations

_PASSED = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass
class GameProcess:
    """A running process; `url` is its public listener, if it is an api, `health` tells of it."""

    process: asyncio.subprocess.Process
    url: str
    health: str
    client: Client
    log: Path

    async def kill(self) -> None:
        """As a crash does it: no word to anybody."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            return await self.process.wait()


class GameProcesses:
    """Starts processes of one deployment: they share a database, a broker and a secret key."""

    def __init__(self, environment: dict[str, str], folder: Path, http: aiohttp.ClientSession):
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        self._environment = passed | {"PARLOR_SECRET_KEY": key} | environment
        self._folder = folder
        self._http = http
        self._started: list[GameProcess] = []
        self._ports = PortReservations()

    async def start(self, command: str, **changes: str) -> GameProcess:
        """A process of this command, once it is ready."""
        started = await self.begin(command, **changes)
        await self.ready(started)
        return started

    async def begin(self, command: str, **changes: str) -> GameProcess:
        """A process of this command, which may never be ready."""
        public, health = self._ports.take(), self._ports.take()
        name = f"{command}-{len(self._started) + 1}"
        environment = self._environment | changes
        environment |= {
            "PARLOR_PUBLIC_PORT": str(public),
            "PARLOR_HEALTH_PORT": str(health),
            "PARLOR_REPLICA": name,
        }
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "parlor_game",
                command,
                env=environment,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{public}"
        health_url = f"http://127.0.0.1:{health}"
        started = GameProcess(process, url, health_url, Client(self._http, url), log)
        self._started.append(started)
        return started

    async def ready(self, started: GameProcess) -> None:
        """Return once the process says that it is."""
        async with asyncio.timeout(60):
            while True:
                assert started.process.returncode is None, started.log.read_text()
                try:
                    async with self._http.get(f"{started.health}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        for started in self._started:
            await started.stop()
        self._ports.close()


@asynccontextmanager
async def game_processes(
    environment: dict[str, str], folder: Path, http: aiohttp.ClientSession
) -> AsyncIterator[GameProcesses]:
    processes = GameProcesses(environment, folder, http)
    try:
        yield processes
    finally:
        await processes.stop()
