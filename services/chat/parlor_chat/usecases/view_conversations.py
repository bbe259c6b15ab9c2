"""What a participant sees: their conversations, and the messages in one, archived ones apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.database import Database
from parlor_kit.errors import NotFound

from parlor_chat.conversation_rows import conversation_views, messages_with_receipts

_MINE = """
SELECT conversation_id FROM participants WHERE user_id = $1 AND conversation_id < $2
ORDER BY conversation_id DESC LIMIT $3
"""
_TAKES_PART = "SELECT true FROM participants WHERE conversation_id = $1 AND user_id = $2"
_COLUMNS = "id, conversation_id, seq, sender_id, body, client_message_id, sent_at"
_WINDOW = f"""
SELECT {_COLUMNS} FROM messages
WHERE conversation_id = $1 AND seq > $2 AND seq < $3 AND archived_at IS NULL
ORDER BY seq %s LIMIT $4
"""  # noqa: S608 - the only things put in are our own words
_OLDEST_FIRST, _NEWEST_FIRST = _WINDOW % "ASC", _WINDOW % "DESC"

_LAST = UUID(int=2**128 - 1)
END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """Messages strictly between two seqs; `forward` takes the oldest of them, else the newest."""

    after: int = 0
    before: int = END
    forward: bool = False


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages with the newest last, and where the next page in the same direction is."""

    items: Sequence[dict[str, Any]]
    next: Window | None


class ViewConversations:
    """`GET` of conversations and messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mine(
        self, user_id: UUID, limit: int, before: UUID | None
    ) -> tuple[list[dict[str, Any]], UUID | None]:
        """A page of the user's conversations, newest first, and the last id when more follow."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_MINE, user_id, before or _LAST, limit + 1)
            ids = [row["conversation_id"] for row in rows[:limit]]
            views = await conversation_views(connection, user_id, ids)
        return views, ids[-1] if len(rows) > limit else None

    async def one(self, user_id: UUID, conversation_id: UUID) -> dict[str, Any]:
        """The conversation, or NotFound to whoever takes no part in it."""
        async with self._database.connection() as connection:
            await _require_part(connection, user_id, conversation_id)
            (view,) = await conversation_views(connection, user_id, [conversation_id])
        return view

    async def messages(
        self, user_id: UUID, conversation_id: UUID, window: Window, limit: int
    ) -> MessagePage:
        """A page of the visible messages, or NotFound to whoever takes no part."""
        async with self._database.connection() as connection:
            await _require_part(connection, user_id, conversation_id)
            rows = await connection.fetch(
                _OLDEST_FIRST if window.forward else _NEWEST_FIRST,
                conversation_id,
                window.after,
                window.before,
                limit + 1,
            )
            page = rows[:limit] if window.forward else rows[:limit][::-1]
            items = await messages_with_receipts(connection, page)
        if len(rows) <= limit:
            return MessagePage(items, None)
        if window.forward:
            return MessagePage(items, Window(page[-1]["seq"], window.before, True))
        return MessagePage(items, Window(window.after, page[0]["seq"]))


async def _require_part(
    connection: asyncpg.Connection, user_id: UUID, conversation_id: UUID
) -> None:
    if not await connection.fetchval(_TAKES_PART, conversation_id, user_id):
        raise NotFound()
