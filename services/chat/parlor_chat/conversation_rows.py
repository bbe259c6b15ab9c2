"""Reads of conversations and messages as a participant sees them, on a connection given.

Used by the views and the snapshot of a socket, so that both say the same. Never writes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.clock import rfc3339

from parlor_chat import frames, message_changes
from parlor_chat.message_changes import UNCHANGED

# Older ones do not add to `unread_count`, so that a list costs the same however long a chat is.
UNREAD_WINDOW = 500

_CONVERSATIONS = """
SELECT c.id, c.kind, c.title, c.status, c.created_by, c.created_at, c.last_seq,
    (SELECT array_agg(p.user_id ORDER BY p.id) FROM participants p
        WHERE p.conversation_id = c.id) AS user_ids,
    (SELECT array_agg(p.joined_at ORDER BY p.id) FROM participants p
        WHERE p.conversation_id = c.id) AS joined,
    (SELECT count(*) FROM messages m
        LEFT JOIN LATERAL (SELECT r.read_at FROM receipts r
            WHERE r.message_id = m.id AND r.user_id = $1 LIMIT 1) mine ON true
        WHERE m.conversation_id = c.id AND m.seq > c.last_seq - $3 AND m.archived_at IS NULL
            AND m.sender_id <> $1 AND mine.read_at IS NULL) AS unread
FROM conversations c
JOIN unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place) ON wanted.id = c.id
ORDER BY wanted.place
"""

_RECEIPTS = """
SELECT message_id, user_id, delivered_at, read_at FROM receipts WHERE message_id = ANY ($1)
"""


async def conversation_views(
    connection: asyncpg.Connection, viewer: UUID, ids: Sequence[UUID]
) -> list[dict[str, Any]]:
    """The conversations `ids` in that order, as `viewer` sees them."""
    rows = await connection.fetch(_CONVERSATIONS, viewer, ids, UNREAD_WINDOW)
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "title": row["title"],
            "status": row["status"],
            "participants": [
                {"user_id": user_id, "joined_at": rfc3339(joined)}
                for user_id, joined in zip(row["user_ids"], row["joined"], strict=True)
            ],
            "created_by": row["created_by"],
            "created_at": rfc3339(row["created_at"]),
            "last_seq": row["last_seq"],
            "unread_count": row["unread"],
        }
        for row in rows
    ]


async def messages_with_receipts(
    connection: asyncpg.Connection, rows: Sequence[Any]
) -> list[dict[str, Any]]:
    """Rows of `messages` as participants see them."""
    marks: dict[UUID, list[Any]] = {row["id"]: [] for row in rows}
    for mark in await connection.fetch(_RECEIPTS, list(marks)) if marks else ():
        marks[mark["message_id"]].append(mark)
    changes = await message_changes.current(connection, list(marks))
    return [
        frames.stored_message_view(row, marks[row["id"]], changes.get(row["id"], UNCHANGED))
        for row in rows
    ]


def participants_key(participants: Iterable[UUID]) -> str:
    """What conversations of exactly these people have in common."""
    joined = b"".join(user_id.bytes for user_id in sorted(set(participants)))
    return hashlib.sha256(joined).hexdigest()
