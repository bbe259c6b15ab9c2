"""Calls chat's routes of reports, cases, notices and search, as the people who may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import Reply, RunningApi


@dataclass
class CaseDesk:
    """Two participants of `conversation_id` with one message of `sender`, and who judges."""

    served: RunningApi
    identity: IdentityStandIn
    admin: User
    moderator: User
    sender: User
    reporter: User
    conversation_id: UUID
    message_id: UUID

    async def call(self, user: User | None, method: str, path: str, **options: Any) -> Reply:
        return await self.served.public.call(
            method, f"/api/v1{path}", headers=user.authorization if user else None, **options
        )

    async def report(
        self,
        user: User | None = None,
        message_id: UUID | None = None,
        reason: str = "this hurts",
        **options: Any,
    ) -> Reply:
        return await self.call(
            user or self.reporter,
            "POST",
            f"/messages/{message_id or self.message_id}/report",
            json={"category": "abuse", "reason": reason},
            **options,
        )

    async def opened(self) -> UUID:
        """The case that a report of the message opens."""
        assert (await self.report()).status in (200, 201)
        page = await self.queue(conversation_id=str(self.conversation_id), state="open")
        return UUID(page.body["items"][-1]["id"])

    async def queue(self, user: User | None = None, **query: str) -> Reply:
        return await self.call(user or self.moderator, "GET", "/admin/cases", params=query)

    async def dossier(self, case_id: UUID, user: User | None = None, **query: str) -> Reply:
        path = f"/admin/cases/{case_id}"
        return await self.call(user or self.moderator, "GET", path, params=query)

    async def assign(
        self, case_id: UUID, to: User | None, version: int = 1, user: User | None = None
    ) -> Reply:
        return await self.call(
            user or self.moderator,
            "POST",
            f"/admin/cases/{case_id}/assign",
            json={"assignee_id": str(to.id) if to else None, "expected_version": version},
        )

    async def note(
        self, case_id: UUID, text: str = "looks bad", user: User | None = None, **options: Any
    ) -> Reply:
        return await self.call(
            user or self.moderator,
            "POST",
            f"/admin/cases/{case_id}/notes",
            json={"text": text},
            **options,
        )

    async def close(
        self, case_id: UUID, outcome: str, version: int = 1, user: User | None = None, **more: Any
    ) -> Reply:
        body = {"outcome": outcome, "expected_version": version, "reason": "the rules say so"}
        return await self.call(
            user or self.moderator, "POST", f"/admin/cases/{case_id}/close", json=body | more
        )

    async def notices(self, user: User) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.call(user, "GET", "/notices")).body["items"]
        return items

    async def messages(self, user: User) -> list[dict[str, Any]]:
        path = f"/conversations/{self.conversation_id}/messages"
        items: list[dict[str, Any]] = (await self.call(user, "GET", path)).body["items"]
        return items

    async def search(self, words: str, user: User | None = None, **query: str) -> Reply:
        return await self.call(
            user or self.moderator,
            "GET",
            "/admin/moderation/search",
            params={"q": words, "reason": "a report"} | query,
        )


async def message_of(rows: asyncpg.Connection, conversation_id: UUID, seq: int = 1) -> UUID:
    """The id of a message by its place."""
    message_id: UUID = await rows.fetchval(
        "SELECT id FROM messages WHERE conversation_id = $1 AND seq = $2", conversation_id, seq
    )
    return message_id
