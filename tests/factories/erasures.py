"""Erasures as tests go through them: the news, the next sweep, the report, and holds meanwhile."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
from factories.account_events import TOPIC, account_event
from factories.export_desk import ExportDesk
from factories.identity_stand_in import User
from factories.running_api import Reply
from parlor_chat.usecases.erase_messages import EraseMessages
from parlor_kit.consumer import Inbox, Outcome


async def learn(inbox: Inbox, account_id: UUID) -> None:
    """Chat learns that the account was erased."""
    outcome = await inbox.apply(TOPIC, account_event("account.erased", account_id, 5))
    assert outcome is Outcome.APPLIED


async def again(rows: asyncpg.Connection, erase: EraseMessages) -> None:
    """The next sweep, without waiting for it."""
    await rows.execute("UPDATE erasures SET due_at = now()")
    await erase()


async def report(desk: ExportDesk, account_id: UUID) -> Any:
    reply = await report_reply(desk, account_id)
    assert reply.status == 200, reply.body
    return reply.body


async def report_reply(desk: ExportDesk, account_id: UUID, user: User | None = None) -> Reply:
    headers = (user or desk.admin).authorization
    return await desk.served.public.call(
        "GET", f"/api/v1/admin/erasures/{account_id}", headers=headers
    )


async def hold(desk: ExportDesk, conversation_id: UUID, matter: str) -> None:
    placed = await desk.served.public.call(
        "POST",
        f"/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
        headers=desk.admin.authorization,
        json={"matter": matter, "reason": "a court asks"},
    )
    assert placed.status == 201


async def release(desk: ExportDesk, conversation_id: UUID, matter: str) -> None:
    released = await desk.served.public.call(
        "DELETE",
        f"/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
        headers=desk.admin.authorization,
        params={"matter": matter},
    )
    assert released.status == 200


async def end_of_grace(rows: asyncpg.Connection) -> None:
    await rows.execute("UPDATE holds SET protects_until = now() WHERE released_at IS NOT NULL")
