"""Reads what an export takes in: a conversation, and its messages page by page.

Used by `build_exports`. Each page is read in a short transaction of its own, of one snapshot: a
long one would keep a month of messages from being dropped, and every sender behind that. Nothing
that comes after `last_seq` of the first look is read.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database

from parlor_chat import message_changes
from parlor_chat.message_changes import UNCHANGED
from parlor_chat.usecases import hold_coverage

Record = dict[str, Any]

_CONVERSATION = """
SELECT id, kind, title, status, closed_reason, created_by, created_at, last_seq
FROM conversations WHERE id = $1
"""

_PARTICIPANTS = """
SELECT user_id, joined_at FROM participants WHERE conversation_id = $1 ORDER BY id
"""

_MESSAGES = """
SELECT id, seq, sender_id, kind, body, client_message_id, sent_at, archived_at
FROM messages WHERE conversation_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4
"""

# Receipts lie in the same month as their message; the span keeps the others closed.
_RECEIPTS = """
SELECT message_id, user_id, delivered_at, read_at FROM receipts
WHERE message_id = ANY ($1) AND message_id BETWEEN $2 AND $3
ORDER BY message_id, delivered_at, user_id
"""


async def read_conversation(database: Database, conversation_id: UUID) -> Record | None:
    """The conversation, its people and its holds, ready for JSON; None when it is gone."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        conversation = await connection.fetchrow(_CONVERSATION, conversation_id)
        if conversation is None:
            return None
        people = await connection.fetch(_PARTICIPANTS, conversation_id)
        holds = await hold_coverage.holds_of(connection, conversation_id)
    return {
        **_plain(conversation),
        "participants": [_plain(row) for row in people],
        "holds": [
            {name: value for name, value in _plain(row).items() if name in _OF_A_HOLD}
            for row in holds
        ],
        "read_at": rfc3339(now()),
    }


_OF_A_HOLD = {"id", "source", "matter", "reason", "placed_by", "placed_at", "released_at"}


async def read_messages(
    database: Database, conversation: Mapping[str, Any], *, after_seq: int, limit: int
) -> list[Record]:
    """The next messages with all that is known of them, oldest first."""
    conversation_id, last_seq = UUID(conversation["id"]), conversation["last_seq"]
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        rows = await connection.fetch(_MESSAGES, conversation_id, after_seq, last_seq, limit)
        if not rows:
            return []
        ids = sorted(row["id"] for row in rows)
        receipts = await connection.fetch(_RECEIPTS, ids, ids[0], ids[-1])
        changes = await message_changes.current(connection, ids)
        versions = await message_changes.versions(connection, ids)
    marks: dict[UUID, list[Any]] = {}
    for receipt in receipts:
        marks.setdefault(receipt["message_id"], []).append(receipt)
    people = conversation["participants"]
    return [
        _record(
            row,
            conversation["id"],
            people,
            marks.get(row["id"], ()),
            changes.get(row["id"], UNCHANGED),
            versions.get(row["id"], ()),
        )
        for row in rows
    ]


def _record(
    row: Any,
    conversation_id: str,
    people: Sequence[Mapping[str, str]],
    marks: Sequence[Any],
    change: message_changes.Change,
    versions: Sequence[Any],
) -> Record:
    """One line of messages.jsonl; `body` is what was sent, or null when it was erased since."""
    sent_at = rfc3339(row["sent_at"])
    shown = change.shown(row["body"])
    return {
        **_plain(row),
        "conversation_id": conversation_id,
        "body": row["body"] or None,
        "state": "deleted" if change.deleted else "archived" if row["archived_at"] else "active",
        "edited_at": shown["edited_at"],
        "deleted_at": shown["deleted_at"],
        "deleted_by": shown["deleted_by"],
        "participants_at_the_time": [
            each["user_id"] for each in people if each["joined_at"] <= sent_at
        ],
        "delivered_to": [
            {"user_id": str(mark["user_id"]), "at": rfc3339(mark["delivered_at"])} for mark in marks
        ],
        "read_by": [
            {"user_id": str(mark["user_id"]), "at": rfc3339(mark["read_at"])}
            for mark in marks
            if mark["read_at"]
        ],
        "versions": [
            {
                "version": version["version"],
                "kind": version["kind"],
                "body": version["body"] or None,
                "by_user_id": str(version["by_user_id"]),
                "at": rfc3339(version["at"]),
            }
            for version in versions
        ],
    }


def _plain(row: Any) -> Record:
    """A row with ids and times as the contract writes them."""
    return {
        name: str(value)
        if isinstance(value, UUID)
        else rfc3339(value)
        if hasattr(value, "astimezone")
        else value
        for name, value in dict(row).items()
    }
