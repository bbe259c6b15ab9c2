"""Runs identity as it runs in production: processes of its own, several on one database.

For tests of what replicas share, of restarts, and of what ends up in the log.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from factories.polling import until_true
from factories.running_api import Client, Reply
from parlor_dev.ports import HOST, PortReservations
from parlor_dev.probe import is_ready
from parlor_dev.roles import DatabaseAccess

ADMIN_EMAIL = "first.admin@example.com"
ADMIN_PASSWORD = "first-" + secrets.token_urlsafe(12)
OPERATOR = {"x-service-identity": "system:serviceaccount:parlor:operator"}
START_SECONDS = 60


@dataclass
class Replica:
    """One running api process."""

    process: asyncio.subprocess.Process
    public: Client
    internal: Client
    log: Path
    health_port: int

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{HOST}:{self.health_port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


@dataclass
class Identity:
    """A migrated database of identity and whatever runs on it."""

    access: DatabaseAccess
    folder: Path
    ports: PortReservations
    secret_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )
    number: int = 0

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",
            "PARLOR_DATABASE_URL": self.access.app_url,
            "PARLOR_MIGRATION_DATABASE_URL": self.access.owner_url,
            "PARLOR_KAFKA_BOOTSTRAP": f"{HOST}:1",
            "PARLOR_SECRET_KEY": self.secret_key,
            "PARLOR_ADMIN_EMAIL": ADMIN_EMAIL,
            "PARLOR_ADMIN_PASSWORD": ADMIN_PASSWORD,
            **changes,
        }

    async def run(self, *arguments: str, **changes: str) -> tuple[int, str]:
        """One command to its end: its status and all that it wrote."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "parlor_identity",
            *arguments,
            env=self.environment(**changes),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(START_SECONDS):
            output, _ = await child.communicate()
        return child.returncode or 0, output.decode()

    @asynccontextmanager
    async def replica(self, **changes: str) -> AsyncIterator[Replica]:
        """An api process, ready; `changes` are variables of its environment."""
        self.number += 1
        port, health = self.ports.take(), self.ports.take()
        socket = self.folder / f"identity-{self.number}.sock"
        log = self.folder / f"identity-{self.number}.log"
        environment = self.environment(
            PARLOR_PUBLIC_PORT=str(port),
            PARLOR_HEALTH_PORT=str(health),
            PARLOR_INTERNAL_SOCKET=str(socket),
            **changes,
        )
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "parlor_identity",
                "api",
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        outside = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        inside = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)))
        try:
            async with outside, inside:
                await self._until_ready(process, health, log)
                yield Replica(
                    process,
                    Client(outside, f"http://{HOST}:{port}"),
                    Client(inside, "http://internal"),
                    log,
                    health,
                )
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(30):
                await process.wait()

    async def _until_ready(
        self, process: asyncio.subprocess.Process, health: int, log: Path
    ) -> None:
        async def ready() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"identity ended: {end_of(log)}")
            return await is_ready(HOST, health)

        await until_true(ready, START_SECONDS)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What the database holds, seen by its owner."""
        connection = await asyncpg.connect(self.access.owner_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found
        finally:
            await connection.close()


@asynccontextmanager
async def identity_database(access: DatabaseAccess, folder: Path) -> AsyncIterator[Identity]:
    """Identity on an empty database, migrated."""
    ports = PortReservations()
    identity = Identity(access, folder, ports)
    try:
        status, output = await identity.run("migrate")
        assert status == 0, output
        yield identity
    finally:
        ports.close()


def end_of(log: Path) -> str:
    return log.read_text()[-2000:]


def new_email(name: str = "somebody") -> str:
    return f"{name}.{secrets.token_hex(6)}@example.com"


def new_password() -> str:
    return "pass-" + secrets.token_urlsafe(18)


def signed_in(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def coming_from(address: str) -> dict[str, str]:
    """What the proxy in front of identity adds."""
    return {"x-forwarded-for": address}


async def register(client: Client, email: str, password: str, **options: Any) -> Reply:
    body = {"email": email, "password": password, "display_name": "Somebody"}
    return await client.call("POST", "/api/v1/auth/register", json=body, **options)


async def log_in(client: Client, email: str, password: str, **options: Any) -> Reply:
    body = {"email": email, "password": password}
    return await client.call("POST", "/api/v1/auth/login", json=body, **options)


async def refresh(client: Client, token: str) -> Reply:
    return await client.call("POST", "/api/v1/auth/refresh", json={"refresh_token": token})


async def signed_in_user(client: Client) -> tuple[str, str, Reply]:
    """A new customer: e-mail, password, and the answer to the first login."""
    email, password = new_email(), new_password()
    assert (await register(client, email, password)).status == 201
    reply = await log_in(client, email, password)
    assert reply.status == 200
    return email, password, reply


async def admin_headers(client: Client) -> dict[str, str]:
    reply = await log_in(client, ADMIN_EMAIL, ADMIN_PASSWORD)
    assert reply.status == 200, reply.body
    return signed_in(reply.body["access_token"])
