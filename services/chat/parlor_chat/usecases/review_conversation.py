"""What a moderator sees of a conversation: everything retained, with the record that they saw it.

Called by the moderation API. The answer is given after the commit of the audit record that tells
what is in it: there is no view without its record. A look at a conversation that does not exist is
recorded as well, since what somebody searched for, and why, is worth knowing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.database import Database
from parlor_kit.errors import NotFound

from parlor_chat.usecases import audit_trail, hold_coverage
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold
from parlor_chat.usecases.retained_messages import COLUMNS, RetainedMessage, retained_messages

_CONVERSATION = """
SELECT id, kind, title, status, closed_reason, created_by, created_at, last_seq
FROM conversations WHERE id = $1
"""

_PARTICIPANTS = """
SELECT user_id, joined_at FROM participants WHERE conversation_id = $1 ORDER BY id
"""

_MESSAGES = f"""
SELECT {COLUMNS} FROM messages WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""  # noqa: S608 - columns only


@dataclass(frozen=True, slots=True)
class Review:
    """One page of a conversation; `next_seq` is where the next one goes on."""

    conversation: Mapping[str, Any]
    participants: Sequence[Mapping[str, Any]]
    messages: Sequence[RetainedMessage]
    holds: Sequence[LegalHold]
    next_seq: int | None


class ReviewConversation:
    """Reads for moderators and admins; never writes but for the audit record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, actor: Actor, conversation_id: UUID, *, reason: str, after_seq: int, limit: int
    ) -> Review:
        """Messages after `after_seq`, oldest first.

        Raises:
            NotFound: there is no such conversation; that too is recorded.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            # One snapshot: expiry between two of our reads must not tear a message apart.
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            review = await _read(connection, conversation_id, after_seq, limit)
        async with self._database.transaction() as transaction:
            await audit_trail.record(
                transaction.connection,
                "conversation.reviewed" if review else "conversation.review_missed",
                actor,
                conversation_id=conversation_id,
                reason=reason,
                details=_seen(review) if review else None,
            )
        if review is None:
            raise NotFound("There is no such conversation")
        return review


async def _read(
    connection: asyncpg.Connection, conversation_id: UUID, after_seq: int, limit: int
) -> Review | None:
    conversation = await connection.fetchrow(_CONVERSATION, conversation_id)
    if conversation is None:
        return None
    participants = await connection.fetch(_PARTICIPANTS, conversation_id)
    rows = await connection.fetch(_MESSAGES, conversation_id, after_seq, limit + 1)
    page = rows[:limit]
    holds = await hold_coverage.holds_of(connection, conversation_id)
    return Review(
        conversation=conversation,
        participants=participants,
        messages=await retained_messages(connection, page),
        holds=[LegalHold.of(row) for row in holds],
        next_seq=page[-1]["seq"] if len(rows) > limit else None,
    )


def _seen(review: Review) -> dict[str, Any]:
    rows = [message.row for message in review.messages]
    return {
        "messages": len(rows),
        "first_seq": rows[0]["seq"] if rows else None,
        "last_seq": rows[-1]["seq"] if rows else None,
    }
