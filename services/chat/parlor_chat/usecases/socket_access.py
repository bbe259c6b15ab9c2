"""Lets people in to live sockets: tickets for browsers, tokens for everybody else.

A ticket stands in a URL, so it is worth little: one socket, one conversation, one minute, and only
its digest is stored. Deleting its row is what redeems it, so of two at once one is let in.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound, Unauthenticated
from parlor_kit.idempotency import Idempotency, IdempotencyKey
from parlor_kit.ids import new_id
from parlor_kit.principal import Users

from parlor_chat.errors import NotEntitled
from parlor_chat.models import Status

TICKET_LIFETIME = timedelta(seconds=60)

_ACCESS = """
SELECT c.status, c.epoch, c.event_seq FROM participants p
JOIN conversations c ON c.id = p.conversation_id
WHERE p.conversation_id = $1 AND p.user_id = $2
"""
_ISSUE = """
INSERT INTO socket_tickets (id, token_digest, conversation_id, user_id, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""
_REDEEM = """
WITH redeemed AS (
    DELETE FROM socket_tickets
    WHERE token_digest = $1 AND conversation_id = $2 AND expires_at > now()
    RETURNING id, user_id
), forgotten AS (
    DELETE FROM idempotency_records WHERE object_id IN (SELECT id FROM redeemed)
)
SELECT user_id FROM redeemed
"""
_PRUNE = """
WITH gone AS (
    DELETE FROM socket_tickets WHERE expires_at < now() - interval '10 minutes' RETURNING id
)
DELETE FROM idempotency_records WHERE object_id IN (SELECT id FROM gone)
"""


class SocketAccess:
    """Issues tickets, and says who may open a socket on a conversation."""

    def __init__(self, database: Database, idempotency: Idempotency, users: Users) -> None:
        self._database = database
        self._idempotency = idempotency
        self._users = users

    async def issue(
        self, user_id: UUID, conversation_id: UUID, key: IdempotencyKey | None
    ) -> Answer:
        """A ticket for one socket.

        Raises:
            NotFound: the user takes no part in such a conversation.
            NotEntitled: the conversation is closed.
        """

        async def work(transaction: Transaction) -> Answer:
            connection = transaction.connection
            position = _open(await connection.fetchrow(_ACCESS, conversation_id, user_id))
            token, ticket_id = secrets.token_urlsafe(32), new_id()
            expires_at = now() + TICKET_LIFETIME
            await connection.execute(
                _ISSUE, ticket_id, _digest(token), conversation_id, user_id, expires_at
            )
            ticket = {
                "token": token,
                "conversation_id": conversation_id,
                "epoch": position["epoch"],
                "seq": position["event_seq"],
                "expires_at": rfc3339(expires_at),
                "ws_url": f"/api/v1/conversations/{conversation_id}/ws",
            }
            return Answer(201, ticket, object_id=ticket_id)

        return await self._idempotency.once(key, work, secret=True)

    async def admit(self, conversation_id: UUID, *, token: str | None, ticket: str | None) -> UUID:
        """The user whom a bearer token, or else a ticket, lets in.

        Raises:
            Unauthenticated: neither is good for this conversation now.
            NotFound: the user takes no part in such a conversation.
            NotEntitled: the conversation is closed.
        """
        user_id = (await self._users.authenticate(token)).id if token is not None else None
        async with self._database.connection() as connection:
            if user_id is None and ticket:
                user_id = await connection.fetchval(_REDEEM, _digest(ticket), conversation_id)
            if user_id is None:
                raise Unauthenticated()
            _open(await connection.fetchrow(_ACCESS, conversation_id, user_id))
        return user_id


async def prune_tickets(database: Database) -> None:
    """Forget tickets that nobody redeemed, with the idempotency records of theirs."""
    async with database.connection() as connection:
        await connection.execute(_PRUNE)


def _open(row: Any) -> Any:
    if row is None:
        raise NotFound()
    if row["status"] != Status.OPEN:
        raise NotEntitled()
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
