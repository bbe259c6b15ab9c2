"""What the socket hub reads: where a conversation stands, what follows a seq, and a snapshot.

The stream is not stored a second time: it is the union of messages, receipts and versions by their
`event_seq`. What has been archived or has expired is missing from it, and then the stream is not
complete from there: the client gets a snapshot instead of a hole. What a sender or a moderator
deleted is not missing: each event shows its message as it stands when it is read.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from parlor_kit.answers import dumps
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.hub import Missed, Position, StreamClosed, StreamEvent
from parlor_kit.live_socket import NOT_ENTITLED

from parlor_chat import frames, message_changes
from parlor_chat.conversation_rows import conversation_views, messages_with_receipts
from parlor_chat.message_changes import UNCHANGED, Change
from parlor_chat.models import Status

SNAPSHOT_MESSAGES = 50
# Past this a replay costs more than the snapshot that the client can page back from.
MAX_REPLAY = 20_000

_POSITION = "SELECT epoch, event_seq, status FROM conversations WHERE id = $1"

# A conversation with a disabled account is closed, so nothing need be asked of its people.
_LOOK = """
SELECT c.id, c.event_seq, c.status FROM unnest($1::uuid[], $2::bigint[]) AS known (id, seq)
JOIN conversations c ON c.id = known.id AND (c.event_seq > known.seq OR c.status <> 'open')
"""

_RETAINED = """
SELECT (SELECT count(*) FROM messages WHERE conversation_id = $1
            AND event_seq > $2 AND event_seq <= $3 AND archived_at IS NULL)
     + (SELECT count(*) FROM receipts WHERE conversation_id = $1
            AND delivered_event_seq > $2 AND delivered_event_seq <= $3)
     + (SELECT count(*) FROM receipts WHERE conversation_id = $1
            AND read_event_seq > $2 AND read_event_seq <= $3)
     + (SELECT count(*) FROM message_versions v WHERE v.conversation_id = $1
            AND v.event_seq > $2 AND v.event_seq <= $3 AND (v.kind <> 'edited' OR EXISTS (
                SELECT FROM messages m WHERE m.id = v.message_id AND m.archived_at IS NULL)))
"""

_READ = """
SELECT event_seq, 'message.sent' AS type, id AS message_id, seq, sender_id AS user_id, body,
    client_message_id, sent_at AS at,
    EXISTS (SELECT FROM message_versions v WHERE v.message_id = messages.id) AS changed
FROM messages WHERE conversation_id = $1
    AND event_seq > $2 AND event_seq <= $3 AND archived_at IS NULL
UNION ALL
SELECT delivered_event_seq, 'message.delivered', message_id, NULL, user_id, NULL, NULL,
    delivered_at, false
FROM receipts WHERE conversation_id = $1
    AND delivered_event_seq > $2 AND delivered_event_seq <= $3
UNION ALL
SELECT read_event_seq, 'message.read', message_id, NULL, user_id, NULL, NULL, read_at, false
FROM receipts WHERE conversation_id = $1 AND read_event_seq > $2 AND read_event_seq <= $3
UNION ALL
SELECT event_seq, CASE kind WHEN 'edited' THEN 'message.edited' ELSE 'message.deleted' END,
    message_id, NULL, NULL, NULL, NULL, at, true
FROM message_versions v WHERE v.conversation_id = $1
    AND v.event_seq > $2 AND v.event_seq <= $3 AND (v.kind <> 'edited' OR EXISTS (
        SELECT FROM messages m WHERE m.id = v.message_id AND m.archived_at IS NULL))
ORDER BY 1
"""

_LATEST = """
SELECT id, conversation_id, seq, sender_id, body, client_message_id, sent_at
FROM messages WHERE conversation_id = $1 AND archived_at IS NULL ORDER BY seq DESC LIMIT $2
"""


class StreamSource:
    """The streams of conversations, for `parlor_kit.hub`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_LOOK, list(known), list(known.values()))
        return Missed(
            moved={row["id"]: row["event_seq"] for row in rows if row["status"] == Status.OPEN},
            closed=[row["id"] for row in rows if row["status"] != Status.OPEN],
        )

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_POSITION, stream_id)
            if row is None:
                return None
            if row["status"] != Status.OPEN:
                raise StreamClosed(NOT_ENTITLED, "not entitled any more")
            seq = row["event_seq"]
            missed = seq - since
            complete = 0 <= missed <= MAX_REPLAY and (
                missed == 0 or await connection.fetchval(_RETAINED, stream_id, since, seq) == missed
            )
        return Position(row["epoch"], seq, complete)

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_READ, stream_id, after, after + limit)
            changed = {row["message_id"] for row in rows if row["changed"]}
            changes = await message_changes.current(connection, list(changed))
        return [_event(stream_id, row, changes.get(row["message_id"], UNCHANGED)) for row in rows]

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            seq = await connection.fetchval(
                "SELECT event_seq FROM conversations WHERE id = $1", stream_id
            )
            (conversation,) = await conversation_views(connection, viewer, [stream_id])
            rows = await connection.fetch(_LATEST, stream_id, SNAPSHOT_MESSAGES)
            messages = await messages_with_receipts(connection, rows[::-1])
        return seq, {"conversation": conversation, "messages": messages}


def _event(stream_id: UUID, row: Any, change: Change) -> StreamEvent:
    at = rfc3339(row["at"])
    type_, seq, message_id = row["type"], row["event_seq"], row["message_id"]
    if type_ in ("message.edited", "message.deleted"):
        return frames.message_changed(type_, seq, stream_id, message_id, change, at)
    if type_ != "message.sent":
        return frames.receipt_recorded(type_, seq, stream_id, message_id, row["user_id"], at)
    view = frames.message_view(
        id=message_id,
        conversation_id=stream_id,
        seq=row["seq"],
        sender_id=row["user_id"],
        body=row["body"],
        client_message_id=row["client_message_id"],
        sent_at=at,
    )
    if change is not UNCHANGED:
        view |= change.shown(row["body"])
    return frames.message_sent(seq, at, dumps(view))
