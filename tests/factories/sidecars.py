"""A real sidecar process, an issuer that counts who asks for its keys, and a raw client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factories.polling import until
from factories.recording_app import RecordingApp
from factories.signing import ISSUER, NAMESPACE, SigningKey, key_set, service_claims

POLICY = """
audience = "identity.internal"
[[allow]]
method = "GET"
path = "/internal/v1/users/{user_id}"
callers = ["customer", "chat"]
[[allow]]
method = "HEAD"
path = "/internal/v1/users/{user_id}"
callers = ["chat"]
[[allow]]
method = "POST"
path = "/internal/v1/users/{user_id}"
callers = ["chat"]
[[allow]]
method = "PUT"
path = "/internal/v1/distributors/{resource_uid}"
callers = ["operator"]
[[allow]]
method = "GET"
path = "/internal/v1/live/{what}"
callers = ["chat"]
upgrade = true
"""


@dataclass
class CountingIssuer:
    """Serves a key set over HTTP, and counts how often it was asked."""

    keys: list[SigningKey]
    asked: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            body = key_set(*self.keys)
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()


@dataclass
class Answer:
    """What came back over a raw socket."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


class RawClient:
    """One TCP connection on which a test writes whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, seconds: float = 5, *, head_only: bool = False) -> Answer:
        """The next answer; fails when the connection ends before a whole one."""
        async with asyncio.timeout(seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.split("\r\n")[:-2]
            headers = {
                name.lower(): value.strip() for name, _, value in (h.partition(":") for h in rest)
            }
            status = int(line.split(" ")[1])
            body = b""
            if head_only or status in (101, 204, 304) or status == 100:
                pass
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif "transfer-encoding" in headers:
                while size := int((await self.reader.readline()).strip(), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readline()
            closed = headers.get("connection", "") == "close"
        return Answer(status, headers, body, closed)

    async def ended(self, seconds: float = 5) -> bytes:
        """Whatever still comes until the other side closes."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(seconds):
                while data := await self.reader.read(65536):
                    rest += data
        return rest

    def close(self) -> None:
        self.writer.close()


@dataclass
class RunningSidecar:
    """The process, what it stands between, and what it wrote."""

    process: asyncio.subprocess.Process
    app: RecordingApp
    issuer: CountingIssuer
    key: SigningKey
    lines: list[dict[str, Any]] = field(default_factory=list)
    clients: list[RawClient] = field(default_factory=list)
    port: int = 0
    health_port: int = 0

    def token(self, caller: str = "chat", **changes: Any) -> str:
        return self.key.sign(service_claims(caller, "identity", **changes))

    def request(
        self,
        target: str = "/internal/v1/users/7",
        method: str = "GET",
        *lines: str,
        token: str | None = None,
        body: bytes = b"",
    ) -> bytes:
        """A right request, to which lines are added."""
        head = [f"{method} {target} HTTP/1.1", "Host: identity.internal"]
        head.append(f"Authorization: Bearer {token or self.token()}")
        head += lines
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body

    async def connect(self) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def hang_up(self) -> None:
        """Close every connection that a test left open."""
        for client in self.clients:
            client.close()
        for client in self.clients:
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()
        self.clients.clear()

    async def ask(self, data: bytes) -> Answer:
        """Send bytes on a connection of their own."""
        client = await self.connect()
        client.send(data)
        return await client.answer()

    async def health(self, path: str) -> Answer:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", self.health_port))
        try:
            client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return await client.answer()
        finally:
            client.close()

    async def until_health(self, path: str, holds: Callable[[Answer], bool]) -> None:
        """Return once the health port says so."""
        async with asyncio.timeout(10):
            while not holds(await self.health(path)):  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.01)

    def decisions(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "sidecar.decision"]


@contextlib.asynccontextmanager
async def running_sidecar(
    folder: Path, *, issuer_up: bool = True, app_up: bool = True, **settings: str
) -> AsyncIterator[RunningSidecar]:
    """Start an app, an issuer and a sidecar between callers and them."""
    key = SigningKey("one")
    issuer, app = CountingIssuer([key]), RecordingApp(folder / "app.sock")
    await issuer.start()
    if not issuer_up:
        await issuer.stop()
    if app_up:
        await app.start()
    policy = folder / "sidecar.toml"
    policy.write_text(POLICY)
    environment = {
        "PATH": os.environ["PATH"],
        "SIDECAR_HOST": "127.0.0.1",
        "SIDECAR_PORT": "0",
        "SIDECAR_HEALTH_HOST": "127.0.0.1",
        "SIDECAR_HEALTH_PORT": "0",
        "SIDECAR_UPSTREAM": str(app.path),
        "SIDECAR_POLICY": str(policy),
        "SIDECAR_ISSUER": ISSUER,
        "SIDECAR_JWKS_URL": issuer.url,
        "SIDECAR_NAMESPACE": NAMESPACE,
        "SIDECAR_POD": "identity-0",
    } | {f"SIDECAR_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "parlor_sidecar",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    sidecar = RunningSidecar(process, app, issuer, key)
    listening = asyncio.create_task(_listen(sidecar))
    try:
        await until(lambda: sidecar.port != 0 or process.returncode is not None, 10)
        assert process.returncode is None, "the sidecar did not start"
        yield sidecar
    finally:
        await sidecar.hang_up()
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
        await issuer.stop()
        await app.stop()


async def _listen(sidecar: RunningSidecar) -> None:
    assert sidecar.process.stdout is not None
    while raw := await sidecar.process.stdout.readline():
        line = json.loads(raw)
        sidecar.lines.append(line)
        if line["event"].startswith("listening on"):
            words = line["event"].replace(",", "").split()
            sidecar.health_port = int(words[-1])
            sidecar.port = int(words[2].rpartition(":")[2])
