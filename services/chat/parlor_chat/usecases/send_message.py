"""Sends a message, by HTTP and over sockets alike.

Everything that may refuse it is checked in the statement that appends the row, under the
conversation's lock; nothing here reads first, so nothing here can be out of date.
"""

from asyncio import Future
from uuid import UUID

from parlor_kit.idempotency import IdempotencyKey
from parlor_kit.ids import new_id
from parlor_kit.tracing import Trace

from parlor_chat.ports import Draft, Sent, StreamWriter


class SendMessage:
    """A participant says something."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    def __call__(
        self,
        sender_id: UUID,
        conversation_id: UUID,
        body: str,
        client_message_id: str | None,
        trace: Trace,
        key: IdempotencyKey | None = None,
    ) -> Future[Sent]:
        """The durable message; the first one, when its client id or key was used before.

        Raises, when awaited:
            NotFound: the sender takes no part in such a conversation.
            NotEntitled: the conversation is closed.
            IdempotencyKeyReused: the key came with another body before.
        """
        return self._writer.send(
            Draft(
                id=new_id(),
                conversation_id=conversation_id,
                sender_id=sender_id,
                body=body,
                client_message_id=client_message_id,
                idempotency_key=key.key if key else None,
                digest=key.digest if key else None,
                request_id=trace.request_id,
                traceparent=trace.traceparent,
            )
        )
