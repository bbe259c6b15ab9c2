"""A message as moderators see it: receipts, every version, the text also after its deletion.

Called by whatever shows retained content (review, cases, search), after its audit record is
decided on. Never called for participants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from parlor_chat import message_changes
from parlor_chat.message_changes import UNCHANGED, Change

COLUMNS: Final = (
    "id, conversation_id, seq, sender_id, kind, body, client_message_id, sent_at, archived_at"
)

_RECEIPTS = """
SELECT message_id, user_id, delivered_at, read_at FROM receipts
WHERE message_id = ANY ($1) ORDER BY delivered_at, user_id
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Who received or read a message, and when."""

    user_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """What a message said from a moment on, by whom; deletions say nothing any more."""

    number: int
    kind: str
    body: str | None
    by: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RetainedMessage:
    """A message that is still there, visible to its participants or not.

    `row` is as it was sent; `versions` is empty where that is the only one.
    """

    row: Mapping[str, Any]
    delivered_to: Sequence[Mark]
    read_by: Sequence[Mark]
    change: Change
    versions: Sequence[Version]

    @property
    def text(self) -> str:
        """What it said last, before any deletion."""
        body: str = self.row["body"]
        return self.change.body if self.change.body is not None else body


async def retained_messages(
    connection: asyncpg.Connection, rows: Sequence[Any]
) -> list[RetainedMessage]:
    """Rows with `COLUMNS` of `messages`, with all that goes with them."""
    ids = [row["id"] for row in rows]
    delivered: dict[UUID, list[Mark]] = {message_id: [] for message_id in ids}
    read: dict[UUID, list[Mark]] = {message_id: [] for message_id in ids}
    for receipt in await connection.fetch(_RECEIPTS, ids) if ids else ():
        user_id = receipt["user_id"]
        delivered[receipt["message_id"]].append(Mark(user_id, receipt["delivered_at"]))
        if receipt["read_at"] is not None:
            read[receipt["message_id"]].append(Mark(user_id, receipt["read_at"]))
    changes = await message_changes.current(connection, ids)
    later = await message_changes.versions(connection, list(changes))
    return [
        RetainedMessage(
            row,
            delivered[row["id"]],
            read[row["id"]],
            changes.get(row["id"], UNCHANGED),
            _versions(row, later[row["id"]]) if row["id"] in later else (),
        )
        for row in rows
    ]


def _versions(row: Any, later: Sequence[Any]) -> list[Version]:
    first = Version(1, "sent", row["body"], row["sender_id"], row["sent_at"])
    return [
        first,
        *(
            Version(each["version"], each["kind"], each["body"], each["by_user_id"], each["at"])
            for each in later
        ),
    ]
