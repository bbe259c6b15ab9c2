"""Chat alone, in processes of its own: api replicas and a worker, with a stand-in for customer.

For tests that need real sockets, several replicas or a broker in between. Users' tokens come from
a test issuer whose keys are served over HTTP, as identity would.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web
from factories.customer_stand_in import CustomerStandIn, customer_stand_in
from factories.tokens import UserTokens
from factories.topics import put
from parlor_dev.client import Api
from parlor_dev.ports import PortReservations
from parlor_dev.roles import DatabaseAccess
from parlor_kit.answers import dumps
from parlor_kit.clock import now
from parlor_kit.events import envelope
from parlor_kit.ids import new_id
from parlor_kit.migrate import migrate


@dataclass
class Talker:
    """A user of chat: an id, and a client for each replica."""

    id: UUID
    api: Api
    replicas: Sequence[Api] = ()


@dataclass
class ChatProcesses:
    """Running chat; see the module."""

    database: DatabaseAccess
    kafka: str
    customer: CustomerStandIn
    tokens: UserTokens
    urls: list[str] = field(default_factory=list)
    logs: Path = Path()
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    http: aiohttp.ClientSession | None = None

    def talker(self, role: str = "customer") -> Talker:
        """Somebody new."""
        user_id = new_id()
        token = self.tokens.token(role, user_id)
        replicas = [Api(url, token=token, http=self.http) for url in self.urls]
        return Talker(user_id, replicas[0], replicas)

    async def tell(self, topic: str, type_: str, key: UUID | str, data: dict[str, Any]) -> None:
        """Publish an event as the service that owns `topic` would."""
        event = envelope(
            event_id=new_id(),
            topic=topic,
            key=str(key),
            type_=type_,
            time=now(),
            data=dumps(data),
            request_id=None,
            traceparent=None,
        )
        await put(self.kafka, topic, str(key), event)

    async def conversation(self, *talkers: Talker) -> str:
        """A new conversation of these people, made by the first."""
        made = await talkers[0].api.post(
            "/api/v1/conversations", {"participant_ids": [str(one.id) for one in talkers[1:]]}
        )
        return str(made["id"])


@asynccontextmanager
async def _key_server(tokens: UserTokens) -> AsyncIterator[str]:
    async def keys(_: web.Request) -> web.Response:
        return web.json_response(tokens.jwks())

    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", keys)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/.well-known/jwks.json"
    finally:
        await runner.cleanup()


async def _start(verb: str, environment: dict[str, str], log: Path) -> asyncio.subprocess.Process:
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "parlor_chat", verb, env=environment, stdout=output, stderr=output
        )


async def _ready(
    http: aiohttp.ClientSession, health: int, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(30):
        while process.returncode is None:
            with suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{health}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError(f"chat ended with {process.returncode}: see {log}")


@asynccontextmanager
async def chat_processes(
    database: DatabaseAccess, kafka: str, folder: Path, *, replicas: int = 1
) -> AsyncIterator[ChatProcesses]:
    """Migrate, start `replicas` api processes and a worker, and stop them in the end."""
    await migrate(database.owner_url, database.app_url, "chat")
    (folder / "customer").write_text("credential of chat")
    tokens = UserTokens()
    async with (
        customer_stand_in() as customer,
        _key_server(tokens) as jwks_url,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        ) as http,
    ):
        chat = ChatProcesses(database, kafka, customer, tokens, logs=folder, http=http)
        environment: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "PARLOR_DATABASE_URL": database.app_url,
            "PARLOR_KAFKA_BOOTSTRAP": kafka,
            "PARLOR_JWKS_URL": jwks_url,
            "PARLOR_CUSTOMER_URL": customer.url,
            "PARLOR_CREDENTIALS_DIR": str(folder),
            "PARLOR_SECRET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CHAT_SIGNING_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "PARLOR_DRAIN_SECONDS": "2",
        }
        waits: list[Any] = []
        ports = PortReservations()
        try:
            for number in range(replicas + 1):
                port, health = ports.take(), ports.take()
                verb = "api" if number < replicas else "worker"
                log = folder / f"{verb}-{number}.log"
                process = await _start(
                    verb,
                    environment
                    | {"PARLOR_PUBLIC_PORT": str(port), "PARLOR_HEALTH_PORT": str(health)},
                    log,
                )
                chat.processes.append(process)
                if verb == "api":
                    chat.urls.append(f"http://127.0.0.1:{port}")
                waits.append(_ready(http, health, process, log))
            await asyncio.gather(*waits)
            yield chat
        finally:
            for process in chat.processes:
                with suppress(ProcessLookupError):
                    process.terminate()
            for process in chat.processes:
                async with asyncio.timeout(20):
                    await process.wait()
            ports.close()
