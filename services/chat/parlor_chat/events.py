"""What chat tells the others, on `chat.events`, keyed by conversation. Never any text.

`message.sent`, `message.delivered` and `message.read` are built by the SQL functions that commit
them (`migrations/0002_streams.py`); the schemas in `kafka/schemas/` hold for both.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import now, rfc3339
from parlor_kit.events import Event

TOPIC = "chat.events"


def conversation_created(
    conversation_id: UUID,
    kind: str,
    participant_ids: Sequence[UUID],
    created_by: UUID,
    created_at: datetime,
) -> Event:
    return Event(
        TOPIC,
        "conversation.created",
        str(conversation_id),
        {
            "conversation_id": str(conversation_id),
            "kind": kind,
            "participant_ids": [str(user_id) for user_id in participant_ids],
            "created_by": str(created_by),
            "created_at": rfc3339(created_at),
        },
    )


def conversation_closed(conversation_id: UUID, reason: str) -> Event:
    """Its live sockets close with 4403 on every replica."""
    return Event(
        TOPIC,
        "conversation.closed",
        str(conversation_id),
        {"conversation_id": str(conversation_id), "reason": reason, "at": rfc3339(now())},
    )


def conversation_reopened(conversation_id: UUID) -> Event:
    return Event(
        TOPIC,
        "conversation.reopened",
        str(conversation_id),
        {"conversation_id": str(conversation_id), "at": rfc3339(now())},
    )


def message_edited(
    conversation_id: UUID, epoch: str, event_seq: int, message_id: UUID, at: datetime
) -> Event:
    """A sender has edited a message; its live sockets read the text from the database."""
    return Event(
        TOPIC,
        "message.edited",
        str(conversation_id),
        {
            "conversation_id": str(conversation_id),
            "epoch": epoch,
            "event_seq": event_seq,
            "message_id": str(message_id),
            "at": rfc3339(at),
        },
    )


def message_deleted(
    conversation_id: UUID, epoch: str, event_seq: int, message_id: UUID, by: str, at: datetime
) -> Event:
    """A message has left its participants' view, by its `sender` or by a `moderator`."""
    return Event(
        TOPIC,
        "message.deleted",
        str(conversation_id),
        {
            "conversation_id": str(conversation_id),
            "epoch": epoch,
            "event_seq": event_seq,
            "message_id": str(message_id),
            "by": by,
            "at": rfc3339(at),
        },
    )
