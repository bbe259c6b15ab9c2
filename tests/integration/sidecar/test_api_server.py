"""With the API server as issuer: keys and reviews over https, with our own rotated token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest_asyncio
from factories.certificates import self_signed
from factories.polling import until
from factories.sidecars import RunningSidecar, running_sidecar
from factories.signing import SigningKey, key_set


@dataclass
class ApiServer:
    """Serves /jwks and reviews tokens; nobody without the token in force gets anything."""

    keys: list[SigningKey] = field(default_factory=list)
    token: str = "first"
    stands: bool = True
    reviews: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            status, body = 401, b"{}"
            if f"authorization: bearer {self.token}\r\n" in head:
                if head.startswith("get /jwks "):
                    status, body = 200, key_set(*self.keys)
                else:
                    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                    question = json.loads(await reader.readexactly(length))
                    status, body = 201, self.review(question["spec"]["audiences"])
            writer.write(b"HTTP/1.1 %d Status\r\nConnection: close\r\n" % status)
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    def review(self, audiences: list[str]) -> bytes:
        self.reviews += 1
        status = {
            "authenticated": self.stands,
            "audiences": audiences,
            "user": {"username": "system:serviceaccount:parlor:chat"},
        }
        return json.dumps({"kind": "TokenReview", "status": status}).encode()


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[RunningSidecar, ApiServer, Path]]:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    api = ApiServer()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    token_file = tmp_path / "token"
    token_file.write_text("first\n")
    async with running_sidecar(
        tmp_path,
        jwks_url=f"https://localhost:{port}/jwks",
        jwks_ca_file=str(certificate),
        jwks_token_file=str(token_file),
        jwks_refetch_seconds="0.05",
        review_url=f"https://localhost:{port}/apis/authentication.k8s.io/v1/tokenreviews",
        review_seconds="0.3",
    ) as sidecar:
        api.keys = [sidecar.key]
        yield sidecar, api, token_file
    server.close()


async def test_a_credential_is_reviewed_and_the_answer_holds_for_a_while(
    cluster: tuple[RunningSidecar, ApiServer, Path],
) -> None:
    sidecar, api, _ = cluster
    await sidecar.until_health("/readyz", lambda answer: answer.status == 200)
    data = sidecar.request()
    assert [(await sidecar.ask(data)).status for _ in range(3)] == [200, 200, 200]
    assert api.reviews == 1
    api.stands = False
    async with asyncio.timeout(5):
        while (await sidecar.ask(data)).status == 200:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.02)
    assert (await sidecar.ask(data)).status == 401
    await until(lambda: sidecar.decisions()[-1]["reason"] == "revoked")


async def test_our_own_token_is_read_again_when_it_was_rotated(
    cluster: tuple[RunningSidecar, ApiServer, Path],
) -> None:
    sidecar, api, token_file = cluster
    await sidecar.until_health("/readyz", lambda answer: answer.status == 200)
    api.token = "second"
    answer = await sidecar.ask(sidecar.request())
    assert (answer.status, answer.code) == (503, "upstream_unavailable")
    token_file.write_text("second\n")
    assert (await sidecar.ask(sidecar.request())).status == 200
