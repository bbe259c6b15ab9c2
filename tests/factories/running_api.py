"""Runs a service's api in the test's own process: its public app and its internal app."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from parlor_dev.ports import PortReservations
from parlor_kit.http import build_app, mount, mount_docs
from parlor_kit.process import VERSION, Api
from parlor_kit.serving import Listener

_numbers = itertools.count(1)


@dataclass
class Reply:
    """A whole answer."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str | None:
        return self.body.get("code") if isinstance(self.body, dict) else None


class Client:
    """Sends JSON requests to one listener."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Reply:
        """One request; `key` is its Idempotency-Key."""
        sent = dict(headers or {})
        if key is not None:
            sent["idempotency-key"] = key
        async with self._session.request(
            method, self._base + path, headers=sent, **options
        ) as answer:
            content = await answer.read()
            body: Any = content
            if answer.content_type in {"application/json", "application/problem+json"}:
                body = await answer.json(content_type=None)
            return Reply(answer.status, answer.headers, body)


@dataclass
class RunningApi:
    api: Api
    public: Client
    internal: Client


@asynccontextmanager
async def running_api(name: str, api: Api, folder: Path) -> AsyncIterator[RunningApi]:
    """Serve `api` until the block ends; its own `close` is called then."""
    number = next(_numbers)
    public = build_app(f"{name}-public-{number}")
    mount(public, api.public, services=api.services, users=api.users, sealer=api.sealer)
    mount_docs(public, name, api.public, VERSION)
    internal = build_app(f"{name}-internal-{number}")
    mount(internal, api.internal, services=api.services, users=api.users, sealer=api.sealer)
    ports = PortReservations()
    port, path = ports.take(), folder / f"{name}-{number}.sock"
    listeners = [Listener(public, host="127.0.0.1", port=port), Listener(internal, unix=path)]
    for listener in listeners:
        await listener.start()
    outside = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    inside = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))
    try:
        async with outside, inside:
            yield RunningApi(
                api, Client(outside, f"http://127.0.0.1:{port}"), Client(inside, "http://internal")
            )
    finally:
        for listener in listeners:
            listener.stop_accepting()
            await listener.drain(2)
        if api.close is not None:
            await api.close()
        ports.close()
