"""A stand-in for identity: its published keys and its internal batch route, over real HTTP.

For tests that run one service alone. `away` makes it refuse as a stopped identity's sidecar does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from factories.tokens import UserTokens
from parlor_kit.ids import new_id


@dataclass
class User:
    """An account and a token for it."""

    id: UUID
    role: str
    email: str
    display_name: str
    token: str
    status: str = "active"
    version: int = 1

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def stated(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "email": self.email,
            "display_name": self.display_name,
            "role": self.role,
            "status": self.status,
            "version": self.version,
            "created_at": "2026-01-01T00:00:00.000000Z",
        }


@dataclass
class IdentityStandIn:
    """See the module."""

    url: str = ""
    away: bool = False
    asked: list[list[str]] = field(default_factory=list)
    credentials: set[str] = field(default_factory=set)
    tokens: UserTokens = field(default_factory=UserTokens)
    users: dict[str, User] = field(default_factory=dict)

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/.well-known/jwks.json"

    def user(self, role: str, **changes: Any) -> User:
        """A new account."""
        user_id = new_id()
        mail = f"{role}-{user_id.hex[-12:]}@example.org"
        given = {"email": mail, "display_name": f"A {role}"} | changes
        user = User(user_id, role, token=self.tokens.token(role, user_id), **given)
        self.users[str(user_id)] = user
        return user

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(self.tokens.jwks())

    async def _batch(self, request: web.Request) -> web.Response:
        if self.away:
            return web.json_response({"code": "upstream_unavailable"}, status=503)
        self.credentials.add(request.headers.get("authorization", ""))
        ids = (await request.json())["ids"]
        self.asked.append(ids)
        found = [self.users[one].stated() for one in ids if one in self.users]
        return web.json_response({"users": found})


@asynccontextmanager
async def identity_stand_in() -> AsyncIterator[IdentityStandIn]:
    """A running stand-in."""
    identity = IdentityStandIn()
    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", identity._keys)
    app.router.add_post("/internal/v1/users/batch", identity._batch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    identity.url = f"http://127.0.0.1:{port}"
    try:
        yield identity
    finally:
        await runner.cleanup()
