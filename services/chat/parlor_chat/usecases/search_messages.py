"""Moderators' search: words in whatever is retained, archived, edited and deleted texts included.

Called by the moderators' API. What has a row in `message_search` is found by its index, versions by
theirs, and the newest messages, which the worker has not reached yet, by reading them. What has
expired is in none of the three. Each search leaves an audit record with the ids of what was shown;
of the words a keyed digest, since they may be those of a message that expires long before the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.errors import ValidationFailed
from parlor_kit.sealing import Sealer

from parlor_chat.usecases import audit_trail, retained_messages
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.retained_messages import RetainedMessage

_HAS_WORDS = "SELECT numnode(websearch_to_tsquery('simple', $1)) > 0"

# $3 is where the ids of `sent_after` begin, so that the months before stay closed; an id is made a
# moment before its message is sent, so the exact look is at `sent_at`.
_FIND = f"""
WITH met AS MATERIALIZED (
    SELECT message_id FROM message_search
    WHERE document @@ websearch_to_tsquery('simple', $1)
        AND message_id < $2 AND message_id >= $3
        AND ($4::uuid IS NULL OR conversation_id = $4)
    UNION
    SELECT message_id FROM message_versions
    WHERE body IS NOT NULL AND to_tsvector('simple', body) @@ websearch_to_tsquery('simple', $1)
        AND message_id < $2 AND message_id >= $3
        AND ($4::uuid IS NULL OR conversation_id = $4)
    UNION
    SELECT id FROM messages
    WHERE sent_at > coalesce((SELECT indexed_until FROM message_search_position), '-infinity')
        AND to_tsvector('simple', body) @@ websearch_to_tsquery('simple', $1)
        AND id < $2 AND id >= $3 AND ($4::uuid IS NULL OR conversation_id = $4)
)
SELECT {retained_messages.COLUMNS} FROM met JOIN messages ON id = message_id
WHERE ($5::uuid IS NULL OR sender_id = $5)
    AND ($6::timestamptz IS NULL OR sent_at >= $6) AND ($7::timestamptz IS NULL OR sent_at < $7)
ORDER BY id DESC LIMIT $8
"""  # noqa: S608 - columns only

_FLOOR = "SELECT id_floor($1::timestamptz)"
_CLOCKS = timedelta(days=1)
_EARLY = datetime(1970, 1, 2, tzinfo=UTC)

_LAST = UUID(int=2**128 - 1)
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, as in a web search, and where."""

    words: str
    reason: str
    conversation_id: UUID | None = None
    sender_id: UUID | None = None
    sent_after: datetime | None = None
    sent_before: datetime | None = None

    @property
    def filters(self) -> dict[str, str]:
        """What narrows it, for the audit record."""
        given = {
            "sender_id": self.sender_id and str(self.sender_id),
            "sent_after": self.sent_after and rfc3339(self.sent_after),
            "sent_before": self.sent_before and rfc3339(self.sent_before),
        }
        return {name: value for name, value in given.items() if value}


class SearchMessages:
    """Reads for moderators and admins; never writes but for the audit record."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def __call__(
        self, actor: Actor, search: Search, *, before: UUID | None, limit: int
    ) -> tuple[Sequence[RetainedMessage], UUID | None]:
        """Messages that were met, newest first, and the last id when more follow.

        Raises:
            ValidationFailed: there is no word in what is looked for.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            if not await connection.fetchval(_HAS_WORDS, search.words):
                raise ValidationFailed([("q", "must contain a word")])
            rows = await _find(connection, search, before, limit + 1)
            found = await retained_messages.retained_messages(connection, rows[:limit])
            await audit_trail.record(
                connection,
                "message.searched",
                actor,
                conversation_id=search.conversation_id,
                reason=search.reason,
                details=self._told(search, found),
            )
        return found, rows[limit - 1]["id"] if len(rows) > limit else None

    def _told(self, search: Search, found: Sequence[RetainedMessage]) -> dict[str, Any]:
        return {
            **search.filters,
            "words_digest": self._sealer.digest(search.words.encode()).hex(),
            "message_ids": [str(message.row["id"]) for message in found],
        }


async def _find(
    connection: asyncpg.Connection, search: Search, before: UUID | None, limit: int
) -> list[asyncpg.Record]:
    first = _FIRST
    if search.sent_after is not None and search.sent_after > _EARLY:
        first = await connection.fetchval(_FLOOR, search.sent_after - _CLOCKS)
    rows: list[asyncpg.Record] = await connection.fetch(
        _FIND,
        search.words,
        before or _LAST,
        first,
        search.conversation_id,
        search.sender_id,
        search.sent_after,
        search.sent_before,
        limit,
    )
    return rows
