"""Calls chat's routes of moderation, legal holds and archive expiry, as the people who may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import Reply, RunningApi


@dataclass
class Desk:
    """Calls the routes of moderation and archive expiry as somebody."""

    served: RunningApi
    admin: User
    moderator: User
    identity: IdentityStandIn

    async def review(self, conversation_id: UUID, user: User | None = None, **query: str) -> Reply:
        return await self.served.public.call(
            "GET",
            f"/api/v1/admin/moderation/conversations/{conversation_id}",
            headers=(user or self.moderator).authorization,
            params={"reason": "a report", **query},
        )

    async def hold(
        self, conversation_id: UUID, matter: str = "M-1", user: User | None = None, **options: str
    ) -> Reply:
        return await self.served.public.call(
            "POST",
            f"/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
            headers=(user or self.moderator).authorization,
            json={"matter": matter, "reason": "a court asks"},
            **options,
        )

    async def release(self, conversation_id: UUID, user: User | None = None, **query: str) -> Reply:
        return await self.served.public.call(
            "DELETE",
            f"/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
            headers=(user or self.moderator).authorization,
            params=query,
        )

    async def expire(self, user: User | None = None, **body: object) -> Reply:
        return await self.served.public.call(
            "POST",
            "/api/v1/admin/archive-expiry/run",
            headers=(user or self.admin).authorization,
            json=body,
        )

    async def runs(self, path: str = "", user: User | None = None) -> Reply:
        return await self.served.public.call(
            "GET",
            f"/api/v1/admin/archive-expiry/runs{path}",
            headers=(user or self.admin).authorization,
        )

    async def resource(self, method: str, uid: UUID, **body: object) -> Reply:
        """A call of the operator, as the sidecar passes it on."""
        return await self.served.internal.call(
            method,
            f"/internal/v1/legal-holds/{uid}",
            headers={"x-service-identity": "system:serviceaccount:parlor:operator"},
            json=({"matter": "M-9", "reason": "a court asks"} | body) if method == "PUT" else None,
        )

    async def holds(
        self, method: str, path: str = "", user: User | None = None, **options: Any
    ) -> Reply:
        """A call to the holds by matter; `json` or `params` are its body or query."""
        return await self.served.public.call(
            method,
            f"/api/v1/admin/legal-holds{path}",
            headers=(user or self.moderator).authorization,
            **options,
        )

    async def restore(self, conversation_id: UUID, hold_id: str, user: User | None = None) -> Reply:
        return await self.served.public.call(
            "POST",
            f"/api/v1/admin/moderation/conversations/{conversation_id}"
            f"/legal-hold/{hold_id}/restore",
            headers=(user or self.moderator).authorization,
            json={"reason": "released by mistake"},
        )

    async def audit(self, path: str = "", user: User | None = None, /, **query: str) -> Reply:
        return await self.served.public.call(
            "GET",
            f"/api/v1/admin/audit{path}",
            headers=(user or self.admin).authorization,
            params=query,
        )
