"""A sender edits or deletes a message of theirs, within a while of sending it.

Called by the participants' API. What was sent and every version stays on record until the message
expires, so a change never touches what a hold or a case keeps; participants see the result, also
those whose sockets are elsewhere or away. The clock is PostgreSQL's, as it was for sending.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound

from parlor_chat import events, message_changes, policies
from parlor_chat.conversation_rows import messages_with_receipts
from parlor_chat.message_changes import UNCHANGED, Change
from parlor_chat.models import Status

# Tells the sockets of this process that a conversation has moved to a seq.
Wake = Callable[[UUID, int], None]

_WHERE = "SELECT conversation_id FROM messages WHERE id = $1"

_LOCK = "SELECT status FROM conversations WHERE id = $1 FOR NO KEY UPDATE"

_MESSAGE = """
SELECT m.id, m.conversation_id, m.seq, m.sender_id, m.body, m.client_message_id, m.sent_at,
    clock_timestamp() AS moment
FROM messages m
JOIN participants p ON p.conversation_id = m.conversation_id AND p.user_id = $2
WHERE m.id = $1 AND m.archived_at IS NULL
"""


class ChangeMessage:
    """`PATCH` and `DELETE` of a message."""

    def __init__(self, database: Database, window: timedelta, wake: Wake) -> None:
        self._database = database
        self._window = window
        self._wake = wake

    async def edit(self, user_id: UUID, message_id: UUID, body: str) -> dict[str, Any]:
        """The message with its new text; the same text again changes nothing.

        Raises:
            NotFound: there is no such message for this user.
            NotTheSender, MessageDeleted, EditWindowOver, NotEntitled: it may not be edited.
        """
        async with self._database.transaction() as transaction:
            message, change, status = await self._locked(transaction, user_id, message_id)
            refusal = policies.refuses_edit(
                by_sender=message["sender_id"] == user_id,
                deleted=change.deleted,
                in_time=self._in_time(message),
                conversation_open=status == Status.OPEN,
            )
            if refusal is not None:
                raise refusal
            if body == change.shown(message["body"])["body"]:
                return await self._view(transaction, message)
            moment = message["moment"]
            place = await message_changes.append(
                transaction.connection,
                message,
                change,
                kind="edited",
                body=body,
                by=user_id,
                at=moment,
            )
            transaction.publish(
                events.message_edited(
                    message["conversation_id"], place.epoch, place.event_seq, message_id, moment
                )
            )
            view = await self._view(transaction, message)
        self._wake(message["conversation_id"], place.event_seq)
        return view

    async def delete(self, user_id: UUID, message_id: UUID) -> dict[str, Any]:
        """The message without its text; once more changes nothing.

        Raises:
            NotFound: there is no such message for this user.
            NotTheSender, EditWindowOver: it may not be deleted.
        """
        async with self._database.transaction() as transaction:
            message, change, _ = await self._locked(transaction, user_id, message_id)
            refusal = policies.refuses_deletion(
                by_sender=message["sender_id"] == user_id,
                deleted=change.deleted,
                in_time=self._in_time(message),
            )
            if refusal is not None:
                raise refusal
            if change.deleted:
                return await self._view(transaction, message)
            seq = await erase_from_view(
                transaction, message, change, kind="deleted", by=user_id, at=message["moment"]
            )
            view = await self._view(transaction, message)
        self._wake(message["conversation_id"], seq)
        return view

    async def _locked(
        self, transaction: Transaction, user_id: UUID, message_id: UUID
    ) -> tuple[Any, Change, str]:
        """The message, what has become of it, and its conversation's status, under its lock."""
        connection = transaction.connection
        conversation_id = await connection.fetchval(_WHERE, message_id)
        status = await connection.fetchval(_LOCK, conversation_id)
        message = await connection.fetchrow(_MESSAGE, message_id, user_id)
        if message is None:
            raise NotFound()
        changes = await message_changes.current(connection, [message_id])
        return message, changes.get(message_id, UNCHANGED), status

    def _in_time(self, message: Any) -> bool:
        return bool(message["moment"] - message["sent_at"] <= self._window)

    @staticmethod
    async def _view(transaction: Transaction, message: Any) -> dict[str, Any]:
        (view,) = await messages_with_receipts(transaction.connection, [message])
        return view


async def erase_from_view(
    transaction: Transaction, message: Any, change: Change, *, kind: str, by: UUID, at: Any
) -> int:
    """Take a message out of its participants' view and tell them; its seq in the stream."""
    place = await message_changes.append(
        transaction.connection, message, change, kind=kind, body=None, by=by, at=at
    )
    transaction.publish(
        events.message_deleted(
            message["conversation_id"],
            place.epoch,
            place.event_seq,
            message["id"],
            "moderator" if kind == "removed" else "sender",
            at,
        )
    )
    return place.event_seq
