"""What became of messages after they were sent: the reads and the one write of `message_versions`.

A message's own row stays as it was sent. Everything that shows a message to participants takes what
has become of it from here, so lists, frames and snapshots agree; moderators get each version.
Called by views, sockets and the use cases that change messages; those have locked the conversation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from parlor_kit.clock import rfc3339

# A later edit counts, and the first deletion: a moderator's removal may follow a sender's own.
CURRENT: Final = """
SELECT message_id,
    (array_agg(body ORDER BY version DESC) FILTER (WHERE kind = 'edited'))[1] AS body,
    max(at) FILTER (WHERE kind = 'edited') AS edited_at,
    min(at) FILTER (WHERE kind <> 'edited') AS deleted_at,
    CASE (array_agg(kind ORDER BY version) FILTER (WHERE kind <> 'edited'))[1]
        WHEN 'deleted' THEN 'sender' WHEN 'removed' THEN 'moderator' END AS deleted_by,
    max(version) AS version
FROM message_versions WHERE message_id = ANY ($1) GROUP BY message_id
"""

_ALL = """
SELECT message_id, version, kind, body, by_user_id, at FROM message_versions
WHERE message_id = ANY ($1) ORDER BY message_id, version
"""

_COUNT = """
UPDATE conversations SET event_seq = event_seq + 1 WHERE id = $1 RETURNING epoch, event_seq
"""

_ADD = """
INSERT INTO message_versions
    (message_id, version, conversation_id, event_seq, kind, body, by_user_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


@dataclass(frozen=True, slots=True)
class Change:
    """How a message differs from what was sent. `version` is that of its last change."""

    body: str | None
    edited_at: datetime | None
    deleted_at: datetime | None
    deleted_by: str | None
    version: int

    @property
    def deleted(self) -> bool:
        return self.deleted_at is not None

    def shown(self, sent: str) -> dict[str, Any]:
        """The fields of a view that a change can touch; `sent` is the text as it was sent."""
        return {
            "body": "" if self.deleted else self.body if self.body is not None else sent,
            "edited_at": rfc3339(self.edited_at) if self.edited_at else None,
            "deleted_at": rfc3339(self.deleted_at) if self.deleted_at else None,
            "deleted_by": self.deleted_by,
        }


UNCHANGED: Final = Change(None, None, None, None, 1)


def of_rows(rows: Iterable[Any]) -> dict[UUID, Change]:
    """The rows of `CURRENT`, by message."""
    return {
        row["message_id"]: Change(
            row["body"], row["edited_at"], row["deleted_at"], row["deleted_by"], row["version"]
        )
        for row in rows
    }


async def current(
    connection: asyncpg.Connection, message_ids: Sequence[UUID]
) -> Mapping[UUID, Change]:
    """What has become of those of the messages that were changed."""
    return of_rows(await connection.fetch(CURRENT, message_ids)) if message_ids else {}


async def versions(
    connection: asyncpg.Connection, message_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[Any]]:
    """Every version after the first, oldest first, of those of the messages that were changed."""
    found: dict[UUID, list[Any]] = {}
    for row in await connection.fetch(_ALL, message_ids) if message_ids else ():
        found.setdefault(row["message_id"], []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change stands in the stream of its conversation."""

    epoch: str
    event_seq: int


async def append(
    connection: asyncpg.Connection,
    message: Any,
    change: Change,
    *,
    kind: str,
    body: str | None,
    by: UUID,
    at: datetime,
) -> Place:
    """Add the version that follows on `change`; the caller holds the conversation's row lock."""
    counted = await connection.fetchrow(_COUNT, message["conversation_id"])
    await connection.execute(
        _ADD,
        message["id"],
        change.version + 1,
        message["conversation_id"],
        counted["event_seq"],
        kind,
        body,
        by,
        at,
    )
    return Place(counted["epoch"], counted["event_seq"])
